// Guards "a damaged frame is never taken for a whole one" and "nothing of a body is looked at before its header is right".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/wire/arena.js'
import { crc32c } from '../../src/wire/crc32c.js'
import { bodyBytesMax, Bytes, Frames, FrameType, headerBytes } from '../../src/wire/frame.js'

const origin = { topology: 7, generation: 3, incarnation: 2, sessionLo: -5, sessionHi: 0x7fff_ffff }
const frames = new Frames()
const whole = (body = Uint8Array.from([1, 2, 3, 4, 5])) =>
  frames.write(FrameType.tuples, origin, 2 ** 40 + 9, new Bytes(body))

/** The checksum made right again after a change. */
function mended(frame: Uint8Array): Uint8Array {
  const arena = new Arena(frame.length)
  arena.bytes.set(frame)
  arena.view.setInt32(4, crc32c(arena, 8, frame.length), true)
  return arena.bytes.slice(0, frame.length)
}

test('frame: written and read: everything is what it was', () => {
  fc.assert(
    fc.property(
      fc.record({
        type: fc.constantFrom(...Object.values(FrameType)),
        topology: fc.nat(0xffff_ffff),
        generation: fc.nat(0xffff_ffff),
        incarnation: fc.nat(0xffff_ffff),
        sessionLo: fc.integer(),
        sessionHi: fc.integer(),
        sequence: fc.maxSafeNat(),
        body: fc.uint8Array({ maxLength: 300 }),
        shift: fc.nat(7),
      }),
      ({ type, sequence, body, shift, ...from }) => {
        const frame = frames.write(type, from, sequence, new Bytes(body))
        // As a carrier may hand it over: somewhere in a larger piece of memory.
        const shifted = new Uint8Array(frame.length + shift).subarray(shift)
        shifted.set(frame)
        expect(frames.read(shifted)).toBeUndefined()
        expect(frames).toMatchObject({ type, sequence, ...from })
        expect(frames.arena.bytes.slice(frames.start, frames.end)).toEqual(body)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('frame: any bit turned: refused', () => {
  const frame = whole()
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = frame.slice()
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    expect(frames.read(damaged), `bit ${bit}`).toBeDefined()
  }
})

test('frame: damaged in any way: refused, or it is the frame still', () => {
  const frame = whole(Uint8Array.from({ length: 200 }, (_, i) => i * 31))
  const damage = fc.oneof(
    fc.record({ at: fc.nat(frame.length - 1), byte: fc.nat(255) }).map(({ at, byte }) => {
      const damaged = frame.slice()
      damaged[at] = byte
      return damaged
    }),
    fc.nat(frame.length - 1).map((length) => frame.slice(0, length)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((more) => Uint8Array.of(...frame, ...more)),
    fc
      .record({ from: fc.nat(frame.length), to: fc.nat(frame.length), length: fc.nat(60) })
      .map(({ from, to, length }) => {
        const damaged = frame.slice()
        damaged.copyWithin(to, from, from + length)
        return damaged
      }),
    fc.uint8Array({ maxLength: 300 }),
  )
  fc.assert(
    fc.property(damage, (damaged) => {
      if (frames.read(damaged) === undefined) expect(damaged).toEqual(frame)
    }),
    { numRuns: 20_000 },
  )
})

describe('frame: a header that is not ours', () => {
  const cases: [name: string, change: (view: DataView) => void, told: string][] = [
    ['another magic', (view) => view.setUint8(0, 0x47), 'not a frame of storm-ts'],
    ['a later version', (view) => view.setUint8(8, 9), 'protocol version 9 where 1 is spoken'],
    ['type 0', (view) => view.setUint8(9, 0), 'unknown type 0'],
    ['a later type', (view) => view.setUint8(9, 200), 'unknown type 200'],
    ['a flag', (view) => view.setUint16(10, 0x8000, true), 'unknown flags 32768'],
    ['a longer body', (view) => view.setUint32(40, 6, true), 'a body of 6 bytes is told, 5 have come'],
    [
      'a body of 4 GiB',
      (view) => view.setUint32(40, 0xffff_ffff, true),
      'a body of 4294967295 bytes is told, 5 have come',
    ],
    ['a sequence past 2^53', (view) => view.setUint32(36, 0x20_0000, true), 'sequence number beyond 2^53'],
  ]
  test.each(cases)('%s: told', (_, change, told) => {
    const frame = whole()
    change(new DataView(frame.buffer))
    expect(frames.read(mended(frame))).toBe(told)
  })

  test('the checksum: told', () => {
    const frame = whole()
    new DataView(frame.buffer).setUint32(4, 0, true)
    expect(frames.read(frame)).toBe('checksum does not match')
  })
})

test('frame: sizes: none below a header nor above the limit', () => {
  expect(frames.read(new Uint8Array(headerBytes - 1))).toBe('43 bytes where a header has 44')
  expect(frames.read(whole(), 48)).toBe('49 bytes where at most 48 are allowed')
  const largest = frames.write(FrameType.tuples, origin, 1, new Bytes(new Uint8Array(bodyBytesMax)))
  expect(frames.read(largest)).toBeUndefined()
  expect(frames.read(new Uint8Array(largest.length + 1))).toBe('1048621 bytes where at most 1048620 are allowed')
})
