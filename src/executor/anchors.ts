import type { IdGenerator } from '../acker/ids.js'
import { TaskTuple, untracked, type Lane } from './tuple.js'

/** A tuple outside every tree: nobody is told what becomes of it. */
export function looseTuple(values: object, lane: Lane): TaskTuple {
  return new TaskTuple(values, lane, untracked, 0, 0, 0, 0)
}

/** A child of one tuple: it joins every tree of the anchor by a new edge. */
export function childOf(anchor: TaskTuple, values: object, lane: Lane, ids: IdGenerator): TaskTuple {
  if (anchor.acker === untracked) return looseTuple(values, lane)
  ids.next()
  const { lo, hi } = ids
  anchor.checkLo ^= lo
  anchor.checkHi ^= hi
  const child = new TaskTuple(values, lane, anchor.acker, anchor.rootLo, anchor.rootHi, lo, hi)
  if (anchor.more !== null) child.more = addEdge(anchor.more, lo, hi)
  return child
}

/**
 * A child of several tuples: it joins every tree of every anchor, by a new edge an anchor (Storm's rule). Where two
 * anchors belong to one tree, or one anchor is named twice, the child's edge there is the XOR of theirs.
 */
export function childOfAll(anchors: readonly TaskTuple[], values: object, lane: Lane, ids: IdGenerator): TaskTuple {
  const roots = new RootList()
  for (const anchor of anchors) {
    if (anchor.acker === untracked) continue
    ids.next()
    const { lo, hi } = ids
    anchor.checkLo ^= lo
    anchor.checkHi ^= hi
    roots.add(anchor.acker, anchor.rootLo, anchor.rootHi, lo, hi)
    const more = anchor.more
    if (more === null) continue
    for (let i = 0; i < more.length; i += rootWidth) roots.add(more[i]!, more[i + 1]!, more[i + 2]!, lo, hi)
    addEdge(more, lo, hi)
  }
  const [acker, rootLo, rootHi, checkLo, checkHi, ...more] = roots.cells
  if (acker === undefined) return looseTuple(values, lane)
  const child = new TaskTuple(values, lane, acker, rootLo!, rootHi!, checkLo!, checkHi!)
  if (more.length > 0) child.more = more
  return child
}

/** Numbers per root in `TaskTuple.more`. */
export const rootWidth = 5

/** XORs an edge into the check of every root of `more`, and returns the same roots with the edge alone as their check. */
function addEdge(more: number[], lo: number, hi: number): number[] {
  const edges = more.slice()
  for (let i = 0; i < more.length; i += rootWidth) {
    more[i + 3]! ^= lo
    more[i + 4]! ^= hi
    edges[i + 3] = lo
    edges[i + 4] = hi
  }
  return edges
}

/** The distinct roots of a tuple in the making. A list is searched while it is short, then an index helps. */
class RootList {
  readonly cells: number[] = []
  #index: Map<number, number> | undefined

  add(acker: number, rootLo: number, rootHi: number, edgeLo: number, edgeHi: number): void {
    const at = this.#find(rootLo, rootHi)
    if (at >= 0) {
      this.cells[at + 3]! ^= edgeLo
      this.cells[at + 4]! ^= edgeHi
      return
    }
    this.#index?.set(rootLo, this.cells.length)
    this.cells.push(acker, rootLo, rootHi, edgeLo, edgeHi)
    if (this.#index === undefined && this.cells.length > 16 * rootWidth) this.#index = this.#indexed()
  }

  #find(rootLo: number, rootHi: number): number {
    const known = this.#index?.get(rootLo)
    if (known === undefined && this.#index !== undefined) return -1
    if (known !== undefined && this.cells[known + 2] === rootHi) return known
    // No index yet, or two roots that share their lower half: one in 2^32.
    for (let i = 0; i < this.cells.length; i += rootWidth) {
      if (this.cells[i + 1] === rootLo && this.cells[i + 2] === rootHi) return i
    }
    return -1
  }

  #indexed(): Map<number, number> {
    const index = new Map<number, number>()
    for (let i = 0; i < this.cells.length; i += rootWidth) index.set(this.cells[i + 1]!, i)
    return index
  }
}
