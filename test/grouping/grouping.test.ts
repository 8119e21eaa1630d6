// Guards: the groupings that need no file of their own.
import { describe, expect, test } from 'vitest'
import { makeChooser } from '../../src/grouping/grouping.js'
import { seededRng } from '../../src/stdx/rng.js'
import { chooserOf, contextFor } from './context.js'

describe('grouping', () => {
  test('grouping: global: always the lowest task', () => {
    const choose = chooserOf({ kind: 'global' }, contextFor([4, 5, 9]))
    expect([choose(), choose(), choose()]).toEqual([0, 0, 0])
  })

  test('grouping: none: any task, at random, each equally likely', () => {
    const choose = chooserOf({ kind: 'none' }, contextFor(4, { rng: seededRng(2) }))
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40_000; i++) {
      const index = choose()
      counts[index] = (counts[index] as number) + 1
    }
    // Six sigma around 10,000.
    expect(Math.min(...counts)).toBeGreaterThan(9_480)
    expect(Math.max(...counts)).toBeLessThan(10_520)
  })

  test('grouping: all and direct: nothing is chosen', () => {
    expect(makeChooser({ kind: 'all' }, contextFor(3))).toEqual({ kind: 'all' })
    expect(makeChooser({ kind: 'direct' }, contextFor(3))).toEqual({ kind: 'direct' })
  })

  test('grouping: one target: every grouping that chooses one task chooses it', () => {
    for (const kind of ['shuffle', 'localOrShuffle', 'global', 'none'] as const) {
      expect(chooserOf({ kind }, contextFor(1))()).toBe(0)
    }
    for (const kind of ['fields', 'partialKey'] as const) {
      expect(chooserOf({ kind, fields: ['a'] }, contextFor(1))({ a: 1 })).toBe(0)
    }
  })
})
