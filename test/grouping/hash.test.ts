// Guards: "the same route on every machine", of which this is the hash.
import xxhash from 'xxhash-wasm'
import { describe, expect, test } from 'vitest'
import { loadKeyHash } from '../../src/grouping/hash.js'

describe('hash', () => {
  test('hash: published values of xxHash (32 bits)', async () => {
    const hash = await loadKeyHash()
    const of = (text: string, seed?: number) => hash(Buffer.from(text), Buffer.byteLength(text), seed)
    expect(of('')).toBe(0x02cc5d05)
    expect(of('a')).toBe(0x550d7456)
    expect(of('abc')).toBe(0x32d153ff)
    expect(of('Nobody inspects the spammish repetition')).toBe(0xe2293b2f)
    expect(of('', 0x9e3779b1)).toBe(0x36b78ae7)
  })

  test('hash: only the first bytes count', async () => {
    const hash = await loadKeyHash()
    expect(hash(Buffer.from('abcdef'), 3)).toBe(hash(Buffer.from('abc'), 3))
  })

  test('hash: a key of any length has the same hash in pieces as in one', async () => {
    const hash = await loadKeyHash()
    const { h32Raw } = await xxhash()
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >>> 3)
    for (const length of [65_535, 65_536, 65_537, 131_072, 131_073, 199_999, 200_000]) {
      expect(hash(bytes, length, 7)).toBe(h32Raw(bytes.subarray(0, length), 7))
    }
  })
})
