import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

export interface Ended {
  readonly code: number | string
  readonly out: string
  readonly err: string
}

/** `storm-ts` as a process: what it has said so far, and how it ends. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when standard error (or output) has said so. */
  says(pattern: RegExp, stream?: 'out' | 'err'): Promise<string>
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: { readonly [name: string]: string | undefined }
}

/** Runs the command line of a built package, with an environment without settings of ours. */
export function stormTs(folder: string, args: readonly string[], { cwd, env }: RunOptions = {}): Running {
  const child = spawn(process.execPath, [join(folder, 'dist/cli/main.js'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  const listeners = new Set<() => void>()
  for (const [name, stream] of [
    ['out', child.stdout],
    ['err', child.stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      for (const listener of listeners) listener()
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code: code ?? String(signal), ...said }))
  })
  return {
    child,
    ended,
    says: (pattern, stream = 'err') =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(said[stream])) return
          listeners.delete(look)
          resolve(said[stream])
        }
        listeners.add(look)
        void ended.then(({ code, out, err }) => reject(new Error(`ended with ${code}: ${out}${err}`)))
        look()
      }),
  }
}
