// Guards the promise "no false ack, and one verdict for what is told once": the ledger against real trees.
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { AckLedger, Verdict } from '../../src/acker/ledger.js'
import { mutatedLedger } from './mutants.js'
import type { LedgerFactory, Mutant } from './mutants.js'
import { grow } from './trees.js'
import type { Forest, Outcome } from './trees.js'

const trueLedger: LedgerFactory = (options) => new AckLedger(options)

const ids = fc.constantFrom('random', 'random', 'random', 'one half')
const shape = {
  seed: fc.integer(),
  tuples: fc.integer({ min: 1, max: 200 }),
  roots: fc.integer({ min: 1, max: 12 }),
  resets: fc.boolean(),
  ids,
}
const lossless: fc.Arbitrary<Forest> = fc.record({
  ...shape,
  failOneIn: fc.constantFrom(0, 0, 10, 100),
  loseOneIn: fc.constant(0),
  repeatOneIn: fc.constant(0),
  rotates: fc.constant(false),
})
const lossy: fc.Arbitrary<Forest> = fc.record({
  ...shape,
  failOneIn: fc.constantFrom(0, 10, 100),
  loseOneIn: fc.constantFrom(0, 5, 30, 300),
  repeatOneIn: fc.constantFrom(0, 2, 5, 30),
  rotates: fc.boolean(),
})

const seen: Record<string, Outcome[]> = {}

function check(forests: fc.Arbitrary<Forest>, makeLedger: LedgerFactory, name?: string) {
  return fc.check(
    fc.property(forests, (forest) => {
      const outcome = grow(forest, makeLedger)
      if (name !== undefined) (seen[name] ??= []).push(outcome)
      return outcome.problems.length === 0
    }),
    { numRuns: 10_000, endOnFailure: name === undefined },
  )
}

/** The forest that fails, as small as it could be made, with what is wrong with it; undefined when there is none. */
function counterexample(forests: fc.Arbitrary<Forest>, name: string) {
  const forest = check(forests, trueLedger, name).counterexample?.[0]
  return forest && { forest, problems: grow(forest, trueLedger).problems }
}

test('ledger: nothing lost or repeated: complete ⇔ really complete, one verdict a root', () => {
  expect(counterexample(lossless, 'nothing lost')).toBeUndefined()
})

test('ledger: lost, late, repeated, forgotten: complete ⇒ really complete', () => {
  expect(counterexample(lossy, 'lost and repeated')).toBeUndefined()
})

afterAll(() => {
  for (const [name, outcomes] of Object.entries(seen)) {
    const sizes = outcomes.flatMap((outcome) => outcome.treeSizes)
    const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0)
    const bounds = [0, 1, 2, 4, 8, 16, 32, 64, 128, 1000]
    const shares = bounds.slice(1).map((end, i) => {
      const start = bounds[i] as number
      const count = sizes.filter((size) => size >= start && size < end).length
      return `${start === end - 1 ? start : `${start}–${end === 1000 ? Math.max(...sizes) : end - 1}`}: ${count}`
    })
    console.log(
      `trees, ${name}: ${outcomes.length} forests, ${sizes.length} trees; by tuples in a tree ${shares.join(', ')};`,
      `${sum((outcome) => outcome.manyAnchored)} tuples with several anchors;`,
      `${sum((outcome) => outcome.acked)} roots acked, ${sum((outcome) => outcome.failed)} failed`,
    )
  }
})

describe('ledger: changed on purpose: is caught', () => {
  const mutants: (Mutant & { by: fc.Arbitrary<Forest> })[] = [
    {
      name: 'a second init counts',
      from: 'if (state >>> ownerShift !== 0) return this.repeated(at, spoutTask, pendingSlot)',
      to: '',
      by: lossy,
    },
    {
      name: 'acks, fails and resets of unknown roots are dropped',
      from: 'if (this.size < this.entriesMax) return',
      to: 'if (this.size < 0) return',
      by: lossless,
    },
    {
      name: 'an init forgets the acks before it',
      from: 'checkLo ^= cells[at + CHECK_LO] as number',
      to: '',
      by: lossless,
    },
    { name: 'acks are not counted', from: '    cells[at + CHECK_LO] = lo\n    cells', to: '    cells', by: lossless },
    {
      name: 'an acked verdict before the init',
      from: '(lo | hi) !== 0 || (cells[at] as number) >>> ownerShift === 0',
      to: '(lo | hi) !== 0',
      by: lossy,
    },
    {
      name: 'a failed verdict before the init',
      from: 'if (state >>> ownerShift === 0) {',
      to: 'if (state < 0) {',
      by: lossless,
    },
    { name: 'zero in the low half is enough', from: 'if ((lo | hi) !== 0 ||', to: 'if (lo !== 0 ||', by: lossless },
    { name: 'zero in the high half is enough', from: 'if ((lo | hi) !== 0 ||', to: 'if (hi !== 0 ||', by: lossless },
    {
      name: 'a fail before the init is forgotten',
      from: 'reason = (state >>> reasonShift) & reasonMask',
      to: '',
      by: lossless,
    },
    {
      name: 'an acked entry stays',
      from: '    this.remove(at)\n    return acked',
      to: '    return acked',
      by: lossless,
    },
    {
      name: 'a failed entry stays',
      from: '    this.remove(at)\n    return failed',
      to: '    return failed',
      by: lossless,
    },
    {
      name: 'gaps are not closed',
      from: 'if (next === cells.length || cells[next] !== 0) this.closeGap(at)',
      to: '',
      by: lossless,
    },
    {
      name: 'gaps are closed with any entry',
      from: 'if (fromHome < fromHole) continue',
      to: '',
      by: lossless,
    },
    {
      name: 'the first cell is lost when the table is doubled',
      from: 'for (let at = 0; at < old.length;',
      to: 'for (let at = cellInts; at < old.length;',
      by: lossless,
    },
    {
      name: 'roots are told apart by their low half',
      from: 'if (cells[at + ROOT_LO] === rootLo && cells[at + ROOT_HI] === rootHi) return at',
      to: 'if (cells[at + ROOT_LO] === rootLo) return at',
      by: lossless,
    },
    {
      name: 'roots are told apart by their high half',
      from: 'if (cells[at + ROOT_LO] === rootLo && cells[at + ROOT_HI] === rootHi) return at',
      to: 'if (cells[at + ROOT_HI] === rootHi) return at',
      by: lossless,
    },
    {
      name: 'a freed cell is found again',
      from: 'cells[home + ROOT_HI] === rootHi && cells[home] !== 0',
      to: 'cells[home + ROOT_HI] === rootHi',
      by: lossless,
    },
    {
      name: 'the owner is one off',
      from: 'cells[at] = state | ((spoutTask + 1) << ownerShift)',
      to: 'cells[at] = state | ((spoutTask + 2) << ownerShift)',
      by: lossless,
    },
  ]
  for (const mutant of mutants) {
    test(mutant.name, async () => {
      expect(check(mutant.by, await mutatedLedger(mutant)).failed).toBe(true)
    })
  }
})

describe('ledger: all orders', () => {
  function* permutations<T>(list: readonly T[]): Generator<T[]> {
    if (list.length === 0) yield []
    for (const [i, first] of list.entries()) {
      for (const rest of permutations([...list.slice(0, i), ...list.slice(i + 1)])) yield [first, ...rest]
    }
  }

  /** All trees of so many tuples, each made from the spout or from any set of earlier tuples. */
  function* trees(count: number, earlier: number[][] = []): Generator<number[][]> {
    if (earlier.length === count) yield earlier
    else
      for (let set = 0; set < 2 ** earlier.length; set++)
        yield* trees(count, [...earlier, earlier.map((_, i) => i).filter((i) => (set >> i) & 1)])
  }

  for (const count of [3, 4]) {
    test(`an init and the ack or fail of ${count} tuples: one verdict, at the tuple that decides it`, () => {
      let runs = 0
      for (const parents of trees(count)) {
        // Tuple i has the edge 2^i to each of its parents, XORed with the parent; no two sets of these cancel.
        const own = parents.map(() => 0)
        const made = parents.map(() => 0)
        let init = 0
        parents.forEach((from, i) => {
          for (const parent of from.length === 0 ? [-1] : from) {
            const edge = 1 << (i * count + parent + 1)
            own[i] = (own[i] as number) ^ edge
            if (parent < 0) init ^= edge
            else made[parent] = (made[parent] as number) ^ edge
          }
        })
        for (let fails = 0; fails < 2 ** count; fails++) {
          const steps = [-1, ...parents.keys()]
          for (const order of permutations(steps)) {
            runs++
            const ledger = new AckLedger({ entriesMax: 10, cells: 8 })
            const failsAt = (step: number) => step >= 0 && (fails >> step) % 2 === 1
            const verdicts = order.map((step) => {
              if (step < 0) return ledger.init(1, 2, init, 0, 3, 4)
              return failsAt(step)
                ? ledger.fail(1, 2, 1)
                : ledger.ack(1, 2, (own[step] as number) ^ (made[step] as number), 0)
            })
            const decidedAt = fails === 0 ? count : Math.max(order.indexOf(-1), order.findIndex(failsAt))
            const expected = order.map((_, at) =>
              at !== decidedAt ? Verdict.none : fails === 0 ? Verdict.acked : Verdict.failed,
            )
            if (verdicts.join() !== expected.join()) expect({ parents, fails, order, verdicts }).toEqual(expected)
          }
        }
      }
      expect(runs).toBe(count === 3 ? 8 * 8 * 24 : 64 * 16 * 120)
    })
  }
})
