/**
 * Which message ids of a spout task are pending, and in which slot: to notice one that is emitted twice.
 *
 * Ids are the same as keys of a Map are (−0 is 0, NaN is NaN, 1 and '1' differ, objects by identity). Integers of 32
 * bits, which most spouts count with, stand in a table of ints of our own, as a Map costs several times as much and
 * makes garbage. All others stand in a Map.
 *
 * Slots are 0 … 2^31 − 2. Memory: 8 bytes a cell; a quarter of the cells is used while they take 2 MiB at most, half of
 * them beyond. It does not shrink.
 */
export class MessageIds {
  /** Pairs of an id and its slot + 1; 0 for a free cell. Linear probing; a gap is closed when an id is removed. */
  private cells = new Int32Array(2 * 64)
  /** Ids at which the table is doubled. */
  private fits = 16
  /** 32 − log2 of the number of cells. */
  private shift = 32 - 6
  private intCount = 0
  private readonly others = new Map<unknown, number>()

  get size(): number {
    return this.intCount + this.others.size
  }

  /** Returns false, and changes nothing, when the id is there already. */
  add(id: unknown, slot: number): boolean {
    if (isInt32(id)) return this.addInt(id, slot)
    if (this.others.has(id)) return false
    this.others.set(id, slot)
    return true
  }

  /** The slot of the id, or −1. */
  get(id: unknown): number {
    if (!isInt32(id)) return this.others.get(id) ?? -1
    const at = this.find(id)
    return at < 0 ? -1 : (this.cells[at + 1] as number) - 1
  }

  /** Does nothing when the id is not there. */
  remove(id: unknown): void {
    if (!isInt32(id)) {
      this.others.delete(id)
      return
    }
    const at = this.find(id)
    if (at >= 0) this.removeInt(at)
  }

  private addInt(id: number, slot: number): boolean {
    if (this.intCount === this.fits) this.grow()
    let at = this.home(id)
    const cells = this.cells
    if (cells[at + 1] !== 0) {
      const found = this.find(id)
      if (found >= 0) return false
      at = ~found
    }
    cells[at] = id
    cells[at + 1] = slot + 1
    this.intCount++
    return true
  }

  private removeInt(at: number): void {
    const cells = this.cells
    cells[at + 1] = 0
    this.intCount--
    if (cells[((at + 2) & (cells.length - 1)) + 1] !== 0) this.closeGap(at)
  }

  /** The cell of the id, or `~cell` of the free one where it would go. */
  private find(id: number): number {
    const cells = this.cells
    let at = this.home(id)
    for (;;) {
      if (cells[at + 1] === 0) return ~at
      if (cells[at] === id) return at
      at = (at + 2) & (cells.length - 1)
    }
  }

  /** Where the search for an id begins: multiplied by the golden ratio, counting in steps of any size spreads evenly. */
  private home(id: number): number {
    return (Math.imul(id, 0x9e3779b1) >>> this.shift) << 1
  }

  /** Searches end at a free cell, so an id beyond the hole moves into it unless its home is after the hole. */
  private closeGap(hole: number): void {
    const cells = this.cells
    const mask = cells.length - 1
    let next = hole
    for (;;) {
      next = (next + 2) & mask
      if (cells[next + 1] === 0) return
      if (((next - this.home(cells[next] as number)) & mask) < ((next - hole) & mask)) continue
      cells[hole] = cells[next] as number
      cells[hole + 1] = cells[next + 1] as number
      cells[next + 1] = 0
      hole = next
    }
  }

  private grow(): void {
    const old = this.cells
    this.cells = new Int32Array(old.length * 2)
    this.shift--
    const count = this.cells.length / 2
    this.fits = count <= 2 ** 18 ? count / 4 : count / 2
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === 0) continue
      const free = ~this.find(old[at] as number)
      this.cells[free] = old[at] as number
      this.cells[free + 1] = old[at + 1] as number
    }
  }
}

function isInt32(id: unknown): id is number {
  return typeof id === 'number' && (id | 0) === id
}
