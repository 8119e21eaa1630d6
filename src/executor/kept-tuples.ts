import { Ring } from '../stdx/ring.js'
import type { Reports } from './reports.js'
import { TupleState, type TaskId, type TaskTuple } from './tuple.js'

export interface KeptTuplesParts {
  readonly task: TaskId
  readonly component: string
  readonly messageTimeoutMs: number
  readonly reports: Reports
}

/**
 * The tuples that a bolt task sits on, neither acked nor failed: those of calls that are open, and those left over when
 * their call returned. They are listed so that somebody is told, before the trees fail, who it is that never acks.
 *
 * A bolt that writes in batches leaves every tuple over, so that is a queue: nothing is looked up when one is decided,
 * which its state tells. What is decided is dropped when it is the oldest, and from the midst when there are twice as many
 * as there were.
 */
export class KeptTuples {
  /** Surely there is none. Looked at with each ack, so it is no getter. */
  isEmpty = true
  /** Since when, by tuple, oldest first: as many as there are open calls. */
  readonly #open = new Map<TaskTuple, number>()
  /** Those left over, oldest first, decided ones among them; and since when, in whole ms, which take no memory of their own. */
  readonly #left = new Ring<TaskTuple>()
  readonly #leftSinceMs = new Ring<number>()
  /** So many of them are looked through for decided ones. */
  #tidyAt = tidyMin
  readonly #parts: KeptTuplesParts

  constructor(parts: KeptTuplesParts) {
    this.#parts = parts
  }

  /** How many there are; looks at each. */
  get size(): number {
    this.#tidy()
    return this.#left.size + this.#open.size
  }

  opened(tuple: TaskTuple, nowMs: number): void {
    this.#open.set(tuple, nowMs)
    this.isEmpty = false
  }

  left(tuple: TaskTuple, nowMs: number): void {
    this.dropDecided()
    if (this.#left.size >= this.#tidyAt) this.#tidy()
    this.#left.push(tuple)
    this.#leftSinceMs.push(Math.floor(nowMs))
    this.isEmpty = false
  }

  /** Its call is over; `isLeft`: and left it undecided. */
  closed(tuple: TaskTuple, isLeft: boolean): void {
    const sinceMs = this.#open.get(tuple)
    this.#open.delete(tuple)
    if (isLeft && sinceMs !== undefined) this.left(tuple, sinceMs)
    this.#settleEmpty()
  }

  /** Lets go of the oldest that are acked or failed: to be called when one is. */
  dropDecided(): void {
    for (let tuple = this.#left.first; tuple !== undefined && isDecided(tuple); tuple = this.#left.first) this.#drop()
  }

  /**
   * Warns when the oldest was kept for most of the message timeout. What was left for twice the timeout is forgotten: its
   * trees are decided, and a bolt that never acks would fill the memory. Returns when to watch again.
   */
  watch(nowMs: number): number {
    const { messageTimeoutMs } = this.#parts
    const forgottenMs = nowMs - 2 * messageTimeoutMs
    for (this.dropDecided(); (this.#leftSinceMs.first ?? Infinity) <= forgottenMs; this.dropDecided()) this.#drop()
    const oldest = this.#oldest()
    if (oldest === undefined) return Infinity
    const [tuple, sinceMs] = oldest
    const warnAtMs = sinceMs + 0.8 * messageTimeoutMs
    if (nowMs < warnAtMs) return warnAtMs
    this.#warn(tuple, nowMs - sinceMs)
    return nowMs + 0.2 * messageTimeoutMs
  }

  #oldest(): readonly [TaskTuple, number] | undefined {
    const tuple = this.#left.first
    const left = tuple === undefined ? undefined : ([tuple, this.#leftSinceMs.first as number] as const)
    if (this.#open.size === 0) return left
    const [open] = this.#open
    return left === undefined || (open !== undefined && open[1] <= left[1]) ? open : left
  }

  #drop(): void {
    this.#left.shift()
    this.#leftSinceMs.shift()
    this.#settleEmpty()
  }

  #settleEmpty(): void {
    this.isEmpty = this.#left.size === 0 && this.#open.size === 0
  }

  /** Drops those too that are decided in the midst of others. */
  #tidy(): void {
    for (let count = this.#left.size; count > 0; count--) {
      const tuple = this.#left.shift() as TaskTuple
      const sinceMs = this.#leftSinceMs.shift() as number
      if (isDecided(tuple)) continue
      this.#left.push(tuple)
      this.#leftSinceMs.push(sinceMs)
    }
    this.#tidyAt = Math.max(tidyMin, 2 * this.#left.size)
    this.#settleEmpty()
  }

  #warn(tuple: TaskTuple, ageMs: number): void {
    const { reports, component, task } = this.#parts
    reports.warn(
      'kept',
      component,
      task,
      `component '${component}', task ${task}, has neither acked nor failed a tuple from '${tuple.component}' for ${Math.round(ageMs / 1_000)} s (${this.size} in all); its tree fails at the message timeout.`,
    )
  }
}

const tidyMin = 16

function isDecided({ state }: TaskTuple): boolean {
  return state !== TupleState.open
}
