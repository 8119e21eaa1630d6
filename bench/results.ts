import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

/** Raw results: a file of JSON lines for each command, in a folder that git ignores. Nothing is ever written over. */
export const resultsFolder = 'bench-results'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
}

/** What every line of a file has. */
export interface Result {
  /** What was measured, such as `T1` or `pending`. */
  readonly name: string
  readonly [more: string]: unknown
}

export interface ResultFile {
  readonly command: string
  /** When it began, as UTC. */
  readonly at: string
  readonly revision: string
  readonly machine: Machine
  readonly results: readonly Result[]
}

/** Begins a file of results. Each is written as it comes, so that a run that is cut short leaves what it had. */
export function openResults(command: string, folder = resultsFolder): (result: Result) => void {
  mkdirSync(folder, { recursive: true })
  const at = new Date().toISOString()
  const path = join(folder, `${at.replace(/[:.]/g, '-')}-${command}.jsonl`)
  appendFileSync(path, `${JSON.stringify({ command, at, revision: revision(), machine: machine() })}\n`)
  return (result) => appendFileSync(path, `${JSON.stringify(result)}\n`)
}

/** The newest file of a command; undefined: there is none. */
export function newestResults(command: string, folder = resultsFolder): ResultFile | undefined {
  if (!existsSync(folder)) return undefined
  const name = readdirSync(folder)
    .filter(
      (file) => file.endsWith(`-${command}.jsonl`) && /^[\dTZ-]+$/.test(file.slice(0, -`-${command}.jsonl`.length)),
    )
    .toSorted()
    .at(-1)
  if (name === undefined) return undefined
  const [head, ...results] = readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
  return { ...(head as Omit<ResultFile, 'results'>), results: results as Result[] }
}

function machine(): Machine {
  const [first] = cpus()
  return {
    cpu: (first?.model ?? 'unknown').trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  }
}

/** With a star where files differ from it. */
function revision(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const isClean = git('status', '--porcelain', '--', 'src', 'bench').trim() === ''
    return `${git('rev-parse', '--short=10', 'HEAD').trim()}${isClean ? '' : '*'}`
  } catch {
    return 'unknown'
  }
}
