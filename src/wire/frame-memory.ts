/** Smaller frames are not worth it, larger ones are rare. */
const bytesMin = 2_048
const bytesMax = 131_072
/** So many bytes are kept at most. */
const keptMax = 8_388_608

/**
 * Memory for frames, used again and again. Memory that is new costs more than what is written into it: V8 fills it with
 * zeros, keeps a list of such pieces, and gives each back when it collects what is young.
 *
 * Pieces have powers of two as their sizes. What is not given back is collected like any other object.
 */
export class FrameMemory {
  /** By the power of two. */
  readonly #free: ArrayBuffer[][] = []
  #kept = 0

  /** Memory for a frame of so many bytes; what stands in it is of no meaning. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < bytesMin || bytes > bytesMax) return new Uint8Array(bytes)
    const power = 32 - Math.clz32(bytes - 1)
    const piece = this.#free[power]?.pop()
    if (piece === undefined) return new Uint8Array(new ArrayBuffer(2 ** power), 0, bytes)
    this.#kept -= piece.byteLength
    return new Uint8Array(piece, 0, bytes)
  }

  /** Takes back what `take` gave and nobody reads any more. */
  free(frame: Uint8Array<ArrayBuffer>): void {
    const { buffer } = frame
    const size = buffer.byteLength
    if (size < bytesMin || size > bytesMax || this.#kept + size > keptMax) return
    const power = 31 - Math.clz32(size)
    // Else it is none of those pieces.
    if (size !== 2 ** power) return
    ;(this.#free[power] ??= []).push(buffer)
    this.#kept += size
  }
}
