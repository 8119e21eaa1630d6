import { plainText, type Text } from '../wire/text.js'

declare const Buffer:
  | { isBuffer(value: object): boolean; from(buffer: ArrayBufferLike, start: number, length: number): Uint8Array }
  | undefined

/** Texts by what every machine has, and the `Buffer` of Node where there is one. A shell. */
export function textHere(): Text {
  const text = plainText()
  if (typeof Buffer === 'undefined') return text
  const buffers = Buffer
  return {
    ...text,
    isBuffer: (value) => buffers.isBuffer(value),
    buffer: (bytes) => buffers.from(bytes.buffer, bytes.byteOffset, bytes.length),
  }
}
