// Guards "every buffer is bounded": a sender is never further ahead than its credit, and is never stuck without.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/wire/arena.js'
import { Grants, readGrants, ReceiveCredit } from '../../src/wire/credits.js'
import { SendCredit } from './simulated.js'

describe('credits: both sides', () => {
  test('any order of sending, arriving, consuming and granting: never below 0 nor above the limit, and never stuck', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.constantFrom('send', 'arrive', 'consume', 'grant', 'repeat'), { maxLength: 200 }),
        (limit, steps) => {
          const granted: number[] = []
          const sender = new SendCredit(limit)
          const receiver = new ReceiveCredit(limit, (total) => granted.push(total))
          let [underWay, waiting, broken] = [0, 0, 0]
          const step = (what: string) => {
            if (what === 'send' && sender.available > 0) {
              sender.take()
              underWay++
            } else if (what === 'arrive' && underWay > 0) {
              underWay--
              waiting++
              receiver.received()
            } else if (what === 'consume' && waiting > 0) {
              waiting--
              receiver.consumed()
            } else if (what === 'grant' && granted.length > 0) sender.granted(granted.shift()!)
            else if (what === 'repeat' && granted.length > 0) sender.granted(granted[0]!)
            if (sender.available < 0 || underWay + waiting > limit) broken++
          }
          for (const what of steps) step(what)
          for (const what of ['arrive', 'consume', 'grant']) for (let i = 0; i < 200; i++) step(what)
          expect(broken).toBe(0)
          expect(sender.available).toBeGreaterThan(limit / 2)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('begun anew: what still waits from before grants nothing', () => {
    const granted: number[] = []
    const receiver = new ReceiveCredit(4, (total) => granted.push(total))
    for (let i = 0; i < 3; i++) receiver.received()
    receiver.restart()
    for (let i = 0; i < 4; i++) receiver.received()
    for (let i = 0; i < 4; i++) receiver.consumed()
    expect(granted).toEqual([])
    for (let i = 0; i < 3; i++) receiver.consumed()
    expect(granted).toEqual([2, 4])
  })
})

describe('credits: as bytes', () => {
  test('any grants: the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff_ffff), fc.maxSafeNat()), { maxLength: 20 }), (grants) => {
        const arena = new Arena(400)
        const byTask = new Map(grants)
        const end = new Grants(byTask).write(arena, 8)
        expect(new Map(readGrants(arena, 8, end))).toEqual(byTask)
        expect(end - 8).toBe(new Grants(byTask).byteLength)
      }),
      { numRuns: 1_000 },
    )
  })

  test('another length than it tells: refused', () => {
    const arena = new Arena(400)
    const end = new Grants(new Map([[1, 2]])).write(arena, 8)
    for (const wrong of [8, 10, end - 1, end + 1, end + 12]) {
      expect(() => readGrants(arena, 8, wrong), `${wrong}`).toThrow(expect.objectContaining({ code: 'BAD_FRAME' }))
    }
    arena.view.setUint32(8, 0xffff_ffff, true)
    expect(() => readGrants(arena, 8, end)).toThrow('has not the length that it tells')
  })
})
