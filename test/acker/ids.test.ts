// Guards what the ledger needs of ids: a few of them never XOR to zero by a rule.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdGenerator } from '../../src/acker/ids.js'
import { seededRng } from '../../src/stdx/rng.js'
import type { Rng } from '../../src/stdx/rng.js'

/** `count` ids as pairs of low and high half. */
function idsOf(seed: number, count: number): Int32Array {
  const ids = new IdGenerator(seededRng(seed))
  const pairs = new Int32Array(2 * count)
  for (let i = 0; i < count; i++) {
    ids.next()
    pairs[2 * i] = ids.lo
    pairs[2 * i + 1] = ids.hi
  }
  return pairs
}

function xorIsZero(pairs: Int32Array, indexes: Iterable<number>): boolean {
  let lo = 0
  let hi = 0
  for (const index of indexes) {
    lo ^= pairs[2 * index] as number
    hi ^= pairs[2 * index + 1] as number
  }
  return (lo | hi) === 0
}

const million = 2 ** 20

test('ids: the same seed gives the same ids, another seed others', () => {
  expect(idsOf(1, 100)).toEqual(idsOf(1, 100))
  expect(idsOf(1, 100)).not.toEqual(idsOf(2, 100))
})

test('ids: halves are int32s and never both zero: the counter that would give (0, 0) is passed over', () => {
  // Zero is a fixed point of the network, so the step before the counter is zero is the one to begin with.
  const numbers = [-0x7f4a7c15 >>> 0, (-0x9e3779b9 >>> 0) - 1]
  const rng: Rng = { uint32: () => numbers.shift() as number, below: () => 0 }
  const ids = new IdGenerator(rng)
  ids.next()
  expect([ids.lo | 0, ids.hi | 0]).toEqual([ids.lo, ids.hi])
  const after = new IdGenerator({ uint32: () => 0, below: () => 0 })
  after.next()
  expect([ids.lo, ids.hi]).toEqual([after.lo, after.hi])
})

test('ids: two to four of a million consecutive ones never XOR to zero', () => {
  const pairs = idsOf(7, million)
  const rng = seededRng(8)
  let zeros = 0
  for (let run = 0; run < 1_000_000; run++) {
    // Half of the samples are of neighbours, as in a tree.
    const width = run % 2 === 0 ? million : 64
    const start = rng.below(million - width + 1)
    const chosen = new Set<number>()
    for (let count = 2 + (run % 3); count > 0; count--) chosen.add(start + rng.below(width))
    if (chosen.size > 1 && xorIsZero(pairs, chosen)) zeros++
  }
  expect(zeros).toBe(0)
})

test('ids: no subset of two to sixty-four consecutive ones XORs to zero, whatever the seed', () => {
  fc.assert(
    fc.property(fc.integer(), fc.uniqueArray(fc.nat(499), { minLength: 2, maxLength: 64 }), (seed, indexes) => {
      return !xorIsZero(idsOf(seed, 500), indexes)
    }),
    { numRuns: 10_000 },
  )
})

test('ids: each bit, and each bit that differs from the id before, is set half of the times, within 5 σ', () => {
  const pairs = idsOf(9, million)
  const set = new Float64Array(64)
  const differs = new Float64Array(64)
  for (let i = 2; i < pairs.length; i++) {
    const half = pairs[i] as number
    const change = half ^ (pairs[i - 2] as number)
    const first = (i & 1) * 32
    for (let bit = 0; bit < 32; bit++) {
      set[first + bit] = (set[first + bit] as number) + ((half >>> bit) & 1)
      differs[first + bit] = (differs[first + bit] as number) + ((change >>> bit) & 1)
    }
  }
  const count = million - 1
  const sigma = Math.sqrt(count) / 2
  for (const times of [...set, ...differs]) expect(Math.abs(times - count / 2)).toBeLessThan(5 * sigma)
})

test('ids: one bit of the counter turns each bit of the id half of the times', () => {
  const pairs = (lo: number, hi: number) => {
    const numbers = [lo, hi]
    const ids = new IdGenerator({ uint32: () => (numbers.shift() as number) >>> 0, below: () => 0 })
    ids.next()
    return [ids.lo, ids.hi] as const
  }
  const rng = seededRng(10)
  const runs = 2_000
  const turned = new Float64Array(64 * 64)
  for (let run = 0; run < runs; run++) {
    const lo = rng.uint32() | 0
    const hi = rng.uint32() | 0
    const [idLo, idHi] = pairs(lo, hi)
    for (let bit = 0; bit < 64; bit++) {
      const mask = 1 << (bit % 32)
      const [otherLo, otherHi] = bit < 32 ? pairs(lo ^ mask, hi) : pairs(lo, hi ^ mask)
      for (let out = 0; out < 32; out++) {
        turned[bit * 64 + out] = (turned[bit * 64 + out] as number) + (((idLo ^ otherLo) >>> out) & 1)
        turned[bit * 64 + 32 + out] = (turned[bit * 64 + 32 + out] as number) + (((idHi ^ otherHi) >>> out) & 1)
      }
    }
  }
  const worst = Math.max(...turned.map((times) => Math.abs(times / runs - 0.5)))
  expect(worst).toBeLessThan(0.08)
})

test('ids: two generators share none of their first million, and neither repeats one', () => {
  const all = new BigUint64Array(2 * million)
  all.set(new BigUint64Array(idsOf(11, million).buffer))
  all.set(new BigUint64Array(idsOf(12, million).buffer), million)
  all.sort()
  let repeated = 0
  for (let i = 1; i < all.length; i++) if (all[i] === all[i - 1]) repeated++
  expect(repeated).toBe(0)
})

/**
 * Whether outputs depend on each other the same way for all seeds: the rank over GF(2) of `count` columns, each the
 * outputs of one index under eight seeds. A linear generator has at most the rank of its state.
 */
function rankOverSeeds(count: number, outputs: (seed: number) => Int32Array): number {
  const seeds = Array.from({ length: 8 }, (_, seed) => outputs(seed + 100))
  const columns = Array.from({ length: count }, (_, index) => {
    let column = 0n
    for (const pairs of seeds) {
      column =
        (column << 64n) |
        BigInt.asUintN(64, (BigInt(pairs[2 * index + 1] as number) << 32n) | BigInt((pairs[2 * index] as number) >>> 0))
    }
    return column
  })
  const byTopBit = new Map<number, bigint>()
  for (let column of columns) {
    while (column !== 0n) {
      const top = column.toString(2).length
      const other = byTopBit.get(top)
      if (other === undefined) {
        byTopBit.set(top, column)
        break
      }
      column ^= other
    }
  }
  return byTopBit.size
}

/** xorshift128: what must not be used. */
function xorshiftIds(seed: number, count: number): Int32Array {
  const rng = seededRng(seed)
  let [x, y, z, w] = [rng.uint32(), rng.uint32(), rng.uint32(), rng.uint32()]
  return Int32Array.from({ length: 2 * count }, () => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return w
  })
}

test('ids: not linear over GF(2): 300 outputs have full rank, where those of an xorshift have that of its state', () => {
  expect(rankOverSeeds(300, (seed) => xorshiftIds(seed, 300))).toBeLessThanOrEqual(128)
  expect(rankOverSeeds(300, (seed) => idsOf(seed, 300))).toBe(300)
})
