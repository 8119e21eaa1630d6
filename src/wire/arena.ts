/**
 * A piece of memory seen in four ways: as bytes, as int32, as float64 and through a DataView. Frames are put together
 * and taken apart in one, because making a view of a frame costs as much as encoding several tuples.
 *
 * A column of int32 in it begins at a multiple of 4 and one of float64 at a multiple of 8, counted from the start of the
 * arena. What is written here has the byte order of the machine, which has to be the one of the wire: lowest byte first.
 *
 * Protocol of use: `ensure` before writing, and take the views anew after it, as it may have replaced them.
 */
export class Arena {
  bytes: Uint8Array
  ints: Int32Array
  doubles: Float64Array
  view: DataView

  constructor(size: number) {
    const buffer = new ArrayBuffer(roundUp8(size))
    this.bytes = new Uint8Array(buffer)
    this.ints = new Int32Array(buffer)
    this.doubles = new Float64Array(buffer)
    this.view = new DataView(buffer)
  }

  /** Makes room for so many bytes in all and keeps what is there. */
  ensure(size: number): void {
    if (size <= this.bytes.length) return
    const grown = new Arena(Math.max(size, this.bytes.length * 2))
    grown.bytes.set(this.bytes)
    this.bytes = grown.bytes
    this.ints = grown.ints
    this.doubles = grown.doubles
    this.view = grown.view
  }
}

export const roundUp4 = (at: number): number => (at + 3) & ~3
export const roundUp8 = (at: number): number => (at + 7) & ~7
