// Guards: "shuffle is exactly even, and localOrShuffle stays in its worker when it can".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRng } from '../../src/stdx/rng.js'
import { chooserOf, contextFor } from './context.js'

const runs = { numRuns: 10_000 }

describe('shuffle', () => {
  test('shuffle: no task has two tuples more than another: after every tuple', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer(),
        fc.integer({ min: 1, max: 60 }),
        (targets, seed, tuples) => {
          const choose = chooserOf({ kind: 'shuffle' }, contextFor(targets, { rng: seededRng(seed) }))
          const counts = new Array<number>(targets).fill(0)
          for (let i = 0; i < tuples; i++) {
            const index = choose()
            counts[index] = (counts[index] as number) + 1
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
          }
        },
      ),
      runs,
    )
  })

  test('shuffle: emitters begin with different tasks', () => {
    const rng = seededRng(3)
    const firsts = Array.from({ length: 50 }, () => chooserOf({ kind: 'shuffle' }, contextFor(8, { rng }))())
    expect(new Set(firsts).size).toBe(8)
  })

  test('shuffle: localOrShuffle: local tasks alone if there is one, else all, either way exactly even', () => {
    const subsets = fc
      .integer({ min: 1, max: 8 })
      .chain((n) => fc.tuple(fc.constant(n), fc.subarray([...new Array(n).keys()])))
    fc.assert(
      fc.property(subsets, fc.integer(), ([count, local], seed) => {
        const targets = Array.from({ length: count }, (_, i) => 3 + 2 * i)
        const localTargets = local.map((index) => targets[index] as number)
        const choose = chooserOf(
          { kind: 'localOrShuffle' },
          contextFor(targets, { localTargets, rng: seededRng(seed) }),
        )
        const expected = local.length > 0 ? local : [...targets.keys()]
        for (let round = 0; round < 3; round++) {
          expect(expected.map(() => choose()).toSorted((a, b) => a - b)).toEqual(expected)
        }
      }),
      runs,
    )
  })

  test('shuffle: localOrShuffle: a local task that is no target does not count', () => {
    const choose = chooserOf({ kind: 'localOrShuffle' }, contextFor([4, 5], { localTargets: [9] }))
    expect(new Set([choose(), choose()])).toEqual(new Set([0, 1]))
  })
})
