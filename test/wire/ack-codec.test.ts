// Guards "nothing acked that was not done": what comes out of a frame makes the ledger do what the single calls would.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StormError } from '../../src/errors.js'
import { AckDecoder, AckEncoder, type AckSink } from '../../src/wire/ack-codec.js'
import { Frames, FrameType } from '../../src/wire/frame.js'

/** What was told, the checks of inits and acks summed up by root as the ledger does. */
class Told implements AckSink {
  readonly checks = new Map<string, { lo: number; hi: number; owner: string | undefined }>()
  readonly others: string[] = []
  calls = 0

  init(
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: number,
    slot: number,
  ): void {
    this.#root(acker, rootLo, rootHi, checkLo, checkHi).owner = `${spoutTask} ${slot}`
  }

  ack(acker: number, rootLo: number, rootHi: number, checkLo: number, checkHi: number): void {
    this.#root(acker, rootLo, rootHi, checkLo, checkHi)
  }

  fail(...told: number[]): void {
    this.#other('fail', told)
  }

  resetTimeout(...told: number[]): void {
    this.#other('reset', told)
  }

  verdict(...told: number[]): void {
    this.#other('verdict', told)
  }

  timeoutReset(...told: number[]): void {
    this.#other('timeout reset', told)
  }

  get all(): object {
    return { checks: Object.fromEntries(this.checks), others: this.others.sort() }
  }

  #root(acker: number, rootLo: number, rootHi: number, checkLo: number, checkHi: number) {
    this.calls++
    const key = `${acker} ${rootLo} ${rootHi}`
    const root = this.checks.get(key) ?? { lo: 0, hi: 0, owner: undefined }
    root.lo ^= checkLo
    root.hi ^= checkHi
    this.checks.set(key, root)
    return root
  }

  #other(kind: string, told: number[]): void {
    this.calls++
    this.others.push(`${kind} ${told.join(' ')}`)
  }
}

const frames = new Frames()
const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 0, sessionHi: 0 }
const decoder = new AckDecoder()

function send(encoder: AckEncoder): Told {
  const told = new Told()
  expect(frames.read(frames.write(FrameType.acks, origin, 1, encoder))).toBeUndefined()
  expect(decoder.decode(frames.arena, frames.start, frames.end, told)).toBe(told.calls)
  encoder.clear()
  return told
}

const int32 = fc.oneof(fc.integer(), fc.integer({ min: -2, max: 300 }))
// Few roots, so that they meet. All about a root goes to one acker.
const root = fc.integer({ min: 0, max: 12 }).map((n) => [20 + (n % 2), Math.imul(n, 0x10001), n % 3] as const)
const call = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(root, int32, int32, fc.nat(2 ** 26 - 2), int32).map(
      ([[acker, lo, hi], checkLo, checkHi, task, slot]) =>
        (to: AckSink) =>
          to.init(acker, lo, hi, checkLo, checkHi, task, slot),
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(root, int32, int32).map(
      ([[acker, lo, hi], checkLo, checkHi]) =>
        (to: AckSink) =>
          to.ack(acker, lo, hi, checkLo, checkHi),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(root, fc.integer({ min: 1, max: 15 })).map(
      ([[acker, lo, hi], reason]) =>
        (to: AckSink) =>
          to.fail(acker, lo, hi, reason),
    ),
  },
  {
    weight: 1,
    arbitrary: root.map(
      ([acker, lo, hi]) =>
        (to: AckSink) =>
          to.resetTimeout(acker, lo, hi),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(root, int32, int32, fc.nat(15)).map(
      ([[, lo, hi], task, slot, reason]) =>
        (to: AckSink) =>
          to.verdict(task, slot, lo, hi, reason),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(root, int32, int32).map(
      ([[, lo, hi], task, slot]) =>
        (to: AckSink) =>
          to.timeoutReset(task, slot, lo, hi),
    ),
  },
)

test('ack codec: any calls: the same sums by root, the same owners, all else call for call', () => {
  const encoder = new AckEncoder()
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const told = new Told()
      for (const tell of calls) {
        tell(told)
        tell(encoder)
      }
      expect(encoder.told).toBe(calls.length)
      expect(send(encoder).all).toEqual(told.all)
    }),
    { numRuns: 5_000 },
  )
})

describe('ack codec: folding', () => {
  test('a hundred acks of a root are one, and one with its init', () => {
    const encoder = new AckEncoder()
    encoder.init(3, 7, 8, 1, 1, 5, 99)
    for (let i = 0; i < 100; i++) encoder.ack(3, 7, 8, i, -i)
    const told = send(encoder)
    expect(told.calls).toBe(1)
    expect(told.checks.get('3 7 8')).toMatchObject({ owner: '5 99' })
  })

  test('an init after acks of its root: one with them', () => {
    const encoder = new AckEncoder()
    encoder.ack(3, 7, 8, 12, 0)
    encoder.init(3, 7, 8, 1, 1, 5, 99)
    const told = send(encoder)
    expect([...told.checks]).toEqual([['3 7 8', { lo: 13, hi: 1, owner: '5 99' }]])
  })

  test('more roots than the table holds: all arrive', () => {
    const encoder = new AckEncoder()
    const many = 34_000
    for (let i = 0; i < many; i++) encoder.ack(3, i, 0, i, 1)
    for (let i = 0; i < many; i += 1_000) encoder.ack(3, i, 0, i, 2)
    const told = send(encoder)
    expect(told.checks.size).toBe(many)
    expect(told.checks.get('3 33000 0')).toMatchObject({ lo: 0, hi: 3 })
    encoder.ack(3, 1, 0, 1, 1)
    expect(send(encoder).calls).toBe(1)
  })

  test('few bytes: an ack alone takes 16', () => {
    const encoder = new AckEncoder()
    for (let i = 0; i < 1_000; i++) encoder.ack(3, i, 0, i, 1)
    expect(frames.write(FrameType.acks, origin, 1, encoder).length).toBeLessThan(16_200)
  })

  test('any number in one turn: it says when it is large, and none is lost', () => {
    const sizes: number[] = []
    let rows = 0
    const encoder: AckEncoder = new AckEncoder(() => {
      sizes.push(encoder.byteLength)
      rows += send(encoder).calls
    })
    for (let i = 0; i < 200_000; i++) encoder.ack(3, i, 0, i, 1)
    rows += send(encoder).calls
    expect(rows).toBe(200_000)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(65_536)
    expect(Math.max(...sizes)).toBeLessThan(100_000)
  })
})

test('ack codec: bytes that we did not make: read, or BAD_FRAME', () => {
  const encoder = new AckEncoder()
  for (let i = 0; i < 20; i++) {
    encoder.init(i % 2, i, i, i, i, 4, i)
    encoder.ack(1, -i, i, i, i)
    encoder.fail(1, i, i, 2)
    encoder.verdict(4, i * 1_000, i, i, 0)
    encoder.timeoutReset(4, i, i, i)
    encoder.resetTimeout(1, i, i)
  }
  const body = frames.write(FrameType.acks, origin, 1, encoder).slice(44)
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ at: fc.nat(body.length - 1), byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 4, 255)) }),
        { minLength: 1, maxLength: 4 },
      ),
      fc.nat(40),
      (changes, cut) => {
        const damaged = body.slice(0, body.length - Math.max(0, cut - 20))
        for (const { at, byte } of changes) if (at < damaged.length) damaged[at] = byte
        frames.arena.bytes.set(damaged, frames.start)
        try {
          decoder.decode(frames.arena, frames.start, frames.start + damaged.length, new Told())
        } catch (error) {
          expect((error as StormError).code).toBe('BAD_FRAME')
        }
      },
    ),
    { numRuns: 10_000 },
  )
})
