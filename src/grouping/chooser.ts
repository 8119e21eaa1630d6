import type { Rng } from '../stdx/rng.js'
import type { TopologyContext } from '../topology/component.js'
import type { KeyHash } from './hash.js'

/**
 * A grouping at work: for one emitting task and one subscription to one of its streams, which of the subscriber's tasks
 * get a tuple. Made by `makeChooser` before the first tuple; called once a tuple, in the order of the emits. It answers
 * with *indexes* into the `targets` it was made for, and allocates nothing to do so.
 */
export type Chooser =
  | { readonly kind: 'one'; readonly one: OneChooser }
  /** Every target gets a copy. */
  | { readonly kind: 'all' }
  /** The emitter names the task itself, by `emitDirect`. */
  | { readonly kind: 'direct' }
  /** Any number of targets, none and one twice among them. The list is the chooser's own, good until the next call. */
  | { readonly kind: 'many'; readonly many: (values: object) => readonly number[] }

export interface OneChooser {
  /** `values`: the tuple's, by field. Fields and partial key throw UNENCODABLE_KEY for a value that can't be a key. */
  choose(values: object): number
}

/** What a chooser is made from. */
export interface ChooserContext {
  readonly sourceTask: number
  /** The subscriber's task ids, ascending; at least one. */
  readonly targets: readonly number[]
  /** Those of `targets` that run in the emitter's worker. */
  readonly localTargets: readonly number[]
  readonly rng: Rng
  readonly hash: KeyHash
  /** The emitting task's: what a custom grouping's `prepare` is handed. */
  readonly context: TopologyContext
  /** The component that emits and the stream, for what errors say. */
  readonly component: string
  readonly stream: string
}
