import type { ByteSource, Files } from './files.js'

/** What comes next in the input: bytes of the file at hand, its end, or the end of the last file. */
export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end of file' }
  | { readonly kind: 'end of input' }

/**
 * Several files as one run of bytes, opened one after the other, each without the byte-order mark that it may begin with.
 * One `next` at a time; one that rejected is simply called again and goes on where it failed.
 */
export class Input {
  readonly #files: Files
  readonly #paths: readonly string[]
  #index = 0
  #source: ByteSource | undefined
  #isAtStart = true
  #isClosed = false

  constructor(files: Files, paths: readonly string[]) {
    this.#files = files
    this.#paths = paths
  }

  async next(): Promise<Piece> {
    const path = this.#paths[this.#index]
    if (path === undefined || this.#isClosed) return { kind: 'end of input' }
    if (this.#source === undefined) {
      this.#source = await this.#files.open(path)
      this.#isAtStart = true
      // Closed while it was being opened: nobody else would close it.
      if (this.#isClosed) await this.#source.close()
    }
    const source = this.#source
    let bytes: Uint8Array | undefined
    if (!this.#isClosed) bytes = this.#isAtStart ? withoutMark(await firstBytes(source)) : await source.read()
    this.#isAtStart = false
    if (bytes !== undefined) return { kind: 'bytes', bytes }
    await source.close()
    this.#source = undefined
    this.#index++
    return { kind: 'end of file' }
  }

  /** Lets go of the file at hand. An open `next` settles somehow. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#source?.close()
  }
}

const mark = [0xef, 0xbb, 0xbf]

/** The first bytes of a file: as many as it takes to tell whether they are a byte-order mark. */
async function firstBytes(source: ByteSource): Promise<Uint8Array | undefined> {
  let first = await source.read()
  while (first !== undefined && first.length < mark.length && first.every((byte, i) => byte === mark[i])) {
    const more = await source.read()
    if (more === undefined) break
    const joined = new Uint8Array(first.length + more.length)
    joined.set(first)
    joined.set(more, first.length)
    first = joined
  }
  return first
}

function withoutMark(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes !== undefined && mark.every((byte, i) => bytes[i] === byte) ? bytes.subarray(mark.length) : bytes
}
