import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Line } from './report.js'

/** Runs the benchmark with other arguments: its lines. Each run is a process of its own, so that none warms up another. */
export type RunChild = (args: readonly string[]) => Promise<readonly Line[]>

/** A run that has no figure: its work was wrong, or it ended with an error. */
export class WrongRun extends Error {}

/** What Node is told at the start of each run, as workers are (src/stdx/tune-v8.ts); the rest `main.ts` sets by itself. */
export const nodeArguments: readonly string[] = ['--min-semi-space-size=16']

/** This very benchmark, from the same build. */
export const runOurs: RunChild = (args) => {
  const main = fileURLToPath(new URL('main.js', import.meta.url))
  return linesOf(process.execPath, [...nodeArguments, main, ...args, '--json'])
}

/** Lines of a program that prints one for each window. Throws WrongRun. */
export async function linesOf(command: string, args: readonly string[], cwd?: string): Promise<readonly Line[]> {
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd !== undefined && { cwd }) })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err = `${err}${text}`.slice(-4_000)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const lines = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
  const shown = [command.split('/').at(-1), ...args.slice(0, 13)].join(' ')
  const wrong = lines.find(({ check, failed }) => check !== 'ok' || failed > 0)
  if (wrong !== undefined) throw new WrongRun(`${shown}: ${wrong.check}, ${wrong.failed} failed`)
  if (code !== 0 || lines.length === 0)
    throw new WrongRun(`${shown}: ended with ${code}, ${lines.length} lines\n${err}`)
  return lines
}
