/**
 * A task as the loop sees it: something that is stepped while it has work, and woken at a time when it has none.
 * `queued`, `isDeferred` and `wakeAtMs` are the loop's and the task's shared note: the loop clears the first two before a
 * step, the task sets the last during one.
 */
export interface Steppable {
  readonly id: number
  /** It stands in the loop's queue. */
  queued: boolean
  /** It is to stand there later. */
  isDeferred: boolean
  /** When it wants to be stepped although nobody asks for it; Infinity: never. */
  wakeAtMs: number
  /**
   * How many tuples, or calls of `nextTuple`, a step takes before it lets others have their turn: at most `stepBatch`.
   * The loop makes it smaller for a task whose steps take long.
   */
  batch: number
  /** It had nothing when it was last asked, and may be asked again before `wakeAtMs` by a loop that lingers. */
  isWaiting: boolean
  /** Does a bounded amount of work. True: there is more to do at once. */
  step(nowMs: number): boolean
}

/** What a task may ask of the loop that steps it. */
export interface Scheduler {
  /** Has the task stepped soon; it may stand in the queue already. */
  enqueue(task: Steppable): void
  /**
   * The same when those that have work now have been stepped, or at the latest in the next turn: for a task that has
   * something to do, and will have more of it by then.
   */
  enqueueLater(task: Steppable): void
  /** A fresh reading of the clock, in milliseconds. It costs as much as a whole tuple: for samples and slow paths. */
  now(): number
  /** The clock as it was read for the present step: free. */
  readonly turnMs: number
  /** Those who wait are asked before their time: see `Loop`. */
  readonly isLingering: boolean
  /** Set by a task that was asked and had something. */
  hasFound: boolean
}

/** A task that feeds others and can be held while they are full. */
export interface Source {
  /** How many full inboxes hold it. */
  blockedBy: number
  /** The last of them has room again. */
  unblocked(): void
}

/** The largest batch of a step: enough that what a step costs besides its tuples is not felt. */
export const stepBatch = 256
