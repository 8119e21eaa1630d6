import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TopologyGraph } from '../cluster/records.js'
import { errorCodes, InvalidTopologyError, StormError, type ErrorCode, type Problem } from '../errors.js'
import type { LoadRequest } from './load.js'

export interface ExtractRequest extends Omit<LoadRequest, 'folder'> {
  /** The heap that the process may have, in MiB; 512. */
  readonly heapMb?: number
}

export interface Extracted {
  /** As the other process told it: code of the user's runs there, so whoever must not be lied to checks it. */
  readonly graph: TopologyGraph
  /** What the code printed, up to 1 MiB of it. */
  readonly output: string
}

/** What the process answers, once. */
export type ExtractAnswer =
  | { readonly graph: TopologyGraph }
  | { readonly code: string; readonly message: string; readonly problems?: readonly Problem[] }

const limitMsDefault = 30_000
const outputMax = 2 ** 20
/** What was printed before the answer may come after it; but something that goes on may hold the pipe open. */
const drainMs = 1_000

/**
 * What is in an artefact, told by a process of its own that ends with the answer: nothing that the code does at its import
 * can hurt this one. It has an environment without anything of ours in it, and a group of its own, so that what it starts
 * ends with it.
 *
 * Throws what `loadTopology` throws; TOPOLOGY_EXITED when the process ended without an answer, TOPOLOGY_TIMEOUT when none
 * came in time.
 */
export async function extractGraph(request: ExtractRequest): Promise<Extracted> {
  const folder = await mkdtemp(join(tmpdir(), 'storm-ts-'))
  const { heapMb = 512, limitMs = limitMsDefault, ...load } = request
  const child = fork(fileURLToPath(new URL('extract-main.js', import.meta.url)), [], {
    cwd: folder,
    env: cleanEnvironment(),
    execArgv: [`--max-old-space-size=${heapMb}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  try {
    const output = captured(child)
    const answer = await answerOf(child, { ...load, folder, limitMs }, output)
    await Promise.race([output.end, delay(drainMs, undefined, { ref: false })])
    if ('graph' in answer) return { graph: answer.graph, output: output.text }
    throw errorIn(answer)
  } finally {
    endGroup(child)
    await rm(folder, { recursive: true, force: true })
  }
}

function answerOf(
  child: ChildProcess,
  request: LoadRequest,
  output: { readonly text: string },
): Promise<ExtractAnswer> {
  return new Promise((resolve, reject) => {
    const limitMs = request.limitMs ?? limitMsDefault
    // The process has the same limit; this one is for code that never lets it come to that.
    const timer = setTimeout(() => {
      const message = `The topology is not there after ${limitMs / 1_000} s: its code does not come to an end.`
      reject(new StormError('TOPOLOGY_TIMEOUT', message))
    }, limitMs + 500)
    child.once('message', (answer) => {
      clearTimeout(timer)
      resolve(answer as ExtractAnswer)
    })
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const last = output.text.trimEnd().split('\n').slice(-20).join('\n')
      const message = `The process that loaded the topology ended (${signal ?? `exit code ${code}`}) before it was there.`
      reject(new StormError('TOPOLOGY_EXITED', last === '' ? message : `${message} It said:\n${last}`))
    })
    // It may have ended already; then `close` tells.
    child.send(request, () => undefined)
  })
}

/** Reads all that comes, so that the process is not held, and keeps the beginning. */
function captured(child: ChildProcess): { readonly text: string; readonly end: Promise<unknown> } {
  const output = { text: '', end: once(child, 'close') }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      if (output.text.length < outputMax) output.text = (output.text + text).slice(0, outputMax)
    })
  }
  return output
}

/** What a program may need to run at all, and nothing else: tokens and keys are in other variables. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'USERPROFILE']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group is gone, or this system has none.
    child.kill('SIGKILL')
  }
}

function errorIn(answer: Exclude<ExtractAnswer, { readonly graph: TopologyGraph }>): StormError {
  if (Array.isArray(answer.problems)) return new InvalidTopologyError(answer.problems)
  const code = Object.hasOwn(errorCodes, answer.code) ? (answer.code as ErrorCode) : 'TOPOLOGY_FAILED'
  return new StormError(code, answer.message)
}
