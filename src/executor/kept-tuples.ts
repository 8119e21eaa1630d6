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
 * which its state tells. What is decided is dropped when it is the oldest, or when the queue is full, before that grows.
 */
export class KeptTuples {
  /** Since when, by tuple, oldest first: as many as there are open calls. */
  readonly #open = new Map<TaskTuple, number>()
  /** Those left over, in a ring with a power of two of cells, and since when. */
  #left = new Array<TaskTuple | undefined>(cellsMin).fill(undefined)
  #leftSinceMs = new Float64Array(cellsMin)
  #head = 0
  #count = 0
  readonly #parts: KeptTuplesParts

  constructor(parts: KeptTuplesParts) {
    this.#parts = parts
  }

  /** Surely there is none. */
  get isEmpty(): boolean {
    return this.#count === 0 && this.#open.size === 0
  }

  /** How many there are; counts them. */
  get size(): number {
    let size = this.#open.size
    for (let i = 0; i < this.#count; i++) if (this.#at(i).state === TupleState.open) size++
    return size
  }

  opened(tuple: TaskTuple, nowMs: number): void {
    this.#open.set(tuple, nowMs)
  }

  left(tuple: TaskTuple, nowMs: number): void {
    this.dropDecided()
    if (this.#count === this.#left.length) this.#makeRoom()
    const at = (this.#head + this.#count++) & (this.#left.length - 1)
    this.#left[at] = tuple
    this.#leftSinceMs[at] = nowMs
  }

  /** Its call is over; `isLeft`: and left it undecided. */
  closed(tuple: TaskTuple, isLeft: boolean): void {
    const sinceMs = this.#open.get(tuple)
    this.#open.delete(tuple)
    if (isLeft && sinceMs !== undefined) this.left(tuple, sinceMs)
  }

  /** Lets go of the oldest that are acked or failed: to be called when one is. */
  dropDecided(): void {
    while (this.#count > 0 && this.#at(0).state !== TupleState.open) this.#drop()
  }

  /**
   * Warns when the oldest was kept for most of the message timeout. What was left for twice the timeout is forgotten: its
   * trees are decided, and a bolt that never acks would fill the memory. Returns when to watch again.
   */
  watch(nowMs: number): number {
    const { messageTimeoutMs } = this.#parts
    for (this.dropDecided(); this.#count > 0 && nowMs - this.#sinceMs() >= 2 * messageTimeoutMs; this.dropDecided())
      this.#drop()
    const oldest = this.#oldest()
    if (oldest === undefined) return Infinity
    const [tuple, sinceMs] = oldest
    const warnAtMs = sinceMs + 0.8 * messageTimeoutMs
    if (nowMs < warnAtMs) return warnAtMs
    this.#warn(tuple, nowMs - sinceMs)
    return nowMs + 0.2 * messageTimeoutMs
  }

  #oldest(): readonly [TaskTuple, number] | undefined {
    const left = this.#count === 0 ? undefined : ([this.#at(0), this.#sinceMs()] as const)
    if (this.#open.size === 0) return left
    const [open] = this.#open
    return left === undefined || (open !== undefined && open[1] <= left[1]) ? open : left
  }

  #at(index: number): TaskTuple {
    return this.#left[(this.#head + index) & (this.#left.length - 1)] as TaskTuple
  }

  #sinceMs(): number {
    return this.#leftSinceMs[this.#head] as number
  }

  #drop(): void {
    this.#left[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#left.length - 1)
    this.#count--
  }

  /** Without those that are decided in its midst; twice as large when that leaves little room. */
  #makeRoom(): void {
    const before = this.#left
    const open: number[] = []
    for (let i = 0; i < this.#count; i++) if (this.#at(i).state === TupleState.open) open.push(i)
    const cells = open.length > before.length / 2 ? before.length * 2 : before.length
    const left = new Array<TaskTuple | undefined>(cells).fill(undefined)
    const sinceMs = new Float64Array(cells)
    open.forEach((index, at) => {
      left[at] = this.#at(index)
      sinceMs[at] = this.#leftSinceMs[(this.#head + index) & (before.length - 1)] as number
    })
    this.#left = left
    this.#leftSinceMs = sinceMs
    this.#head = 0
    this.#count = open.length
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

const cellsMin = 16
