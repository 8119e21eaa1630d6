import { assert } from '../stdx/assert.js'
import type { ChooserContext, OneChooser } from './chooser.js'
import { KeyRoutes } from './key-routes.js'

/**
 * Two candidate tasks a key, the same for every emitter; a tuple goes to the one that this emitter has used less, the
 * first of them when they are even. So a key that is much of the stream is spread over two tasks, whose partial results
 * somebody downstream puts together.
 */
export class PartialKeyChooser implements OneChooser {
  private readonly routes: KeyRoutes
  /** Tuples that this emitter gave each target: doubles, which count up to 2^53. */
  private readonly uses: Float64Array

  constructor(fields: readonly string[], { component, stream, targets, hash }: ChooserContext) {
    const count = targets.length
    assert(count <= 0x1_0000, 'a pair of target indexes fits 32 bits')
    this.uses = new Float64Array(count)
    this.routes = new KeyRoutes(fields, `component '${component}', stream '${stream}'`, (key, length) => {
      const first = hash(key, length) % count
      if (count === 1) return 0
      // A step of 1 … count − 1, so that the second is another one, and each of the others equally likely.
      const second = (first + 1 + (hash(key, length, secondSeed) % (count - 1))) % count
      return ((first << 16) | second) >>> 0
    })
  }

  choose(values: object): number {
    const { uses } = this
    const pair = this.routes.of(values)
    const first = pair >>> 16
    const second = pair & 0xffff
    const chosen = (uses[first] as number) <= (uses[second] as number) ? first : second
    uses[chosen] = (uses[chosen] as number) + 1
    return chosen
  }
}

/** Any number but the first hash's, which is 0; it is part of where keys go and so must not change. */
const secondSeed = 0x9e3779b9
