import type { TaskBasicCollector } from './bolt-collector.js'
import type { TaskTuple } from './tuple.js'

/** Who is told how a call ended, when its turn has come. */
interface ExecutingTask {
  ack(tuple: TaskTuple): void
  threw(tuple: TaskTuple, thrown: unknown): void
}

interface Execution {
  readonly out: TaskBasicCollector
  readonly tuple: TaskTuple
  isSettled: boolean
  hasThrown: boolean
  thrown: unknown
}

/**
 * The open calls of an asynchronous basic bolt, oldest first. The outputs of the oldest leave at once; those of the
 * others, and their acks, wait until all calls before them are over.
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

  add(out: TaskBasicCollector, tuple: TaskTuple): void {
    this.#open.push({ out, tuple, isSettled: false, hasThrown: false, thrown: undefined })
  }

  /** The call with this collector is over; it and those behind it that are over too are told now, as far as their turn has come. */
  settled(out: TaskBasicCollector, hasThrown: boolean, thrown: unknown): void {
    const execution = this.#open.find((candidate) => candidate.out === out)
    if (execution === undefined) return
    execution.isSettled = true
    execution.hasThrown = hasThrown
    execution.thrown = thrown
    for (let oldest = this.#open[0]; oldest !== undefined; oldest = this.#open[0]) {
      this.#release(oldest)
      if (!oldest.isSettled) return
      this.#open.shift()
      if (oldest.hasThrown) this.#task.threw(oldest.tuple, oldest.thrown)
      else this.#task.ack(oldest.tuple)
    }
  }

  /** It is the oldest now: what it held leaves, and from here on it holds nothing. */
  #release({ out }: Execution): void {
    for (const tuple of out.held ?? []) tuple.lane.destination.push(tuple)
    out.held = null
  }
}
