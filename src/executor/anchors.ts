import type { IdGenerator } from '../acker/ids.js'
import { TaskTuple, untracked, type Lane, type TaskId } from './tuple.js'

/** A tuple outside every tree: nobody is told what becomes of it. */
export function looseTuple(values: object, lane: Lane, task: TaskId): TaskTuple {
  return new TaskTuple(values, lane, task, untracked, 0, 0, 0, 0)
}

/**
 * A child of one tuple, in every tree of the anchor by one new edge. The anchor does not know of it before `join`: when
 * the child cannot be sent, nothing has happened.
 */
export function childOf(anchor: TaskTuple, values: object, lane: Lane, task: TaskId, ids: IdGenerator): TaskTuple {
  if (anchor.acker === untracked) return looseTuple(values, lane, task)
  ids.next()
  const child = new TaskTuple(values, lane, task, anchor.acker, anchor.rootLo, anchor.rootHi, ids.lo, ids.hi)
  if (anchor.more !== null) child.more = withEdge(anchor.more, ids.lo, ids.hi)
  return child
}

/** The child of this anchor is sent: from now on the anchor's ack tells its edge. */
export function join(anchor: TaskTuple, child: TaskTuple): void {
  if (anchor.acker === untracked) return
  // Nobody has taken the child yet, so its check is still its edge.
  const { checkLo, checkHi } = child
  anchor.checkLo ^= checkLo
  anchor.checkHi ^= checkHi
  if (anchor.more !== null) addToAll(anchor.more, checkLo, checkHi)
}

/** Edges of a child of several tuples, two numbers for each anchor. */
export type Edges = readonly number[]

/** One new edge for each anchor. */
export function mintEdges(anchors: readonly TaskTuple[], ids: IdGenerator): Edges {
  const edges: number[] = []
  for (let i = 0; i < anchors.length; i++) {
    ids.next()
    edges.push(ids.lo, ids.hi)
  }
  return edges
}

/**
 * A child of several tuples: it is in every tree of every anchor, by an edge an anchor (Storm's rule). Where two anchors
 * belong to one tree, or one anchor is named twice, the child's edge there is the XOR of theirs. As with `childOf`, the
 * anchors do not know of it before `joinAll`.
 */
export function childOfAll(
  anchors: readonly TaskTuple[],
  edges: Edges,
  values: object,
  lane: Lane,
  task: TaskId,
): TaskTuple {
  const roots = new RootList()
  anchors.forEach((anchor, i) => {
    if (anchor.acker === untracked) return
    const lo = edges[2 * i]!
    const hi = edges[2 * i + 1]!
    roots.add(anchor.acker, anchor.rootLo, anchor.rootHi, lo, hi)
    const more = anchor.more ?? []
    for (let at = 0; at < more.length; at += rootWidth) roots.add(more[at]!, more[at + 1]!, more[at + 2]!, lo, hi)
  })
  const [acker, rootLo, rootHi, checkLo, checkHi, ...more] = roots.cells
  if (acker === undefined) return looseTuple(values, lane, task)
  const child = new TaskTuple(values, lane, task, acker, rootLo!, rootHi!, checkLo!, checkHi!)
  if (more.length > 0) child.more = more
  return child
}

export function joinAll(anchors: readonly TaskTuple[], edges: Edges): void {
  anchors.forEach((anchor, i) => {
    if (anchor.acker === untracked) return
    const lo = edges[2 * i]!
    const hi = edges[2 * i + 1]!
    anchor.checkLo ^= lo
    anchor.checkHi ^= hi
    if (anchor.more !== null) addToAll(anchor.more, lo, hi)
  })
}

/** Numbers per root in `TaskTuple.more`. */
export const rootWidth = 5

/** Adds an edge to the check of every further root. */
function addToAll(more: number[], lo: number, hi: number): void {
  for (let i = 0; i < more.length; i += rootWidth) {
    more[i + 3]! ^= lo
    more[i + 4]! ^= hi
  }
}

/** The same roots with the edge alone as their check. */
function withEdge(more: readonly number[], lo: number, hi: number): number[] {
  const edges = more.slice()
  for (let i = 0; i < more.length; i += rootWidth) {
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
