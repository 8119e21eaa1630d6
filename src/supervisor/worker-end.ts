import type { Beat } from '../cluster/beat.js'
import { StormError } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import type { WorkerEnd } from './launcher.js'
import type { Failure } from './restarts.js'

const wordsMax = 500
/** How a line of a worker's watchdog begins. */
const watchdogMark = 'EVENT_LOOP_BLOCKED: '

/**
 * Why a process ended, in words. The best witness is the worker itself, in its last heartbeat; then what it said before;
 * then the system.
 */
export function failureOfEnd(
  { exitCode, signal, said }: WorkerEnd,
  { error, rssBytes }: { readonly error: Beat['error'] | undefined; readonly rssBytes: number | undefined },
): Failure {
  if (error !== undefined) {
    const { code, message: reason } = error
    if (code === 'PORT_IN_USE') return { code, reason, isOfSlot: true }
    // Superseded: to start it again before nimbus has said more leads to the same.
    return code === 'FENCED' ? { code, reason, mustWait: true } : { code, reason }
  }
  const memory = rssBytes === undefined ? '' : `, last seen with ${Math.round(rssBytes / 2 ** 20)} MiB`
  const last = lastWords(said)
  const words = last === '' ? '' : `: ${last}`
  if (/heap out of memory|Allocation failed/.test(said)) {
    return { code: 'OOM', reason: `its heap was full${memory}; give it more by 'workerMemoryMb'` }
  }
  if (signal === 'SIGKILL' || exitCode === 137) {
    const reason = `SIGKILL from outside, by hand or for want of memory, ended it${memory}`
    const heldUpBy = said.split('\n').findLast((line) => line.startsWith(watchdogMark))
    return heldUpBy === undefined
      ? { code: 'WORKER_KILLED', reason }
      : { code: 'WORKER_KILLED', reason, heldUpBy: heldUpBy.slice(watchdogMark.length, wordsMax) }
  }
  if (signal !== undefined) return { code: 'WORKER_KILLED', reason: `${signal} ended it${memory}${words}` }
  if (exitCode !== undefined) return { code: 'WORKER_EXITED', reason: `it exited with ${exitCode}${words}` }
  return { code: 'WORKER_EXITED', reason: `it ended; how is not known, as an earlier supervisor started it${memory}` }
}

/** Why no process came to be. */
export function failureOfStart(error: unknown): Failure {
  const { message: reason } = describeError(error)
  const code = error instanceof StormError ? error.code : 'WORKER_NOT_STARTED'
  // Nimbus can't be reached from another slot, either.
  return code === 'ARTEFACT_UNAVAILABLE' ? { code, reason } : { code, reason, isOfSlot: true }
}

/** What counts of the last output of a process, as one line without control characters. */
function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const headline = lines.findLast((line) => /^(?:Uncaught )?(?:FATAL ERROR|\w*Error\b)/.test(line))
  const line = (headline ?? lines.slice(-3).join(' ')).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line.length <= wordsMax ? line : `${line.slice(0, wordsMax)}…`
}
