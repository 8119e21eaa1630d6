import { StormError } from '../errors.js'
import { assert } from '../stdx/assert.js'
import { describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import type { Arena } from './arena.js'
import { absent, Column, columnHeadBytes, ColumnReader } from './column.js'
import { bodyBytesMax, type Body } from './frame.js'
import { cutOff, intsBytesMax, readInts, writeInts } from './ints.js'
import type { WireStream } from './streams.js'
import type { Text } from './text.js'
import { tooLarge, ValuePacker } from './values.js'

/**
 * Tuples as the body of a frame, column by column: one block for each stream, and the order in which the blocks' rows
 * come, so that the tuples arrive as they were added whatever streams they are on.
 *
 * ```text
 * runs u32 | blocks u32 | runs times: block u16, rows u16 | blocks
 * a block:
 *   stream u16, fields u16 | rows u32 | source task, target task, acker: ints each (see ints.ts)
 *   | for each row rootLo, rootHi, checkLo, checkHi, int32 each; left out where no row has an acker
 *   | count u32, then so many int32: for each row with further roots: row, number of int32 that follow,
 *     five for each root: acker, rootLo, rootHi, checkLo, checkHi
 *   | a column for each field (see column.ts)
 * ```
 *
 * Everything in a block begins at a multiple of 4.
 */

/** A tuple as it is sent; the engine's own tuples are such. */
export interface WireTuple {
  readonly values: object
  /** Index of the acker of the first root; −1: the tuple belongs to no tree. */
  readonly acker: number
  readonly rootLo: number
  readonly rootHi: number
  readonly checkLo: number
  readonly checkHi: number
  /** Every further root, five numbers each: acker, rootLo, rootHi, checkLo, checkHi. */
  readonly more: readonly number[] | null
}

/** Where decoded tuples go: one call each, in the order in which they were added. `values` and `more` are the receiver's to keep. */
export interface TupleSink {
  tuple(
    sourceTask: number,
    stream: number,
    targetTask: number,
    values: object,
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    more: number[] | null,
  ): void
}

/** More tuples are not put into one frame, whatever their size: it bounds what a frame can make a receiver allocate. */
const rowsMax = 65_535
/** Past this size a frame gains nothing any more. */
const largeBytes = 65_536
/** For each further root of a tuple. */
const rootInts = 5
const rootsMax = 1_024

/**
 * The tuples for one worker that are not sent yet.
 *
 * Protocol of use: `add` as tuples come; when `isLarge`, or at the end of a turn with `rows` above 0, hand it to a link
 * as the body of a frame of type `tuples` and `clear` it. It is filled again and again and keeps its memory.
 */
export class TupleEncoder implements Body {
  rows = 0
  byteLength = emptyBytes
  readonly #text: Text
  readonly #packer: ValuePacker
  /** By number of stream. */
  readonly #blocks: (Block | undefined)[] = []
  /** Those with rows, in the order of their first one. */
  readonly #open: Block[] = []
  #runs = new Int32Array(16)
  #runCount = 0

  constructor(text: Text) {
    this.#text = text
    this.#packer = new ValuePacker(text)
  }

  /** It is time to send. */
  get isLarge(): boolean {
    return this.byteLength >= largeBytes || this.rows === rowsMax
  }

  /**
   * Adds a tuple. Its values are copied at once: what becomes of them later does not matter. Returns false, and adds
   * nothing, when it does not fit in with the others: send these and add it then. Throws UNENCODABLE_VALUE for values
   * that would not arrive as they are or have a field that the stream has not, TUPLE_TOO_LARGE for more than a frame
   * holds; nothing is added then.
   */
  add(sourceTask: number, stream: WireStream, targetTask: number, tuple: WireTuple): boolean {
    if (this.rows === rowsMax) return false
    const block = this.#blocks[stream.number] ?? this.#newBlock(stream)
    const isFirst = block.rows === 0
    const added = block.add(sourceTask, targetTask, tuple) + (isFirst ? block.headBytes : 0)
    if (this.byteLength + added > bodyBytesMax) {
      block.dropLast(tuple)
      if (this.rows === 0) throw inStream(stream, tooLarge())
      return false
    }
    if (isFirst) {
      block.index = this.#open.length
      this.#open.push(block)
    }
    this.byteLength += added
    this.rows++
    this.#countRun(block.index)
    return true
  }

  /** Throws what `add` would throw for such values, but for their size in all; adds nothing. */
  check(stream: WireStream, values: object): void {
    ;(this.#blocks[stream.number] ?? this.#newBlock(stream)).check(values)
  }

  write(out: Arena, start: number): number {
    const { ints } = out
    let at = start >> 2
    ints[at++] = this.#runCount
    ints[at++] = this.#open.length
    for (let i = 0; i < this.#runCount; i++) ints[at++] = this.#runs[i] as number
    let end = at << 2
    for (const block of this.#open) end = block.write(out, end)
    return end
  }

  clear(): void {
    for (const block of this.#open) block.clear()
    this.#open.length = 0
    this.#runCount = 0
    this.rows = 0
    this.byteLength = emptyBytes
  }

  #newBlock(stream: WireStream): Block {
    const block = new Block(stream, this.#text, this.#packer)
    this.#blocks[stream.number] = block
    return block
  }

  /** A run is `block | rows << 16`. */
  #countRun(block: number): void {
    const last = this.#runCount - 1
    if (last >= 0) {
      const run = this.#runs[last] as number
      if ((run & 0xffff) === block && run >>> 16 !== 0xffff) {
        this.#runs[last] = run + 0x1_0000
        return
      }
    }
    if (this.#runCount === this.#runs.length) {
      this.#runs = twice(this.#runs)
    }
    this.#runs[this.#runCount++] = block | 0x1_0000
    this.byteLength += 4
  }
}

/** The tuples of one stream. */
class Block {
  rows = 0
  /** Among the blocks that have rows. */
  index = 0
  /** What it takes beside its rows, at the most. */
  readonly headBytes: number
  readonly #stream: WireStream
  readonly #fields: readonly string[]
  readonly #columns: Column[]
  readonly #packer: ValuePacker
  #sources = new Int32Array(64)
  #targets = new Int32Array(64)
  #ackers = new Int32Array(64)
  /** Four for each row: rootLo, rootHi, checkLo, checkHi. */
  #ids = new Int32Array(256)
  #areTracked = false
  /** Before the last row. */
  #wasTracked = false
  readonly #more: number[] = []

  constructor(stream: WireStream, text: Text, packer: ValuePacker) {
    assert(stream.number >= 0 && stream.number <= 0xffff, 'a topology has up to 65,536 streams')
    assert(!stream.fields.includes('__proto__'), `no field is called '__proto__'`)
    this.#stream = stream
    this.#fields = stream.fields
    this.#columns = stream.fields.map(() => new Column(text, packer))
    this.#packer = packer
    this.headBytes = 12 + 3 * intsBytesMax(0) + stream.fields.length * columnHeadBytes
  }

  /** Returns the bytes added, at the most. */
  add(sourceTask: number, targetTask: number, tuple: WireTuple): number {
    const values = tuple.values as Record<string, unknown>
    const fields = this.#fields
    const row = this.rows
    if (row === this.#sources.length) this.#grow()
    let bytes = this.#areTracked ? 28 : 12
    let i = 0
    try {
      let properties = 0
      for (const _ in values) properties++
      if (properties !== fields.length || values['constructor'] !== Object) this.#checkFields(values)
      for (; i < fields.length; i++) {
        const field = fields[i] as string
        const value = values[field]
        const isAbsent = value === undefined && !(field in values)
        // Then another one may be there in its place.
        if (isAbsent) this.#checkFields(values)
        bytes += (this.#columns[i] as Column).add(isAbsent ? absent : value)
      }
    } catch (error) {
      while (i > 0) (this.#columns[--i] as Column).dropLast()
      throw inStream(this.#stream, error)
    }
    this.#wasTracked = this.#areTracked
    this.#sources[row] = sourceTask
    this.#targets[row] = targetTask
    this.#ackers[row] = tuple.acker
    if (tuple.acker >= 0) {
      if (!this.#areTracked) bytes += this.#track()
      const ids = this.#ids
      const at = row << 2
      ids[at] = tuple.rootLo
      ids[at + 1] = tuple.rootHi
      ids[at + 2] = tuple.checkLo
      ids[at + 3] = tuple.checkHi
      if (tuple.more !== null) bytes += this.#addMore(row, tuple.more)
    } else if (this.#areTracked) this.#ids.fill(0, row << 2, (row << 2) + 4)
    this.rows++
    return bytes
  }

  dropLast(tuple: WireTuple): void {
    this.rows--
    for (const column of this.#columns) column.dropLast()
    if (tuple.acker >= 0 && tuple.more !== null) this.#more.length -= tuple.more.length + 2
    this.#areTracked = this.#wasTracked
  }

  check(values: object): void {
    try {
      this.#checkFields(values)
      for (const field of this.#fields) {
        const value = (values as Record<string, unknown>)[field]
        if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'object') {
          this.#packer.check(value)
        }
      }
    } catch (error) {
      throw inStream(this.#stream, error)
    }
  }

  write(out: Arena, start: number): number {
    const { ints } = out
    const { rows } = this
    ints[start >> 2] = this.#stream.number | (this.#fields.length << 16)
    ints[(start >> 2) + 1] = rows
    let end = writeInts(out, start + 8, this.#sources, rows)
    end = writeInts(out, end, this.#targets, rows)
    end = writeInts(out, end, this.#ackers, rows)
    let at = end >> 2
    if (this.#areTracked) {
      ints.set(this.#ids.subarray(0, rows * 4), at)
      at += rows * 4
    }
    ints[at++] = this.#more.length
    for (let i = 0; i < this.#more.length; i++) ints[at++] = this.#more[i] as number
    end = at << 2
    for (const column of this.#columns) end = column.write(out, end)
    return end
  }

  clear(): void {
    this.rows = 0
    this.#areTracked = false
    this.#more.length = 0
    for (const column of this.#columns) column.clear()
  }

  /** From now on all rows have ids. Returns the bytes that this takes. */
  #track(): number {
    this.#areTracked = true
    this.#ids.fill(0, 0, this.rows * 4)
    return (this.rows + 1) * 16
  }

  #addMore(row: number, more: readonly number[]): number {
    this.#more.push(row, more.length)
    for (let i = 0; i < more.length; i++) this.#more.push(more[i] as number)
    return 8 + more.length * 4
  }

  /** Fewer properties than fields is well: they arrive as fewer. A property that is no field would not arrive, nor would a class. */
  #checkFields(values: object): void {
    const prototype: unknown = Object.getPrototypeOf(values)
    if (prototype !== Object.prototype && prototype !== null) {
      throw new StormError(
        'UNENCODABLE_VALUE',
        `${describeValue(values)} as its values, which would arrive at another worker as a plain object; emit one.`,
      )
    }
    for (const name of Object.keys(values)) {
      if (this.#fields.includes(name)) continue
      throw new StormError(
        'UNENCODABLE_VALUE',
        `the property ${quoted(name)}, which is no field of the stream and would not arrive at another worker.`,
      )
    }
  }

  #grow(): void {
    this.#sources = twice(this.#sources)
    this.#targets = twice(this.#targets)
    this.#ackers = twice(this.#ackers)
    this.#ids = twice(this.#ids)
  }
}

/** Takes frames of tuples apart. Knows the streams by their number. */
export class TupleDecoder {
  readonly #streams: readonly WireStream[]
  readonly #columns: ColumnReader
  readonly #blocks: DecodedBlock[] = []

  constructor(streams: readonly WireStream[], text: Text) {
    this.#streams = streams
    this.#columns = new ColumnReader(text, new ValuePacker(text))
  }

  /**
   * Hands on the tuples of a body that stands in the arena from `start` to `end`. Everything is checked before the
   * first is handed on: throws BAD_FRAME, and nothing is. Returns how many there were.
   */
  decode(from: Arena, start: number, end: number, sink: TupleSink): number {
    if (start + 8 > end) throw cutOff()
    const { ints } = from
    const runs = ints[start >> 2] as number
    const blockCount = ints[(start >> 2) + 1] as number
    const firstRun = (start >> 2) + 2
    if (runs < 0 || runs > rowsMax || blockCount < 0 || blockCount > runs || (firstRun + runs) << 2 > end)
      throw cutOff()
    const blocks = this.#blocks
    let at = (firstRun + runs) << 2
    let rows = 0
    for (let i = 0; i < blockCount; i++) {
      const block = (blocks[i] ??= new DecodedBlock())
      at = block.read(from, at, end, rowsMax - rows, this.#streams, this.#columns)
      rows += block.rows
    }
    if (at !== end) throw new StormError('BAD_FRAME', 'A frame of tuples goes on after its last block.')
    this.#checkRuns(ints, firstRun, runs, blockCount)
    for (let i = 0; i < runs; i++) {
      const run = ints[firstRun + i] as number
      ;(blocks[run & 0xffff] as DecodedBlock).handOn(run >>> 16, sink)
    }
    for (let i = 0; i < blockCount; i++) (blocks[i] as DecodedBlock).clear()
    return rows
  }

  #checkRuns(ints: Int32Array, firstRun: number, runs: number, blockCount: number): void {
    for (let i = 0; i < runs; i++) {
      const run = ints[firstRun + i] as number
      if ((run & 0xffff) >= blockCount) throw badRuns()
      ;(this.#blocks[run & 0xffff] as DecodedBlock).told += run >>> 16
    }
    for (let i = 0; i < blockCount; i++) {
      const block = this.#blocks[i] as DecodedBlock
      if (block.told !== block.rows) throw badRuns()
    }
  }
}

class DecodedBlock {
  rows = 0
  /** Rows that the runs speak of. */
  told = 0
  #stream = 0
  #next = 0
  #areTracked = false
  #sources = new Int32Array(64)
  #targets = new Int32Array(64)
  #ackers = new Int32Array(64)
  /** Where the ids begin in the arena, as an index of int32. */
  #ids = 0
  #ints: Int32Array = new Int32Array(0)
  #values: (object | undefined)[] = []
  readonly #more = new Map<number, number[]>()

  /** Returns where the block ends. */
  read(
    from: Arena,
    start: number,
    end: number,
    rowsLeft: number,
    streams: readonly WireStream[],
    columns: ColumnReader,
  ): number {
    if (start + 8 > end) throw cutOff()
    const { ints } = from
    const head = ints[start >> 2] as number
    const rows = ints[(start >> 2) + 1] as number
    const stream = streams[head & 0xffff]
    if (rows < 0 || rows > rowsLeft) throw new StormError('BAD_FRAME', `A frame tells of more than ${rowsMax} tuples.`)
    if (stream === undefined)
      throw new StormError('BAD_FRAME', `A frame has tuples of the unknown stream ${head & 0xffff}.`)
    if (head >>> 16 !== stream.fields.length) throw misfit(stream, head >>> 16)
    this.rows = rows
    this.told = 0
    this.#next = 0
    this.#stream = stream.number
    this.#ints = ints
    if (this.#sources.length < rows) {
      this.#sources = new Int32Array(rows)
      this.#targets = new Int32Array(rows)
      this.#ackers = new Int32Array(rows)
    }
    let at = readInts(from, start + 8, end, rows, this.#sources)
    at = readInts(from, at, end, rows, this.#targets)
    at = readInts(from, at, end, rows, this.#ackers)
    this.#areTracked = false
    for (let i = 0; i < rows; i++) if ((this.#ackers[i] as number) >= 0) this.#areTracked = true
    this.#ids = at >> 2
    if (this.#areTracked) at += rows * 16
    at = this.#readMore(ints, at, end)
    // Kept for the next frame, as an array that is filled by `push` is copied again and again while it grows.
    const values = this.#values
    for (let i = 0; i < rows; i++) values[i] = {}
    for (const field of stream.fields) at = columns.read(from, at, end, rows, field, values as object[])
    return at
  }

  /** The next `rows` rows. */
  handOn(rows: number, sink: TupleSink): void {
    const ints = this.#ints
    const last = this.#next + rows
    for (let i = this.#next; i < last; i++) {
      const source = this.#sources[i] as number
      const target = this.#targets[i] as number
      const values = this.#values[i] as object
      this.#values[i] = undefined
      if (this.#areTracked) {
        const id = this.#ids + (i << 2)
        sink.tuple(
          source,
          this.#stream,
          target,
          values,
          this.#ackers[i] as number,
          ints[id] as number,
          ints[id + 1] as number,
          ints[id + 2] as number,
          ints[id + 3] as number,
          this.#more.size === 0 ? null : (this.#more.get(i) ?? null),
        )
      } else sink.tuple(source, this.#stream, target, values, -1, 0, 0, 0, 0, null)
    }
    this.#next = last
  }

  /** Forgets what is the receiver's now. */
  clear(): void {
    this.#more.clear()
  }

  #readMore(ints: Int32Array, start: number, end: number): number {
    this.#more.clear()
    if (start + 4 > end) throw cutOff()
    let at = start >> 2
    const count = ints[at++] as number
    const last = at + count
    if (count < 0 || last << 2 > end) throw cutOff()
    while (at < last) {
      const row = ints[at] as number
      const size = ints[at + 1] as number
      at += 2
      const fits = size > 0 && size <= rootsMax * rootInts && size % rootInts === 0 && at + size <= last
      if (!fits || row < 0 || row >= this.rows)
        throw new StormError('BAD_FRAME', 'A frame has further roots that fit no tuple.')
      this.#more.set(row, Array.from(ints.subarray(at, at + size)))
      at += size
    }
    return at << 2
  }
}

/** Of a frame without tuples. */
const emptyBytes = 8

function twice(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2)
  grown.set(array)
  return grown
}

const badRuns = () => new StormError('BAD_FRAME', 'The order of the tuples in a frame does not fit its blocks.')

const misfit = ({ component, stream, fields }: WireStream, count: number) =>
  new StormError(
    'ARITY_MISMATCH',
    `A frame has tuples of ${count} values on stream '${stream}' of component '${component}', which has ${fields.length} fields: the workers do not run the same topology.`,
  )

/** Completes the sentence of an error about values: who emitted them, and on which stream. */
function inStream({ component, stream }: WireStream, error: unknown): unknown {
  if (!(error instanceof StormError)) return error
  return new StormError(error.code, `Component '${component}' emitted on its stream '${stream}' ${error.message}`, {
    cause: error,
  })
}
