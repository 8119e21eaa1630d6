// Guards: queues give back what was put in, in order, at any size, and keep nothing that was taken out.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IntRing } from '../../src/stdx/int-ring.js'
import { Ring } from '../../src/stdx/ring.js'

/** Pushes (a number of them) and shifts, in any order. */
const script = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -40, max: -1 })), { maxLength: 60 })

describe('ring', () => {
  test('any order of pushes and shifts: the same as a plain list', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 0, max: 40 }), (steps, capacity) => {
        const ring = new Ring<number>(capacity)
        const plain: number[] = []
        const got: (number | undefined)[] = []
        const expected: (number | undefined)[] = []
        let next = 0
        for (const step of steps) {
          for (let i = 0; i < Math.abs(step); i++) {
            if (step > 0) {
              ring.push(next)
              plain.push(next++)
            } else {
              got.push(ring.shift())
              expected.push(plain.shift())
            }
            got.push(ring.size)
            expected.push(plain.length)
          }
        }
        expect(got).toEqual(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  test('empty: gives undefined, again and again, and undefined may be a value', () => {
    const ring = new Ring<number | undefined>()
    expect([ring.shift(), ring.shift(), ring.size]).toEqual([undefined, undefined, 0])
    ring.push(undefined)
    expect(ring.size).toBe(1)
    expect([ring.shift(), ring.size]).toEqual([undefined, 0])
  })

  test('what was taken out: is not held any more', async () => {
    const ring = new Ring<object>()
    const gone = (() => {
      const value = {}
      ring.push(value)
      ring.shift()
      return new WeakRef(value)
    })()
    const { setFlagsFromString } = await import('node:v8')
    const { runInNewContext } = await import('node:vm')
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let i = 0; i < 20 && gone.deref() !== undefined; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      collect()
    }
    expect(gone.deref()).toBeUndefined()
  })

  test('a million: in order', () => {
    const ring = new Ring<number>()
    for (let i = 0; i < 1_000_000; i++) ring.push(i)
    let isInOrder = true
    for (let i = 0; i < 1_000_000; i++) isInOrder &&= ring.shift() === i
    expect(isInOrder).toBe(true)
  })
})

describe('int ring', () => {
  test('any order of pushes and shifts of records: the same as a plain list', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 5 }), (steps, width) => {
        const ring = new IntRing(width)
        const plain: number[][] = []
        const got: (number[] | number)[] = []
        const expected: (number[] | number)[] = []
        let next = -(2 ** 31)
        for (const step of steps) {
          for (let i = 0; i < Math.abs(step); i++) {
            if (step > 0) {
              const record = Array.from({ length: width }, () => next++ | 0)
              const at = ring.push()
              ring.cells.set(record, at)
              plain.push(record)
            } else {
              const at = ring.shift()
              got.push(at < 0 ? at : [...ring.cells.subarray(at, at + width)])
              expected.push(plain.shift() ?? -1)
            }
            got.push(ring.size)
            expected.push(plain.length)
          }
        }
        expect(got).toEqual(expected)
      }),
      { numRuns: 2_000 },
    )
  })
})
