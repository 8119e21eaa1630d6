import type { Values } from './stream.js'

/**
 * One tuple as a bolt gets it. Immutable; it may be kept as long as it is neither acked nor failed, as anchor of later
 * emits.
 */
export interface Tuple<V extends object = Values> {
  /** The values by field name. In one process this is the very object that was emitted: don't change it. */
  readonly values: V
  /** Id of the component that emitted it. */
  readonly component: string
  readonly stream: string
  /** Id of the task that emitted it. */
  readonly task: number
  /** True for a tick, whose values are `{}`. */
  readonly isTick: boolean
}
