// Guards: streams are declared once, as a value that is a type, and values are checked against it on request.
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StormError } from '../../src/errors.js'
import { checkValues, isStream, stream, t, type FieldType } from '../../src/topology/stream.js'
import { handmade } from './components.js'

describe('stream', () => {
  test('declaration: fields stand in the order in which they were written', () => {
    const declared = stream({ word: t.string, count: t.number })
    expect(declared.fields).toEqual(['word', 'count'])
    expect(declared.direct).toBe(false)
    expect(stream({ a: t.string }, { direct: true }).direct).toBe(true)
    expect(Object.isFrozen(declared) && Object.isFrozen(declared.fields)).toBe(true)
  })

  test('declaration: no fields is a stream of signals', () => {
    expect(checkValues(stream({}), {})).toBeUndefined()
  })

  const junk: Record<string, () => unknown> = {
    'no object': () => stream(undefined as never),
    'a list': () => stream(['word'] as never),
    'a word for a type': () => stream({ word: 'string' } as never),
    'no schema': () => stream({ word: { '~standard': {} } } as never),
    'a field called __proto__': () => stream({ ['__proto__']: t.string }),
    'a direct that is no boolean': () => stream({ a: t.string }, { direct: 1 } as never),
  }
  for (const [name, declare] of Object.entries(junk)) {
    test(`declaration refused: ${name}`, () => {
      expect(declare).toThrow(StormError)
      expect(codeOf(declare)).toBe('BAD_STREAM')
    })
  }

  test('shape: whoever made it, a stream is known by its shape', () => {
    expect(isStream(handmade(['a']))).toBe(true)
    for (const other of [
      undefined,
      null,
      1,
      {},
      { fields: ['a'] },
      { fields: [1], direct: false },
      { default: handmade([]) },
    ]) {
      expect(isStream(other)).toBe(false)
    }
  })
})

describe('values', () => {
  const fitting: readonly (readonly [FieldType, unknown, unknown])[] = [
    [t.string, '', 1],
    [t.number, Number.NaN, '1'],
    [t.boolean, false, 0],
    [t.bigint, 1n, 1],
    [t.bytes, new Uint8Array(1), [1]],
    [t.date, new Date(0), 0],
    [z.number().int(), 1, 1.5],
    [z.string().min(2), 'ab', 'a'],
  ]
  for (const [index, [type, right, wrong]] of fitting.entries()) {
    test(`types: what fits and what does not: ${index}`, () => {
      const declared = stream({ it: type })
      expect(checkValues(declared, { it: right })).toBeUndefined()
      expect(checkValues(declared, { it: wrong })).toMatch(/^the field 'it' does not fit: /)
    })
  }

  test('types: t.of takes whatever is there', () => {
    expect(checkValues(stream({ it: t.of<{ a: 1 } | undefined>() }), { it: undefined })).toBeUndefined()
  })

  const Word = stream({ word: t.string, count: t.number })
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ word: 'a' }, "the field 'count' is missing"],
    [{ word: 1, count: 1 }, "the field 'word' does not fit: a string is expected, got 1"],
    [{ wrod: 'a', count: 1 }, "the field 'word' is missing; the stream has no field 'wrod' (did you mean 'word'?)"],
    [{ word: 'a', count: 1, zzzzzz: 2 }, "the stream has no field 'zzzzzz'"],
    ['word', "an object of values is expected, got 'word'"],
    [null, 'an object of values is expected, got null'],
  ]
  for (const [values, sentence] of wrong) {
    test(`sentences: ${sentence}`, () => {
      expect(checkValues(Word, values)).toBe(sentence)
    })
  }

  test('by hand: of a stream without types only names are checked', () => {
    expect(checkValues(handmade(['a']), { a: 1 })).toBeUndefined()
    expect(checkValues(handmade(['a']), { b: 1 })).toContain("'a' is missing")
  })

  test('asynchronous schema: refused with a code, its rejection is nobody else’s', () => {
    const validate = () => Promise.reject(new Error('no'))
    const slow: FieldType = { '~standard': { version: 1, vendor: 'test', validate } }
    expect(codeOf(() => checkValues(stream({ a: slow }), { a: 'x' }))).toBe('ASYNC_SCHEMA')
  })
})

function codeOf(call: () => unknown): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return error instanceof StormError ? error.code : `no StormError: ${String(error)}`
  }
}
