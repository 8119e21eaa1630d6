import { TaskTuple } from '../executor/tuple.js'
import { deepFreeze } from '../stdx/freeze.js'
import { assert } from '../stdx/assert.js'
import type { ResolvedOptions } from '../topology/options.js'
import type { TopologySpec } from '../topology/topology.js'
import { Arena } from '../wire/arena.js'
import { wireStreams } from '../wire/streams.js'
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
  const arena = new Arena(4_096)
  const encoder = new TupleEncoder(text)
  const decoder = new TupleDecoder(streams, text)
  return (lane) => {
    const stream = streams.find((own) => own.component === lane.component && own.stream === lane.stream)
    assert(stream !== undefined, `stream ${lane.stream} of ${lane.component} has no number`)
    const sink: TupleSink = {
      tuple(source, _stream, _target, values, acker, rootLo, rootHi, checkLo, checkHi, more) {
        if (options.freeze) deepFreeze(values)
        const tuple = new TaskTuple(values, lane, source, acker, rootLo, rootHi, checkLo, checkHi)
        tuple.more = more
        lane.destination.push(tuple)
      },
    }
    return {
      push(tuple) {
        try {
          const isAdded = encoder.add(tuple.task, stream, lane.target, tuple)
          assert(isAdded, 'a tuple that is alone in its frame is added, or refused by a throw')
          arena.ensure(encoder.byteLength)
          decoder.decode(arena, 0, encoder.write(arena, 0), sink)
        } finally {
          encoder.clear()
        }
      },
    }
  }
}
