// Named here, as not every compilation of this file takes in all files beside it.
/// <reference path="./msgpackr-no-eval.d.ts" />
import { Packr } from 'msgpackr/index-no-eval'
import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { depthMax, scanMessagePack } from './scan.js'
import type { Text } from './text.js'

export interface PackerLimits {
  /** Items and properties that one value may have in all. */
  readonly partsMax: number
  /** Bytes of its texts, bytes and typed arrays, at the least. Looked at before anything is copied. */
  readonly bytesMax: number
}

/** Values up to this size are unpacked from one place. */
const scratchBytes = 256

const tupleLimits: PackerLimits = { partsMax: 100_000, bytesMax: 1_048_576 }

/**
 * Values as bytes, by `msgpackr`: a value arrives deep-equal, or packing throws UNENCODABLE_VALUE.
 *
 * MessagePack as it is carries null, booleans, numbers but −0, well-formed strings, arrays without holes and plain
 * objects. Everything else that we let through changes on the way or needs an extension type, which are registered once
 * for everybody who uses the package. So a value that has something else within is *dressed* before: each of its
 * containers becomes an array whose first item tells what it is, and so does each of those other values (`forms`).
 *
 * What is refused: functions, symbols (as names, too), instances of classes, properties named `__proto__`, properties
 * of arrays that are no items, more than 64 levels (a cycle has), more than 100,000 parts. Getters are called; what is
 * not enumerable is not part of a value. The same object twice arrives as two equal ones.
 */
export class ValuePacker {
  /** Whether what was packed last is dressed; `unpack` has to be told. */
  isDressed = false
  readonly #text: Text
  readonly #packr = new Packr({
    useRecords: false,
    mapsAsObjects: true,
    variableMapSize: true,
    useToJSON: false,
    moreTypes: false,
    structuredClone: false,
    bundleStrings: false,
    copyBuffers: true,
  })
  readonly #scratch = new Uint8Array(scratchBytes)
  readonly #limits: PackerLimits
  #partsLeft = 0
  #bytesLeft = 0
  /** Where in the value we are, from the outside in. */
  readonly #path: (string | number)[] = []

  constructor(text: Text, limits = tupleLimits) {
    this.#text = text
    this.#limits = limits
  }

  /** The bytes stand until the next call. */
  pack(value: unknown): Uint8Array {
    this.isDressed = !this.check(value)
    return this.#packr.pack(this.isDressed ? this.#dress(value) : value)
  }

  /**
   * Throws what `pack` would throw: UNENCODABLE_VALUE, or TUPLE_TOO_LARGE beyond 1 MiB. Returns whether MessagePack can
   * carry it as it is.
   */
  check(value: unknown): boolean {
    this.#partsLeft = this.#limits.partsMax
    this.#bytesLeft = this.#limits.bytesMax
    return this.#isPlain(value, 0)
  }

  /** Throws BAD_FRAME for bytes that `pack` has not made. `view` is over the same memory as `bytes`. */
  unpack(bytes: Uint8Array, view: DataView, start: number, end: number, isDressed: boolean): unknown {
    scanMessagePack(bytes, view, start, end)
    let value: unknown
    try {
      const size = end - start
      if (size > scratchBytes) value = this.#packr.unpack(bytes.subarray(start, end))
      else {
        // msgpackr makes a view of each piece of memory it is given, which costs as much as reading a short value.
        const scratch = this.#scratch
        for (let i = 0; i < size; i++) scratch[i] = bytes[start + i] as number
        value = this.#packr.unpack(scratch, size)
      }
    } catch (error) {
      throw new StormError('BAD_FRAME', 'A packed value cannot be read.', { cause: error })
    }
    return isDressed ? this.#undress(value) : value
  }

  #isPlain(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        this.#weigh(value.length)
        return isWellFormed(value)
      case 'number':
        return value !== 0 || 1 / value > 0
      case 'boolean':
        return true
      case 'undefined':
      case 'bigint':
        return false
      case 'object':
        return value === null || this.#isPlainObject(value, depth)
      default:
        return this.#refuse(describeValue(value), depth)
    }
  }

  #isPlainObject(value: object, depth: number): boolean {
    if (depth === depthMax) this.#refuse(`more than ${depthMax} levels, or a cycle`, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Array.prototype) return this.#isPlainArray(value as readonly unknown[], depth)
    if (prototype !== Object.prototype && prototype !== null) return this.#isSpecial(value, prototype, depth)
    let isPlain = prototype !== null
    const names = Object.keys(value)
    this.#count(names.length, depth)
    for (const name of names) {
      this.#weigh(name.length)
      if (name === '__proto__') this.#refuse(`a property named '__proto__'`, depth)
      this.#path[depth] = name
      const isPlainPart = this.#isPlain((value as Record<string, unknown>)[name], depth + 1)
      isPlain = isPlain && isPlainPart && isWellFormed(name)
    }
    if (Object.getOwnPropertySymbols(value).length > 0) this.#refuse('a property named by a symbol', depth)
    return isPlain
  }

  #isPlainArray(value: readonly unknown[], depth: number): boolean {
    const { length } = value
    this.#count(length, depth)
    let isPlain = true
    let holes = 0
    for (let i = 0; i < length; i++) {
      this.#path[depth] = i
      const part = value[i]
      if (part === undefined && !(i in value)) holes++
      if (!this.#isPlain(part, depth + 1)) isPlain = false
    }
    if (Object.keys(value).length !== length - holes)
      this.#refuse('an array that has properties beside its items', depth)
    return isPlain
  }

  /** What is carried dressed only. */
  #isSpecial(value: object, prototype: unknown, depth: number): false {
    if (value instanceof Map && prototype === Map.prototype) {
      this.#count(value.size * 2, depth)
      for (const [key, part] of value) {
        this.#path[depth] = 'key'
        this.#isPlain(key, depth + 1)
        this.#path[depth] = 'value'
        this.#isPlain(part, depth + 1)
      }
    } else if (value instanceof Set && prototype === Set.prototype) {
      this.#count(value.size, depth)
      this.#path[depth] = 'item'
      for (const part of value) this.#isPlain(part, depth + 1)
    } else if (value instanceof ArrayBuffer && prototype === ArrayBuffer.prototype) this.#weigh(value.byteLength)
    else if (ArrayBuffer.isView(value)) {
      const isKnown = this.#text.isBuffer(value) || typedArrays.some((type) => prototype === type.prototype)
      if (!isKnown) this.#refuse(describeValue(value), depth)
      this.#weigh(value.byteLength)
      // To look for other properties than the elements would cost more than all the rest.
      return false
    } else if (!(value instanceof Date && prototype === datePrototype)) this.#refuse(describeValue(value), depth)
    if (Object.keys(value).length > 0) this.#refuse(`${describeValue(value)} that has properties of its own`, depth)
    return false
  }

  #weigh(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0) throw tooLarge()
  }

  #count(parts: number, depth: number): void {
    this.#partsLeft -= parts
    if (this.#partsLeft < 0) this.#refuse(`more than ${this.#limits.partsMax} parts`, depth)
  }

  #refuse(what: string, depth: number): never {
    const path = this.#path
      .slice(0, depth)
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step.slice(0, 100)}`))
    const where = path.length === 0 ? '' : ` at ${path.slice(0, 8).join('')}${path.length > 8 ? '…' : ''}`
    throw new StormError(
      'UNENCODABLE_VALUE',
      `a value that cannot be sent to another worker: ${what}${where}; plain objects, arrays, maps, sets, texts, numbers, dates and bytes can.`,
    )
  }

  #dress(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return isWellFormed(value) ? value : [forms.units, unitsOf(value)]
      case 'number':
        return value === 0 && 1 / value < 0 ? [forms.minusZero] : value
      case 'undefined':
        return [forms.undefined]
      case 'bigint':
        return [forms.bigint, value < 0n ? `-${(-value).toString(16)}` : value.toString(16)]
      case 'object':
        return value === null ? null : this.#dressObject(value)
      default:
        return value
    }
  }

  #dressObject(value: object): unknown[] {
    if (Array.isArray(value)) {
      const items: readonly unknown[] = value
      const dressed: unknown[] = [forms.array]
      for (let i = 0; i < items.length; i++) dressed.push(i in items ? this.#dress(items[i]) : [forms.hole])
      return dressed
    }
    if (value instanceof Map) {
      const dressed: unknown[] = [forms.map]
      for (const [key, part] of value) dressed.push(this.#dress(key), this.#dress(part))
      return dressed
    }
    if (value instanceof Set) return [forms.set, ...[...value].map((part) => this.#dress(part))]
    if (value instanceof Date) return [forms.date, value.getTime()]
    if (value instanceof ArrayBuffer) return [forms.arrayBuffer, new Uint8Array(value)]
    if (this.#text.isBuffer(value)) return [forms.buffer, value]
    if (ArrayBuffer.isView(value)) {
      const type = typedArrays.findIndex((candidate) => Object.getPrototypeOf(value) === candidate.prototype)
      return [forms.typedArray, type, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
    }
    const dressed: unknown[] = [Object.getPrototypeOf(value) === null ? forms.bareObject : forms.object]
    for (const [name, part] of Object.entries(value)) dressed.push(this.#dress(name), this.#dress(part))
    return dressed
  }

  #undress(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (!Array.isArray(value)) throw badDress()
    const parts: readonly unknown[] = value
    switch (parts[0]) {
      case forms.array: {
        const items: unknown[] = new Array<unknown>(parts.length - 1)
        for (let i = 1; i < parts.length; i++) if (!isHole(parts[i])) items[i - 1] = this.#undress(parts[i])
        return items
      }
      case forms.object:
        return this.#undressObject({}, parts)
      case forms.bareObject:
        return this.#undressObject(Object.create(null) as object, parts)
      case forms.map: {
        const map = new Map<unknown, unknown>()
        for (let i = 1; i + 1 < parts.length; i += 2) map.set(this.#undress(parts[i]), this.#undress(parts[i + 1]))
        return map
      }
      case forms.set:
        return new Set(parts.slice(1).map((part) => this.#undress(part)))
      case forms.undefined:
        return undefined
      case forms.minusZero:
        return -0
      case forms.units:
        return textOf(bytesIn(parts[1]), this.#text)
      case forms.bigint:
        return bigintOf(parts[1])
      case forms.date:
        if (typeof parts[1] !== 'number') throw badDress()
        return new Date(parts[1])
      case forms.arrayBuffer:
        return copyOf(bytesIn(parts[1]))
      case forms.buffer:
        return this.#text.buffer(bytesIn(parts[1])) ?? bytesIn(parts[1])
      case forms.typedArray:
        return typedArrayOf(parts[1], bytesIn(parts[2]))
      default:
        throw badDress()
    }
  }

  #undressObject(object: object, parts: readonly unknown[]): object {
    for (let i = 1; i + 1 < parts.length; i += 2) {
      const name = this.#undress(parts[i])
      if (typeof name !== 'string' || name === '__proto__') throw badDress()
      ;(object as Record<string, unknown>)[name] = this.#undress(parts[i + 1])
    }
    return object
  }
}

export const tooLarge = (): StormError =>
  new StormError(
    'TUPLE_TOO_LARGE',
    'values of more than 1 MiB, which is the most that is sent to another worker in one tuple.',
  )

/** First items of dressed values. They are on the wire: a number never changes its meaning. */
const forms = {
  array: 0,
  object: 1,
  bareObject: 2,
  map: 3,
  set: 4,
  undefined: 5,
  hole: 6,
  minusZero: 7,
  units: 8,
  bigint: 9,
  date: 10,
  arrayBuffer: 11,
  buffer: 12,
  typedArray: 13,
} as const

const datePrototype: unknown = Object.getPrototypeOf(new Date(0))

/** By their number on the wire. */
const typedArrays = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const

/** Whether a text has no half of a surrogate pair alone, which UTF-8 cannot carry. Costs nothing where all units fit a byte. */
export const isWellFormed = (text: string): boolean => (text as unknown as { isWellFormed(): boolean }).isWellFormed()

const isHole = (part: unknown) => Array.isArray(part) && part[0] === forms.hole

function unitsOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    bytes[2 * i] = text.charCodeAt(i)
    bytes[2 * i + 1] = text.charCodeAt(i) >> 8
  }
  return bytes
}

const textOf = (bytes: Uint8Array, text: Text) => text.utf16(bytes, 0, bytes.length & ~1)

function bytesIn(part: unknown): Uint8Array {
  if (!(part instanceof Uint8Array)) throw badDress()
  return part
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}

function typedArrayOf(type: unknown, bytes: Uint8Array): object {
  const Type = typeof type === 'number' ? typedArrays[type] : undefined
  if (Type === undefined || bytes.length % Type.BYTES_PER_ELEMENT !== 0) throw badDress()
  return new Type(copyOf(bytes))
}

function bigintOf(digits: unknown): bigint {
  if (typeof digits !== 'string' || !/^-?[0-9a-f]+$/.test(digits)) throw badDress()
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`)
}

const badDress = () => new StormError('BAD_FRAME', 'A packed value is dressed in a way that is not known.')
