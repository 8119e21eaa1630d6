import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program made of TypeScript, the word count unless told otherwise, in a folder of its own for texts to stand in. */
export class Program {
  readonly folder = mkdtempSync(join(tmpdir(), 'storm-ts-program-'))
  readonly path = join(this.folder, 'program.mjs')
  readonly #source: string

  constructor(source = 'examples/wordcount/main.ts') {
    this.#source = join(root, source)
  }

  /** Made of the sources as they are, so that nobody waits for a compiler or builds into another's folder. */
  async build(): Promise<void> {
    await build({
      entryPoints: [this.#source],
      outfile: this.path,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'es2023',
      alias: { 'storm-ts': join(root, 'src/index.ts') },
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      logLevel: 'warning',
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Writes a text; returns its name, which is good as an argument. */
  text(name: string, content: string | Uint8Array): string {
    writeFileSync(join(this.folder, name), content)
    return name
  }

  start(args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, ['--expose-gc', this.path, ...args], { cwd: this.folder })
    // It may end before it has read all that it is given.
    child.stdin.on('error', () => undefined)
    return child
  }

  async run(args: readonly string[], input = ''): Promise<Ended> {
    const child = this.start(args)
    child.stdin.end(input)
    return ended(child)
  }
}

/** Waits for the end of a process; what it wrote comes with it. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

export interface Summary {
  readonly lines: number
  readonly acked: number
  readonly failed: number
}

/** The figures of the last line on standard error. */
export function summaryOf(stderr: string): Summary {
  const last = stderr.trimEnd().split('\n').at(-1) ?? ''
  const figures = /^lines read: (\d+), acked: (\d+), failed: (\d+), seconds: \d+\.\d\d$/.exec(last)
  if (figures === null) throw new Error(`no summary in: ${stderr}`)
  return { lines: Number(figures[1]), acked: Number(figures[2]), failed: Number(figures[3]) }
}
