import { TaskSpoutCollector } from '../executor/spout-collector.js'
import { assert } from '../stdx/assert.js'
import { Ring } from '../stdx/ring.js'
import type { Spout, SpoutCollector } from '../topology/component.js'
import type { Stream } from '../topology/stream.js'

/** A spout that a test feeds by hand, and what became of what it fed. */
export interface Feeder<V extends object> {
  /** For `setSpout`. Its tasks, and all topologies that it is given to, take from one queue. */
  readonly spout: () => Spout<{ default: Stream<V> }, unknown>
  /** Has the spout emit these values soon; tracked under `id`, if one is given. */
  feed(values: V, id?: unknown): void
  /** Ids by verdict, in order. */
  readonly acked: readonly unknown[]
  readonly failed: readonly unknown[]
}

/** Makes a feeder. Its spout is exhausted whenever the queue is empty, so `settled()` waits for what was fed so far. */
export function feeder<V extends object>(stream: Stream<V>): Feeder<V> {
  const waiting = new Ring<{ readonly values: V; readonly id: unknown }>()
  const collectors = new Set<TaskSpoutCollector>()
  const acked: unknown[] = []
  const failed: unknown[] = []

  class FeederSpout implements Spout<{ default: Stream<V> }, unknown> {
    readonly outputs = { default: stream }
    #collector: TaskSpoutCollector | undefined

    open(_context: unknown, out: SpoutCollector<{ default: Stream<V> }>): void {
      assert(out instanceof TaskSpoutCollector, 'a feeder is opened by the engine')
      this.#collector = out
      collectors.add(out)
    }

    nextTuple(out: SpoutCollector<{ default: Stream<V> }>): void {
      const next = waiting.shift()
      if (next === undefined) out.exhausted()
      else out.emit(next.values, next.id)
    }

    ack(id: unknown): void {
      acked.push(id)
    }

    fail(id: unknown): void {
      failed.push(id)
    }

    close(): void {
      if (this.#collector !== undefined) collectors.delete(this.#collector)
    }
  }

  return {
    spout: () => new FeederSpout(),
    feed(values, id) {
      waiting.push({ values, id })
      for (const collector of collectors) collector.wake()
    },
    acked,
    failed,
  }
}
