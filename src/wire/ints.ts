import { StormError } from '../errors.js'
import { roundUp4, type Arena } from './arena.js'

/**
 * A column of int32, in as few bytes a number as the largest of them needs. It begins and ends at a multiple of 4.
 *
 * ```text
 * | width u32 | numbers, width bytes each, then zeros up to a multiple of 4
 *   0: all are the same, one int32   1: u8   2: u16   4: int32
 * ```
 */
export function writeInts(out: Arena, start: number, values: Int32Array, count: number): number {
  const { bytes, ints } = out
  let bits = 0
  let varies = 0
  const first = count > 0 ? (values[0] as number) : 0
  for (let i = 0; i < count; i++) {
    const value = values[i] as number
    bits |= value
    varies |= value ^ first
  }
  const width = varies === 0 ? 0 : bits >>> 8 === 0 ? 1 : bits >>> 16 === 0 ? 2 : 4
  let at = start >> 2
  ints[at++] = width
  if (width === 0) {
    ints[at++] = first
    return at << 2
  }
  if (width === 4) {
    for (let i = 0; i < count; i++) ints[at++] = values[i] as number
    return at << 2
  }
  let byte = at << 2
  if (width === 1) for (let i = 0; i < count; i++) bytes[byte++] = values[i] as number
  else {
    for (let i = 0; i < count; i++) {
      const value = values[i] as number
      bytes[byte++] = value
      bytes[byte++] = value >> 8
    }
  }
  while ((byte & 3) !== 0) bytes[byte++] = 0
  return byte
}

/** The column of a number that is the same in all rows. */
export function writeSame(out: Arena, start: number, value: number): number {
  out.ints[start >> 2] = 0
  out.ints[(start >> 2) + 1] = value
  return start + 8
}

/** The most that `writeInts` needs for so many numbers. */
export const intsBytesMax = (count: number): number => 8 + count * 4

/** Reads `count` numbers into `into`, which has room for them. Returns where the column ends. Throws BAD_FRAME. */
export function readInts(from: Arena, start: number, end: number, count: number, into: Int32Array): number {
  if (start + 8 > end) throw cutOff()
  const { bytes, ints } = from
  let at = start >> 2
  const width = ints[at++]
  switch (width) {
    case 0: {
      into.fill(ints[at++] as number, 0, count)
      return at << 2
    }
    case 4: {
      if ((at + count) << 2 > end) throw cutOff()
      for (let i = 0; i < count; i++) into[i] = ints[at++] as number
      return at << 2
    }
    case 1: {
      let byte = at << 2
      if (byte + count > end) throw cutOff()
      for (let i = 0; i < count; i++) into[i] = bytes[byte++] as number
      return roundUp4(byte)
    }
    case 2: {
      let byte = at << 2
      if (byte + count * 2 > end) throw cutOff()
      for (let i = 0; i < count; i++) {
        into[i] = (bytes[byte] as number) | ((bytes[byte + 1] as number) << 8)
        byte += 2
      }
      return roundUp4(byte)
    }
    default:
      throw new StormError(
        'BAD_FRAME',
        `A frame has a column of numbers of ${width} bytes each; 0, 1, 2 or 4 are known.`,
      )
  }
}

export const cutOff = (): StormError => new StormError('BAD_FRAME', 'A frame ends in the middle of a column.')
