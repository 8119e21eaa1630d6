import type { Rng } from '../stdx/rng.js'

/**
 * When a worker that ended by itself is started again: at once, then after 0.5 s, doubling to 30 s with 10 % of jitter
 * either way. A healthy minute begins the series anew.
 */
export interface Restarts {
  /** Processes that were to follow another one. */
  readonly count: number
  /** Ends in a row, with no healthy minute between. */
  readonly failures: number
  /** The last ends, no more than `loopingEnds` of them, oldest first. */
  readonly endsAtMs: readonly number[]
  /** It ended `loopingEnds` times within a minute, and was not healthy for a minute since. */
  readonly isLooping: boolean
  /** Not before this time. */
  readonly dueAtMs: number
  /** How it ended the last time. */
  readonly last: Failure | undefined
}

export interface Failure {
  /** In words. */
  readonly reason: string
  readonly code?: string | undefined
  /** The machine is at fault, not the topology: the port is taken, the disk is full … In another slot it may go well. */
  readonly isOfSlot?: boolean
  /** Not even the first restart is at once: it would end in the same way until somebody else has done something. */
  readonly mustWait?: boolean
  /** What the worker's watchdog said: which task held up its loop. Counts only where that was the end of it. */
  readonly heldUpBy?: string
}

export const noRestarts: Restarts = {
  count: 0,
  failures: 0,
  endsAtMs: [],
  isLooping: false,
  dueAtMs: -Infinity,
  last: undefined,
}

const firstDelayMs = 500
const delayMsMax = 30_000
const healthyMs = 60_000
const loopingMs = 60_000
const loopingEnds = 5
const hopelessFailures = 3

/** The next restart, after a process that was ready for `readyMs` ended. */
export function afterFailure(
  before: Restarts,
  { failure, readyMs, nowMs }: { readonly failure: Failure; readonly readyMs: number; readonly nowMs: number },
  rng: Rng,
): Restarts {
  const { count, failures, endsAtMs, isLooping } =
    readyMs >= healthyMs ? { ...noRestarts, count: before.count } : before
  const ends = [...endsAtMs, nowMs].slice(-loopingEnds)
  const isOften = ends.length === loopingEnds && nowMs - (ends[0] as number) <= loopingMs
  const number = failure.mustWait === true ? Math.max(failures, 1) : failures
  return {
    count: count + 1,
    failures: number + 1,
    endsAtMs: ends,
    isLooping: isLooping || isOften,
    dueAtMs: nowMs + delayMs(number, rng),
    last: failure,
  }
}

/** It is worth trying in another slot; here it is tried on, ever later. */
export function isHopeless({ last, failures }: Restarts): boolean {
  return last?.isOfSlot === true && failures >= hopelessFailures
}

/** Before the restart that follows so many others. */
function delayMs(failures: number, rng: Rng): number {
  if (failures === 0) return 0
  const base = Math.min(delayMsMax, firstDelayMs * 2 ** (failures - 1))
  const jitter = 0.9 + rng.below(2_001) / 10_000
  return Math.min(delayMsMax, base * jitter)
}
