import type { Arena } from './arena.js'

/**
 * CRC-32C of the bytes from `start`, a multiple of 4, to `end` in the arena, as an int32. However it is computed, the
 * answer is the same.
 */
export type Crc32c = (arena: Arena, start: number, end: number) => number

/** Castagnoli's polynomial, bits reversed. */
const polynomial = 0x82f63b78

/** Table `k` of 256 entries tells what a byte does to the checksum when `k` more bytes come after it. */
const tables = makeTables(16)

/** Sixteen bytes a step by table ("slicing"): 1.6 GB/s, where one byte a step makes 0.4. */
export const crc32c: Crc32c = (arena, start, end) => {
  const { bytes, ints } = arena
  const t = tables
  let crc = -1
  let at = start
  for (const last = end - 16; at <= last; at += 16) {
    const word = at >> 2
    const a = (ints[word] as number) ^ crc
    const b = ints[word + 1] as number
    const c = ints[word + 2] as number
    const d = ints[word + 3] as number
    crc =
      (t[0xf00 | (a & 255)] as number) ^
      (t[0xe00 | ((a >>> 8) & 255)] as number) ^
      (t[0xd00 | ((a >>> 16) & 255)] as number) ^
      (t[0xc00 | (a >>> 24)] as number) ^
      (t[0xb00 | (b & 255)] as number) ^
      (t[0xa00 | ((b >>> 8) & 255)] as number) ^
      (t[0x900 | ((b >>> 16) & 255)] as number) ^
      (t[0x800 | (b >>> 24)] as number) ^
      (t[0x700 | (c & 255)] as number) ^
      (t[0x600 | ((c >>> 8) & 255)] as number) ^
      (t[0x500 | ((c >>> 16) & 255)] as number) ^
      (t[0x400 | (c >>> 24)] as number) ^
      (t[0x300 | (d & 255)] as number) ^
      (t[0x200 | ((d >>> 8) & 255)] as number) ^
      (t[0x100 | ((d >>> 16) & 255)] as number) ^
      (t[d >>> 24] as number)
  }
  for (; at < end; at++) crc = (t[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8)
  return ~crc
}

function makeTables(count: number): Int32Array {
  const made = new Int32Array(count * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? polynomial ^ (crc >>> 1) : crc >>> 1
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] as number
    made[at] = (before >>> 8) ^ (made[before & 255] as number)
  }
  return made
}
