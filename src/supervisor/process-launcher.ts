import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { StormError } from '../errors.js'
import { v8Arguments } from '../stdx/tune-v8.js'
import type { FoundProcess, WorkerEnd, WorkerLauncher, WorkerOrder } from './launcher.js'
import { isRunning, leftOf, markOf, rssBytesOf } from './process-table.js'
import type { ProcessMark } from './slots.js'
import { endOfOutput, openOutput, outputSize, rotateOutput } from './worker-output.js'

/** What a worker may see of its supervisor's environment: where things are, and how people read. No secret is there. */
const environment = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']
const watchMs = 250

interface Watched {
  readonly mark: ProcessMark
  readonly onEnd: (end: WorkerEnd) => void
  /** Undefined: it was adopted, and has to be looked after. */
  readonly child?: ChildProcess
  /** Its file, and where in it what this process said begins, or what it said since it was adopted. */
  readonly output: { readonly path: string; readonly from: number } | undefined
}

/**
 * Workers as processes of their own. A shell.
 *
 * Each leads its own session, so that neither a signal from the terminal nor the end of the supervisor reaches it, and
 * writes to a file, as a pipe would break when the supervisor ends. No shell is started, no descriptor is inherited.
 */
export class ProcessLauncher implements WorkerLauncher {
  readonly #entry: string
  readonly #watched = new Map<string, Watched>()
  readonly #timer: NodeJS.Timeout

  /** `entry`: the script that is the worker. */
  constructor(entry: string) {
    this.#entry = entry
    this.#timer = setInterval(() => this.#watch(), watchMs)
  }

  launch(
    { launchPath, cwd, outputPath, memoryMb }: WorkerOrder,
    onEnd: (end: WorkerEnd) => void,
  ): Promise<ProcessMark> {
    const { file, from } = openOutput(outputPath)
    const args = [`--max-old-space-size=${memoryMb}`, ...v8Arguments, '--enable-source-maps', this.#entry, launchPath]
    const env = Object.fromEntries(
      environment.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    )
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      shell: false,
      detached: true,
      windowsHide: true,
      stdio: ['ignore', file, file],
    })
    closeSync(file)
    child.unref()
    return new Promise((resolve, reject) => {
      // Without a number there is no process; the error comes later.
      child.once('error', reject)
      const mark = child.pid === undefined ? undefined : markOf(child.pid)
      if (mark === undefined) {
        if (child.pid !== undefined) reject(new StormError('WORKER_NOT_STARTED', 'The process ended at once.'))
        return
      }
      // Told once: that it ended is what counts, and its exit comes before what went wrong with a signal.
      child.on('error', () => {})
      child.once('exit', (exitCode, signal) => {
        this.#end(mark, { exitCode: exitCode ?? undefined, signal: signal ?? undefined })
      })
      this.#watched.set(keyOf(mark), { mark, onEnd, child, output: { path: outputPath, from } })
      resolve(mark)
    })
  }

  adopt({ mark, outputPath }: FoundProcess, onEnd: (end: WorkerEnd) => void): void {
    const output = outputPath === undefined ? undefined : { path: outputPath, from: outputSize(outputPath) }
    this.#watched.set(keyOf(mark), { mark, onEnd, output })
  }

  signal(mark: ProcessMark, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (!isRunning(mark)) return
    // It leads a group for as long as it runs; what it has started belongs to it.
    send(signal === 'SIGKILL' ? -mark.pid : mark.pid, signal)
  }

  rssBytes({ pid }: ProcessMark): number | undefined {
    return rssBytesOf(pid)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { child } of this.#watched.values()) child?.removeAllListeners('exit')
    this.#watched.clear()
  }

  #watch(): void {
    for (const { mark, child, output } of this.#watched.values()) {
      if (output !== undefined) rotateOutput(output.path)
      if (child === undefined && !isRunning(mark)) this.#end(mark, {})
    }
  }

  #end(mark: ProcessMark, how: Omit<WorkerEnd, 'said'>): void {
    const watched = this.#watched.get(keyOf(mark))
    if (!this.#watched.delete(keyOf(mark)) || watched === undefined) return
    for (const left of leftOf(mark.pid)) if (isRunning(left)) send(left.pid, 'SIGKILL')
    const { output, onEnd } = watched
    onEnd({ ...how, said: output === undefined ? '' : endOfOutput(output.path, output.from) })
  }
}

function keyOf({ pid, startTime }: ProcessMark): string {
  return `${pid} ${startTime}`
}

/** To a process of which it was made sure just before that it is the one that is meant. */
function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has gone in this moment.
  }
}
