/**
 * A first-in, first-out queue over an array whose length is a power of two. Both ends cost the same at any depth, which
 * `Array.shift` does not (it moves the whole array past some ten thousand entries).
 */
export class Ring<T> {
  private cells: (T | undefined)[]
  private head = 0
  /** How many wait. */
  size = 0

  constructor(capacity = 16) {
    this.cells = new Array<T | undefined>(powerOfTwo(capacity)).fill(undefined)
  }

  /** The oldest; undefined when nothing waits. */
  get first(): T | undefined {
    return this.cells[this.head]
  }

  push(value: T): void {
    if (this.size === this.cells.length) this.grow()
    this.cells[(this.head + this.size) & (this.cells.length - 1)] = value
    this.size++
  }

  /** Takes the oldest out; undefined when nothing waits. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    const cells = this.cells
    const value = cells[this.head]
    cells[this.head] = undefined
    this.head = (this.head + 1) & (cells.length - 1)
    this.size--
    return value
  }

  private grow(): void {
    const cells = this.cells
    const grown = new Array<T | undefined>(cells.length * 2).fill(undefined)
    for (let i = 0; i < this.size; i++) grown[i] = cells[(this.head + i) & (cells.length - 1)]
    this.cells = grown
    this.head = 0
  }
}

function powerOfTwo(atLeast: number): number {
  let size = 1
  while (size < atLeast) size *= 2
  return size
}
