import type { FailReason } from '../topology/component.js'
import type { TaskId } from './tuple.js'

/** Where ack tuples go: the acker in this process, or the link to the worker that has it. */
export interface AckTarget {
  init(rootLo: number, rootHi: number, checkLo: number, checkHi: number, spoutTask: TaskId, pendingSlot: number): void
  ack(rootLo: number, rootHi: number, checkLo: number, checkHi: number): void
  /** `reason`: see `failReasons`. */
  fail(rootLo: number, rootHi: number, reason: number): void
  resetTimeout(rootLo: number, rootHi: number): void
}

/** Where verdicts go: the spout task in this process, or the link to the worker that has it. */
export interface VerdictTarget {
  /** `reason` 0: the tree is acked; else see `failReasons`. */
  verdict(pendingSlot: number, rootLo: number, rootHi: number, reason: number): void
  timeoutReset(pendingSlot: number, rootLo: number, rootHi: number): void
}

/** Reasons as the ledger and the wire carry them: the index. 0 stands for "not failed". */
export const failReasons: readonly (FailReason | undefined)[] = [
  undefined,
  'timeout',
  'bolt failed',
  'bolt threw',
  'worker lost',
  'acker lost',
  'link lost',
  'killed',
]

export const boltFailed = 2
export const boltThrew = 3
export const timedOut = 1
export const ackerGone = 5
export const killed = 7
