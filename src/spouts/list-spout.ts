import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { Ring } from '../stdx/ring.js'
import type { Spout, SpoutCollector, TopologyContext } from '../topology/component.js'
import { isStream, type Stream } from '../topology/stream.js'

/**
 * A spout of values at hand, in their order: an array, a set, or any other iterable, which may be endless.
 *
 * Each of n tasks takes every n-th value: the one at position i, from 0, goes to the task with index i mod n, and i is its
 * message id. A value that fails is emitted again, before new ones, in the order in which they failed. Values are taken
 * from the list when they are needed; each task, and each run of the topology, goes through it from the start. A list
 * that can be gone through once only, such as a generator, is remembered as far as it was read, so that they all can.
 *
 * Throws, when the spout is made: BAD_STREAM, BAD_LIST. What the list itself throws comes out of `nextTuple`.
 */
export function listSpout<V extends object>(
  stream: Stream<V>,
  list: Iterable<V>,
): () => Spout<{ default: Stream<V> }, number> {
  if (!isStream(stream)) {
    throw new StormError('BAD_STREAM', `listSpout(…) takes a stream first; it got ${describeValue(stream)}.`)
  }
  if (!isIterable(list)) {
    throw new StormError('BAD_LIST', `listSpout(…) takes a list of values second; it got ${describeValue(list)}.`)
  }
  const values = isOneShot(list) ? remembered(list) : list
  return () => new ListSpout(stream, values)
}

class ListSpout<V extends object> implements Spout<{ default: Stream<V> }, number> {
  readonly outputs: { readonly default: Stream<V> }
  readonly #list: Iterable<V>
  #iterator: Iterator<V> | undefined
  /** Position of what the iterator gives next. */
  #position = 0
  /** Values to pass by before one that is ours. */
  #until = 0
  #every = 1
  /** Undecided values, by position. */
  readonly #valuesByPosition = new Map<number, V>()
  readonly #failed = new Ring<number>()

  constructor(stream: Stream<V>, list: Iterable<V>) {
    this.outputs = { default: stream }
    this.#list = list
  }

  open({ taskCount, taskIndex }: TopologyContext): void {
    this.#iterator = this.#list[Symbol.iterator]()
    this.#until = taskIndex
    this.#every = taskCount
  }

  nextTuple(out: SpoutCollector<{ default: Stream<V> }, number>): void {
    const failed = this.#failed.shift()
    if (failed !== undefined) {
      const values = this.#valuesByPosition.get(failed)
      if (values !== undefined) out.emit(values, failed)
      return
    }
    const values = this.#next()
    if (values === undefined) {
      out.exhausted()
      return
    }
    const id = this.#position - 1
    // Before the emit, which tells the ack at once where nothing is tracked.
    this.#valuesByPosition.set(id, values)
    out.emit(values, id)
  }

  ack(id: number): void {
    this.#valuesByPosition.delete(id)
  }

  fail(id: number): void {
    if (this.#valuesByPosition.has(id)) this.#failed.push(id)
  }

  close(): void {
    this.#iterator?.return?.()
    this.#iterator = undefined
  }

  /** The next value that is ours; undefined at the end. */
  #next(): V | undefined {
    while (this.#iterator !== undefined) {
      const { done, value } = this.#iterator.next()
      if (done === true) {
        this.#iterator = undefined
        return undefined
      }
      this.#position++
      if (this.#until === 0) {
        this.#until = this.#every - 1
        return value
      }
      this.#until--
    }
    return undefined
  }
}

function isIterable(list: unknown): list is Iterable<unknown> {
  return (
    typeof list === 'object' &&
    list !== null &&
    typeof (list as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function'
  )
}

/** An iterator gives itself when it is asked for one. */
function isOneShot<V>(list: Iterable<V>): list is IterableIterator<V> {
  return typeof (list as Partial<Iterator<V>>).next === 'function' && (list[Symbol.iterator]() as unknown) === list
}

/** The values of an iterator as a list that can be gone through any number of times. */
function remembered<V>(iterator: Iterator<V>): Iterable<V> {
  const values: V[] = []
  let isOver = false
  return {
    *[Symbol.iterator]() {
      for (let i = 0; ; i++) {
        if (i === values.length) {
          const next = isOver ? undefined : iterator.next()
          isOver = next === undefined || next.done === true
          if (next === undefined || next.done === true) return
          values.push(next.value)
        }
        yield values[i] as V
      }
    },
  }
}
