import { IdGenerator } from '../../src/acker/ids.js'
import { Verdict } from '../../src/acker/ledger.js'
import { seededRng } from '../../src/stdx/rng.js'
import type { LedgerFactory } from './mutants.js'

/**
 * A forest of tuple trees that grows, is acked and failed while its ack tuples travel to the ledger in any order. What
 * is really complete is found out by walking the trees, with no ids and no XOR.
 */
export interface Forest {
  readonly seed: number
  /** Tuples in all trees together. */
  readonly tuples: number
  readonly roots: number
  /** One in so many tuples is failed; 0: none. */
  readonly failOneIn: number
  /** One in so many messages to the ledger, and tuples to bolts, is lost; 0: none. */
  readonly loseOneIn: number
  /** One in so many messages is told again later, and tuples executed again; 0: none. */
  readonly repeatOneIn: number
  /** Whether bolts ask for more time now and then. */
  readonly resets: boolean
  /** Whether the ledger rotates now and then. */
  readonly rotates: boolean
  /** Ids of which one half is equal or zero, to see that both halves count. */
  readonly ids: 'random' | 'one half'
}

export interface Outcome {
  /** Sentences, one for each thing that must not be. */
  readonly problems: readonly string[]
  readonly treeSizes: readonly number[]
  readonly manyAnchored: number
  readonly acked: number
  readonly failed: number
}

/** A tuple that was sent: an edge id for each tree it is in. */
interface Tuple {
  readonly edges: Map<Root, Edge>
  readonly executions: Execution[]
}

/** A bolt at work on a tuple. */
interface Execution {
  readonly tuple: Tuple
  readonly children: Tuple[]
  ackLo: number
  ackHi: number
  isAcked: boolean
}

interface Root {
  readonly index: number
  readonly lo: number
  readonly hi: number
  readonly first: Tuple[]
  isTold: boolean
  hasFailed: boolean
  size: number
  verdicts: Verdict[]
}

interface Edge {
  lo: number
  hi: number
}

interface Message {
  readonly kind: 'init' | 'ack' | 'fail' | 'reset'
  readonly root: Root
  readonly lo: number
  readonly hi: number
}

/**
 * The open tuples of a tree: those sent that were not done. A tuple is done when it was acked and all that was made from
 * it is done; when it was executed several times, as repeated tuples are, by one of these times.
 */
function openTuples(root: Root): Set<Tuple> {
  const open = new Set<Tuple>()
  const known = new Map<Tuple, boolean>()
  const isDone = (tuple: Tuple): boolean => {
    let done = known.get(tuple)
    if (done !== undefined) return done
    done = false
    for (const execution of tuple.executions) {
      const children = execution.children.filter((child) => child.edges.has(root))
      if (execution.isAcked && children.map(isDone).every(Boolean)) done = true
    }
    known.set(tuple, done)
    if (!done) open.add(tuple)
    return done
  }
  return root.first.map(isDone).every(Boolean) ? new Set() : open
}

const failReason = 5

export function grow(forest: Forest, makeLedger: LedgerFactory): Outcome {
  const rng = seededRng(forest.seed)
  const ids = new IdGenerator(rng)
  const ledger = makeLedger({ entriesMax: 100_000, cells: 8 })
  const isLossless = forest.loseOneIn === 0 && forest.repeatOneIn === 0 && !forest.rotates
  const oneIn = (count: number) => count > 0 && rng.below(count) === 0
  const problems: string[] = []
  const roots: Root[] = []
  const travelling: Tuple[] = []
  const held: Execution[] = []
  const messages: Message[] = []
  let left = forest.tuples
  let manyAnchored = 0

  const mintEdge = (): Edge => {
    ids.next()
    if (forest.ids === 'random' || rng.below(2) === 0) return { lo: ids.lo, hi: ids.hi }
    return rng.below(2) === 0 ? { lo: 0, hi: ids.hi | 1 } : { lo: ids.lo | 1, hi: 0 }
  }
  const takeAny = <T>(list: T[]): T => {
    const index = rng.below(list.length)
    const taken = list[index] as T
    list[index] = list[list.length - 1] as T
    list.pop()
    return taken
  }
  const send = (tuple: Tuple) => {
    left--
    for (const root of tuple.edges.keys()) root.size++
    travelling.push(tuple)
  }

  const emitRoot = () => {
    ids.next()
    const isTwin = forest.ids === 'one half' && roots.length > 0
    const root: Root = {
      index: roots.length,
      lo: isTwin && roots.length % 2 === 1 ? roots[0]!.lo : ids.lo,
      hi: isTwin && roots.length % 2 === 0 ? roots[0]!.hi : ids.hi,
      first: [],
      isTold: false,
      hasFailed: false,
      size: 0,
      verdicts: [],
    }
    roots.push(root)
    let lo = 0
    let hi = 0
    for (let targets = rng.below(12) === 0 ? 0 : Math.min(left, 1 + rng.below(3)); targets > 0; targets--) {
      const edge = mintEdge()
      lo ^= edge.lo
      hi ^= edge.hi
      const tuple: Tuple = { edges: new Map([[root, edge]]), executions: [] }
      root.first.push(tuple)
      send(tuple)
    }
    messages.push({ kind: 'init', root, lo, hi })
  }

  const emitChild = () => {
    const child: Tuple = { edges: new Map(), executions: [] }
    const anchors = 1 + (rng.below(3) === 0 ? rng.below(3) : 0)
    if (anchors > 1) manyAnchored++
    for (let count = 0; count < anchors; count++) {
      // The same one may be drawn twice: then it has two edges to the child.
      const anchor = held[rng.below(held.length)] as Execution
      const edge = mintEdge()
      anchor.ackLo ^= edge.lo
      anchor.ackHi ^= edge.hi
      anchor.children.push(child)
      for (const root of anchor.tuple.edges.keys()) {
        const sum = child.edges.get(root)
        if (sum === undefined) child.edges.set(root, { ...edge })
        else {
          sum.lo ^= edge.lo
          sum.hi ^= edge.hi
        }
      }
    }
    send(child)
  }

  const execute = () => {
    const tuple = takeAny(travelling)
    if (oneIn(forest.loseOneIn)) return
    const execution: Execution = { tuple, children: [], ackLo: 0, ackHi: 0, isAcked: false }
    tuple.executions.push(execution)
    held.push(execution)
    if (oneIn(forest.repeatOneIn)) travelling.push(tuple)
  }

  const finish = () => {
    const execution = takeAny(held)
    const isFailed = oneIn(forest.failOneIn)
    execution.isAcked = !isFailed
    for (const [root, edge] of execution.tuple.edges) {
      if (isFailed) {
        root.hasFailed = true
        messages.push({ kind: 'fail', root, lo: 0, hi: 0 })
      } else messages.push({ kind: 'ack', root, lo: edge.lo ^ execution.ackLo, hi: edge.hi ^ execution.ackHi })
      if (forest.resets && oneIn(20)) messages.push({ kind: 'reset', root, lo: 0, hi: 0 })
    }
  }

  const judge = (verdict: Verdict, root: Root) => {
    if (ledger.spoutTask !== root.index || ledger.pendingSlot !== 1000 + root.index) {
      problems.push(`the verdict of root ${root.index} is for ${ledger.spoutTask} and ${ledger.pendingSlot}`)
    }
    if (!root.isTold) problems.push(`root ${root.index} has a verdict before its init`)
    if (verdict === Verdict.refreshed) return
    root.verdicts.push(verdict)
    if (verdict === Verdict.failed && (!root.hasFailed || ledger.reason !== failReason)) {
      problems.push(`root ${root.index} failed, with reason ${ledger.reason}, and no tuple of it had`)
    }
    if (verdict !== Verdict.acked) return
    const open = openTuples(root).size
    if (open > 0) problems.push(`root ${root.index} was acked while ${open} of ${root.size} tuples were open`)
  }

  const tell = () => {
    const message = takeAny(messages)
    if (oneIn(forest.loseOneIn)) return
    if (oneIn(forest.repeatOneIn)) messages.push(message)
    const { kind, root, lo, hi } = message
    if (kind === 'init') root.isTold = true
    const verdict =
      kind === 'init'
        ? ledger.init(root.lo, root.hi, lo, hi, root.index, 1000 + root.index)
        : kind === 'ack'
          ? ledger.ack(root.lo, root.hi, lo, hi)
          : kind === 'fail'
            ? ledger.fail(root.lo, root.hi, failReason)
            : ledger.resetTimeout(root.lo, root.hi)
    if (verdict !== Verdict.none) judge(verdict, root)
  }

  // How the turns are shared is drawn for each forest: some grow before they are acked, some are acked as they grow.
  const weights = {
    emit: 1 + rng.below(4),
    execute: 1 + rng.below(4),
    finish: 1 + rng.below(3),
    tell: 1 + rng.below(4),
  }
  for (;;) {
    const mayEmitRoot = roots.length === 0 || (left > 0 && roots.length < forest.roots)
    const mayEmitChild = left > 0 && held.length > 0
    if (!mayEmitRoot && !mayEmitChild && travelling.length + held.length + messages.length === 0) break
    if (forest.rotates && rng.below(50) === 0) ledger.rotate()
    let turn = rng.below(weights.emit + weights.execute + weights.finish + weights.tell)
    if ((turn -= weights.emit) < 0) {
      if (mayEmitChild && rng.below(8) > 0) emitChild()
      else if (mayEmitRoot) emitRoot()
    } else if ((turn -= weights.execute) < 0) {
      if (travelling.length > 0) execute()
    } else if ((turn -= weights.finish) < 0) {
      if (held.length > 0 && (held.length > 1 || left === 0 || rng.below(4) === 0)) finish()
    } else if (messages.length > 0) tell()
  }

  if (isLossless) {
    for (const root of roots) {
      const expected = openTuples(root).size === 0 ? Verdict.acked : Verdict.failed
      if (root.verdicts.length !== 1 || root.verdicts[0] !== expected) {
        problems.push(`root ${root.index} has the verdicts [${root.verdicts.join()}] where ${expected} was due`)
      }
    }
    // Only what comes after a verdict makes entries anew.
    if (forest.failOneIn === 0 && !forest.resets && ledger.size !== 0)
      problems.push(`${ledger.size} entries are left of complete trees`)
  }
  for (let turn = 0; turn < 3; turn++) ledger.rotate()
  if (ledger.size !== 0) problems.push(`${ledger.size} entries are left after three rotations`)
  const count = (verdict: Verdict) => roots.filter((root) => root.verdicts.includes(verdict)).length
  return {
    problems,
    treeSizes: roots.map((root) => root.size),
    manyAnchored,
    acked: count(Verdict.acked),
    failed: count(Verdict.failed),
  }
}
