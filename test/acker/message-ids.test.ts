// Guards that a message id that is pending already is noticed, whatever it is: against a Map.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageIds } from '../../src/acker/message-ids.js'

const anObject = {}
const another = {}
const aSymbol = Symbol('id')

/** Ids that are the same as keys of a Map, or nearly so. */
const id: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, -1),
  fc.constantFrom<unknown>(0, -0, NaN, 0.5, 1.5, Infinity, -Infinity, '0', '1', '', '-0', 'NaN', 1n, 0n, 2n ** 64n),
  fc.constantFrom<unknown>(true, false, null, undefined, anObject, another, aSymbol, [], {}),
  // Multiples of a large power of two, and steps that a multiplicative hash does not like.
  fc.nat(40).map((n) => (n * 2 ** 26) | 0),
  fc.nat(40).map((n) => Math.imul(n, 0x144cbc89)),
)

const call = fc.record({
  kind: fc.constantFrom('add', 'add', 'add', 'remove', 'remove', 'get'),
  id,
  slot: fc.nat(2 ** 31 - 2),
})

test('message ids: any calls: answers are those of a Map', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 150 }), (calls) => {
      const ids = new MessageIds()
      const map = new Map<unknown, number>()
      for (const { kind, id, slot } of calls) {
        if (kind === 'get') {
          if (ids.get(id) !== (map.get(id) ?? -1)) return false
        } else if (kind === 'remove') {
          ids.remove(id)
          map.delete(id)
        } else {
          if (ids.add(id, slot) === map.has(id)) return false
          if (!map.has(id)) map.set(id, slot)
        }
        if (ids.size !== map.size) return false
      }
      return [...map].every(([id, slot]) => ids.get(id) === slot)
    }),
    { numRuns: 10_000 },
  )
})

test('message ids: −0 is 0, NaN is NaN; 1, "1" and 1n differ; objects by identity', () => {
  const ids = new MessageIds()
  expect(ids.add(-0, 1)).toBe(true)
  expect(ids.add(0, 2)).toBe(false)
  expect(ids.add(NaN, 3)).toBe(true)
  expect(ids.add(NaN, 4)).toBe(false)
  expect([ids.add(1, 5), ids.add('1', 6), ids.add(1n, 7), ids.add(1, 8)]).toEqual([true, true, true, false])
  expect([ids.add({}, 9), ids.add(anObject, 10), ids.add(anObject, 11)]).toEqual([true, true, false])
  expect([ids.get(0), ids.get(NaN), ids.get(1), ids.get('1'), ids.get(1n), ids.get(anObject)]).toEqual([
    1, 3, 5, 6, 7, 10,
  ])
})

test('message ids: a hundred thousand in steps of any size: all are found until they are removed', () => {
  for (const step of [1, -1, 8, 1000, 2 ** 15, 0x9e3779b1 | 0]) {
    const ids = new MessageIds()
    const nth = (n: number) => Math.imul(n, step)
    const distinct = step === 2 ** 15 ? 2 ** 17 - 1 : 100_000
    let wrong = 0
    for (let n = 0; n < distinct; n++) if (!ids.add(nth(n), n)) wrong++
    for (let n = 0; n < distinct; n += 2) ids.remove(nth(n))
    for (let n = 0; n < distinct; n++) if (ids.get(nth(n)) !== (n % 2 === 0 ? -1 : n)) wrong++
    expect([step, wrong, ids.size]).toEqual([step, 0, Math.floor(distinct / 2)])
  }
})
