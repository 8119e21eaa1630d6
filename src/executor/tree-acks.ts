import { rootWidth } from './anchors.js'
import type { AckTarget } from './ack-target.js'
import { untracked, type TaskTuple } from './tuple.js'

/**
 * Tells the ackers of every tree of a tuple what became of it there.
 *
 * Tuples of one tree often come in a row, as the words of a sentence do. Between `beginStep` and `endStep` the acks of
 * such a row are *folded*: they are told as one, the XOR of their checks, which is all that an acker makes of them. Nobody
 * sees the difference: a step is not interrupted, and a fail or reset of the same task leaves after the acks before it.
 */
export class TreeAcks {
  private readonly ackers: readonly AckTarget[]
  private isFolding = false
  /** The row that is not told yet: its acker, −1 for none, its root, and the XOR of its checks. */
  private acker = -1
  private rootLo = 0
  private rootHi = 0
  private checkLo = 0
  private checkHi = 0

  constructor(ackers: readonly AckTarget[]) {
    this.ackers = ackers
  }

  beginStep(): void {
    this.isFolding = true
  }

  endStep(): void {
    this.isFolding = false
    if (this.acker >= 0) this.tell()
  }

  ack(tuple: TaskTuple): void {
    const { acker, rootLo, rootHi, checkLo, checkHi, more } = tuple
    if (acker === untracked) return
    if (rootLo === this.rootLo && rootHi === this.rootHi && acker === this.acker) {
      this.checkLo ^= checkLo
      this.checkHi ^= checkHi
    } else {
      if (this.acker >= 0) this.tell()
      this.acker = acker
      this.rootLo = rootLo
      this.rootHi = rootHi
      this.checkLo = checkLo
      this.checkHi = checkHi
    }
    if (!this.isFolding) this.tell()
    if (more !== null) this.ackMore(more)
  }

  private ackMore(more: readonly number[]): void {
    for (let i = 0; i < more.length; i += rootWidth) {
      this.ackers[more[i]!]!.ack(more[i + 1]!, more[i + 2]!, more[i + 3]!, more[i + 4]!)
    }
  }

  /** `reason`: see `failReasons`. */
  fail(tuple: TaskTuple, reason: number): void {
    if (this.acker >= 0) this.tell()
    this.eachRoot(tuple, (acker, lo, hi) => acker.fail(lo, hi, reason))
  }

  resetTimeout(tuple: TaskTuple): void {
    if (this.acker >= 0) this.tell()
    this.eachRoot(tuple, (acker, lo, hi) => acker.resetTimeout(lo, hi))
  }

  private tell(): void {
    const acker = this.ackers[this.acker]!
    this.acker = -1
    acker.ack(this.rootLo, this.rootHi, this.checkLo, this.checkHi)
  }

  private eachRoot(tuple: TaskTuple, tell: (acker: AckTarget, rootLo: number, rootHi: number) => void): void {
    if (tuple.acker === untracked) return
    tell(this.ackers[tuple.acker]!, tuple.rootLo, tuple.rootHi)
    const { more } = tuple
    if (more === null) return
    for (let i = 0; i < more.length; i += rootWidth) tell(this.ackers[more[i]!]!, more[i + 1]!, more[i + 2]!)
  }
}
