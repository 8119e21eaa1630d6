// Guards: "equal keys go to the same task", of which this is the half that says which keys are equal.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import { KeyEncoder } from '../../src/grouping/key.js'
import { keyPair, keyValue, sameKey, twin } from './values.js'

const runs = { numRuns: 10_000 }

function encode(values: readonly unknown[], encoder = new KeyEncoder('a test')): string {
  encoder.begin()
  for (const value of values) encoder.add('field', value)
  expect(encoder.exact().length).toBe(encoder.length)
  return Buffer.from(encoder.exact()).toString('hex')
}

function refusal(value: unknown): string {
  try {
    encode([value], new KeyEncoder("component 'split', stream 'words'"))
  } catch (error) {
    expect(error).toBeInstanceOf(StormError)
    expect((error as StormError).code).toBe('UNENCODABLE_KEY')
    return (error as StormError).message
  }
  throw new Error('was not refused')
}

describe('key', () => {
  test('key: equal by contract if and only if equal bytes: pairs of values', () => {
    const seen = { equal: 0, different: 0 }
    fc.assert(
      fc.property(keyPair, ([a, b]) => {
        const equal = sameKey(a, b)
        seen[equal ? 'equal' : 'different']++
        expect(encode([a]) === encode([b])).toBe(equal)
      }),
      runs,
    )
    // Or the property would be hollow.
    expect(seen.equal).toBeGreaterThan(300)
    expect(seen.different).toBeGreaterThan(1_000)
  })

  test('key: equal by contract if and only if equal bytes: several fields', () => {
    const list = fc.array(keyValue, { minLength: 2, maxLength: 2 })
    fc.assert(
      fc.property(list, list, fc.boolean(), fc.boolean(), (a, b, sameFirst, sameSecond) => {
        const other = [sameFirst ? twin(a[0]) : b[0], sameSecond ? twin(a[1]) : b[1]]
        expect(encode(a) === encode(other)).toBe(sameKey(a[0], other[0]) && sameKey(a[1], other[1]))
      }),
      runs,
    )
  })

  test('key: bytes do not depend on how a value was made nor on what was encoded before', () => {
    const used = new KeyEncoder('a test')
    fc.assert(
      fc.property(keyValue, (value) => {
        const other = twin(value)
        expect(sameKey(value, other)).toBe(true)
        expect(encode([other], used)).toBe(encode([value]))
      }),
      runs,
    )
  })

  // The form is part of where keys go, so it never changes. Every tag once.
  const forms: [string, unknown, string][] = [
    ['undefined', undefined, '00'],
    ['null', null, '01'],
    ['false', false, '02'],
    ['true', true, '03'],
    ['NaN', -NaN, '04'],
    ['zero', -0, '0500000000'],
    ['an integer', -2, '05feffffff'],
    ['a large integer', 2 ** 31, '06000000000000e041'],
    ['a fraction', 1.5, '06000000000000f83f'],
    ['a bigint', -1n, '07ffffffffffffffff'],
    ['a long bigint', -(2n ** 64n), '08122d3130303030303030303030303030303030'],
    ['a string', 'aÿ', '090261ff'],
    ['a string of other units', 'aĀ\ud800', '0a0361000001' + '00d8'],
    ['a long string', 'a'.repeat(300), '09ac02' + '61'.repeat(300)],
    ['a date', new Date(7), '0b0507000000'],
    ['no date', new Date(NaN), '0b04'],
    ['bytes', new Uint8Array([1, 2]), '0c020102'],
    ['a part of bytes', new Uint8Array([0, 1, 2, 3]).subarray(1, 3), '0c020102'],
    ['an array buffer', new Uint8Array([1, 2]).buffer, '0d020102'],
    [
      'another typed array',
      new Uint16Array([258]),
      '0e090b' + Buffer.from('Uint16Array').toString('hex') + '010502010000',
    ],
    ['an array', ['a', , true], '0f0309016100' + '03'],
    ['an object', { b: 1, a: null }, '10020901610109016205' + '01000000'],
    ['a set', new Set([true, null]), '11020103'],
    [
      'a map',
      new Map([
        [true, 'b'],
        [null, 'a'],
      ] as [unknown, unknown][]),
      '120201090161' + '03090162',
    ],
  ]
  test.each(forms)('key: form of %s', (_, value, hex) => {
    expect(encode([value])).toBe(hex)
  })

  test('key: a key of any length: buffers grow and are given back', () => {
    const encoder = new KeyEncoder('a test')
    for (const length of [100, 255, 256, 511, 512, 70_000, 1_000_000, 10]) {
      expect(encode(['x'.repeat(length), 1], encoder)).toBe(encode(['x'.repeat(length), 1]))
      expect(encode(['ж'.repeat(length), 1], encoder)).toBe(encode(['ж'.repeat(length), 1]))
    }
    expect(encoder.bytes.length).toBeLessThanOrEqual(65_536)
  })

  class Point {
    x = 1
  }
  const cycle: unknown[] = [1]
  cycle.push({ again: cycle })
  const deep = (levels: number) => {
    let value: unknown = 1
    for (let i = 0; i < levels; i++) value = [value]
    return value
  }
  const at = (what: string) =>
    `component 'split', stream 'words': field 'field' cannot be a key of the grouping: ${what}. Group by`
  const refused: [string, unknown, string][] = [
    ['a function', () => 1, 'it is a function'],
    ['a class', Point, 'it is '],
    ['a symbol', Symbol('s'), 'it is Symbol(s)'],
    ['an object of a class', new Point(), 'it is an object of class Point'],
    ['an array of a class', new (class Path extends Array {})(), 'it is '],
    ['a date of a class', new (class Day extends Date {})(), 'it is an object of class Day'],
    ['a map of a class', new (class Bag extends Map {})(), 'it is an object of class Bag'],
    ['an object made from an object', Object.create({ a: 1 }), 'it is '],
    ['a boxed string', new String('a'), 'it is an object of class String'],
    ['an error', new Error('e'), 'it is an object of class Error'],
    ['a regular expression', /a/, 'it is an object of class RegExp'],
    ['a promise', Promise.resolve(1), 'it is an object of class Promise'],
    ['a view of data', new DataView(new ArrayBuffer(1)), 'it is a DataView'],
    ['shared memory', new SharedArrayBuffer(1), 'it is an object of class SharedArrayBuffer'],
    ['a cycle', cycle, 'field[1].again is a cycle'],
    ['something inside', { user: { tags: ['a', new Point()] } }, 'field.user.tags[1] is an object of class Point'],
    ['something under an odd name', { 'a b': { '': Symbol.iterator } }, 'field[a b][] is Symbol(Symbol.iterator)'],
    ['a symbol as a name', { a: { [Symbol('s')]: 1 } }, 'field.a[Symbol(s)] is Symbol(s)'],
    ['something in a set', new Set([1, Point.prototype.constructor]), 'field[1] is '],
    ['something in a map', new Map([[1, { f: () => 1 }]]), 'field[0].f is '],
    ['too many levels', deep(1_001), 'is more than 1000 levels'],
    ['too large an array', new Array(2 ** 32 - 1), 'it is more than 256 MiB'],
  ]
  test.each(refused)('key: refused by name, path and what was got: %s', (_, value, sentence) => {
    const message = refusal(value)
    if (sentence.startsWith('it is') || sentence.startsWith('field')) expect(message).toContain(at('').slice(0, -10))
    expect(message).toContain(sentence)
  })

  test('key: a refusal leaves nothing behind', () => {
    const encoder = new KeyEncoder('a test')
    expect(() => encode([{ a: [[() => 1]] }], encoder)).toThrow(StormError)
    const shared = { x: 1 }
    expect(encode([[shared, shared], deep(1_000)], encoder)).toBe(encode([[{ x: 1 }, { x: 1 }], deep(1_000)]))
  })

  test('key: objects of another realm', async () => {
    const { runInNewContext } = await import('node:vm')
    const other = runInNewContext(`({ list: [1, 'a'], bytes: new Uint8Array([1]) })`) as unknown
    expect(encode([(other as { list: unknown }).list])).toBe(encode([[1, 'a']]))
    expect(encode([{ list: (other as { list: unknown }).list }])).toBe(encode([{ list: [1, 'a'] }]))
  })
})
