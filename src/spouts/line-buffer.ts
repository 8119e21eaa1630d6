// ES2024, and in every engine that we run on.
interface ResizableBuffer extends ArrayBuffer {
  resize(size: number): void
}
const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ResizableBuffer

/** Room that is kept from one line to the next. */
const keptSize = 0x10_0000

/**
 * The bytes of one line that is longer than what is read at once, put together. It grows in place and gives memory back
 * at once when a long line is done: buffers that are dropped instead stay with the process until V8 next collects garbage,
 * which it may put off until there are several of 64 MiB.
 */
export class LineBuffer {
  /** How many bytes of the line are there. */
  size = 0
  readonly #sizeMax: number
  #buffer: ResizableBuffer | undefined
  #bytes = new Uint8Array(0)

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** The line so far, from 0 up to `size`. Good until the next `add` or `clear`. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** At most `sizeMax` bytes in all. */
  add(bytes: Uint8Array): void {
    const size = this.size + bytes.length
    if (size > this.#bytes.length) this.#grow(size)
    this.#bytes.set(bytes, this.size)
    this.size = size
  }

  clear(): void {
    this.size = 0
    if (this.#bytes.length <= keptSize) return
    this.#buffer?.resize(0)
  }

  #grow(size: number): void {
    if (this.#buffer === undefined) {
      // Reserves addresses, not memory.
      this.#buffer = new Resizable(0, { maxByteLength: this.#sizeMax })
      this.#bytes = new Uint8Array(this.#buffer)
    }
    this.#buffer.resize(Math.min(this.#sizeMax, Math.max(2 * this.#bytes.length, size)))
  }
}
