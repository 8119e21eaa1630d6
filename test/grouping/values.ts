import fc from 'fast-check'

/**
 * The values that a key may be, as an arbitrary; what the contract calls equal, written as plainly as can be; and a
 * value's twin, equal to it by contract though made otherwise.
 */

/** Leaves that are easily taken for one another, so that two values drawn from here are often equal or nearly so. */
const awkward: readonly (() => unknown)[] = [
  ...[0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 49, 5e-324].map((n) => () => n),
  ...[0n, 1n, -1n, 2n ** 31n, 2n ** 63n, -(2n ** 63n), 2n ** 64n, 2n ** 200n, -(2n ** 200n)].map((n) => () => n),
  ...[
    '',
    '0',
    '1',
    'NaN',
    'null',
    'true',
    'a',
    'A',
    'ab',
    'é',
    'e\u0301',
    'ÿ',
    'Ā',
    '\ud800',
    '\udc00',
    '\ufffd',
    '😀',
  ].map((text) => () => text),
  ...[true, false, null, undefined].map((value) => () => value),
  ...[0, 1, 49, NaN].map((time) => () => new Date(time)),
  () => new Uint8Array(),
  () => new Uint8Array([49]),
  () => Buffer.from([49]),
  () => new Uint8Array([49]).buffer,
  () => new Uint8ClampedArray([49]),
  () => new Int8Array([49]),
  () => new Uint16Array([49]),
  () => new Float32Array([-0, NaN]),
  () => new Float64Array([0, NaN]),
  () => new BigInt64Array([49n]),
  () => [],
  () => ({}),
  () => new Set(),
  () => new Map(),
]

const anyString = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  maxLength: 8,
})

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...awkward).map((make) => make()) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }) },
  { weight: 1, arbitrary: anyString },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: false }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
)

const name = fc.oneof(
  fc.constantFrom('a', 'b', '1', '10', '2', '', '__proto__', 'constructor', 'é', '\ud800'),
  anyString,
)

const { value } = fc.letrec<{ value: unknown; inner: unknown }>((tie) => {
  const inner = tie('inner')
  const few = { maxLength: 3 }
  return {
    value: fc.oneof({ maxDepth: 3 }, { weight: 4, arbitrary: leaf }, { weight: 3, arbitrary: inner }),
    inner: fc.oneof(
      fc.array(tie('value'), few),
      fc.array(fc.tuple(name, tie('value')), few).map(objectOf),
      fc.array(tie('value'), few).map((list) => new Set(list)),
      fc.array(fc.tuple(tie('value'), tie('value')), few).map((entries) => new Map(entries)),
    ),
  }
})

/** Any value that may be a key. */
export const keyValue: fc.Arbitrary<unknown> = value

/**
 * Two values: drawn each by itself; or the first in another guise with one place in it changed; or two objects with the
 * same values under other names.
 */
export const keyPair: fc.Arbitrary<readonly [unknown, unknown]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(value, value) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(value, fc.array(fc.nat(), { maxLength: 4 }), leaf)
      .map(([a, way, put]) => [a, changed(twin(a), way, put)] as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(name, name, leaf), { minLength: 1, maxLength: 2 })
      .map(
        (rows) =>
          [objectOf(rows.map(([a, , held]) => [a, held])), objectOf(rows.map(([, b, held]) => [b, held]))] as const,
      ),
  },
)

/** `value` with `put` at the place that `way` leads to; each step of it is an index, taken modulo what is there. */
function changed(value: unknown, way: readonly number[], put: unknown): unknown {
  const [step, ...rest] = way
  if (step === undefined || typeof value !== 'object' || value === null) return put
  if (Array.isArray(value)) return replaced(value, step, (element) => changed(element, rest, put))
  if (value instanceof Set) return new Set(replaced([...value], step, (element) => changed(element, rest, put)))
  if (value instanceof Map) return new Map(replaced([...value], step, ([key, held]) => [key, changed(held, rest, put)]))
  const entries = ArrayBuffer.isView(value) ? [] : Object.entries(value)
  return entries.length === 0
    ? put
    : objectOf(replaced(entries, step, ([key, held]) => [key, changed(held, rest, put)]))
}

function replaced<T>(list: readonly T[], step: number, by: (element: T) => T): T[] {
  return list.length === 0 ? [] : list.with(step % list.length, by(list[step % list.length] as T))
}

/** An object whose own properties these are, whatever their names. */
function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [key, held] of entries) {
    Object.defineProperty(object, key, { value: held, enumerable: true, writable: true, configurable: true })
  }
  return object
}

/** The contract's equality of keys: same type and same value. */
export function sameKey(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b || Object.is(a, b)
  if (typeOf(a) !== typeOf(b)) return false
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime())
  if (a instanceof ArrayBuffer) return sameList([...new Uint8Array(a)], [...new Uint8Array(b as ArrayBuffer)])
  if (ArrayBuffer.isView(a)) return sameList([...(a as Uint8Array)], [...(b as Uint8Array)])
  if (Array.isArray(a)) return sameList(a, b as unknown[])
  if (a instanceof Set) return sameBag([...a], [...(b as Set<unknown>)])
  if (a instanceof Map) return sameBag([...a], [...(b as Map<unknown, unknown>)])
  const entriesOfB = Object.entries(b)
  return (
    Object.keys(a).length === entriesOfB.length &&
    entriesOfB.every(([key, held]) => Object.hasOwn(a, key) && sameKey((a as Record<string, unknown>)[key], held))
  )
}

function typeOf(value: object): string {
  if (value instanceof Uint8Array) return 'bytes'
  return Object.prototype.toString.call(value)
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && Array.from(a).every((element, i) => sameKey(element, b[i]))
}

function sameBag(a: readonly unknown[], b: readonly unknown[]): boolean {
  const left = [...b]
  for (const element of a) {
    const found = left.findIndex((other) => sameKey(element, other))
    if (found === -1) return false
    left.splice(found, 1)
  }
  return left.length === 0
}

/** The same key in another guise: other order, other signs of zero, holes, no prototypes, Buffers. */
export function twin(value: unknown): unknown {
  if (value === 0) return Object.is(value, 0) ? -0 : 0
  if (typeof value === 'string') return [...value].join('')
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof Uint8Array) return Buffer.isBuffer(value) ? new Uint8Array(value) : Buffer.from(value)
  if (value instanceof ArrayBuffer) return value.slice(0)
  if (ArrayBuffer.isView(value)) return structuredClone(value)
  if (value instanceof Set) return new Set([...value].map(twin).reverse())
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [twin(key), twin(held)] as const).reverse())
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).map(([key, held]) => [key, twin(held)] as const)
    return Object.setPrototypeOf(objectOf(entries.reverse()), null)
  }
  const list: unknown[] = new Array(value.length)
  value.forEach((element, i) => {
    if (element !== undefined) list[i] = twin(element)
  })
  return list
}
