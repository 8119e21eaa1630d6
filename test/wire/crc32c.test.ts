// Guards "a damaged frame is never taken for a whole one": the checksum is CRC-32C, and the fast way makes what the plain one makes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../src/wire/arena.js'
import { crc32c } from '../../src/wire/crc32c.js'
import { nodeCrc32c } from '../../src/wire/node-crc32c.js'

function crcOf(bytes: Uint8Array): number {
  const arena = new Arena(bytes.length + 4)
  arena.bytes.set(bytes, 4)
  return crc32c(arena, 4, 4 + bytes.length) >>> 0
}

/** As the definition has it: a bit at a time. */
function plainly(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
const vectors: [name: string, bytes: number[], crc: number][] = [
  ['nothing', [], 0],
  ['123456789', [...'123456789'].map((digit) => digit.charCodeAt(0)), 0xe3069283],
  ['32 zeros', new Array<number>(32).fill(0), 0x8a9136aa],
  ['32 ones', new Array<number>(32).fill(255), 0x62a8ab43],
  ['32 ascending', Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['32 descending', Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  [
    'an iSCSI read command',
    [0x01, 0xc0, ...new Array<number>(14).fill(0), 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18].concat([
      0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    ]),
    0xd9963a56,
  ],
]

describe('crc32c: vectors', () => {
  test.each(vectors)('%s', (_, bytes, crc) => {
    expect(crcOf(Uint8Array.from(bytes))).toBe(crc)
  })
})

test('crc32c: any bytes: the same as bit by bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(crcOf(bytes)).toBe(plainly(bytes))
    }),
    { numRuns: 2_000 },
  )
})

describe('crc32c: of the machine', () => {
  const anywhere = fc.record({
    start: fc.integer({ min: 0, max: 20 }).map((words) => words * 4),
    bytes: fc.uint8Array({ maxLength: 4_000, size: 'max' }),
  })

  test('any bytes anywhere, few or many: the same as by table', () => {
    const native = nodeCrc32c()
    // Else the table is compared with itself.
    expect(native).not.toBe(crc32c)
    fc.assert(
      fc.property(anywhere, ({ start, bytes }) => {
        const arena = new Arena(start + bytes.length)
        arena.bytes.set(bytes, start)
        expect(native(arena, start, arena.bytes.length)).toBe(crc32c(arena, start, arena.bytes.length))
      }),
    )
  })

  test('none for this machine: the table', () => {
    const none = () => {
      throw new Error('Cannot find native binding.')
    }
    expect(nodeCrc32c(none)).toBe(crc32c)
  })
})
