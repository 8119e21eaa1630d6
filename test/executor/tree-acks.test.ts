// Guards "acks that are folded come to the same as acks told one by one, and no fail or reset overtakes them".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AckTarget } from '../../src/executor/ack-target.js'
import { TreeAcks } from '../../src/executor/tree-acks.js'
import { TaskTuple, untracked, type Lane } from '../../src/executor/tuple.js'

const lane = {} as Lane

function tupleOf(acker: number, root: number, check: number, more: number[] | null = null): TaskTuple {
  const tuple = new TaskTuple({}, lane, 1, acker, root, -root, check, check + 1)
  tuple.more = more
  return tuple
}

/** What two ackers were told, in order. */
function ackers() {
  const told: string[] = []
  const acker = (index: number): AckTarget => ({
    init: () => undefined,
    ack: (lo, hi, checkLo, checkHi) => told.push(`${index} ack ${lo} ${hi} ${checkLo} ${checkHi}`),
    fail: (lo, hi, reason) => told.push(`${index} fail ${lo} ${hi} ${reason}`),
    resetTimeout: (lo, hi) => told.push(`${index} reset ${lo} ${hi}`),
  })
  return { told, acks: new TreeAcks([acker(0), acker(1)]) }
}

describe('tree acks', () => {
  test('outside of a step: each is told at once', () => {
    const { told, acks } = ackers()
    acks.ack(tupleOf(0, 1, 10))
    acks.ack(tupleOf(0, 1, 20))
    expect(told).toEqual(['0 ack 1 -1 10 11', '0 ack 1 -1 20 21'])
  })

  test('in a step: a row of one tree is told as one, when another tree comes or the step ends', () => {
    const { told, acks } = ackers()
    acks.beginStep()
    for (const check of [1, 2, 4]) acks.ack(tupleOf(0, 1, check))
    expect(told).toEqual([])
    acks.ack(tupleOf(0, 2, 8))
    expect(told).toEqual([`0 ack 1 -1 7 ${2 ^ 3 ^ 5}`])
    acks.ack(tupleOf(1, 2, 8))
    acks.endStep()
    expect(told.slice(1)).toEqual(['0 ack 2 -2 8 9', '1 ack 2 -2 8 9'])
    acks.beginStep()
    acks.endStep()
    expect(told.length).toBe(3)
  })

  test('a fail or a reset: leaves after the acks before it', () => {
    const { told, acks } = ackers()
    acks.beginStep()
    acks.ack(tupleOf(0, 1, 2))
    acks.fail(tupleOf(0, 1, 4), 3)
    acks.ack(tupleOf(0, 1, 6))
    acks.resetTimeout(tupleOf(1, 9, 0))
    acks.endStep()
    expect(told).toEqual(['0 ack 1 -1 2 3', '0 fail 1 -1 3', '0 ack 1 -1 6 7', '1 reset 9 -9'])
  })

  test('a tuple of no tree: nobody is told, and it ends no row', () => {
    const { told, acks } = ackers()
    acks.beginStep()
    acks.ack(tupleOf(0, 1, 2))
    acks.ack(tupleOf(untracked, 0, 0))
    acks.ack(tupleOf(0, 1, 4))
    acks.endStep()
    expect(told).toEqual([`0 ack 1 -1 6 ${3 ^ 5}`])
  })

  test('any acks, of one tree or several: each acker gets the same XOR of each root as if they were told one by one', () => {
    const root = fc.tuple(fc.nat(1), fc.nat(2), fc.integer(), fc.integer())
    const tuple = fc.tuple(root, fc.array(root, { maxLength: 2 })).map(([[acker, lo, checkLo, checkHi], further]) => {
      const more = further.flatMap(([at, rootLo, lowest, highest]) => [at, rootLo, 0, lowest, highest])
      const made = new TaskTuple({}, lane, 1, acker, lo, 0, checkLo, checkHi)
      made.more = more.length === 0 ? null : more
      return made
    })
    const sums = (tuples: readonly TaskTuple[], isFolded: boolean) => {
      const sum = new Map<string, [number, number]>()
      const acker = (index: number): AckTarget => ({
        init: () => undefined,
        ack(lo, hi, checkLo, checkHi) {
          const [before, above] = sum.get(`${index} ${lo} ${hi}`) ?? [0, 0]
          sum.set(`${index} ${lo} ${hi}`, [before ^ checkLo, above ^ checkHi])
        },
        fail: () => undefined,
        resetTimeout: () => undefined,
      })
      const acks = new TreeAcks([acker(0), acker(1)])
      if (isFolded) acks.beginStep()
      for (const one of tuples) acks.ack(one)
      if (isFolded) acks.endStep()
      return sum
    }
    fc.assert(
      fc.property(fc.array(tuple, { maxLength: 20 }), (tuples) => {
        expect(sums(tuples, true)).toEqual(sums(tuples, false))
      }),
    )
  })
})
