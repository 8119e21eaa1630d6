import { BasicBolt } from '../topology/component.js'
import type { Tuple } from '../topology/tuple.js'

/** A bolt that keeps what it is given, and emits nothing. */
export interface Capture<V extends object> {
  /** For `setBolt`; all its tasks keep into one list. */
  readonly bolt: () => BasicBolt<V, {}>
  /** In the order in which they came. */
  readonly tuples: readonly Tuple<V>[]
  readonly values: readonly V[]
}

export function capture<V extends object>(): Capture<V> {
  const tuples: Tuple<V>[] = []
  class CaptureBolt extends BasicBolt<V, {}> {
    override execute(tuple: Tuple<V>): void {
      tuples.push(tuple)
    }
  }
  return {
    bolt: () => new CaptureBolt(),
    tuples,
    get values() {
      return tuples.map((tuple) => tuple.values)
    },
  }
}
