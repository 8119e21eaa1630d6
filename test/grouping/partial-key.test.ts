// Guards: "partial key: at most two tasks a key, the same two for every emitter, the less used of them".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooserOf, contextFor } from './context.js'
import { keyValue, twin } from './values.js'

const grouping = { kind: 'partialKey', fields: ['word'] } as const

/** The two candidates of a key, the first one first, as a fresh emitter shows them. */
function candidates(word: unknown, targets: number): number[] {
  const choose = chooserOf(grouping, contextFor(targets))
  return [choose({ word }), choose({ word })]
}

describe('partial key', () => {
  test('partial key: at most two tasks a key, the less used, the first when even: over the whole value grammar', () => {
    const choose = chooserOf(grouping, contextFor(5))
    const uses = new Array<number>(5).fill(0)
    fc.assert(
      fc.property(keyValue, fc.integer({ min: 1, max: 4 }), (word, times) => {
        const [first, second] = candidates(twin(word), 5) as [number, number]
        expect(first).not.toBe(second)
        for (let i = 0; i < times; i++) {
          const expected = (uses[first] as number) <= (uses[second] as number) ? first : second
          expect(choose({ word })).toBe(expected)
          uses[expected] = (uses[expected] as number) + 1
        }
      }),
      { numRuns: 10_000 },
    )
  })

  test('partial key: one target', () => {
    expect(candidates('a', 1)).toEqual([0, 0])
  })

  test('partial key: two targets: keys begin with either', () => {
    const firsts = new Set(Array.from({ length: 20 }, (_, i) => candidates(`word${i}`, 2)[0]))
    expect(firsts).toEqual(new Set([0, 1]))
  })

  test('partial key: both candidates are spread over all tasks, independently', () => {
    const pairs = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      const pair = String(candidates(i, 5))
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
    // Each of the 20 ordered pairs 1,000 times, within six sigma.
    expect(pairs.size).toBe(20)
    expect(Math.min(...pairs.values())).toBeGreaterThan(815)
    expect(Math.max(...pairs.values())).toBeLessThan(1_185)
  })

  test('partial key: one key that is all of the stream is shared evenly by two', () => {
    const choose = chooserOf(grouping, contextFor(9))
    const counts = new Map<number, number>()
    for (let i = 0; i < 1_000; i++) {
      const index = choose({ word: 'hot' })
      counts.set(index, (counts.get(index) ?? 0) + 1)
    }
    expect([...counts.values()]).toEqual([500, 500])
  })

  test('partial key: the same tasks for ever', () => {
    expect(candidates('storm', 1_000)).toEqual([33, 145])
    expect(candidates(7, 1_000)).toEqual([672, 683])
  })

  test('partial key: 65,536 targets', () => {
    const pairs = Array.from({ length: 50 }, (_, i) => candidates(`word${i}`, 65_536))
    expect(Math.max(...pairs.flat())).toBeGreaterThan(32_768)
    expect(Math.max(...pairs.flat())).toBeLessThan(65_536)
  })
})
