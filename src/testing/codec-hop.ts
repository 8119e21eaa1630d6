import { TaskTuple, type Destination, type Lane } from '../executor/tuple.js'
import { deepFreeze } from '../stdx/freeze.js'
import { assert } from '../stdx/assert.js'
import type { ResolvedOptions } from '../topology/options.js'
import type { TopologySpec } from '../topology/topology.js'
import { Arena } from '../wire/arena.js'
import { wireStreams, type WireStream } from '../wire/streams.js'
import { TupleDecoder, TupleEncoder, type TupleSink } from '../wire/tuple-codec.js'
import type { Hop } from '../worker/transfer.js'
import { textHere } from './text-here.js'

/**
 * Has every tuple of a topology encoded and decoded on its way, as between two worker processes: a value that cannot be
 * sent throws from `emit` (UNENCODABLE_VALUE, TUPLE_TOO_LARGE), and a bolt never sees the very object that was emitted.
 */
export function codecHop(spec: TopologySpec, options: ResolvedOptions): Hop {
  const text = textHere()
  const streams = wireStreams(spec.components.values())
  const parts = { arena: new Arena(4_096), encoder: new TupleEncoder(text), decoder: new TupleDecoder(streams, text) }
  return (lane) => {
    const stream = streams.find(({ component, stream: id }) => component === lane.component && id === lane.stream)
    assert(stream !== undefined, `stream ${lane.stream} of ${lane.component} has no number`)
    return new CodecHop(lane, stream, options.freeze, parts)
  }
}

interface CodecParts {
  readonly arena: Arena
  readonly encoder: TupleEncoder
  readonly decoder: TupleDecoder
}

class CodecHop implements Destination, TupleSink {
  readonly #lane: Lane
  readonly #stream: WireStream
  readonly #freezes: boolean
  readonly #parts: CodecParts

  constructor(lane: Lane, stream: WireStream, freezes: boolean, parts: CodecParts) {
    this.#lane = lane
    this.#stream = stream
    this.#freezes = freezes
    this.#parts = parts
  }

  push(tuple: TaskTuple): void {
    const { arena, encoder, decoder } = this.#parts
    const { task, target } = this.#lane
    try {
      const isAdded = encoder.add(task, this.#stream, target, tuple)
      assert(isAdded, 'a tuple that is alone in its frame is added, or refused by a throw')
      arena.ensure(encoder.byteLength)
      const end = encoder.write(arena, 0)
      decoder.decode(arena, 0, end, this)
    } finally {
      encoder.clear()
    }
  }

  tuple(
    _source: number,
    _stream: number,
    _target: number,
    values: object,
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    more: number[] | null,
  ): void {
    if (this.#freezes) deepFreeze(values)
    const tuple = new TaskTuple(values, this.#lane, acker, rootLo, rootHi, checkLo, checkHi)
    tuple.more = more
    this.#lane.destination.push(tuple)
  }
}
