import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRng } from '../../src/stdx/rng.js'

/** A folder for large files, which is removed with all that is in it. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'storm-ts-slow-'))

  path(name: string): string {
    return join(this.folder, name)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface TextShape {
  readonly seed: number
  readonly bytes: number
  /** Bytes of a line, about; whole words make it a little more or less. */
  readonly lineBytes: number
  /** Letters of the longest word. */
  readonly wordLength: number
  /** Bytes that are made; the text is these again and again. */
  readonly blockBytes?: number
  /** No letters but those of ASCII, so that V8 needs a byte for each. */
  readonly isAscii?: boolean
}

const separators = [' ', ' ', ' ', ' ', ' ', ' ', '  ', '\t', '\v', '\f', '\r', ' \r']
const oddWords = ['__proto__', 'constructor', '1', '-0', '😀', 'no\u00a0break', 'line\u2028line', 'é', '\ufffd']

/** Writes a text of many words, some frequent and some rare, most of them plain. The same for the same shape. */
export function writeText(
  path: string,
  { seed, bytes, lineBytes, wordLength, blockBytes = bytes, isAscii = false }: TextShape,
): void {
  const rng = seededRng(seed)
  const words = Array.from({ length: 20_000 }, (_, i): string => {
    if (i % 500 === 7 && !isAscii) return oddWords[((i / 500) % oddWords.length) | 0] as string
    return Array.from({ length: 1 + rng.below(wordLength) }, () => String.fromCharCode(97 + rng.below(26))).join('')
  })
  const pieces: Buffer[] = []
  let inLine = 0
  for (let made = 0; made < blockBytes;) {
    const parts: string[] = []
    for (let size = 0; size < 0x10_0000;) {
      // The product of two makes small numbers likelier.
      const word = words[Math.floor((rng.below(20_000) * rng.below(20_000)) / 20_000)] as string
      const separator = separators[rng.below(separators.length)] as string
      const wordBytes = Buffer.byteLength(word) + separator.length
      inLine += wordBytes
      size += wordBytes
      const ends = inLine >= lineBytes
      parts.push(word, ends ? '\n' : separator)
      if (ends) inLine = 0
    }
    const piece = Buffer.from(parts.join(''))
    made += piece.length
    pieces.push(piece)
  }
  const file = openSync(path, 'w')
  for (let written = 0; written < bytes;) for (const piece of pieces) written += writeSync(file, piece)
  closeSync(file)
}
