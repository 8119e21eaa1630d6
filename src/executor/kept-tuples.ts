import type { Reports } from './reports.js'
import type { TaskId, TaskTuple } from './tuple.js'

export interface KeptTuplesParts {
  readonly task: TaskId
  readonly component: string
  readonly messageTimeoutMs: number
  readonly reports: Reports
}

/**
 * The tuples that a bolt task sits on, neither acked nor failed: those of calls that are open, and those left over when
 * their call returned. They are listed so that somebody is told, before the trees fail, who it is that never acks.
 */
export class KeptTuples {
  /** Since when, by tuple, oldest first: here as many as there are open calls. */
  readonly #open = new Map<TaskTuple, number>()
  readonly #left = new Map<TaskTuple, number>()
  readonly #parts: KeptTuplesParts

  constructor(parts: KeptTuplesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#open.size + this.#left.size
  }

  opened(tuple: TaskTuple, nowMs: number): void {
    this.#open.set(tuple, nowMs)
  }

  left(tuple: TaskTuple, nowMs: number): void {
    this.#left.set(tuple, nowMs)
  }

  /** Its call is over; `isLeft`: and left it undecided. */
  closed(tuple: TaskTuple, isLeft: boolean): void {
    const sinceMs = this.#open.get(tuple)
    this.#open.delete(tuple)
    if (isLeft && sinceMs !== undefined) this.#left.set(tuple, sinceMs)
  }

  /** It is acked or failed. */
  decided(tuple: TaskTuple): void {
    this.#left.delete(tuple)
  }

  /**
   * Warns when the oldest was kept for most of the message timeout. What was left for twice the timeout is forgotten: its
   * trees are decided, and a bolt that never acks would fill the memory. Returns when to watch again.
   */
  watch(nowMs: number): number {
    const { messageTimeoutMs } = this.#parts
    for (const [tuple, sinceMs] of this.#left) {
      if (nowMs - sinceMs < 2 * messageTimeoutMs) break
      this.#left.delete(tuple)
    }
    const oldest = older(first(this.#open), first(this.#left))
    if (oldest === undefined) return Infinity
    const [tuple, sinceMs] = oldest
    const warnAtMs = sinceMs + 0.8 * messageTimeoutMs
    if (nowMs < warnAtMs) return warnAtMs
    this.#warn(tuple, nowMs - sinceMs)
    return nowMs + 0.2 * messageTimeoutMs
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

type Kept = readonly [TaskTuple, number]

function first(map: ReadonlyMap<TaskTuple, number>): Kept | undefined {
  const [entry] = map
  return entry
}

function older(a: Kept | undefined, b: Kept | undefined): Kept | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a[1] <= b[1] ? a : b
}
