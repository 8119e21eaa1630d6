import type { Rng } from '../stdx/rng.js'

/**
 * Makes the 64-bit ids of the acker: root ids, one per attempt at a message, and edge ids, one per tuple sent.
 *
 * Protocol of use: one generator per worker. `next()`, then read `lo` and `hi` before the next `next()`. An id is two
 * int32 halves and never anything else: a BigInt allocates, a string costs a parse, a double holds 53 bits only. Two
 * ids are the same when both halves are; the arithmetic of the acker is to XOR half by half.
 *
 * What the ledger needs of ids is that a few of them never XOR to zero by a rule, since that would complete a tree that
 * is not complete. So the generator is a 64-bit counter through a Feistel network of multiplications: multiplying is
 * not linear over GF(2), where the outputs of an xorshift generator cancel in the same patterns whatever the seed. After
 * four rounds each bit of the counter turns each bit of the id every other time (after three, not yet). The network can
 * be undone, so that a generator repeats no id in 2^64 steps. (0, 0) is left out, as XOR does not see it.
 *
 * All generators walk one cycle of 2^64 ids, each from a place of its own. That a tree lives while two walk over the
 * same piece of it is as unlikely as an accidental zero.
 */
export class IdGenerator {
  /** Low half of the last id, an int32. */
  lo = 0
  /** High half of the last id, an int32. */
  hi = 0
  private counterLo: number
  private counterHi: number
  /** The next ids, two halves each, and where the first of them stands that is not given out. */
  private readonly made = new Int32Array(2 * blockIds)
  private at = 2 * blockIds

  /** Draws two numbers from `rng`: the low and the high half of the counter. */
  constructor(rng: Rng) {
    this.counterLo = rng.uint32() | 0
    this.counterHi = rng.uint32() | 0
  }

  /** Puts a new id into `lo` and `hi`. */
  next(): void {
    if (this.at === 2 * blockIds) this.make()
    const { made, at } = this
    this.lo = made[at] as number
    this.hi = made[at + 1] as number
    this.at = at + 2
  }

  /** Several at a time, so that `next` is small enough to be compiled into those who call it. */
  private make(): void {
    for (let at = 0; at < 2 * blockIds; at += 2) this.makeOne(at)
    this.at = 0
  }

  private makeOne(at: number): void {
    // `| 0` tells the compiler that it adds int32s; the carry is made of bits, as nobody can foretell its branch.
    const before = this.counterLo | 0
    const counterLo = (before + stepLo) | 0
    const carry = ((before & stepLo) | ((before | stepLo) & ~counterLo)) >>> 31
    const counterHi = ((((this.counterHi | 0) + stepHi) | 0) + carry) | 0
    this.counterLo = counterLo
    this.counterHi = counterHi
    const first = counterHi ^ round(counterLo, 0x85ebca6b)
    const second = counterLo ^ round(first, 0xc2b2ae35)
    const hi = first ^ round(second, 0x27d4eb2f)
    const lo = second ^ round(hi, 0x165667b1)
    if ((lo | hi) === 0) return this.makeOne(at)
    this.made[at] = lo
    this.made[at + 1] = hi
  }
}

/** Few, so that a block leaves most of a processor's first cache to others. */
const blockIds = 16

/** 2^64 divided by the golden ratio, made odd: the counter visits every value before it comes round. */
const stepLo = 0x7f4a7c15
const stepHi = 0x9e3779b9 | 0

/** The shift before the product brings high bits down, the one after it brings them down again. */
function round(half: number, factor: number): number {
  const product = Math.imul(half ^ (half >>> 16), factor)
  return product ^ (product >>> 15)
}
