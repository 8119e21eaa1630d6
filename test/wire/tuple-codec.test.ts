// Guards "a value arrives deep-equal, or sending it throws", and "no bytes make the receiver do more than they are long".
import { Buffer } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import { stream, t } from '../../src/topology/stream.js'
import { bodyBytesMax, Frames, FrameType } from '../../src/wire/frame.js'
import { nodeText } from '../../src/wire/node-text.js'
import { wireStreams, type WireStream } from '../../src/wire/streams.js'
import { plainText } from '../../src/wire/text.js'
import { TupleDecoder, TupleEncoder, type TupleSink, type WireTuple } from '../../src/wire/tuple-codec.js'
import { sendable, unsendable, unsendableSomewhere } from './values.js'

interface Sent extends WireTuple {
  readonly sourceTask: number
  readonly stream: number
  readonly targetTask: number
}

class Received implements TupleSink {
  readonly tuples: Sent[] = []

  tuple(
    sourceTask: number,
    streamNumber: number,
    targetTask: number,
    values: object,
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    more: number[] | null,
  ): void {
    this.tuples.push({
      sourceTask,
      stream: streamNumber,
      targetTask,
      values,
      acker,
      rootLo,
      rootHi,
      checkLo,
      checkHi,
      more,
    })
  }
}

const streamsOf = (...fields: string[][]): WireStream[] =>
  fields.map((names, number) => ({ number, component: `c${number}`, stream: 'default', fields: names }))

const frames = new Frames()
const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 0, sessionHi: 0 }

/** Through a frame, as between two workers. */
function send(encoder: TupleEncoder, decoder: TupleDecoder): Sent[] {
  const received = new Received()
  expect(frames.read(frames.write(FrameType.tuples, origin, 1, encoder))).toBeUndefined()
  expect(decoder.decode(frames.arena, frames.start, frames.end, received)).toBe(received.tuples.length)
  encoder.clear()
  return received.tuples
}

const untracked = { acker: -1, rootLo: 0, rootHi: 0, checkLo: 0, checkHi: 0, more: null }

/** What comes of one value, alone in a frame. */
function roundTrip(value: unknown, text = nodeText()): unknown {
  const streams = streamsOf(['v'])
  const encoder = new TupleEncoder(text)
  encoder.add(1, streams[0]!, 2, { ...untracked, values: { v: value } })
  const [tuple] = send(encoder, new TupleDecoder(streams, text))
  return (tuple!.values as { v: unknown }).v
}

const fieldNames = ['word', 'count', 'é', 'constructor', '0']
const anyFields = fc.uniqueArray(fc.constantFrom(...fieldNames), { maxLength: 4 })
const int32 = fc.integer()
const tree = fc.record({
  acker: fc.integer({ min: 0, max: 70_000 }),
  rootLo: int32,
  rootHi: int32,
  checkLo: int32,
  checkHi: int32,
  more: fc.option(
    fc
      .array(fc.tuple(fc.nat(3), int32, int32, int32, int32), { minLength: 1, maxLength: 3 })
      .map((roots) => roots.flat()),
  ),
})

const batch = fc.array(anyFields, { minLength: 1, maxLength: 3 }).chain((fields) => {
  const streams = streamsOf(...fields)
  const tuple = fc.nat(streams.length - 1).chain((number) =>
    fc.record({
      stream: fc.constant(number),
      sourceTask: fc.oneof(fc.constant(1), fc.integer({ min: -1, max: 2 ** 26 })),
      targetTask: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.nat(2 ** 26)),
      ids: fc.oneof({ weight: 1, arbitrary: fc.constant(untracked) }, { weight: 3, arbitrary: tree }),
      values: fc.record(
        Object.fromEntries(
          streams[number]!.fields.map((field) => [
            field,
            fc.oneof({ weight: 40, arbitrary: sendable }, { weight: 1, arbitrary: unsendableSomewhere }),
          ]),
        ),
        {
          noNullPrototype: true,
        },
      ),
      absent: fc.option(fc.constantFrom(...fieldNames), { freq: 10 }),
    }),
  )
  return fc.record({ streams: fc.constant(streams), tuples: fc.array(tuple, { maxLength: 8 }) })
})

for (const [name, text] of [
  ["Node's own text", nodeText()],
  ['text by what browsers have', plainText()],
] as const) {
  const isNode = name.startsWith('Node')
  test(`tuple codec: any values, ${name}: all that was taken arrives as it was, in order; the rest threw`, () => {
    fc.assert(
      fc.property(batch, ({ streams, tuples }) => {
        const fresh = new TupleEncoder(text)
        const sent: Sent[] = []
        for (const { stream: number, sourceTask, targetTask, ids, values, absent } of tuples) {
          const own: Record<string, unknown> = { ...values }
          if (absent !== null) delete own[absent]
          const tuple = { ...ids, values: own }
          let took = false
          try {
            took = fresh.add(sourceTask, streams[number]!, targetTask, tuple)
          } catch (error) {
            expect((error as StormError).code).toBe('UNENCODABLE_VALUE')
          }
          if (took) sent.push({ sourceTask, stream: number, targetTask, ...tuple })
        }
        const received = send(fresh, new TupleDecoder(streams, text))
        expect(isDeepStrictEqual(received, sent)).toBe(true)
      }),
      { numRuns: isNode ? 10_000 : 500 },
    )
  })
}

test('tuple codec: texts that come again, frame after frame: all arrives as it was', () => {
  const pool = ['', 'the', 'cow', 'moon', 'é', 'a word that is no key', 'x'.repeat(32), 'y'.repeat(33), 'z'.repeat(400)]
  const few = fc.constantFrom(...pool)
  const many = fc.integer().map((n) => `w${n}`)
  const mixed = fc.oneof(
    { weight: 30, arbitrary: few },
    { weight: 1, arbitrary: fc.constantFrom('漢', 7, null, undefined) },
  )
  const refused = fc.constant(parseInt)
  const row = (text: fc.Arbitrary<unknown>) =>
    fc.record({
      text: fc.oneof({ weight: 30, arbitrary: text }, { weight: 1, arbitrary: refused }),
      other: fc.oneof({ weight: 30, arbitrary: few }, { weight: 1, arbitrary: refused }),
      ids: fc.oneof(
        { weight: 1, arbitrary: fc.constant(untracked) },
        {
          weight: 9,
          arbitrary: fc.nat(2).map((n) => ({ ...untracked, acker: 0, rootLo: n, rootHi: n >> 1, checkLo: n })),
        },
      ),
    })
  const frame = fc.constantFrom(few, many, mixed).chain((text) => fc.array(row(text), { maxLength: 200, size: 'max' }))
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), (sequence) => {
      const streams = streamsOf(['text', 'other'])
      const encoder = new TupleEncoder(nodeText())
      const decoder = new TupleDecoder(streams, nodeText())
      for (const rows of sequence) {
        const sent: Sent[] = []
        for (const { text, other, ids } of rows) {
          const tuple = { ...ids, values: { text, other } }
          if (text === parseInt || other === parseInt)
            expect(() => encoder.add(1, streams[0]!, 2, tuple)).toThrow(StormError)
          else {
            encoder.add(1, streams[0]!, 2, tuple)
            sent.push({ sourceTask: 1, stream: 0, targetTask: 2, ...tuple })
          }
        }
        const { byteLength } = encoder
        expect(frames.write(FrameType.tuples, origin, 1, encoder).length - 44).toBeLessThanOrEqual(byteLength)
        expect(isDeepStrictEqual(send(encoder, decoder), sent)).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

test('tuple codec: any values: refused when they have something that cannot be carried, taken else', () => {
  const text = nodeText()
  const encoder = new TupleEncoder(text)
  const [only] = streamsOf(['v'])
  fc.assert(
    fc.property(fc.oneof(sendable, unsendableSomewhere), (value) => {
      const isBad = Object.values(unsendable).some((bad) => holds(value, bad))
      const take = () => encoder.add(1, only!, 2, { ...untracked, values: { v: value } })
      if (isBad) {
        expect(take).toThrow(StormError)
        expect(() => encoder.check(only!, { v: value })).toThrow(StormError)
      } else {
        expect(take()).toBe(true)
        encoder.check(only!, { v: value })
      }
      encoder.clear()
    }),
    { numRuns: 2_000 },
  )
})

function holds(value: unknown, wanted: unknown): boolean {
  if (value === wanted) return true
  if (value instanceof Map) return [...value.keys()].some((key) => holds(key, wanted))
  if (Array.isArray(value)) return value.length < 10 && value.some((part) => part === wanted)
  const inner = (value as { a?: { b?: unknown } } | null)?.a
  return typeof inner === 'object' && inner !== null && inner.b === wanted
}

describe('tuple codec: values that a codec likes to change', () => {
  const cases: Record<string, unknown> = {
    'minus zero': -0,
    'minus zero within': { a: [-0] },
    'not a number': NaN,
    'half a pair': '\ud83d',
    'half a pair within': { '\ud83d': ['\ude00'] },
    'a byte-order mark': '\ufefftext that is long enough to be written by the machine',
    'a key that is a command': { toJSON: 1, constructor: { hasOwnProperty: 2 } },
    'a map of maps': new Map<unknown, unknown>([[new Map([[1, 2]]), new Set([NaN, -0, 0])]]),
    'an array with holes': [, 1, , undefined, ,], // oxlint-disable-line no-sparse-arrays
    'an object without prototype': Object.create(null),
    'undefined within': { a: undefined, b: [undefined] },
    'a large bigint': -(2n ** 2000n),
    'a buffer': Buffer.from('abc'),
    'bytes of a larger buffer': new Uint8Array(100).subarray(3, 7),
    '70,000 names': Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`n${i}`, i])),
    '64 levels': Array.from({ length: 63 }).reduce<unknown>((inner) => [inner], [2n]),
    'a text of 1 MB': 'é'.repeat(500_000),
  }
  test.each(Object.entries(cases))('%s', (_, value) => {
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
  })

  test('a date that is none', () => {
    expect(roundTrip(new Date(NaN))).toEqual(new Date(NaN))
  })

  test('the same object twice: two equal ones', () => {
    const shared = { x: 1 }
    const [first, second] = roundTrip([shared, shared]) as object[]
    expect(first).toEqual(second)
  })

  test('what becomes of a value after it was taken: does not matter', () => {
    const streams = streamsOf(['v'])
    const encoder = new TupleEncoder(nodeText())
    const value = { list: [1] }
    encoder.add(1, streams[0]!, 2, { ...untracked, values: { v: value } })
    value.list.push(2)
    expect(send(encoder, new TupleDecoder(streams, nodeText()))[0]!.values).toEqual({ v: { list: [1] } })
  })
})

describe('tuple codec: refused', () => {
  test.each(Object.entries(unsendable))('%s', (_, value) => {
    expect(() => roundTrip(value)).toThrow(expect.objectContaining({ code: 'UNENCODABLE_VALUE' }))
    expect(() => roundTrip({ deeper: [value] })).toThrow(expect.objectContaining({ code: 'UNENCODABLE_VALUE' }))
  })

  test('tells component, stream, place and what was got', () => {
    expect(() => roundTrip({ list: [1, { f: parseInt }] })).toThrow(
      "Component 'c0' emitted on its stream 'default' a value that cannot be sent to another worker: the function parseInt at .list[1].f",
    )
  })

  test('a property that is no field', () => {
    const [words] = streamsOf(['word'])
    const encoder = new TupleEncoder(nodeText())
    expect(() => encoder.add(1, words!, 2, { ...untracked, values: { word: 'a', count: 1 } })).toThrow(
      "Component 'c0' emitted on its stream 'default' the property 'count', which is no field",
    )
    expect(() => encoder.add(1, words!, 2, { ...untracked, values: { count: 1 } })).toThrow("'count'")
    expect(() => encoder.check(words!, { count: 1 })).toThrow("'count'")
    expect(encoder.rows).toBe(0)
  })

  test('an instance of a class as values', () => {
    class Word {
      constructor(readonly word: string) {}
    }
    const [words] = streamsOf(['word'])
    const encoder = new TupleEncoder(nodeText())
    const tuple = { ...untracked, values: new Word('a') }
    expect(() => encoder.add(1, words!, 2, tuple)).toThrow('an object of class Word as its values')
    expect(encoder.add(1, words!, 2, { ...untracked, values: Object.assign(Object.create(null), { word: 'a' }) })).toBe(
      true,
    )
  })

  test.each([
    ['one text', 'x'.repeat(1_048_577)],
    ['many texts', Array.from({ length: 20 }, () => 'x'.repeat(60_000))],
    ['wide text', '漢'.repeat(400_000)],
    ['bytes', new Uint8Array(1_048_577)],
    ['bytes that just do not fit', new Uint8Array(1_048_576)],
  ])('more than a frame holds: %s', (_, value) => {
    expect(() => roundTrip(value)).toThrow(expect.objectContaining({ code: 'TUPLE_TOO_LARGE' }))
  })

  test('one tuple: the others go on', () => {
    const streams = streamsOf(['a', 'b'])
    const encoder = new TupleEncoder(nodeText())
    const add = (a: unknown, b: unknown) => encoder.add(1, streams[0]!, 2, { ...untracked, values: { a, b } })
    add('one', 1)
    expect(() => add('two', parseInt)).toThrow(StormError)
    expect(() => add(Symbol('s'), 2)).toThrow(StormError)
    add('three', 'drei')
    expect(() => add({ four: 4 }, parseInt)).toThrow(StormError)
    add('five', 5)
    const values = send(encoder, new TupleDecoder(streams, nodeText())).map((tuple) => tuple.values)
    expect(values).toEqual([
      { a: 'one', b: 1 },
      { a: 'three', b: 'drei' },
      { a: 'five', b: 5 },
    ])
  })
})

describe('tuple codec: sizes', () => {
  describe('texts that came again, and then something that makes cells of them, and is not kept', () => {
    const texts = Array.from({ length: 5 }, (_, i) => String(i).repeat(32))

    /** As many as a frame takes with ease while each of them is sent once. */
    function filled() {
      const streams = streamsOf(['word', 'other'])
      const encoder = new TupleEncoder(nodeText())
      const tracked = { acker: 0, rootLo: 1, rootHi: 2, checkLo: 3, checkHi: 4, more: null }
      const add = (word: unknown, other: unknown = 0) =>
        encoder.add(1, streams[0]!, 2, { ...tracked, values: { word, other } })
      for (let i = 0; i < 3_000; i++) add(texts[i % 5])
      return { encoder, add, decoder: new TupleDecoder(streams, nodeText()) }
    }

    test.each([
      [
        'what cannot be sent',
        (add: ReturnType<typeof filled>['add']) => expect(() => add(parseInt)).toThrow(StormError),
      ],
      [
        'a value in a tuple of which another cannot be sent',
        (add: ReturnType<typeof filled>['add']) => expect(() => add({ a: 1 }, parseInt)).toThrow(StormError),
      ],
      [
        'what does not fit into the frame',
        (add: ReturnType<typeof filled>['add']) => expect(add(new Uint8Array(1_000_000))).toBe(false),
      ],
      [
        'what fits into no frame',
        (add: ReturnType<typeof filled>['add']) => expect(() => add('漢'.repeat(1_100_000))).toThrow(StormError),
      ],
    ])('%s: the others are sent as if it had never come', (_, addInVain) => {
      const fresh = new Frames()
      const { encoder, add, decoder } = filled()
      const before = encoder.byteLength
      addInVain(add)
      expect(encoder.byteLength).toBe(before)
      const bytes = fresh.write(FrameType.tuples, origin, 1, encoder)
      expect(bytes.length - 44).toBeLessThanOrEqual(encoder.byteLength)
      expect(send(encoder, decoder).map(({ values }) => (values as { word: string }).word)).toEqual(
        Array.from({ length: 3_000 }, (__, i) => texts[i % 5]),
      )
    })

    test('what is kept: counts with all that becomes of the others', () => {
      const { encoder, add } = filled()
      expect(add({ a: 1 })).toBe(true)
      const bytes = new Frames().write(FrameType.tuples, origin, 1, encoder)
      expect(bytes.length - 44).toBeLessThanOrEqual(encoder.byteLength)
    })
  })

  test('a frame that is full: says so, and what did not fit goes into the next', () => {
    const streams = streamsOf(['text', 'n'])
    const encoder = new TupleEncoder(nodeText())
    const decoder = new TupleDecoder(streams, nodeText())
    const received: Sent[] = []
    for (let i = 0; i < 100; i++) {
      const tuple = { ...untracked, acker: 0, more: [1, 2, 3, 4, 5], values: { text: 'x'.repeat(50_000), n: i } }
      if (!encoder.add(1, streams[0]!, 2, tuple)) {
        expect(encoder.byteLength).toBeLessThanOrEqual(bodyBytesMax)
        received.push(...send(encoder, decoder))
        expect(encoder.add(1, streams[0]!, 2, tuple)).toBe(true)
      }
    }
    received.push(...send(encoder, decoder))
    expect(received.map((tuple) => (tuple.values as { n: number }).n)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(received.every((tuple) => tuple.more?.length === 5)).toBe(true)
  })

  test('no field at all, 70,000 tuples: two frames', () => {
    const streams = streamsOf([])
    const encoder = new TupleEncoder(nodeText())
    const decoder = new TupleDecoder(streams, nodeText())
    const counts: number[] = []
    for (let i = 0; i < 70_000; i++) {
      if (!encoder.add(1, streams[0]!, 2, { ...untracked, values: {} })) {
        counts.push(send(encoder, decoder).length)
        encoder.add(1, streams[0]!, 2, { ...untracked, values: {} })
      }
    }
    counts.push(send(encoder, decoder).length)
    expect(counts).toEqual([65_535, 4_465])
  })

  test('large: at 64 KiB', () => {
    const encoder = new TupleEncoder(nodeText())
    const [only] = streamsOf(['v'])
    while (!encoder.isLarge) encoder.add(1, only!, 2, { ...untracked, values: { v: 'word' } })
    expect(encoder.byteLength).toBeGreaterThanOrEqual(65_536)
    expect(encoder.byteLength).toBeLessThan(65_700)
  })

  test('few bytes: a word that comes again, with its tree, takes 18', () => {
    const encoder = new TupleEncoder(nodeText())
    const [only] = streamsOf(['word'])
    for (let i = 0; i < 500; i++) {
      encoder.add(1, only!, 3 + (i % 4), {
        acker: 0,
        rootLo: i,
        rootHi: -i,
        checkLo: i,
        checkHi: 1,
        more: null,
        values: { word: 'nature' },
      })
    }
    expect(frames.write(FrameType.tuples, origin, 1, encoder).length / 500).toBeLessThan(18.5)
  })

  test('texts of which few come again: are not looked for in the next frames, and are again later', () => {
    const streams = streamsOf(['word'])
    const encoder = new TupleEncoder(nodeText())
    const decoder = new TupleDecoder(streams, nodeText())
    const bytesOf = (words: readonly string[]) => {
      for (const word of words) encoder.add(1, streams[0]!, 2, { ...untracked, values: { word } })
      const { length } = frames.write(FrameType.tuples, origin, 1, encoder)
      expect(send(encoder, decoder).map(({ values }) => (values as { word: string }).word)).toEqual(words)
      return length
    }
    const same = Array.from({ length: 100 }, () => 'the same')
    const different = same.map((_, i) => `word number ${i}`)
    const short = bytesOf(same)
    bytesOf(different)
    expect(bytesOf(same)).toBeGreaterThan(short * 2)
    for (let frame = 0; frame < 31; frame++) bytesOf(different)
    expect(bytesOf(same)).toBe(short)
  })
})

test('tuple codec: more texts come again than are remembered: all arrives as it was', () => {
  const streams = streamsOf(['word'])
  const encoder = new TupleEncoder(nodeText())
  const decoder = new TupleDecoder(streams, nodeText())
  for (const different of [700, 513, 512, 700]) {
    const words = Array.from({ length: 3_000 }, (_, i) => `word ${(i * 7) % different}`)
    for (const word of words) encoder.add(1, streams[0]!, 2, { ...untracked, values: { word } })
    expect(send(encoder, decoder).map(({ values }) => (values as { word: string }).word)).toEqual(words)
  }
})

test('tuple codec: a text that is remembered does not keep alive the line that it is a part of', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const streams = streamsOf(['word'])
  const encoder = new TupleEncoder(nodeText())
  const decoder = new TupleDecoder(streams, nodeText())
  const heapMib = () => {
    collect()
    return process.memoryUsage().heapUsed / 2 ** 20
  }
  const before = heapMib()
  for (let n = 0; n < 100; n++) {
    // Flat, as a line that was read is; a part of it points into it.
    const line = Buffer.alloc(2 ** 19, `a line of its own, number ${n}; `).toString('latin1')
    for (let i = 0; i < 8; i++) {
      const word = line.slice(i * 1_000, i * 1_000 + 20 + (i >> 1))
      encoder.add(1, streams[0]!, 2, { ...untracked, values: { word } })
    }
    send(encoder, decoder)
  }
  expect(heapMib() - before).toBeLessThan(10)
})

describe('tuple codec: bytes that we did not make', () => {
  const streams = streamsOf(['a', 'b'], ['c'], ['d'])
  const text = nodeText()
  const body = (() => {
    const encoder = new TupleEncoder(text)
    const values = ['word', 1, true, 'ü', [1, { x: null }], 2n, 'y'.repeat(300), 0.5, undefined]
    values.forEach((value, i) => {
      const ids = { acker: i % 2, rootLo: i, rootHi: i, checkLo: i, checkHi: i, more: i === 3 ? [1, 2, 3, 4, 5] : null }
      encoder.add(1, streams[0]!, 5, { ...ids, values: { a: value, b: i } })
      encoder.add(2, streams[1]!, 6, { ...ids, values: { c: value } })
      encoder.add(3, streams[2]!, 7, { ...ids, rootLo: i >> 2, rootHi: 0, values: { d: `text ${i % 3}` } })
    })
    return frames.write(FrameType.tuples, origin, 1, encoder).slice(44)
  })()

  test('anything: read, or refused with a code, never more', () => {
    const decoder = new TupleDecoder(streams, text)
    const change = fc.oneof(
      fc.record({ at: fc.nat(body.length - 1), byte: fc.nat(255) }),
      fc.record({
        at: fc.nat((body.length >> 2) - 1).map((word) => word * 4),
        byte: fc.constantFrom(0, 1, 2, 3, 4, 10, 11, 255),
      }),
    )
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(40), (changes, cut) => {
        const damaged = body.slice(0, cut < 20 ? body.length : body.length - (cut - 20))
        for (const { at, byte } of changes) if (at < damaged.length) damaged[at] = byte
        const arena = frames.arena
        arena.bytes.set(damaged, frames.start)
        try {
          decoder.decode(arena, frames.start, frames.start + damaged.length, new Received())
        } catch (error) {
          expect(['BAD_FRAME', 'ARITY_MISMATCH']).toContain((error as StormError).code)
        }
      }),
      { numRuns: 10_000 },
    )
    const received = new Received()
    frames.arena.bytes.set(body, frames.start)
    expect(decoder.decode(frames.arena, frames.start, frames.start + body.length, received)).toBe(27)
  })

  test('another number of fields: ARITY_MISMATCH with both', () => {
    const arena = frames.arena
    arena.bytes.set(body, frames.start)
    const other = new TupleDecoder(streamsOf(['a'], ['c'], ['d']), text)
    expect(() => other.decode(arena, frames.start, frames.start + body.length, new Received())).toThrow(
      "A frame has tuples of 2 values on stream 'default' of component 'c0', which has 1 fields",
    )
  })
})

test('streams: numbered as declared, over all components', () => {
  const components = [
    { id: 'lines', outputs: new Map([['default', stream({ line: t.string })]]) },
    { id: 'sink', outputs: new Map() },
    {
      id: 'split',
      outputs: new Map([
        ['default', stream({ word: t.string })],
        ['late', stream({ word: t.string, n: t.number })],
      ]),
    },
  ]
  expect(wireStreams(components)).toEqual([
    { number: 0, component: 'lines', stream: 'default', fields: ['line'] },
    { number: 1, component: 'split', stream: 'default', fields: ['word'] },
    { number: 2, component: 'split', stream: 'late', fields: ['word', 'n'] },
  ])
})
