import type { TaskBasicCollector } from './bolt-collector.js'
import type { TaskTuple } from './tuple.js'

/** Who is told how a call ended, when its turn has come. */
interface ExecutingTask {
  callEnded(tuple: TaskTuple, hasThrown: boolean, thrown: unknown): void
}

export interface Execution {
  readonly out: TaskBasicCollector
  readonly tuple: TaskTuple
  isSettled: boolean
  hasThrown: boolean
  thrown: unknown
}

/**
 * The calls of an asynchronous basic bolt that are not told yet, oldest first, as many as its concurrency at most. The
 * outputs of the oldest leave at once; those of the others, and their acks, wait until all calls before them are over.
 */
export class OrderedExecutions {
  readonly #open: Execution[] = []
  readonly #task: ExecutingTask

  constructor(task: ExecutingTask) {
    this.#task = task
  }

  get isEmpty(): boolean {
    return this.#open.length === 0
  }

  add(out: TaskBasicCollector, tuple: TaskTuple): Execution {
    const execution = { out, tuple, isSettled: false, hasThrown: false, thrown: undefined }
    this.#open.push(execution)
    return execution
  }

  /** The call is over; it and those behind it that are over too are told now, as far as their turn has come. */
  settled(execution: Execution, hasThrown: boolean, thrown: unknown): void {
    execution.isSettled = true
    if (hasThrown) blame(execution, thrown)
    for (let oldest = this.#open[0]; oldest !== undefined; oldest = this.#open[0]) {
      this.#release(oldest)
      if (!oldest.isSettled) return
      this.#open.shift()
      this.#task.callEnded(oldest.tuple, oldest.hasThrown, oldest.thrown)
    }
  }

  /** It is the oldest now: what it held leaves, and from here on it holds nothing. */
  #release(execution: Execution): void {
    const { out } = execution
    for (const tuple of out.held ?? []) {
      try {
        tuple.lane.destination.push(tuple)
      } catch (thrown) {
        // It cannot be sent to where its task is. The emit would have thrown, had it not been held.
        blame(execution, thrown)
      }
    }
    out.held = null
  }
}

function blame(execution: Execution, thrown: unknown): void {
  execution.hasThrown = true
  execution.thrown = thrown
}
