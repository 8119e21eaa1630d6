import { StormError } from '../errors.js'
import type { Arena } from './arena.js'
import type { Body } from './frame.js'
import { cutOff, intsBytesMax, readInts, writeInts, writeSame } from './ints.js'

/** Takes ack tuples for the ackers of a worker and verdicts for its spouts: what comes out of a frame, one call each. */
export interface AckSink {
  init(
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    pendingSlot: number,
  ): void
  ack(acker: number, rootLo: number, rootHi: number, checkLo: number, checkHi: number): void
  fail(acker: number, rootLo: number, rootHi: number, reason: number): void
  resetTimeout(acker: number, rootLo: number, rootHi: number): void
  verdict(spoutTask: number, pendingSlot: number, rootLo: number, rootHi: number, reason: number): void
  timeoutReset(spoutTask: number, pendingSlot: number, rootLo: number, rootHi: number): void
}

/** Past this size a frame gains nothing any more. */
const largeBytes = 65_536
const lookEvery = 1_024

/**
 * The ack tuples and verdicts for one worker that are not sent yet, as the body of a frame: kind after kind.
 *
 * ```text
 * for each kind: rows u32 | for each row its ids, int32 each | its columns of ints, one after another (see ints.ts)
 *
 *   kind            ids of a row                        columns
 *   inits and acks  rootLo, rootHi, checkLo, checkHi    acker, spout's task (−1: an ack), pending slot (0 then)
 *   fails           rootLo, rootHi                      acker, reason
 *   resets          rootLo, rootHi                      acker
 *   verdicts        rootLo, rootHi                      spout's task, pending slot, reason (0: acked)
 *   timeout resets  rootLo, rootHi                      spout's task, pending slot
 * ```
 *
 * Inits and acks are *folded*: those of one root are one row with the XOR of their checks, since the ledger does nothing
 * else with them. So a tree of a hundred tuples that were all acked here costs its acker one row. All about a root goes
 * to one acker, so the root alone is looked at.
 *
 * Protocol of use: its verbs as things happen; when it calls `large`, or at the end of a turn with `told` above 0, hand
 * it to a link as the body of a frame of type `acks` and `clear` it. One call of user code may ack any number of tuples,
 * so `large` has to be heard: a frame holds 30,000 rows and no more.
 */
export class AckEncoder implements Body, AckSink {
  /** How many verbs were called since the last `clear`. */
  told = 0
  readonly #trees = new Trees()
  readonly #fails = new Rows(failIds, 2)
  readonly #resets = new Rows(resetIds, 1)
  readonly #verdicts = new Rows(verdictIds, 3)
  readonly #timeoutResets = new Rows(timeoutResetIds, 2)
  readonly #kinds = [this.#trees, this.#fails, this.#resets, this.#verdicts, this.#timeoutResets] as const
  readonly #large: () => void
  /** At so many `told` the size is looked at. */
  #lookAt = lookEvery

  /** `large` is called from within a verb when it is time to send. */
  constructor(large: () => void = () => undefined) {
    this.#large = large
  }

  get byteLength(): number {
    let bytes = 0
    for (const kind of this.#kinds) bytes += kind.byteLength
    return bytes
  }

  init(
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    pendingSlot: number,
  ): void {
    this.#trees.fold(acker, rootLo, rootHi, checkLo, checkHi, spoutTask, pendingSlot)
    if (++this.told >= this.#lookAt) this.#look()
  }

  ack(acker: number, rootLo: number, rootHi: number, checkLo: number, checkHi: number): void {
    this.#trees.fold(acker, rootLo, rootHi, checkLo, checkHi, -1, 0)
    if (++this.told >= this.#lookAt) this.#look()
  }

  fail(acker: number, rootLo: number, rootHi: number, reason: number): void {
    const { columns } = this.#fails
    const row = this.#fails.add(rootLo, rootHi)
    ;(columns[0] as Int32Array)[row] = acker
    ;(columns[1] as Int32Array)[row] = reason
    if (++this.told >= this.#lookAt) this.#look()
  }

  resetTimeout(acker: number, rootLo: number, rootHi: number): void {
    const row = this.#resets.add(rootLo, rootHi)
    ;(this.#resets.columns[0] as Int32Array)[row] = acker
    if (++this.told >= this.#lookAt) this.#look()
  }

  verdict(spoutTask: number, pendingSlot: number, rootLo: number, rootHi: number, reason: number): void {
    const row = this.#verdicts.add(rootLo, rootHi)
    const { columns } = this.#verdicts
    ;(columns[0] as Int32Array)[row] = spoutTask
    ;(columns[1] as Int32Array)[row] = pendingSlot
    ;(columns[2] as Int32Array)[row] = reason
    if (++this.told >= this.#lookAt) this.#look()
  }

  timeoutReset(spoutTask: number, pendingSlot: number, rootLo: number, rootHi: number): void {
    const row = this.#timeoutResets.add(rootLo, rootHi)
    const { columns } = this.#timeoutResets
    ;(columns[0] as Int32Array)[row] = spoutTask
    ;(columns[1] as Int32Array)[row] = pendingSlot
    if (++this.told >= this.#lookAt) this.#look()
  }

  write(out: Arena, start: number): number {
    let at = start
    for (const kind of this.#kinds) at = kind.write(out, at)
    return at
  }

  clear(): void {
    for (const kind of this.#kinds) kind.clear()
    this.told = 0
    this.#lookAt = lookEvery
  }

  #look(): void {
    this.#lookAt += lookEvery
    if (this.byteLength >= largeBytes) this.#large()
  }
}

/** The hash has 16 bits, and half of the cells stay free. */
const tableRootsMax = 32_768

const treeIds = 4
const failIds = 2
const resetIds = 2
const verdictIds = 2
const timeoutResetIds = 2

/** Inits and acks, folded: eight int32 each: rootLo, rootHi, checkLo, checkHi, acker, spout's task, pending slot, unused. */
class Trees {
  count = 0
  #rows = new Int32Array(512)
  /** Where a root is: its row plus one; 0 in a free cell. At most half full. */
  #table = new Int32Array(256)
  #roots = 0
  #column = new Int32Array(64)
  #haveOneAcker = true
  #haveInits = false

  get byteLength(): number {
    return 4 + this.count * 16 + 3 * intsBytesMax(this.count)
  }

  /** `spoutTask` −1: an ack. */
  fold(
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    pendingSlot: number,
  ): void {
    const rows = this.#rows
    if (spoutTask >= 0) this.#haveInits = true
    const cell = this.#find(rootLo, rootHi)
    const entry = this.#table[cell] as number
    if (entry !== 0) {
      const at = (entry - 1) << 3
      rows[at + 2] = (rows[at + 2] as number) ^ checkLo
      rows[at + 3] = (rows[at + 3] as number) ^ checkHi
      if (spoutTask >= 0) {
        rows[at + 5] = spoutTask
        rows[at + 6] = pendingSlot
      }
      return
    }
    const at = this.count << 3
    if (acker !== rows[4] && at > 0) this.#haveOneAcker = false
    rows[at] = rootLo
    rows[at + 1] = rootHi
    rows[at + 2] = checkLo
    rows[at + 3] = checkHi
    rows[at + 4] = acker
    rows[at + 5] = spoutTask
    rows[at + 6] = pendingSlot
    this.count++
    if (at + 8 === rows.length) this.#rows = twice(rows)
    // In a table that is as large as may be and full, the root is not folded.
    if (this.#roots === tableRootsMax) return
    this.#table[cell] = this.count
    if (++this.#roots * 2 > this.#table.length) this.#growTable()
  }

  write(out: Arena, start: number): number {
    const { count } = this
    const rows = this.#rows
    const { ints } = out
    let to = start >> 2
    ints[to++] = count
    if (count === 0) return start + 4
    for (let at = 0; at < count << 3; at += 8) {
      ints[to] = rows[at] as number
      ints[to + 1] = rows[at + 1] as number
      ints[to + 2] = rows[at + 2] as number
      ints[to + 3] = rows[at + 3] as number
      to += treeIds
    }
    let end = to << 2
    end = this.#haveOneAcker ? writeSame(out, end, rows[4] as number) : this.#writeColumn(out, end, 4)
    if (this.#haveInits) return this.#writeColumn(out, this.#writeColumn(out, end, 5), 6)
    return writeSame(out, writeSame(out, end, -1), 0)
  }

  clear(): void {
    this.count = 0
    this.#haveOneAcker = true
    this.#haveInits = false
    if (this.#roots > 0) this.#table.fill(0)
    this.#roots = 0
  }

  #writeColumn(out: Arena, start: number, which: number): number {
    const { count } = this
    const rows = this.#rows
    if (this.#column.length < count) this.#column = new Int32Array(rows.length >> 3)
    const column = this.#column
    for (let i = 0, at = which; i < count; i++, at += 8) column[i] = rows[at] as number
    return writeInts(out, start, column, count)
  }

  /** The cell of the root, or the free one where it would go. */
  #find(rootLo: number, rootHi: number): number {
    const table = this.#table
    const rows = this.#rows
    const mask = table.length - 1
    // Ids are evenly spread, but all that are for one acker may have the same low bits.
    let cell = (Math.imul(rootLo ^ rootHi, 0x9e3779b1) >>> 16) & mask
    for (;;) {
      const entry = table[cell] as number
      if (entry === 0) return cell
      const at = (entry - 1) << 3
      if (rows[at] === rootLo && rows[at + 1] === rootHi) return cell
      cell = (cell + 1) & mask
    }
  }

  #growTable(): void {
    const rows = this.#rows
    const before = this.#table
    this.#table = new Int32Array(before.length * 2)
    for (const entry of before) {
      if (entry === 0) continue
      const at = (entry - 1) << 3
      this.#table[this.#find(rows[at] as number, rows[at + 1] as number)] = entry
    }
  }
}

/** Rows of another kind. */
class Rows {
  count = 0
  ids: Int32Array
  readonly columns: Int32Array[]
  readonly #idsPerRow: number

  constructor(idsPerRow: number, columns: number) {
    this.#idsPerRow = idsPerRow
    this.ids = new Int32Array(64 * idsPerRow)
    this.columns = Array.from({ length: columns }, () => new Int32Array(64))
  }

  get byteLength(): number {
    return 4 + this.count * this.#idsPerRow * 4 + this.columns.length * intsBytesMax(this.count)
  }

  /** Makes a row with the first two ids, and returns its index: the caller sets everything else. */
  add(rootLo: number, rootHi: number): number {
    const row = this.count
    if (row === (this.columns[0] as Int32Array).length) this.#grow()
    const at = row * this.#idsPerRow
    this.ids[at] = rootLo
    this.ids[at + 1] = rootHi
    this.count = row + 1
    return row
  }

  write(out: Arena, start: number): number {
    const { count } = this
    out.ints[start >> 2] = count
    if (count === 0) return start + 4
    const ids = count * this.#idsPerRow
    out.ints.set(this.ids.subarray(0, ids), (start >> 2) + 1)
    let at = start + 4 + ids * 4
    for (const column of this.columns) at = writeInts(out, at, column, count)
    return at
  }

  clear(): void {
    this.count = 0
  }

  #grow(): void {
    this.ids = twice(this.ids)
    for (let i = 0; i < this.columns.length; i++) this.columns[i] = twice(this.columns[i] as Int32Array)
  }
}

/** Takes frames of acks apart. */
export class AckDecoder {
  /** Of the kind that is read. */
  #first = new Int32Array(64)
  #second = new Int32Array(64)
  #third = new Int32Array(64)
  #count = 0
  #ids = 0

  /**
   * Hands on what stands in the arena from `start` to `end`, kind after kind. Throws BAD_FRAME; what came before the bad
   * place has been handed on then, which does no harm: each row stands for itself. Returns how many rows there were.
   */
  decode(from: Arena, start: number, end: number, sink: AckSink): number {
    const { ints } = from
    let at = this.#readRows(from, start, end, treeIds, 3)
    let rows = this.#count
    for (let i = 0, id = this.#ids; i < this.#count; i++, id += treeIds) {
      const acker = this.#first[i] as number
      const spoutTask = this.#second[i] as number
      const rootLo = ints[id] as number
      const rootHi = ints[id + 1] as number
      const checkLo = ints[id + 2] as number
      const checkHi = ints[id + 3] as number
      if (spoutTask < 0) sink.ack(acker, rootLo, rootHi, checkLo, checkHi)
      else sink.init(acker, rootLo, rootHi, checkLo, checkHi, spoutTask, this.#third[i] as number)
    }
    at = this.#readRows(from, at, end, failIds, 2)
    rows += this.#count
    for (let i = 0, id = this.#ids; i < this.#count; i++, id += failIds) {
      sink.fail(this.#first[i] as number, ints[id] as number, ints[id + 1] as number, this.#second[i] as number)
    }
    at = this.#readRows(from, at, end, resetIds, 1)
    rows += this.#count
    for (let i = 0, id = this.#ids; i < this.#count; i++, id += resetIds) {
      sink.resetTimeout(this.#first[i] as number, ints[id] as number, ints[id + 1] as number)
    }
    at = this.#readRows(from, at, end, verdictIds, 3)
    rows += this.#count
    for (let i = 0, id = this.#ids; i < this.#count; i++, id += verdictIds) {
      sink.verdict(
        this.#first[i] as number,
        this.#second[i] as number,
        ints[id] as number,
        ints[id + 1] as number,
        this.#third[i] as number,
      )
    }
    at = this.#readRows(from, at, end, timeoutResetIds, 2)
    rows += this.#count
    for (let i = 0, id = this.#ids; i < this.#count; i++, id += timeoutResetIds) {
      sink.timeoutReset(this.#first[i] as number, this.#second[i] as number, ints[id] as number, ints[id + 1] as number)
    }
    if (at !== end) throw new StormError('BAD_FRAME', 'A frame of acks goes on after its last row.')
    return rows
  }

  /** Finds the ids of one kind and takes its columns out. Returns where it ends. */
  #readRows(from: Arena, start: number, end: number, idsPerRow: number, columns: number): number {
    if (start + 4 > end) throw cutOff()
    const count = from.ints[start >> 2] as number
    this.#count = count
    this.#ids = (start >> 2) + 1
    if (count === 0) return start + 4
    let at = start + 4 + count * idsPerRow * 4
    if (count < 0 || at > end) throw cutOff()
    if (this.#first.length < count) {
      this.#first = new Int32Array(count)
      this.#second = new Int32Array(count)
      this.#third = new Int32Array(count)
    }
    at = readInts(from, at, end, count, this.#first)
    if (columns > 1) at = readInts(from, at, end, count, this.#second)
    if (columns > 2) at = readInts(from, at, end, count, this.#third)
    return at
  }
}

function twice(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2)
  grown.set(array)
  return grown
}
