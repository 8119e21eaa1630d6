import fc from 'fast-check'

/** Values as users may emit them, as arbitraries: those that must arrive as they are, and those that must be refused. */

class Point {
  constructor(readonly x: number) {}
}
class Names extends Array<string> {}
class Table extends Map<string, number> {}

const anyUnits = fc.string({
  unit: fc
    .oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
      { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
    )
    .map((unit) => String.fromCharCode(unit)),
  maxLength: 60,
})

// prettier-ignore
const awkwardNumbers = [
  0, -0, 1, -1, 0.1, NaN, Infinity, -Infinity, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31),
  2 ** 32, 2 ** 53, -(2 ** 53), 5e-324, Number.MAX_VALUE, -32, -33, -128, -129,
]

/** Names that trip over what objects inherit, or over what a codec takes for a command of its own. */
const awkwardNames = [
  'constructor',
  'toString',
  'toJSON',
  'hasOwnProperty',
  'length',
  '0',
  '',
  'valueOf',
  'ünïcode',
  '\ud800',
]

const text = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '',
      'the',
      'word',
      'é',
      'Straße',
      '漢字',
      '😀',
      '\ufeffmark',
      '\ud800',
      'a\udc00b',
      '\0',
    ),
  },
  { weight: 4, arbitrary: anyUnits },
  { weight: 1, arbitrary: anyUnits.map((units) => units.repeat(20)) },
)

const number = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...awkwardNumbers) },
  { weight: 2, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.double() },
)

const bytes = fc.uint8Array({ maxLength: 40 })

const plainLeaf = fc.oneof(text, number, fc.boolean(), fc.constantFrom(null, undefined))

const specialLeaf = fc.oneof(
  fc.bigInt({ min: -(2n ** 130n), max: 2n ** 130n }),
  fc.date({ noInvalidDate: true }),
  bytes,
  bytes.map((content) => Buffer.from(content)),
  bytes.map((content) => content.buffer.slice(0)),
  bytes.map((content) => new Uint8ClampedArray(content)),
  fc.int16Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
)

const name = fc
  .oneof(fc.constantFrom(...awkwardNames), fc.string({ maxLength: 6 }))
  .filter((key) => key !== '__proto__')

const { nested } = fc.letrec<{ nested: unknown }>((tie) => {
  const part = fc.oneof(
    { weight: 5, arbitrary: plainLeaf },
    { weight: 1, arbitrary: specialLeaf },
    { weight: 2, arbitrary: tie('nested') },
  )
  const pairs = fc.array(fc.tuple(name, part), { maxLength: 5 })
  return {
    nested: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: pairs.map((entries) => Object.fromEntries(entries)) },
      { weight: 4, arbitrary: fc.array(part, { maxLength: 5 }) },
      { weight: 1, arbitrary: fc.sparseArray(part, { maxNumElements: 3, maxLength: 6 }) },
      { weight: 1, arbitrary: fc.array(fc.tuple(part, part), { maxLength: 3 }).map((entries) => new Map(entries)) },
      { weight: 1, arbitrary: fc.array(part, { maxLength: 3 }).map((items) => new Set(items)) },
      {
        weight: 1,
        arbitrary: pairs.map((entries) => Object.assign(Object.create(null) as object, Object.fromEntries(entries))),
      },
    ),
  }
})

/** Arrives deep-equal. */
export const sendable: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: plainLeaf },
  { weight: 1, arbitrary: specialLeaf },
  { weight: 2, arbitrary: nested },
)

const cycle: unknown[] = []
cycle.push({ again: cycle })
let deep: unknown = 1
for (let i = 0; i < 65; i++) deep = [deep]

/** By what they are. */
export const unsendable: Readonly<Record<string, unknown>> = {
  'a function': () => 1,
  'a symbol': Symbol('s'),
  'an instance of a class': new Point(1),
  'an instance of a class that is an array': Names.from(['a']),
  'an instance of a class that is a map': new Table(),
  'an error': new Error('e'),
  'a regular expression': /a/,
  'a promise': Promise.resolve(1),
  'a boxed number': Object(1),
  'a weak map': new WeakMap(),
  'a proxy of a class': new Proxy(new Point(1), {}),
  'a data view': new DataView(new ArrayBuffer(8)),
  'shared memory': new SharedArrayBuffer(8),
  'a cycle': cycle,
  '65 levels': deep,
  'more than 100,000 items': new Array(100_001).fill(1),
  'an array of a billion holes': new Array(1_000_000_000),
  'a match': 'abc'.match(/b/),
  'a map with a property': Object.assign(new Map(), { x: 1 }),
  'a date with a property': Object.assign(new Date(0), { x: 1 }),
  'a property named by a symbol': { [Symbol('s')]: 1 },
  'a property named __proto__': JSON.parse('{"__proto__": 1}'),
  'a method': { run() {} },
}

/** Somewhere within. */
export const unsendableSomewhere: fc.Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...Object.values(unsendable)), fc.integer({ min: 0, max: 3 }))
  .map(([value, how]) =>
    how === 0 ? value : how === 1 ? [1, value] : how === 2 ? { a: { b: value } } : new Map([[value, 1]]),
  )
