import type { Text } from './text.js'

/** Longer texts are not kept. */
const lengthMax = 64
/** A power of two. So many texts are kept at most, one for each value of their hash. */
const cells = 1_024

/**
 * Short texts that came lately, so that one which comes again is the same string as before and no new one. A `Map` that
 * has it as a key finds it by identity then, its hash is known, and nothing of it has to be collected.
 *
 * At its second coming a text is made V8's one string of its kind ("internalized", as names of properties are): V8 keeps
 * what `split` made of such strings, and compares them by address alone.
 */
export class KnownTexts {
  readonly #text: Text
  readonly #kept: string[] = new Array<string>(cells).fill('')
  /** Whether the text in a cell has come twice. */
  readonly #isShared = new Uint8Array(cells)

  constructor(text: Text) {
    this.#text = text
  }

  /** The text of these bytes, one for each character. */
  of(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start
    if (length > lengthMax) return this.#text.latin1(bytes, start, end)
    let hash = length
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
    const cell = (Math.imul(hash, 0x9e3779b1) >>> 16) & (cells - 1)
    const kept = this.#kept[cell] as string
    if (!isText(kept, bytes, start, length)) {
      this.#isShared[cell] = 0
      return (this.#kept[cell] = this.#text.latin1(bytes, start, end))
    }
    if (this.#isShared[cell] === 1) return kept
    this.#isShared[cell] = 1
    return (this.#kept[cell] = Object.keys({ [kept]: null })[0] as string)
  }
}

function isText(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
