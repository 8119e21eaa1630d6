import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import type { Files } from './files.js'
import { Input, type Piece } from './input.js'
import { LineBuffer } from './line-buffer.js'

export interface LineReaderParts {
  readonly files: Files
  readonly paths: readonly string[]
  /** Which lines are this reader's: those whose number, modulo `every`, is `first`. */
  readonly every: number
  readonly first: number
  /** Bytes that a line may have. */
  readonly lineBytesMax: number
}

const newline = 10
const carriageReturn = 13
/** A line with more bytes is a giant. */
const giantSize = 8 * 0x10_0000

/**
 * The lines of several files, numbered from 0 over all of them, of which it gives those that are its own.
 *
 * `next` never waits: it gives a line of the bytes at hand, or undefined, and then `isAtEnd` tells whether there are no
 * more; if not, `more` brings bytes. A promise is made per run of bytes, never per line. While one run of bytes is worked
 * on, the next one is being read; so besides a line that is longer than such a run it holds two of them.
 *
 * A line is what stands before a newline, without one carriage return at its end, if it has one; a last line need not end
 * with a newline; the end of a file ends its last line. Lines of others are looked at for their newline only.
 */
export class LineReader {
  /** The number of the line that `next` gave last. */
  index = -1
  isAtEnd = false
  readonly #parts: LineReaderParts
  readonly #input: Input
  /** The piece being read; rejections are kept for whoever asks for more. */
  #ahead: Promise<Piece> | undefined
  #waiting: Promise<void> | undefined
  #bytes: Uint8Array | undefined
  /** Where in `#bytes` the line at hand goes on. */
  #at = 0
  #isFileOver = false
  #fileIndex = 0
  #lineInFile = 0
  #line = 0
  /** Lines to pass by before one that is ours. */
  #until: number
  /** Bytes of the line at hand before those in `#bytes`; they are in `#head` if the line is ours. */
  #headSize = 0
  readonly #head: LineBuffer

  constructor(parts: LineReaderParts) {
    this.#parts = parts
    this.#head = new LineBuffer(parts.lineBytesMax)
    this.#input = new Input(parts.files, parts.paths)
    this.#until = parts.first
  }

  /** The next line that is ours, or undefined. Throws LINE_TOO_LONG, at every call, as it cannot go past that line. */
  next(): string | undefined {
    while (this.#bytes !== undefined) {
      const bytes = this.#bytes
      const end = bytes.indexOf(newline, this.#at)
      if (end < 0) {
        this.#keepRest(bytes)
        break
      }
      if (this.#until > 0) {
        this.#until--
        this.#endLine(end + 1)
        continue
      }
      const text = this.#headSize === 0 ? this.#text(bytes, this.#at, end) : this.#joined(bytes, end)
      this.#giveLine(end + 1)
      return text
    }
    return this.#isFileOver ? this.#lastOfFile() : undefined
  }

  /** Settles when there are more bytes, or the end is known. Rejects if a file cannot be opened or read; may be called again. */
  more(): Promise<void> {
    this.#waiting ??= this.#take()
    return this.#waiting
  }

  async close(): Promise<void> {
    this.isAtEnd = true
    this.#isFileOver = false
    this.#bytes = undefined
    this.#head.clear()
    await this.#input.close()
    await this.#ahead?.catch(() => undefined)
  }

  async #take(): Promise<void> {
    try {
      const ahead = this.#ahead ?? this.#input.next()
      this.#ahead = undefined
      const piece = await ahead
      if (this.isAtEnd) return
      if (piece.kind === 'end of input') {
        this.isAtEnd = true
        return
      }
      if (piece.kind === 'bytes') {
        this.#bytes = piece.bytes
        this.#at = 0
      } else {
        this.#isFileOver = true
      }
      this.#ahead = this.#input.next()
      // Told when its turn comes; until then it is no unhandled rejection.
      this.#ahead.catch(() => undefined)
    } finally {
      this.#waiting = undefined
    }
  }

  #giveLine(at: number): void {
    this.index = this.#line
    this.#until = this.#parts.every - 1
    this.#endLine(at)
  }

  #endLine(at: number): void {
    this.#at = at
    if (this.#headSize > 0) {
      this.#headSize = 0
      this.#head.clear()
    }
    this.#line++
    this.#lineInFile++
  }

  /** What stands after the last newline of a file is a line, too. */
  #lastOfFile(): string | undefined {
    this.#isFileOver = false
    let text: string | undefined
    if (this.#headSize > 0 && this.#until === 0) {
      text = this.#text(this.#head.bytes, 0, this.#headSize)
      this.#giveLine(0)
    } else if (this.#headSize > 0) {
      this.#until--
      this.#endLine(0)
    }
    this.#fileIndex++
    this.#lineInFile = 0
    return text
  }

  #text(bytes: Uint8Array, start: number, end: number): string {
    this.#checkSize(end - start)
    const isReturn = end > start && bytes[end - 1] === carriageReturn
    return this.#parts.files.text(bytes, start, isReturn ? end - 1 : end)
  }

  /** A line that began in bytes that are gone. */
  #joined(bytes: Uint8Array, end: number): string {
    this.#keep(bytes, end)
    return this.#text(this.#head.bytes, 0, this.#headSize)
  }

  /** No newline in what is left of these bytes: the line goes on in those to come. */
  #keepRest(bytes: Uint8Array): void {
    if (this.#until === 0) this.#keep(bytes, bytes.length)
    else this.#headSize += bytes.length - this.#at
    this.#bytes = undefined
  }

  #keep(bytes: Uint8Array, end: number): void {
    const size = this.#headSize + end - this.#at
    this.#checkSize(size)
    if (size > giantSize && this.#headSize <= giantSize) this.#parts.files.makeRoom?.()
    this.#head.add(bytes.subarray(this.#at, end))
    this.#headSize = size
    this.#at = end
  }

  #checkSize(size: number): void {
    const { lineBytesMax, paths } = this.#parts
    if (size <= lineBytesMax) return
    const path = quoted(paths[this.#fileIndex] ?? '')
    throw new StormError(
      'LINE_TOO_LONG',
      `Line ${this.#lineInFile + 1} of ${path} is longer than ${lineBytesMax} bytes, the most that a line may have.`,
    )
  }
}
