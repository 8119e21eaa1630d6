import type { Spout, SpoutCollector, TopologyContext } from '../topology/component.js'
import type { Streams } from '../topology/stream.js'

/**
 * Emits each of its values once on the default stream, with its position as message id, divided among the tasks by
 * position. What fails stays failed: a test sees it, instead of waiting for a replay that fails again.
 */
export class FixedSpout implements Spout<Streams, number> {
  readonly outputs: Streams
  readonly #values: readonly object[]
  #next = 0
  #step = 1

  constructor(outputs: Streams, values: readonly object[]) {
    this.outputs = outputs
    this.#values = values
  }

  open(context: TopologyContext): void {
    this.#next = context.taskIndex
    this.#step = context.taskCount
  }

  nextTuple(out: SpoutCollector<Streams, number>): void {
    const values = this.#values[this.#next]
    if (values === undefined) {
      out.exhausted()
      return
    }
    // Values of a test may be used again, and emitted ones are frozen.
    out.emit({ ...values } as never, this.#next)
    this.#next += this.#step
  }
}
