// Guards: "equal keys go to the same task, on every emitter and every machine".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooserOf, contextFor } from './context.js'
import { keyValue, twin } from './values.js'

const runs = { numRuns: 10_000 }
const byWord = { kind: 'fields', fields: ['word'] } as const
const byBoth = { kind: 'fields', fields: ['word', 'user'] } as const

describe('fields', () => {
  test('fields: remembered and computed routes agree: over the whole value grammar', () => {
    const remembering = chooserOf(byWord, contextFor(7))
    fc.assert(
      fc.property(keyValue, (word) => {
        const computed = chooserOf(byWord, contextFor(7))({ word })
        expect(remembering({ word })).toBe(computed)
        expect(remembering({ word: twin(word) })).toBe(computed)
      }),
      runs,
    )
  })

  test('fields: emitters with different pasts agree: several fields', () => {
    const a = chooserOf(byBoth, contextFor(11))
    fc.assert(
      fc.property(fc.array(keyValue, { minLength: 2, maxLength: 2 }), fc.nat(99), ([word, user], past) => {
        const b = chooserOf(byBoth, contextFor(11))
        b({ word: past, user: {} })
        const index = a({ word, user, count: past })
        expect(b({ user: twin(user), word: twin(word) })).toBe(index)
        expect(index).toBeGreaterThanOrEqual(0)
        expect(index).toBeLessThan(11)
      }),
      runs,
    )
  })

  test('fields: remembered and computed routes agree: more keys than are remembered', () => {
    const choose = chooserOf(byWord, contextFor(1_000))
    const route = (i: number) => choose({ word: i % 3 === 0 ? `word ${i}` : i })
    const first = Array.from({ length: 40_000 }, (_, i) => route(i))
    for (let i = 39_999; i >= 0; i -= 7) expect(route(i)).toBe(first[i])
    const fresh = chooserOf(byWord, contextFor(1_000))
    for (let i = 0; i < 40_000; i += 997) expect(fresh({ word: i % 3 === 0 ? `word ${i}` : i })).toBe(first[i])
  })

  test('fields: one target: the answer is the same for every key, and what is no key is refused as ever', () => {
    const alone = chooserOf(byBoth, contextFor(1))
    fc.assert(
      fc.property(keyValue, keyValue, (word, user) => {
        expect(alone({ word, user })).toBe(0)
      }),
      runs,
    )
    for (const values of [
      { word: () => 0, user: 1 },
      { word: 'a', user: Symbol('b') },
    ])
      expect(() => alone(values)).toThrow(expect.objectContaining({ code: 'UNENCODABLE_KEY' }))
  })

  // Where these keys go never changes: it would part a key's state from its tuples on a rolling upgrade.
  // The tasks were had from the bytes by another implementation of xxHash.
  const golden: [string, unknown, number][] = [
    ['undefined', undefined, 966],
    ['null', null, 633],
    ['false', false, 232],
    ['true', true, 562],
    ['NaN', NaN, 596],
    ['-0', -0, 637],
    ['-2', -2, 577],
    ['1.5', 1.5, 4],
    ['1n', 1n, 372],
    ['-(2n ** 64n)', -(2n ** 64n), 503],
    ['an empty string', '', 864],
    ['a word', 'storm', 33],
    ['a sentence', 'the quick brown fox jumps over the lazy dog', 108],
    ['a word of other letters', '风暴', 880],
    ['a date', new Date(7), 665],
    ['bytes', new Uint8Array([1, 2]), 106],
    ['an array', ['a', 'b'], 362],
    ['an object', { a: 1 }, 578],
    ['a set', new Set([false, null]), 191],
    ['a map', new Map([['a', true]]), 636],
  ]
  test.each(golden)('fields: the same task for ever: %s', (_, word, index) => {
    expect(chooserOf(byWord, contextFor(1_000))({ word })).toBe(index)
  })

  test('fields: the same task for ever: two fields', () => {
    expect(chooserOf(byBoth, contextFor(1_000))({ word: 'storm', user: 7 })).toBe(24)
  })

  test('fields: a field that is not there is undefined, and null is another key', () => {
    const choose = chooserOf(byWord, contextFor(1_000))
    expect(choose({})).toBe(choose({ word: undefined }))
    expect(choose({})).not.toBe(choose({ word: null }))
  })

  test('fields: the order of the fields named is part of the key', () => {
    const ab = chooserOf(byBoth, contextFor(1_000))
    const ba = chooserOf({ kind: 'fields', fields: ['user', 'word'] }, contextFor(1_000))
    expect(ab({ word: 'a', user: 'b' })).not.toBe(ab({ word: 'b', user: 'a' }))
    expect(ba({ word: 'b', user: 'a' })).toBe(ab({ word: 'a', user: 'b' }))
  })

  test('fields: many keys are spread over all tasks', () => {
    const choose = chooserOf(byWord, contextFor(8))
    const counts = new Array<number>(8).fill(0)
    for (let i = 0; i < 80_000; i++) {
      const index = choose({ word: `word${i}` })
      counts[index] = (counts[index] as number) + 1
    }
    // Six sigma around 10,000.
    expect(Math.min(...counts)).toBeGreaterThan(9_400)
    expect(Math.max(...counts)).toBeLessThan(10_600)
  })

  test('fields: what cannot be a key fails by component, stream and field, and harms no later tuple', () => {
    const choose = chooserOf(byWord, contextFor(8))
    const before = choose({ word: 'a' })
    expect(() => choose({ word: { f: () => 1 } })).toThrow(
      "component 'split', stream 'words': field 'word' cannot be a key",
    )
    expect(choose({ word: 'a' })).toBe(before)
  })
})
