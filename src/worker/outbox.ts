import type { TaskId } from '../executor/tuple.js'
import { AckEncoder, type AckSink } from '../wire/ack-codec.js'
import { FrameType, type Body } from '../wire/frame.js'
import type { WireStream } from '../wire/streams.js'
import type { Text } from '../wire/text.js'
import { TupleEncoder, type WireTuple } from '../wire/tuple-codec.js'

/** Takes frames for one peer, in order, and sees that they arrive. */
export interface FrameSender {
  send(type: FrameType, body: Body): void
}

/**
 * What goes to one other worker: tuples for its tasks, ack tuples for its ackers, verdicts for its spouts. All that a
 * turn of the loop brings leaves as one frame of each kind at the end of the turn, or sooner when there is much.
 */
export class Outbox {
  /** What does not fit into one frame leaves before the end of the turn. */
  readonly #acks = new AckEncoder(() => this.#flushAcks())
  readonly #tuples: TupleEncoder
  readonly #sender: FrameSender
  readonly #wake: () => void
  #isDirty = false

  /** `wake` is called when there is something to flush for the first time after a flush: it may come outside a turn. */
  constructor(text: Text, sender: FrameSender, wake: () => void) {
    this.#tuples = new TupleEncoder(text)
    this.#sender = sender
    this.#wake = wake
  }

  /** For ack tuples and verdicts; what is written to it leaves with the next flush. */
  get acks(): AckSink {
    if (!this.#isDirty) this.#soil()
    return this.#acks
  }

  /** Takes the tuple over. Throws UNENCODABLE_VALUE or TUPLE_TOO_LARGE, and has taken nothing then. */
  tuple(source: TaskId, stream: WireStream, target: TaskId, tuple: WireTuple): void {
    if (!this.#isDirty) this.#soil()
    if (!this.#tuples.add(source, stream, target, tuple)) {
      this.#flushTuples()
      this.#tuples.add(source, stream, target, tuple)
    }
    if (this.#tuples.isLarge) this.#flushTuples()
  }

  /** Acks leave before tuples: what is done makes room for what is to be done. */
  flush(): void {
    if (!this.#isDirty) return
    this.#isDirty = false
    this.#flushAcks()
    this.#flushTuples()
  }

  #flushAcks(): void {
    if (this.#acks.told === 0) return
    this.#sender.send(FrameType.acks, this.#acks)
    this.#acks.clear()
  }

  #soil(): void {
    this.#isDirty = true
    this.#wake()
  }

  #flushTuples(): void {
    if (this.#tuples.rows === 0) return
    this.#sender.send(FrameType.tuples, this.#tuples)
    this.#tuples.clear()
  }
}
