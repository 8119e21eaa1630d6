import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'

/**
 * The canonical encoding of keys: two lists of values have the same bytes exactly when they are the same key, on every
 * machine, whatever else has been encoded before. Same key means same type and same value:
 *
 * - `1`, `1n` and `'1'` differ, and so do `undefined`, `null` and `''`; `-0` is `0`; `NaN` is `NaN`.
 * - Strings are compared by code unit: no normalising, and lone surrogates stay what they are.
 * - Dates are their time. Bytes (`Uint8Array`, and with it `Buffer`) are their content, and so is an `ArrayBuffer`;
 *   another typed array is its type and its elements. Of these four, none is ever the same key as another.
 * - Arrays go by order; a hole is `undefined`, and properties that are no elements do not count.
 * - Plain objects (with or without a prototype), maps and sets go by content, whatever the order of what is in them.
 *   An object with a property that is `undefined` is another key than one without it.
 * - Everything else is refused with UNENCODABLE_KEY: a function, a symbol (as a property's name too), a cycle, an
 *   instance of any other class, more than 1,000 levels, more than 256 MiB.
 *
 * What is written for one value is a tag, then what the tag asks for. Every form tells its own end, so that values in
 * a row need no mark between them. `n` is a count of 7 bits a byte, lowest first, the eighth bit set if more follow;
 * everything else is lowest byte first.
 *
 * ```text
 *  0 undefined    1 null    2 false    3 true    4 NaN
 *  5 a number that is a 32-bit integer   | 4 bytes           (0 for -0)
 *  6 any other number                    | 8 bytes           (IEEE 754 double)
 *  7 a bigint that fits 64 bits          | 8 bytes           (two's complement)
 *  8 any other bigint                    | n | n bytes       (hexadecimal digits, '-' before them)
 *  9 a string with units up to 255       | n | n bytes
 * 10 any other string                    | n | 2 n bytes
 * 11 a date                              | a number          (forms 4 to 6)
 * 12 bytes     13 an array buffer        | n | n bytes
 * 14 another typed array                 | its type's name (form 9) | n | n numbers or bigints
 * 15 an array                            | n | n values
 * 16 a plain object                      | n | n times name, value; by name, in order of code units
 * 17 a set                               | n | n values,           in order of their bytes
 * 18 a map                               | n | n times key, value; in order of their bytes
 * ```
 *
 * Protocol of use: `begin`, then `add` once a field; then the first `length` of `bytes` are the key (`exact` is a view
 * of these alone), until the next `begin`. The buffers are kept and used again: nothing is allocated for a key of
 * strings, numbers, booleans and the like.
 */
export class KeyEncoder {
  bytes = new Uint8Array(bytesKept.least)
  length = 0
  private view = new DataView(this.bytes.buffer)
  /** Views of `bytes` by their length. They cost 100 ns to make, more than the hash of a short key. */
  private exactViews: (Uint8Array | undefined)[] = []
  /** The containers that we are inside of, outermost first: it ends a cycle. */
  private readonly inside: object[] = []
  /** The field, and then where we are in each container of `inside`. */
  private readonly path: (string | number)[] = []
  /** Who is asking, for an error's sentence: `component 'split', stream 'default'`. */
  private readonly asker: string

  constructor(asker: string) {
    this.asker = asker
  }

  begin(): void {
    this.length = 0
    if (this.bytes.length > bytesKept.most) this.replaceBytes(bytesKept.least)
  }

  /** Adds the value of one field. Throws UNENCODABLE_KEY, naming asker, field, the path into the value and what was got. */
  add(field: string, value: unknown): void {
    this.path[0] = field
    if (this.inside.length > 0) this.inside.length = 0 // What a refusal left.
    this.write(value)
  }

  /** The key, without what stands behind it in `bytes`. */
  exact(): Uint8Array {
    const length = this.length
    if (length >= exactViewsMax) return this.bytes.subarray(0, length)
    return (this.exactViews[length] ??= this.bytes.subarray(0, length))
  }

  private write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.writeString(value)
      case 'number':
        return this.writeNumber(value)
      case 'boolean':
        return this.writeTag(value ? tags.true : tags.false)
      case 'undefined':
        return this.writeTag(tags.undefined)
      case 'bigint':
        return this.writeBigint(value)
      case 'object':
        return value === null ? this.writeTag(tags.null) : this.writeObject(value)
      default:
        return this.refuse(describeValue(value))
    }
  }

  private writeString(text: string): void {
    const count = text.length
    const start = this.length
    this.writeHead(tags.latin1, count, count)
    const bytes = this.bytes
    let at = this.length
    for (let i = 0; i < count; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0xff) {
        this.length = start
        return this.writeWideString(text)
      }
      bytes[at++] = unit
    }
    this.length = at
  }

  private writeWideString(text: string): void {
    const count = text.length
    this.writeHead(tags.utf16, count, 2 * count)
    const bytes = this.bytes
    let at = this.length
    for (let i = 0; i < count; i++) {
      const unit = text.charCodeAt(i)
      bytes[at++] = unit
      bytes[at++] = unit >>> 8
    }
    this.length = at
  }

  private writeNumber(value: number): void {
    const whole = value | 0
    if (whole === value) {
      this.reserve(5)
      const { bytes, length } = this
      bytes[length] = tags.int32
      bytes[length + 1] = whole
      bytes[length + 2] = whole >>> 8
      bytes[length + 3] = whole >>> 16
      bytes[length + 4] = whole >>> 24
      this.length += 5
    } else if (Number.isNaN(value)) {
      // NaN has many bit patterns, and an engine may write any of them.
      this.writeTag(tags.nan)
    } else {
      this.writeTag(tags.double)
      this.reserve(8)
      this.view.setFloat64(this.length, value, true)
      this.length += 8
    }
  }

  private writeBigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.writeTag(tags.int64)
      this.reserve(8)
      this.view.setBigInt64(this.length, value, true)
      this.length += 8
      return
    }
    const digits = value.toString(16)
    this.writeHead(tags.longBigint, digits.length, digits.length)
    for (let i = 0; i < digits.length; i++) this.bytes[this.length++] = digits.charCodeAt(i)
  }

  private writeObject(value: object): void {
    if (ArrayBuffer.isView(value)) return this.writeView(value)
    if (value instanceof ArrayBuffer) return this.writeBytes(tags.arrayBuffer, new Uint8Array(value))
    const prototype: unknown = Object.getPrototypeOf(value)
    // What has one more prototype in between is an instance of a subclass, whose own fields we do not know.
    if (value instanceof Date && Object.getPrototypeOf(prototype) === Object.prototype) {
      this.writeTag(tags.date)
      return this.writeNumber(value.getTime())
    }
    if (this.inside.includes(value)) return this.refuse('a cycle')
    if (this.inside.length === depthMax) return this.refuse(`more than ${depthMax} levels`)
    if (Array.isArray(value) && Array.isArray(prototype)) this.writeArray(value)
    else if (isPlainPrototype(prototype)) this.writePlainObject(value as Record<string, unknown>)
    else if (prototype === Set.prototype && value instanceof Set) this.writeSet(value)
    else if (prototype === Map.prototype && value instanceof Map) this.writeMap(value)
    else this.refuse(describeValue(value))
  }

  private writeView(value: ArrayBufferView): void {
    if (value instanceof Uint8Array) return this.writeBytes(tags.bytes, value)
    if (value instanceof DataView) return this.refuse('a DataView')
    const elements = value as Int32Array | BigInt64Array
    this.writeTag(tags.typedArray)
    this.writeString(elements[Symbol.toStringTag])
    this.writeCount(elements.length)
    for (let i = 0; i < elements.length; i++) this.write(elements[i])
  }

  private writeBytes(tag: number, content: Uint8Array): void {
    this.writeHead(tag, content.length, content.length)
    this.bytes.set(content, this.length)
    this.length += content.length
  }

  private writeArray(value: readonly unknown[]): void {
    this.writeHead(tags.array, value.length, value.length)
    this.inside.push(value)
    for (let i = 0; i < value.length; i++) this.writeAt(i, value[i])
    this.inside.pop()
  }

  private writePlainObject(value: Record<string, unknown>): void {
    const names = Object.keys(value).sort()
    this.writeHead(tags.object, names.length, 0)
    this.inside.push(value)
    for (const symbol of Object.getOwnPropertySymbols(value)) this.writeAt(String(symbol), symbol)
    for (const name of names) {
      this.writeString(name)
      this.writeAt(name, value[name])
    }
    this.inside.pop()
  }

  private writeSet(value: ReadonlySet<unknown>): void {
    this.writeHead(tags.set, value.size, 0)
    this.inside.push(value)
    const starts: number[] = []
    for (const element of value) {
      starts.push(this.length)
      this.writeAt(starts.length - 1, element)
    }
    this.inside.pop()
    this.sortEntries(starts)
  }

  private writeMap(value: ReadonlyMap<unknown, unknown>): void {
    this.writeHead(tags.map, value.size, 0)
    this.inside.push(value)
    const starts: number[] = []
    for (const [key, held] of value) {
      starts.push(this.length)
      this.writeAt(starts.length - 1, key)
      this.writeAt(starts.length - 1, held)
    }
    this.inside.pop()
    this.sortEntries(starts)
  }

  private writeAt(step: string | number, value: unknown): void {
    this.path[this.inside.length] = step
    this.write(value)
  }

  /** Puts the entries that begin at `starts`, the last of which ends here, in the order of their bytes. */
  private sortEntries(starts: readonly number[]): void {
    const first = starts[0]
    if (first === undefined) return
    const entries = starts.map((start, i) => this.bytes.slice(start, starts[i + 1] ?? this.length))
    let at = first
    for (const entry of entries.sort(compareBytes)) {
      this.bytes.set(entry, at)
      at += entry.length
    }
  }

  private writeTag(tag: number): void {
    this.reserve(1)
    this.bytes[this.length++] = tag
  }

  /** Tag and count, and room for `size` bytes behind them. */
  private writeHead(tag: number, count: number, size: number): void {
    this.reserve(6 + size)
    this.bytes[this.length++] = tag
    this.writeCount(count)
  }

  private writeCount(count: number): void {
    this.reserve(5)
    while (count > 0x7f) {
      this.bytes[this.length++] = (count & 0x7f) | 0x80
      count >>>= 7
    }
    this.bytes[this.length++] = count
  }

  private reserve(size: number): void {
    const needed = this.length + size
    if (needed > this.bytes.length) this.grow(needed)
  }

  private grow(needed: number): void {
    if (needed > sizeMax) this.refuse(`more than ${sizeMax / 2 ** 20} MiB`)
    const old = this.bytes.subarray(0, this.length)
    this.replaceBytes(Math.max(needed, 2 * this.bytes.length))
    this.bytes.set(old)
  }

  private replaceBytes(size: number): void {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
    this.exactViews = []
  }

  private refuse(got: string): never {
    const [field, ...steps] = this.path.slice(0, this.inside.length + 1)
    const path = steps.map((step) => (typeof step === 'number' || !/^[\w$]+$/.test(step) ? `[${step}]` : `.${step}`))
    throw new StormError(
      'UNENCODABLE_KEY',
      `${this.asker}: field '${field}' cannot be a key of the grouping: ${path.length === 0 ? 'it' : `${field}${path.join('')}`} is ${got}. ` +
        'Group by strings, numbers, bigints, booleans, dates, bytes, or arrays, plain objects, maps and sets of these.',
    )
  }
}

const tags = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  nan: 4,
  int32: 5,
  double: 6,
  int64: 7,
  longBigint: 8,
  latin1: 9,
  utf16: 10,
  date: 11,
  bytes: 12,
  arrayBuffer: 13,
  typedArray: 14,
  array: 15,
  object: 16,
  set: 17,
  map: 18,
} as const

/** A buffer begins at `least`; one that a long key made larger than `most` is given back at the next key. */
const bytesKept = { least: 256, most: 65_536 } as const
const exactViewsMax = 512
const depthMax = 1_000
const sizeMax = 2 ** 28

/** Of an object literal, of `Object.create(null)`, and of an object literal from another realm (a `vm` context). */
function isPlainPrototype(prototype: unknown): boolean {
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
