import { StormError } from '../errors.js'

/** Containers within containers that a value may have. */
export const depthMax = 64

/** A dressed leaf, such as a bigint, is one more. */
const levelsMax = depthMax + 1

/** Of each open container, how many items are still to come. */
const itemsLeft = new Float64Array(levelsMax)
/** Whether it is a map, whose items are key, value, key, value. */
const isMap = new Uint8Array(levelsMax)

/**
 * Looks whether the bytes from `start` to `end` are one MessagePack value of the kinds that we send, before anything is
 * made of them: lengths fit what is there, no more than 64 levels, names are strings, no extension types. What passes
 * can be decoded in memory that is proportional to its bytes. Throws BAD_FRAME.
 */
export function scanMessagePack(bytes: Uint8Array, view: DataView, start: number, end: number): void {
  let at = start
  let depth = 0
  for (;;) {
    if (at >= end) throw refused('ends too early')
    const token = bytes[at++] as number
    if (depth > 0 && isMap[depth - 1] === 1 && ((itemsLeft[depth - 1] as number) & 1) === 0 && !isStringToken(token)) {
      throw refused('has a name that is no string')
    }
    let skipped = 0
    /** Items of a container that begins here; −1: none begins. */
    let items = -1
    let map = 0
    if (token <= 0x7f || token >= 0xe0) skipped = 0
    else if (token <= 0x8f) [items, map] = [(token & 0x0f) * 2, 1]
    else if (token <= 0x9f) items = token & 0x0f
    else if (token <= 0xbf) skipped = token & 0x1f
    else {
      const lengthBytes = lengthBytesOf[token - 0xc0] as number
      if (lengthBytes < 0) throw refused(`has the type 0x${token.toString(16)}, which is not sent`)
      if (at + lengthBytes > end) throw refused('ends too early')
      const length =
        lengthBytes === 1
          ? (bytes[at] as number)
          : lengthBytes === 2
            ? view.getUint16(at)
            : lengthBytes === 4
              ? view.getUint32(at)
              : 0
      at += lengthBytes
      if (token === 0xdc || token === 0xdd) items = length
      else if (token === 0xde || token === 0xdf) [items, map] = [length * 2, 1]
      else skipped = lengthBytes > 0 ? length : (fixedBytesOf[token - 0xc0] as number)
    }
    at += skipped
    // Every item has a byte at least.
    if (at > end || items > end - at) throw refused('ends too early')
    if (items > 0) {
      if (depth === levelsMax) throw refused(`has more than ${levelsMax} levels`)
      itemsLeft[depth] = items
      isMap[depth] = map
      depth++
      continue
    }
    while (depth > 0) {
      const left = (itemsLeft[depth - 1] as number) - 1
      itemsLeft[depth - 1] = left
      if (left > 0) break
      depth--
    }
    if (depth === 0) break
  }
  if (at !== end) throw refused('goes on after its end')
}

const isStringToken = (token: number) => (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb)

/** Of the tokens from 0xc0: bytes of the length that follows; 0 for none; −1 for those that are not sent. */
// prettier-ignore
const lengthBytesOf = Int8Array.from([
  0, -1, 0, 0, // nil, unused, false, true
  1, 2, 4, // bytes
  -1, -1, -1, // extensions
  -1, 0, // float32, float64
  0, 0, 0, -1, // unsigned integers
  0, 0, 0, -1, // integers
  -1, -1, -1, -1, -1, // extensions
  1, 2, 4, // strings
  2, 4, 2, 4, // arrays, maps
])

/** Of those of them without a length: bytes that follow. */
// prettier-ignore
const fixedBytesOf = Uint8Array.from([
  0, 0, 0, 0,
  0, 0, 0,
  0, 0, 0,
  4, 8,
  1, 2, 4, 8,
  1, 2, 4, 8,
])

const refused = (what: string) => new StormError('BAD_FRAME', `A packed value ${what}.`)
