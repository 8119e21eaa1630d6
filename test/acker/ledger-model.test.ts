// Guards each rule of the ledger, one call after another: against Storm's acker written plainly, with three maps.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AckLedger, Verdict } from '../../src/acker/ledger.js'
import { seededRng } from '../../src/stdx/rng.js'
import { mutatedLedger } from './mutants.js'
import type { Ledger, LedgerFactory, Mutant } from './mutants.js'

type Pair = readonly [lo: number, hi: number]

type Call =
  | { readonly kind: 'init'; readonly root: Pair; readonly check: Pair; readonly task: number; readonly slot: number }
  | { readonly kind: 'ack'; readonly root: Pair; readonly check: Pair }
  | { readonly kind: 'fail'; readonly root: Pair; readonly reason: number }
  | { readonly kind: 'reset'; readonly root: Pair }
  | { readonly kind: 'rotate' }

interface Entry {
  lo: number
  hi: number
  owner: { readonly task: number; readonly slot: number } | undefined
  reason: number
}

/** The plain ledger: newest bucket first, as Storm's RotatingMap has them. */
class PlainLedger {
  buckets: Map<string, Entry>[] = [new Map(), new Map(), new Map()]
  refused = 0
  repeatedInits = 0
  conflictingInits = 0

  constructor(readonly entriesMax: number) {}

  get size(): number {
    return this.buckets.reduce((sum, bucket) => sum + bucket.size, 0)
  }

  call(call: Call): unknown {
    if (call.kind === 'rotate') {
      const forgotten = this.buckets.pop()!.size
      this.buckets.unshift(new Map())
      return forgotten
    }
    const key = call.root.join()
    let entry = this.buckets.map((bucket) => bucket.get(key)).find((held) => held !== undefined)
    if (entry === undefined) {
      const isDecided = call.kind === 'init' && call.check[0] === 0 && call.check[1] === 0
      if (!isDecided && this.size >= this.entriesMax * (call.kind === 'init' ? 2 : 1)) {
        this.refused++
        return 'none'
      }
      entry = { lo: 0, hi: 0, owner: undefined, reason: 0 }
      this.buckets[0]!.set(key, entry)
    }
    if (call.kind === 'init' && entry.owner !== undefined) {
      this.repeatedInits++
      if (entry.owner.task !== call.task || entry.owner.slot !== call.slot) this.conflictingInits++
      return 'none'
    }
    if (call.kind === 'init' || call.kind === 'ack') {
      entry.lo ^= call.check[0]
      entry.hi ^= call.check[1]
    } else {
      for (const bucket of this.buckets) bucket.delete(key)
      this.buckets[0]!.set(key, entry)
    }
    if (call.kind === 'init') entry.owner = { task: call.task, slot: call.slot }
    if (call.kind === 'fail' && entry.reason === 0) entry.reason = call.reason
    if (entry.owner === undefined) return 'none'
    const isZero = entry.lo === 0 && entry.hi === 0
    if (isZero || entry.reason !== 0) for (const bucket of this.buckets) bucket.delete(key)
    if (isZero) return { acked: entry.owner }
    if (entry.reason !== 0) return { failed: entry.owner, reason: entry.reason }
    return call.kind === 'reset' ? { refreshed: entry.owner } : 'none'
  }
}

/** What the plain ledger answers, of the true one. */
function answer(ledger: Ledger, call: Call): unknown {
  if (call.kind === 'rotate') return ledger.rotate()
  const [lo, hi] = call.root
  const verdict =
    call.kind === 'init'
      ? ledger.init(lo, hi, ...call.check, call.task, call.slot)
      : call.kind === 'ack'
        ? ledger.ack(lo, hi, ...call.check)
        : call.kind === 'fail'
          ? ledger.fail(lo, hi, call.reason)
          : ledger.resetTimeout(lo, hi)
  const owner = { task: ledger.spoutTask, slot: ledger.pendingSlot }
  if (verdict === Verdict.acked) return { acked: owner }
  if (verdict === Verdict.failed) return { failed: owner, reason: ledger.reason }
  return verdict === Verdict.refreshed ? { refreshed: owner } : 'none'
}

/** The first call after which the two differ, with both. */
function difference(makeLedger: LedgerFactory, entriesMax: number, calls: Iterable<Call>): unknown {
  const ledger = makeLedger({ entriesMax, cells: 8 })
  const plain = new PlainLedger(entriesMax)
  for (const call of calls) {
    const got = answer(ledger, call)
    const wanted = plain.call(call)
    const counts = [ledger.size, ledger.refused, ledger.repeatedInits, ledger.conflictingInits]
    const plainCounts = [plain.size, plain.refused, plain.repeatedInits, plain.conflictingInits]
    if (JSON.stringify([got, counts]) !== JSON.stringify([wanted, plainCounts])) {
      return { call, got, counts, wanted, plainCounts }
    }
  }
  return undefined
}

/** Roots whose search begins in one of the last cells or the first of any small table, so that gaps are closed round its end. */
function rootsAtTheEnd(): Pair[] {
  const rng = seededRng(3)
  const found: Pair[] = []
  for (const top of [0xfff, 0xfff, 0xfff, 0xfff, 0xfbf, 0xfbf, 0, 0]) {
    for (;;) {
      const lo = rng.uint32() | 0
      const hi = rng.uint32() | 0
      if ((Math.imul(lo, 0x9e3779b1) ^ Math.imul(hi, 0x85ebca77)) >>> 20 !== top) continue
      found.push([lo, hi])
      break
    }
  }
  return found
}

// Few roots and few checks, so that they meet. Nobody makes a root of (0, 0), but somebody may send it.
const roots = fc.constantFrom<Pair>([0, 0], [1, 0], [0, 1], [1, 1], [-1, 2 ** 31 - 1], ...rootsAtTheEnd())
const checks = fc.constantFrom<Pair>([0, 0], [1, 0], [0, 1], [1, 1], [-1, 5], [-(2 ** 31), 0])
const calls = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('init' as const),
        root: roots,
        check: checks,
        task: fc.constantFrom(0, 1, 2 ** 26 - 2),
        slot: fc.constantFrom(0, -1, 7),
      }),
    },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('ack' as const), root: roots, check: checks }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('fail' as const),
        root: roots,
        reason: fc.integer({ min: 1, max: 15 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reset' as const), root: roots }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('rotate' as const) }) },
  ),
  { minLength: 20, maxLength: 60 },
)
const entriesMax = fc.constantFrom(1, 2, 5, 1000)

const trueLedger: LedgerFactory = (options) => new AckLedger(options)

test('ledger: any calls: answers, size and counters are those of the plain one', () => {
  fc.assert(
    fc.property(entriesMax, calls, (bound, list) => {
      expect(difference(trueLedger, bound, list)).toBeUndefined()
    }),
    { numRuns: 10_000 },
  )
})

test('ledger: thousands of open roots: answers are those of the plain one while the table grows and empties', () => {
  function* manyCalls(): Generator<Call> {
    const rng = seededRng(21)
    const open: Pair[] = []
    for (let step = 0; step < 60_000; step++) {
      // Up to some 8,000 and down again, twice.
      const isGrowing = Math.floor(step / 15_000) % 2 === 0
      const kind = rng.below(100)
      if (kind < 1) yield { kind: 'reset', root: open[rng.below(open.length)] ?? [1, 1] }
      else if (step % 10_000 === 9_999) yield { kind: 'rotate' }
      else if (open.length === 0 || rng.below(4) < (isGrowing ? 3 : 1)) {
        const root: Pair = [rng.uint32() | 0, rng.uint32() | 0]
        open.push(root)
        if (rng.below(2) === 0) yield { kind: 'ack', root, check: root }
        yield { kind: 'init', root, check: [root[0] ^ 1, root[1]], task: step, slot: ~step }
      } else {
        const index = rng.below(open.length)
        const root = open[index] as Pair
        open[index] = open[open.length - 1] as Pair
        open.pop()
        if (kind < 10) yield { kind: 'fail', root, reason: 3 }
        else yield { kind: 'ack', root, check: rng.below(2) === 0 ? [1, 0] : [root[0] ^ 1, root[1]] }
      }
    }
    for (let turn = 0; turn < 3; turn++) yield { kind: 'rotate' }
  }
  expect(difference(trueLedger, 100_000, manyCalls())).toBeUndefined()
})

describe('ledger: a rule changed on purpose: is caught', () => {
  const mutants: Mutant[] = [
    {
      name: 'failed wins over zero',
      from: '(checkLo | checkHi) === 0 ? acked : failed',
      to: 'reason === 0 ? acked : failed',
    },
    { name: 'the last reason counts', from: 'kept === 0 ? reason : kept', to: 'reason' },
    {
      name: 'a fail does not renew the entry',
      from: 'cells[at] = this.bucket | ((kept',
      to: 'cells[at] = (state & bucketMask) | ((kept',
    },
    {
      name: 'a reset does not renew the entry',
      from: 'cells[at] = (state & ~bucketMask) | this.bucket',
      to: '',
    },
    {
      name: 'an init renews the entry',
      from: 'cells[at] = state | ((spoutTask + 1) << ownerShift)',
      to: 'cells[at] = this.bucket | ((spoutTask + 1) << ownerShift)',
    },
    {
      name: 'entries are forgotten after two rotations',
      from: 'const oldest = this.bucket === 3 ? 1 : this.bucket + 1',
      to: 'const oldest = this.bucket === 2 ? 1 : 2',
    },
    {
      name: 'rotation passes over an entry that moved',
      from: 'this.remove(at)\n      else at += cellInts',
      to: 'this.remove(at)\n      at += cellInts',
    },
    {
      name: 'one entry more than the bound',
      from: 'this.size < this.entriesMax',
      to: 'this.size <= this.entriesMax',
    },
    { name: 'inits are not bounded', from: 'this.size >= this.initsMax', to: 'this.size < 0' },
    {
      name: 'gaps at the end of the table are not closed',
      from: 'if (next === cells.length || cells[next] !== 0)',
      to: 'if (next < cells.length && cells[next] !== 0)',
    },
    {
      name: 'gaps round the end are measured wrongly from home',
      from: 'next >= home ? next - home : next - home + cells.length',
      to: 'Math.abs(next - home)',
    },
    {
      name: 'gaps round the end are measured wrongly from the hole',
      from: 'next >= hole ? next - hole : next - hole + cells.length',
      to: 'Math.abs(next - hole)',
    },
    {
      name: 'an init of no tuples is not acked at once',
      from: '|| (checkLo | checkHi) === 0 ||',
      to: '||',
    },
    {
      name: 'a freed cell is found again',
      from: 'cells[home + ROOT_HI] === rootHi && cells[home] !== 0',
      to: 'cells[home + ROOT_HI] === rootHi',
    },
  ]
  for (const mutant of mutants) {
    test(mutant.name, async () => {
      const makeLedger = await mutatedLedger(mutant)
      const property = fc.property(
        entriesMax,
        calls,
        (bound, list) => difference(makeLedger, bound, list) === undefined,
      )
      expect(fc.check(property, { numRuns: 10_000, endOnFailure: true }).failed).toBe(true)
    })
  }
})
