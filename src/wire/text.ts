declare const TextEncoder: new () => { encodeInto(text: string, into: Uint8Array): { read: number; written: number } }
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string }

/**
 * Strings as bytes, and what Node knows beyond that: its `Buffer`. A seam: Node's own ways are several times as fast
 * as those that every machine has.
 */
export interface Text {
  /** Bytes as characters of the same number. */
  latin1(bytes: Uint8Array, start: number, end: number): string
  /** Throws for what is no UTF-8. A byte-order mark is kept. */
  utf8(bytes: Uint8Array, start: number, end: number): string
  /** Two bytes a unit, lowest first; any units. */
  utf16(bytes: Uint8Array, start: number, end: number): string
  /** Writes well-formed text as UTF-8; there is room for three bytes a unit. Returns how many bytes it took. */
  writeUtf8(text: string, into: Uint8Array, at: number): number
  isBuffer(value: object): boolean
  /** Bytes as a Buffer; undefined where there is none. */
  buffer(bytes: Uint8Array): Uint8Array | undefined
}

/** By what browsers have, too. */
export function plainText(): Text {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return {
    latin1: (bytes, start, end) => inPieces(bytes, start, end, 1),
    utf16: (bytes, start, end) => inPieces(bytes, start, end, 2),
    utf8: (bytes, start, end) => decoder.decode(bytes.subarray(start, end)),
    writeUtf8: (text, into, at) => encoder.encodeInto(text, into.subarray(at)).written,
    isBuffer: () => false,
    buffer: () => undefined,
  }
}

/** `String.fromCharCode` takes as many arguments as the stack has room for. */
const unitsMax = 4_096

function inPieces(bytes: Uint8Array, start: number, end: number, width: 1 | 2): string {
  let text = ''
  const units: number[] = []
  for (let at = start; at < end; at += width) {
    units.push(width === 1 ? (bytes[at] as number) : (bytes[at] as number) | ((bytes[at + 1] as number) << 8))
    if (units.length === unitsMax || at + width >= end) {
      text += String.fromCharCode(...units)
      units.length = 0
    }
  }
  return text
}
