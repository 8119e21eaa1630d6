import { shuffled, type Rng } from '../stdx/rng.js'
import type { ChooserContext, OneChooser } from './chooser.js'

/**
 * Exactly even: a random order of the targets, drawn once, then round robin. After any number of tuples no target has
 * two more than another. The order is each emitter's own, so that emitters do not all begin with the same target.
 */
export class ShuffleChooser implements OneChooser {
  private readonly order: readonly number[]
  private next = 0

  /** `among`: the indexes to choose from, at least one. */
  constructor(among: Iterable<number>, rng: Rng) {
    this.order = shuffled([...among], rng)
  }

  choose(): number {
    const next = this.next
    this.next = next + 1 === this.order.length ? 0 : next + 1
    return this.order[next] as number
  }
}

/** Shuffle among the targets in the emitter's own worker if there are any, else among all. */
export function localOrShuffle({ targets, localTargets, rng }: ChooserContext): ShuffleChooser {
  const local = new Set(localTargets)
  const near = [...targets.keys()].filter((index) => local.has(targets[index] as number))
  return new ShuffleChooser(near.length > 0 ? near : targets.keys(), rng)
}
