import { rootWidth } from './anchors.js'
import type { AckTarget } from './ack-target.js'
import { untracked, type TaskTuple } from './tuple.js'

/** Tells the ackers of every tree of a tuple what became of it there. */
export class TreeAcks {
  readonly #ackers: readonly AckTarget[]

  constructor(ackers: readonly AckTarget[]) {
    this.#ackers = ackers
  }

  ack(tuple: TaskTuple): void {
    if (tuple.acker === untracked) return
    this.#ackers[tuple.acker]!.ack(tuple.rootLo, tuple.rootHi, tuple.checkLo, tuple.checkHi)
    const { more } = tuple
    if (more === null) return
    for (let i = 0; i < more.length; i += rootWidth) {
      this.#ackers[more[i]!]!.ack(more[i + 1]!, more[i + 2]!, more[i + 3]!, more[i + 4]!)
    }
  }

  /** `reason`: see `failReasons`. */
  fail(tuple: TaskTuple, reason: number): void {
    this.#eachRoot(tuple, (acker, lo, hi) => acker.fail(lo, hi, reason))
  }

  resetTimeout(tuple: TaskTuple): void {
    this.#eachRoot(tuple, (acker, lo, hi) => acker.resetTimeout(lo, hi))
  }

  #eachRoot(tuple: TaskTuple, tell: (acker: AckTarget, rootLo: number, rootHi: number) => void): void {
    if (tuple.acker === untracked) return
    tell(this.#ackers[tuple.acker]!, tuple.rootLo, tuple.rootHi)
    const { more } = tuple
    if (more === null) return
    for (let i = 0; i < more.length; i += rootWidth) tell(this.#ackers[more[i]!]!, more[i + 1]!, more[i + 2]!)
  }
}
