// Guards "memory is used again, and never by two at once".
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameMemory } from '../../src/wire/frame-memory.js'

test('frame memory: what is given back is used again, by a frame of about that size', () => {
  const memory = new FrameMemory()
  const first = memory.take(5_000)
  expect(first.length).toBe(5_000)
  memory.free(first)
  const [larger, second, third] = [memory.take(9_000), memory.take(8_000), memory.take(5_000)]
  expect(second.buffer).toBe(first.buffer)
  expect(second.length).toBe(8_000)
  expect([larger.buffer, third.buffer]).not.toContain(first.buffer)
})

test('frame memory: small and very large frames, and what is none of its pieces, are let go', () => {
  const memory = new FrameMemory()
  for (const bytes of [0, 1, 2_047, 131_073, 1_048_576]) {
    const frame = memory.take(bytes)
    expect(frame.length).toBe(bytes)
    memory.free(frame)
    expect(memory.take(bytes).buffer).not.toBe(frame.buffer)
  }
  const strange = new Uint8Array(5_000)
  memory.free(strange)
  expect(memory.take(5_000).buffer).not.toBe(strange.buffer)
})

test('frame memory: no two frames that are in use share memory, and what it keeps is bounded', () => {
  const sizes = fc.oneof(fc.nat(200_000), fc.constantFrom(0, 2_047, 2_048, 2_049, 65_536, 65_537, 131_072, 131_073))
  fc.assert(
    fc.property(
      fc.array(fc.record({ size: sizes, isTaken: fc.boolean(), which: fc.nat() }), { maxLength: 200 }),
      (steps) => {
        const memory = new FrameMemory()
        const inUse: Uint8Array<ArrayBuffer>[] = []
        for (const { size, isTaken, which } of steps) {
          if (isTaken || inUse.length === 0) {
            const frame = memory.take(size)
            expect(frame.length).toBe(size)
            inUse.push(frame)
          } else memory.free(inUse.splice(which % inUse.length, 1)[0]!)
        }
        expect(new Set(inUse.map(({ buffer }) => buffer)).size).toBe(inUse.length)
      },
    ),
  )
  const memory = new FrameMemory()
  const many = Array.from({ length: 200 }, () => memory.take(131_072))
  for (const frame of many) memory.free(frame)
  const again = Array.from({ length: 200 }, () => memory.take(131_072).buffer)
  expect(many.filter(({ buffer }) => again.includes(buffer))).toHaveLength(64)
})
