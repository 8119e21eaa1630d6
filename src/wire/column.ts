import { StormError } from '../errors.js'
import { roundUp4, roundUp8, type Arena } from './arena.js'
import { cutOff, readInts, writeInts } from './ints.js'
import { KnownTexts } from './known-texts.js'
import type { Text } from './text.js'
import { isWellFormed, tooLarge, type ValuePacker } from './values.js'

/**
 * One field of a batch of tuples. A column is of the first kind that fits all its values:
 *
 * ```text
 * numbers   0 | ints (see ints.ts)
 * doubles   1 | zeros up to a multiple of 8 | float64 each
 * booleans  2 | ints
 * texts     3 | bytes in all u32 | ints: length of each | a byte a character (latin-1) | zeros up to a multiple of 4
 * cells     4 | bytes in all u32 | for each: tag u8, then what it asks for | zeros up to a multiple of 4
 * repeated  5 | different ones u32, bytes in all u32 | ints: length of each different one | ints: which one, for each row
 *               | a byte a character (latin-1) | zeros up to a multiple of 4
 * ```
 *
 * The kind is a u32, the column begins and ends at a multiple of 4. Lengths and numbers in cells begin anywhere.
 */
const kinds = { numbers: 0, doubles: 1, booleans: 2, texts: 3, cells: 4, repeated: 5 } as const

const tags = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** The object has no such property. */
  absent: 4,
  /** An int32. */
  int: 5,
  /** A float64. */
  double: 6,
  /** A length as u32, then so many bytes; here and below. A byte a character. */
  latin1: 7,
  utf8: 8,
  /** For what is not well-formed. */
  utf16: 9,
  /** A packed value (see values.ts). */
  packed: 10,
  dressed: 11,
} as const

/** No value but a property that is not there. */
export const absent: unique symbol = Symbol('absent')

/** Up to this length a loop over the characters is faster than a call that crosses into Node. */
const loopMax = 32
/** V8 copies parts of a text that are shorter than this; a longer one would keep the whole column alive. */
const sliceMin = 13

/** What a column takes beside its rows, at the most. */
export const columnHeadBytes = 32

/** Longer texts are not looked for. */
const soughtMax = 64
/** So many texts are remembered from one batch to the next. */
const rememberedMax = 512
/** Batches are counted up to here. */
const batchMax = 2 ** 30
/** Of a batch with fewer rows, nothing is learnt. */
const rowsToLearn = 64
/** A column whose texts each come so often on an average has ones that are likely known from earlier batches. */
const rowsOften = 4
/** Batches that are not searched after one in which few texts came again. */
const batchesUnsearched = 32

/**
 * The values of one field, while a batch is filled.
 *
 * Texts that come again within a batch, as words and names do, are sent once: the receiver makes one string of all, whose
 * hash is known when it is a key for the second time. Looking for them costs some nanoseconds a text; where few are found
 * it is left alone for a while.
 */
export class Column {
  #rows = 0
  /** −1: nothing has come yet, and any kind fits. */
  #kind: number = -1
  #numbers = new Float64Array(64)
  #areInts = true
  #lengths = new Int32Array(64)
  #bytes = new Uint8Array(1_024)
  #view = new DataView(this.#bytes.buffer)
  #used = 0
  /** `#used` before the last row. */
  #usedBefore = 0
  /** What the last `add` has made cells of: a kind, and the bytes of texts; null: of nothing. */
  #beforeCells: { readonly kind: number; readonly texts: Uint8Array } | null = null
  /** Texts are looked for; else each one counts as different. */
  #isSearched = true
  #unsearchedLeft = 0
  /** Different texts so far, and before the last row. */
  #distinct = 0
  #distinctBefore = 0
  /** While texts are looked for: where each different one begins, and which one each row has. */
  #offsets = new Int32Array(64)
  #places = new Int32Array(64)
  /**
   * Texts of this batch and of earlier ones, numbered as they came: a table by the string itself, whose hash V8 keeps
   * with it, finds one before a single character is looked at.
   */
  readonly #remembered = new Map<string, number>()
  /** By that number: the last batch that has the text, and its place there. */
  readonly #batchOf = new Int32Array(rememberedMax)
  readonly #placeOf = new Int32Array(rememberedMax)
  /** Counted from 1. */
  #batch = 1
  /** The number of the last text that was new to its batch; −1: it has none. */
  #newest = -1
  readonly #text: Text
  readonly #packer: ValuePacker

  constructor(text: Text, packer: ValuePacker) {
    this.#text = text
    this.#packer = packer
  }

  clear(): void {
    if (this.#kind === kinds.texts) this.#learn()
    // Else a text of weeks ago would pass for one of this batch.
    if (++this.#batch === batchMax) this.#forget()
    this.#distinct = 0
    this.#rows = 0
    this.#kind = -1
    this.#areInts = true
    this.#used = 0
    if (this.#bytes.length > bytesKept) {
      this.#bytes = new Uint8Array(1_024)
      this.#view = new DataView(this.#bytes.buffer)
    }
  }

  /** No less than `write` needs. */
  get byteLength(): number {
    return columnHeadBytes + this.#rows * 8 + this.#used
  }

  /** Throws UNENCODABLE_VALUE or TUPLE_TOO_LARGE, and then nothing is added. Returns the bytes added, at the most. */
  add(value: unknown): number {
    if (this.#rows === this.#numbers.length) this.#grow()
    const used = (this.#usedBefore = this.#used)
    this.#distinctBefore = this.#distinct
    this.#beforeCells = null
    try {
      this.#add(value)
    } catch (error) {
      this.#undoCells()
      throw error
    }
    this.#rows++
    // What it took to make cells of the rows so far is told with this row.
    return this.#used - used + 8
  }

  #add(value: unknown): void {
    switch (this.#kind) {
      case kinds.numbers:
        if (typeof value === 'number') this.#addNumber(value)
        else this.#addCell(value)
        break
      case kinds.texts:
        if (typeof value !== 'string' || !this.#addText(value)) this.#addCell(value)
        break
      case kinds.booleans:
        if (typeof value === 'boolean') this.#numbers[this.#rows] = value ? 1 : 0
        else this.#addCell(value)
        break
      case kinds.cells:
        this.#addCell(value)
        break
      default:
        this.#addFirst(value)
    }
  }

  /** Takes the last row away, as another column could not take its own. To be called right after `add`. */
  dropLast(): void {
    this.#rows--
    if (this.#beforeCells !== null) this.#undoCells()
    else if (this.#kind === kinds.texts || this.#kind === kinds.cells) this.#used = this.#usedBefore
    if (this.#distinct > this.#distinctBefore && this.#newest >= 0) this.#batchOf[this.#newest] = this.#batch - 1
    this.#distinct = this.#distinctBefore
    if (this.#rows === 0) this.clear()
  }

  write(out: Arena, start: number): number {
    const rows = this.#rows
    const { ints, bytes } = out
    ints[start >> 2] = this.#kind
    let at = start + 4
    switch (this.#kind) {
      case kinds.numbers:
      case kinds.booleans: {
        if (this.#areInts) {
          const column = this.#lengths
          for (let i = 0; i < rows; i++) column[i] = this.#numbers[i] as number
          return writeInts(out, at, column, rows)
        }
        ints[start >> 2] = kinds.doubles
        if ((at & 7) !== 0) {
          ints[at >> 2] = 0
          at += 4
        }
        out.doubles.set(this.#numbers.subarray(0, rows), at >> 3)
        return at + rows * 8
      }
      case kinds.texts:
        if (this.#distinct < rows) {
          ints[start >> 2] = kinds.repeated
          ints[at >> 2] = this.#distinct
          at += 4
        }
        ints[at >> 2] = this.#used
        at = writeInts(out, at + 4, this.#lengths, this.#distinct)
        if (this.#distinct < rows) at = writeInts(out, at, this.#places, rows)
        break
      default:
        ints[start >> 2] = kinds.cells
        ints[at >> 2] = this.#used
        at += 4
    }
    bytes.set(this.#bytes.subarray(0, this.#used), at)
    at += this.#used
    while ((at & 3) !== 0) bytes[at++] = 0
    return at
  }

  #addFirst(value: unknown): void {
    if (typeof value === 'number') {
      this.#kind = kinds.numbers
      return this.#addNumber(value)
    }
    if (typeof value === 'boolean') {
      this.#kind = kinds.booleans
      this.#numbers[0] = value ? 1 : 0
      return
    }
    if (typeof value === 'string') {
      this.#kind = kinds.texts
      if (this.#addText(value)) return
    }
    this.#kind = kinds.cells
    this.#addCell(value)
  }

  #addNumber(value: number): void {
    this.#numbers[this.#rows] = value
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) this.#areInts = false
  }

  /** False, and nothing is added, when it has characters that take more than a byte. */
  #addText(value: string): boolean {
    const { length } = value
    const isSought = this.#isSearched && length <= soughtMax
    const number = isSought ? this.#remembered.get(value) : undefined
    if (number !== undefined && this.#batchOf[number] === this.#batch) {
      this.#places[this.#rows] = this.#placeOf[number] as number
      return true
    }
    if (!(length <= loopMax ? this.#writeShort(value) : this.#writeLong(value))) return false
    if (this.#isSearched) {
      this.#offsets[this.#distinct] = this.#used
      this.#places[this.#rows] = this.#distinct
      this.#newest = isSought ? (number ?? this.#remember(value)) : -1
      if (isSought) {
        this.#batchOf[this.#newest] = this.#batch
        this.#placeOf[this.#newest] = this.#distinct
      }
    }
    this.#lengths[this.#distinct++] = length
    this.#used += length
    return true
  }

  /** Writes its characters behind the bytes that are used. */
  #writeShort(value: string): boolean {
    const { length } = value
    const start = this.#used
    if (start + length > this.#bytes.length) this.#makeRoom(length)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0xff) return false
      bytes[start + i] = unit
    }
    return true
  }

  /** Only ASCII stays in a column of texts then: whether it is, Node tells as it writes. */
  #writeLong(value: string): boolean {
    const { length } = value
    if (length > bytesMax) throw tooLarge()
    this.#makeRoom(length * 3)
    return this.#text.writeUtf8(value, this.#bytes, this.#used) === length
  }

  /**
   * Returns the number of a text that was not known and has just been written. It is remembered by a copy: V8 makes a
   * part of a string that is not quite short point into the whole of it, which would live as long.
   */
  #remember(value: string): number {
    if (this.#remembered.size === rememberedMax) this.#forget()
    const number = this.#remembered.size
    const { length } = value
    const own = length < sliceMin ? value : this.#text.latin1(this.#bytes, this.#used, this.#used + length)
    this.#remembered.set(own, number)
    return number
  }

  #forget(): void {
    this.#remembered.clear()
    this.#batchOf.fill(0)
    this.#batch = 1
  }

  /** Whether it pays to look for texts that come again. */
  #learn(): void {
    if (!this.#isSearched) this.#isSearched = --this.#unsearchedLeft <= 0
    else if (this.#rows >= rowsToLearn && this.#distinct * 2 > this.#rows) {
      this.#isSearched = false
      this.#unsearchedLeft = batchesUnsearched
    }
  }

  #addCell(value: unknown): void {
    if (this.#kind !== kinds.cells) {
      this.#makeCells()
      this.#usedBefore = this.#used
    }
    switch (typeof value) {
      case 'string':
        return this.#addTextCell(value)
      case 'number':
        if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
          this.#tag(tags.int, 4)
          this.#view.setInt32(this.#used, value, true)
          this.#used += 4
        } else {
          this.#tag(tags.double, 8)
          this.#view.setFloat64(this.#used, value, true)
          this.#used += 8
        }
        return
      case 'boolean':
        return this.#tag(value ? tags.true : tags.false, 0)
      case 'undefined':
        return this.#tag(tags.undefined, 0)
      default:
        if (value === null) return this.#tag(tags.null, 0)
        if (value === absent) return this.#tag(tags.absent, 0)
    }
    const packed = this.#packer.pack(value)
    this.#tag(this.#packer.isDressed ? tags.dressed : tags.packed, 4 + packed.length)
    this.#view.setUint32(this.#used, packed.length, true)
    this.#bytes.set(packed, this.#used + 4)
    this.#used += 4 + packed.length
  }

  #addTextCell(value: string): void {
    const { length } = value
    if (length > bytesMax) throw tooLarge()
    if (length <= loopMax) {
      this.#tag(tags.latin1, 4 + length)
      const start = this.#used
      const bytes = this.#bytes
      let at = start + 4
      let i = 0
      for (; i < length; i++) {
        const unit = value.charCodeAt(i)
        if (unit > 0xff) break
        bytes[at++] = unit
      }
      if (i === length) {
        this.#view.setUint32(start, length, true)
        this.#used = at
        return
      }
      this.#used = start - 1
    }
    const isUtf8 = isWellFormed(value)
    this.#tag(isUtf8 ? tags.utf8 : tags.utf16, 4 + length * 3)
    const at = this.#used + 4
    let taken = length * 2
    if (isUtf8) taken = this.#text.writeUtf8(value, this.#bytes, at)
    else for (let i = 0; i < length; i++) this.#view.setUint16(at + 2 * i, value.charCodeAt(i), true)
    this.#view.setUint32(this.#used, taken, true)
    this.#used = at + taken
  }

  #tag(tag: number, room: number): void {
    this.#makeRoom(1 + room)
    this.#bytes[this.#used++] = tag
  }

  /** Makes cells of the values so far, as one has come that is of another kind. */
  #makeCells(): void {
    const kind = this.#kind
    const rows = this.#rows
    const texts = this.#bytes.slice(0, this.#used)
    this.#beforeCells = { kind, texts }
    this.#kind = kinds.cells
    this.#used = 0
    let at = 0
    for (let i = 0; i < rows; i++) {
      if (kind === kinds.numbers) this.#addCell(this.#numbers[i])
      else if (kind === kinds.booleans) this.#addCell(this.#numbers[i] === 1)
      else {
        const place = this.#isSearched ? (this.#places[i] as number) : i
        if (this.#isSearched) at = this.#offsets[place] as number
        const length = this.#lengths[place] as number
        this.#tag(tags.latin1, 4 + length)
        this.#view.setUint32(this.#used, length, true)
        this.#bytes.set(texts.subarray(at, at + length), this.#used + 4)
        this.#used += 4 + length
        at += length
      }
    }
  }

  /** The value for which cells were made is not kept: what was there goes on as it was, and takes no more than it did. */
  #undoCells(): void {
    if (this.#beforeCells === null) return
    const { kind, texts } = this.#beforeCells
    this.#beforeCells = null
    this.#kind = kind
    this.#bytes.set(texts)
    this.#used = texts.length
  }

  #makeRoom(bytes: number): void {
    const needed = this.#used + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    const lengths = new Int32Array(numbers.length)
    lengths.set(this.#lengths)
    this.#lengths = lengths
    const offsets = new Int32Array(numbers.length)
    offsets.set(this.#offsets)
    this.#offsets = offsets
    const places = new Int32Array(numbers.length)
    places.set(this.#places)
    this.#places = places
  }
}

/** Memory beyond this is given back after a batch: there is a column for each field of each stream and each other worker. */
const bytesKept = 262_144

/** A text longer than the largest frame is refused before it is looked at. */
const bytesMax = 1_048_576

/** Reads columns and puts what is in them into objects. */
export class ColumnReader {
  readonly #text: Text
  readonly #packer: ValuePacker
  /** For columns of numbers and lengths; as long as the longest so far. */
  #ints = new Int32Array(64)
  /** Which text each row has. */
  #places = new Int32Array(64)
  /** The different ones of a column. */
  readonly #texts: string[] = []
  /** Those that come again within a batch mostly do so in the next one, too. */
  readonly #known: KnownTexts

  constructor(text: Text, packer: ValuePacker) {
    this.#text = text
    this.#packer = packer
    this.#known = new KnownTexts(text)
  }

  /** Gives the first `rows` of `objects` the property `field`. Returns where the column ends. Throws BAD_FRAME. */
  read(from: Arena, start: number, end: number, rows: number, field: string, objects: object[]): number {
    if (start + 8 > end) throw cutOff()
    if (this.#ints.length < rows) this.#ints = new Int32Array(rows)
    const kind = from.ints[start >> 2]
    const into = objects as Record<string, unknown>[]
    switch (kind) {
      case kinds.numbers: {
        const column = this.#ints
        const after = readInts(from, start + 4, end, rows, column)
        for (let i = 0; i < rows; i++) (into[i] as Record<string, unknown>)[field] = column[i]
        return after
      }
      case kinds.doubles: {
        const at = roundUp8(start + 4)
        if (at + rows * 8 > end) throw cutOff()
        const { doubles } = from
        const first = at >> 3
        for (let i = 0; i < rows; i++) (into[i] as Record<string, unknown>)[field] = doubles[first + i]
        return at + rows * 8
      }
      case kinds.booleans: {
        const column = this.#ints
        const after = readInts(from, start + 4, end, rows, column)
        for (let i = 0; i < rows; i++) (into[i] as Record<string, unknown>)[field] = column[i] !== 0
        return after
      }
      case kinds.texts:
        return this.#readTexts(from, start + 4, end, rows, field, into)
      case kinds.repeated:
        return this.#readRepeated(from, start + 4, end, rows, field, into)
      case kinds.cells:
        return this.#readCells(from, start + 4, end, rows, field, into)
      default:
        throw new StormError('BAD_FRAME', `A frame has a column of the unknown kind ${kind}.`)
    }
  }

  #readTexts(
    from: Arena,
    start: number,
    end: number,
    rows: number,
    field: string,
    into: Record<string, unknown>[],
  ): number {
    const total = from.ints[start >> 2] as number
    const at = readInts(from, start + 4, end, rows, this.#ints)
    const after = this.#split(from, at, end, total, rows, false)
    const texts = this.#texts
    for (let i = 0; i < rows; i++) {
      ;(into[i] as Record<string, unknown>)[field] = texts[i]
      texts[i] = ''
    }
    return after
  }

  #readRepeated(
    from: Arena,
    start: number,
    end: number,
    rows: number,
    field: string,
    into: Record<string, unknown>[],
  ): number {
    if (start + 8 > end) throw cutOff()
    const count = from.ints[start >> 2] as number
    const total = from.ints[(start >> 2) + 1] as number
    if (count < 0 || count > rows)
      throw new StormError('BAD_FRAME', 'A column has more different texts than it has texts.')
    let at = readInts(from, start + 8, end, count, this.#ints)
    if (this.#places.length < rows) this.#places = new Int32Array(rows)
    const places = this.#places
    at = readInts(from, at, end, rows, places)
    const isOften = count * rowsOften <= rows
    const after = this.#split(from, at, end, total, count, isOften)
    const texts = this.#texts
    for (let i = 0; i < rows; i++) {
      const place = places[i] as number
      if (place < 0 || place >= count) throw new StormError('BAD_FRAME', 'A column names a text that it has not.')
      ;(into[i] as Record<string, unknown>)[field] = texts[place]
    }
    for (let i = 0; i < count; i++) texts[i] = ''
    return after
  }

  /**
   * Makes so many texts of the `total` bytes from `first` on, whose lengths have been read; `isOften`: ones that are
   * perhaps known. Returns where the column ends.
   */
  #split(from: Arena, first: number, end: number, total: number, count: number, isOften: boolean): number {
    const lengths = this.#ints
    if (total < 0 || first + total > end) throw cutOff()
    let sum = 0
    for (let i = 0; i < count; i++) {
      const length = lengths[i] as number
      if (length < 0) throw cutOff()
      sum += length
    }
    if (sum !== total) throw new StormError('BAD_FRAME', 'The lengths of a column of texts are not what it has.')
    const { bytes } = from
    const text = this.#text
    const texts = this.#texts
    let at = first
    if (isOften) {
      for (let i = 0; i < count; i++) texts[i] = this.#known.of(bytes, at, (at += lengths[i] as number))
      return roundUp4(at)
    }
    // One call for all and parts of its result, where most are short; a call for each one that is not.
    const all = total < count * sliceMin * 2 ? text.latin1(bytes, first, first + total) : ''
    for (let i = 0; i < count; i++) {
      const length = lengths[i] as number
      const after = at + length
      if (length < sliceMin && all !== '') texts[i] = all.substring(at - first, after - first)
      else texts[i] = length === 0 ? '' : text.latin1(bytes, at, after)
      at = after
    }
    return roundUp4(at)
  }

  #readCells(
    from: Arena,
    start: number,
    end: number,
    rows: number,
    field: string,
    into: Record<string, unknown>[],
  ): number {
    const { bytes, view, ints } = from
    const total = ints[start >> 2] as number
    let at = start + 4
    const last = at + total
    if (total < 0 || last > end) throw cutOff()
    for (let i = 0; i < rows; i++) {
      if (at >= last) throw cutOff()
      const row = into[i] as Record<string, unknown>
      const tag = bytes[at++] as number
      switch (tag) {
        case tags.undefined:
          row[field] = undefined
          continue
        case tags.null:
          row[field] = null
          continue
        case tags.false:
          row[field] = false
          continue
        case tags.true:
          row[field] = true
          continue
        case tags.absent:
          continue
        case tags.int:
          if (at + 4 > last) throw cutOff()
          row[field] = view.getInt32(at, true)
          at += 4
          continue
        case tags.double:
          if (at + 8 > last) throw cutOff()
          row[field] = view.getFloat64(at, true)
          at += 8
          continue
      }
      if (at + 4 > last) throw cutOff()
      const first = at + 4
      const after = first + view.getUint32(at, true)
      if (after > last) throw cutOff()
      row[field] = this.#readLong(tag, from, first, after)
      at = after
    }
    if (at !== last) throw new StormError('BAD_FRAME', 'A column of cells goes on after its last one.')
    return roundUp4(at)
  }

  #readLong(tag: number, from: Arena, start: number, end: number): unknown {
    const { bytes, view } = from
    switch (tag) {
      case tags.latin1:
        return start === end ? '' : this.#text.latin1(bytes, start, end)
      case tags.utf8:
        try {
          return this.#text.utf8(bytes, start, end)
        } catch (error) {
          throw new StormError('BAD_FRAME', 'A text in a frame is no UTF-8.', { cause: error })
        }
      case tags.utf16:
        return this.#text.utf16(bytes, start, end)
      case tags.packed:
      case tags.dressed:
        return this.#packer.unpack(bytes, view, start, end, tag === tags.dressed)
      default:
        throw new StormError('BAD_FRAME', `A frame has a value with the unknown tag ${tag}.`)
    }
  }
}
