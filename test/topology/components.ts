import { BasicBolt, type Spout } from '../../src/topology/component.js'
import type { Stream, Streams } from '../../src/topology/stream.js'

/** A factory of spouts with these streams that never emit. */
export function spout<O extends Streams>(outputs: O): () => Spout<O> {
  return () => ({ outputs, nextTuple: () => undefined })
}

/** A factory of bolts with these streams that never emit. */
export function bolt<O extends Streams>(outputs: O): () => BasicBolt<object, O> {
  return () => new SilentBolt(outputs)
}

class SilentBolt<O extends Streams> extends BasicBolt<object, O> {
  override readonly outputs: O
  constructor(outputs: O) {
    super()
    this.outputs = outputs
  }
  override execute(): void {}
}

/** A stream written by hand, as an untyped caller may: any fields, even twice the same. */
export function handmade(fields: readonly string[], direct = false): Stream {
  return { fields, direct }
}
