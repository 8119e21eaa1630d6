/** A first-in, first-out queue of records of `width` int32 each, without an object a record. Grows by doubling. */
export class IntRing {
  private readonly width: number
  /** The cells that `push` and `shift` point into; another array after the ring has grown. */
  cells: Int32Array
  /** Capacity less one; the capacity is a power of two. */
  private mask = 15
  private head = 0
  /** How many records wait. */
  size = 0

  constructor(width: number) {
    this.width = width
    this.cells = new Int32Array((this.mask + 1) * width)
  }

  /** Makes room for one more record and returns where it begins in `cells`; the caller fills it at once. */
  push(): number {
    if (this.size > this.mask) this.grow()
    return ((this.head + this.size++) & this.mask) * this.width
  }

  /** Takes the oldest record out and returns where it stands in `cells`, until the next push; −1 when nothing waits. */
  shift(): number {
    if (this.size === 0) return -1
    const at = this.head
    this.head = (at + 1) & this.mask
    this.size--
    return at * this.width
  }

  private grow(): void {
    const grown = new Int32Array(this.cells.length * 2)
    const split = this.head * this.width
    // It was full: the records run from the head to the end, and on from the beginning.
    grown.set(this.cells.subarray(split))
    grown.set(this.cells.subarray(0, split), this.cells.length - split)
    this.cells = grown
    this.mask = this.mask * 2 + 1
    this.head = 0
  }
}
