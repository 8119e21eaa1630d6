import { assert } from '../stdx/assert.js'

// The compiler knows the value of a constant of this module, not that of a property.
const none = 0
const acked = 1
const failed = 2
const refreshed = 3

/** What a call of the ledger decided. */
export const Verdict = {
  /** Nothing yet, or nothing any more. */
  none,
  /** Every tuple of the tree is acked. */
  acked,
  /** A tuple of the tree was failed. */
  failed,
  /** No verdict: the spout is to start the time of this root anew. */
  refreshed,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

export interface AckLedgerOptions {
  /**
   * Entries that acks, fails and resets of unknown roots may bring the ledger to, 1 … 2^26. Inits may bring it to twice
   * as many, so that a flood of unknown roots cannot shut out the trees of the spouts.
   */
  readonly entriesMax: number
  /** Cells to begin with, 8 … 2^28, rounded up to a power of two; 1,024. */
  readonly cells?: number
}

/**
 * Knows when a tuple tree is done, in the same memory however many tuples the tree has.
 *
 * An entry is the *checksum* of one root: the XOR of the edge ids told about it. The init of the spout tells the edges
 * that leave it, the ack of a tuple its own edge and those of the tuples made from it. So an edge is told once when its
 * tuple is made and once when it is acked, and the checksum is zero when all that were made are acked.
 *
 * Protocol of use: the acker calls `init`, `ack`, `fail` and `resetTimeout` for what reaches it, in any order, and
 * `rotate` once per message timeout. When a call returns something else than `Verdict.none`, the one to be told stands
 * in `spoutTask` and `pendingSlot`, and for a failed one the reason in `reason`, until the next call.
 *
 * What holds, whatever is lost, late or told twice:
 *  - acked means that every tuple of the tree was acked. Zero takes each edge an even number of times; the init counts
 *    once (a second one would cancel the first, and complete a tree nobody touched); so each tuple made was acked.
 *  - no verdict before the init, as nobody is known to be told; what came before it is kept and counts.
 *  - zero wins over failed. A verdict removes the entry; acks that are late make a new one, without owner, for which
 *    no verdict comes, and which rotation removes.
 *  - entries live three rotations from when they were first put, failed or reset; init and ack do not lengthen that.
 *    The spout is not told when one is forgotten: it has a timeout of its own, which is shorter.
 *  - nothing is recorded beyond the bounds: a refused root times out, it is never acked falsely.
 *
 * Memory: one Int32Array in cells of 24 bytes, doubled when more than a part of them is used (see `entriesIn`). A million
 * open roots take 2^21 cells, 48 MiB (72 MiB for the moment in which the table is doubled). It does not shrink.
 */
export class AckLedger {
  /** Roots that are held, with and without owner. */
  size = 0
  /** Owner of the last verdict: the spout's task. */
  spoutTask = -1
  /** Owner of the last verdict: where the spout holds the message id. */
  pendingSlot = -1
  /** Why, 1 … 15, when the last verdict is failed. */
  reason = 0
  /** Calls for unknown roots that were not recorded as the bound was reached. */
  refused = 0
  /** Inits that were ignored as their root had one. */
  repeatedInits = 0
  /** Those of `repeatedInits` that named another owner. Never happens by repetition alone: somebody sends wrong inits. */
  conflictingInits = 0

  private readonly entriesMax: number
  private readonly initsMax: number
  private cells: Int32Array
  /** Entries at which the table is doubled, or nothing is recorded any more. */
  private fits: number
  /** 32 − log2 of the number of cells. */
  private shift: number
  /** The newest of the three buckets, 1 … 3; the next one in turn is the oldest. */
  private bucket = 1

  constructor(options: AckLedgerOptions) {
    const { entriesMax, cells = 1024 } = options
    assert(Number.isInteger(entriesMax) && entriesMax >= 1 && entriesMax <= 2 ** 26, 'entriesMax is 1 … 2^26')
    assert(Number.isInteger(cells) && cells >= 8 && cells <= 2 ** 28, 'a ledger begins with 8 … 2^28 cells')
    this.entriesMax = entriesMax
    this.initsMax = entriesMax * 2
    this.shift = Math.clz32(cells - 1)
    this.cells = new Int32Array(2 ** (32 - this.shift) * cellInts)
    this.fits = Math.min(entriesIn(this.cells), this.initsMax)
  }

  /**
   * A spout has emitted a message under this root: `checkLo` and `checkHi` are the XOR of the edges that left it, (0, 0)
   * when no task took it, which acks it at once. `spoutTask` is 0 … 2^26 − 2, `pendingSlot` any int32.
   */
  init(
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    pendingSlot: number,
  ): Verdict {
    if (spoutTask >>> 0 >= taskLimit) assert(false, 'a spout task is 0 … 2^26 − 2')
    const cells = this.cells
    const at = this.home(rootLo, rootHi)
    if (cells[at] !== 0 || (checkLo | checkHi) === 0 || this.size >= this.fits) {
      return this.initAnywhere(rootLo, rootHi, checkLo, checkHi, spoutTask, pendingSlot)
    }
    cells[at] = this.bucket | ((spoutTask + 1) << ownerShift)
    cells[at + ROOT_LO] = rootLo
    cells[at + ROOT_HI] = rootHi
    cells[at + CHECK_LO] = checkLo
    cells[at + CHECK_HI] = checkHi
    cells[at + SLOT] = pendingSlot
    this.size++
    return none
  }

  /** A bolt has acked a tuple of this root: `checkLo` and `checkHi` are its edge, XORed with its ack value. */
  ack(rootLo: number, rootHi: number, checkLo: number, checkHi: number): Verdict {
    const at = this.entry(rootLo, rootHi)
    if (at < 0) return none
    const cells = this.cells
    const lo = (cells[at + CHECK_LO] as number) ^ checkLo
    const hi = (cells[at + CHECK_HI] as number) ^ checkHi
    cells[at + CHECK_LO] = lo
    cells[at + CHECK_HI] = hi
    if ((lo | hi) !== 0 || (cells[at] as number) >>> ownerShift === 0) return none
    this.tellOwner(at)
    this.remove(at)
    return acked
  }

  /** A bolt has failed a tuple of this root. `reason` is 1 … 15 and comes back with the verdict; the first one counts. */
  fail(rootLo: number, rootHi: number, reason: number): Verdict {
    if (reason < 1 || reason > reasonMask) assert(false, 'a reason is 1 … 15')
    const at = this.entry(rootLo, rootHi)
    if (at < 0) return none
    const cells = this.cells
    const state = cells[at] as number
    if (state >>> ownerShift === 0) {
      const kept = (state >>> reasonShift) & reasonMask
      cells[at] = this.bucket | ((kept === 0 ? reason : kept) << reasonShift)
      return none
    }
    this.tellOwner(at)
    this.reason = reason
    this.remove(at)
    return failed
  }

  /** A bolt asks for more time: this root is as good as new. Returns `refreshed`, or `none` while it has no owner. */
  resetTimeout(rootLo: number, rootHi: number): Verdict {
    const at = this.entry(rootLo, rootHi)
    if (at < 0) return none
    const cells = this.cells
    const state = cells[at] as number
    cells[at] = (state & ~bucketMask) | this.bucket
    if (state >>> ownerShift === 0) return none
    this.tellOwner(at)
    return refreshed
  }

  /**
   * One message timeout has passed. Returns how many entries were forgotten: those put, failed or reset before the
   * last three rotations, this one being the third. Reads the whole table: some 10 ms for two million cells.
   */
  rotate(): number {
    const oldest = this.bucket === 3 ? 1 : this.bucket + 1
    const cells = this.cells
    const before = this.size
    let at = 0
    while (at < cells.length) {
      // Removing may move an entry into this very cell, so the cell is looked at again. Entries move only to cells that
      // come later than this one or, round the end of the table, into the hole itself: none is passed over.
      if (((cells[at] as number) & bucketMask) === oldest) this.remove(at)
      else at += cellInts
    }
    this.bucket = oldest
    return before - this.size
  }

  /** `init` when the cell where the search begins is taken, or the root is decided at once, or the table is full. */
  private initAnywhere(
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    pendingSlot: number,
  ): Verdict {
    let at = this.find(rootLo, rootHi)
    if (at < 0 && (checkLo | checkHi) !== 0) {
      if (this.size >= this.initsMax) {
        this.refused++
        return none
      }
      at = this.put(~at, rootLo, rootHi)
    }
    let reason = 0
    if (at >= 0) {
      const cells = this.cells
      const state = cells[at] as number
      if (state >>> ownerShift !== 0) return this.repeated(at, spoutTask, pendingSlot)
      checkLo ^= cells[at + CHECK_LO] as number
      checkHi ^= cells[at + CHECK_HI] as number
      reason = (state >>> reasonShift) & reasonMask
      if ((checkLo | checkHi) !== 0 && reason === 0) {
        cells[at] = state | ((spoutTask + 1) << ownerShift)
        cells[at + CHECK_LO] = checkLo
        cells[at + CHECK_HI] = checkHi
        cells[at + SLOT] = pendingSlot
        return none
      }
      this.remove(at)
    }
    this.spoutTask = spoutTask
    this.pendingSlot = pendingSlot
    this.reason = reason
    return (checkLo | checkHi) === 0 ? acked : failed
  }

  private repeated(at: number, spoutTask: number, pendingSlot: number): Verdict {
    const cells = this.cells
    this.repeatedInits++
    const isSameOwner = ((cells[at] as number) >>> ownerShift) - 1 === spoutTask && cells[at + SLOT] === pendingSlot
    if (!isSameOwner) this.conflictingInits++
    return none
  }

  private tellOwner(at: number): void {
    const cells = this.cells
    this.spoutTask = ((cells[at] as number) >>> ownerShift) - 1
    this.pendingSlot = cells[at + SLOT] as number
  }

  /** The cell of the root, made without owner if there was none; −1 when the bound forbids that. */
  private entry(rootLo: number, rootHi: number): number {
    const cells = this.cells
    const home = this.home(rootLo, rootHi)
    // Most searches end here. What is left in a free cell is told by its state.
    if (cells[home + ROOT_LO] === rootLo && cells[home + ROOT_HI] === rootHi && cells[home] !== 0) return home
    const at = this.find(rootLo, rootHi)
    if (at >= 0) return at
    if (this.size < this.entriesMax) return this.put(~at, rootLo, rootHi)
    this.refused++
    return -1
  }

  /** The cell of the root, or `~cell` of the free one where it would go. */
  private find(rootLo: number, rootHi: number): number {
    const cells = this.cells
    let at = this.home(rootLo, rootHi)
    for (;;) {
      if (cells[at] === 0) return ~at
      if (cells[at + ROOT_LO] === rootLo && cells[at + ROOT_HI] === rootHi) return at
      at += cellInts
      if (at === cells.length) at = 0
    }
  }

  /**
   * Where the search for a root begins. Ids are evenly spread already, but one acker may get only those with certain
   * low bits, and anybody's when somebody sends garbage.
   */
  private home(rootLo: number, rootHi: number): number {
    return Math.imul((Math.imul(rootLo | 0, 0x9e3779b1) ^ Math.imul(rootHi | 0, 0x85ebca77)) >>> this.shift, cellInts)
  }

  /** Makes an entry without owner in the free cell, which `find` named. Returns its cell: another one if the table grew. */
  private put(free: number, rootLo: number, rootHi: number): number {
    let at = free
    if (this.size === this.fits) {
      this.grow()
      at = ~this.find(rootLo, rootHi)
    }
    const cells = this.cells
    cells[at] = this.bucket
    cells[at + ROOT_LO] = rootLo
    cells[at + ROOT_HI] = rootHi
    cells[at + CHECK_LO] = 0
    cells[at + CHECK_HI] = 0
    cells[at + SLOT] = 0
    this.size++
    return at
  }

  private remove(at: number): void {
    const cells = this.cells
    cells[at] = 0
    this.size--
    const next = at + cellInts
    if (next === cells.length || cells[next] !== 0) this.closeGap(at)
  }

  /**
   * Searches end at a free cell, so none may stand between the home of an entry and the entry: one beyond the hole moves
   * into it unless its home is after the hole, and leaves a hole itself. With marks for deleted cells instead, searches
   * would grow longer and longer, as entries come and go all day.
   */
  private closeGap(hole: number): void {
    const cells = this.cells
    let next = hole
    for (;;) {
      next += cellInts
      if (next === cells.length) next = 0
      if (cells[next] === 0) return
      const home = this.home(cells[next + ROOT_LO] as number, cells[next + ROOT_HI] as number)
      const fromHome = next >= home ? next - home : next - home + cells.length
      const fromHole = next >= hole ? next - hole : next - hole + cells.length
      if (fromHome < fromHole) continue
      moveCell(cells, next, cells, hole)
      cells[next] = 0
      hole = next
    }
  }

  private grow(): void {
    const old = this.cells
    const cells = new Int32Array(old.length * 2)
    this.cells = cells
    this.shift--
    this.fits = Math.min(entriesIn(cells), this.initsMax)
    for (let at = 0; at < old.length; at += cellInts) {
      if (old[at] === 0) continue
      const free = ~this.find(old[at + ROOT_LO] as number, old[at + ROOT_HI] as number)
      moveCell(old, at, cells, free)
    }
  }
}

// A cell is six ints:
//
//   0            1         2         3          4          5
//   state        root lo   root hi   check lo   check hi   pending slot
//
// and its state, 0 for a free cell:
//
//   31                             6 5        2 1       0
//   spout task + 1 (0: no owner)     reason     bucket 1 … 3
//
const cellInts = 6
const ROOT_LO = 1
const ROOT_HI = 2
const CHECK_LO = 3
const CHECK_HI = 4
const SLOT = 5
const bucketMask = 0b11
const reasonShift = 2
const reasonMask = 0b1111
const ownerShift = 6
const taskLimit = 2 ** 26 - 1

/**
 * How many entries a table takes before it is doubled: an eighth of its cells up to 768 KiB, a quarter up to 6 MiB, and
 * half when memory counts. A search that ends at its first cell is foretold by the processor; one that may end at any
 * is not, and that costs more than the search.
 */
function entriesIn(cells: Int32Array): number {
  const count = cells.length / cellInts
  return count <= 2 ** 15 ? count / 8 : count <= 2 ** 18 ? count / 4 : count / 2
}

function moveCell(from: Int32Array, source: number, to: Int32Array, target: number): void {
  to[target] = from[source] as number
  to[target + ROOT_LO] = from[source + ROOT_LO] as number
  to[target + ROOT_HI] = from[source + ROOT_HI] as number
  to[target + CHECK_LO] = from[source + CHECK_LO] as number
  to[target + CHECK_HI] = from[source + CHECK_HI] as number
  to[target + SLOT] = from[source + SLOT] as number
}
