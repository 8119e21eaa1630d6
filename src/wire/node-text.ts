import { Buffer, isUtf8 } from 'node:buffer'
import type { Text } from './text.js'

/** By Node's own `Buffer`. A shell. */
export function nodeText(): Text {
  const { latin1Slice, utf8Slice, ucs2Slice, utf8Write } = Buffer.prototype as unknown as NativeText
  return {
    latin1: (bytes, start, end) => latin1Slice.call(bytes, start, end),
    utf8(bytes, start, end) {
      if (!isUtf8(bytes.subarray(start, end))) throw new TypeError('not UTF-8')
      return utf8Slice.call(bytes, start, end)
    },
    utf16: (bytes, start, end) => ucs2Slice.call(bytes, start, end),
    writeUtf8: (text, into, at) => utf8Write.call(into, text, at, text.length * 3),
    isBuffer: (value) => Buffer.isBuffer(value) && Object.getPrototypeOf(value) === Buffer.prototype,
    buffer: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  }
}

/** What stands behind `toString` and `write`, without their look at the encoding. Part of Node since its beginning, though not in its documentation. */
interface NativeText {
  latin1Slice(this: Uint8Array, start: number, end: number): string
  utf8Slice(this: Uint8Array, start: number, end: number): string
  ucs2Slice(this: Uint8Array, start: number, end: number): string
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number
}
