import { AckLedger, Verdict } from '../acker/ledger.js'
import type { AckTarget, VerdictTarget } from './ack-target.js'
import type { Steppable } from './step.js'
import type { TaskId } from './tuple.js'

/**
 * One task of the acker: the system bolt that follows tuple trees. Ack tuples are not queued: each is two XORs in the
 * ledger, cheaper than any queue. Its verdicts are queued at the spout's task, which tells them in its own next step.
 */
export class AckerTask implements AckTarget, Steppable {
  readonly id: TaskId
  queued = false
  isDeferred = false
  batch = 1
  readonly isWaiting = false
  wakeAtMs: number
  /** Ack tuples taken: inits, acks, fails and resets; a row of acks of one tree, told as one, is one. */
  executed = 0
  private readonly ledger: AckLedger
  private readonly rotateEveryMs: number
  private readonly spout: (task: TaskId) => VerdictTarget | undefined
  /** Spout tasks met so far, by task id. */
  private readonly spouts: (VerdictTarget | undefined)[] = []

  /** `spout` finds the spout task of an id, or the link to it; undefined for an id that is no spout's. */
  constructor(
    id: TaskId,
    entriesMax: number,
    messageTimeoutMs: number,
    nowMs: number,
    spout: (task: TaskId) => VerdictTarget | undefined,
  ) {
    this.id = id
    this.ledger = new AckLedger({ entriesMax })
    this.rotateEveryMs = messageTimeoutMs
    this.spout = spout
    this.wakeAtMs = nowMs + messageTimeoutMs
  }

  /** Roots that it follows, and remembers of late acks. */
  get size(): number {
    return this.ledger.size
  }

  init(rootLo: number, rootHi: number, checkLo: number, checkHi: number, spoutTask: TaskId, pendingSlot: number): void {
    this.executed++
    const verdict = this.ledger.init(rootLo, rootHi, checkLo, checkHi, spoutTask, pendingSlot)
    if (verdict !== Verdict.none) this.tell(verdict, rootLo, rootHi)
  }

  ack(rootLo: number, rootHi: number, checkLo: number, checkHi: number): void {
    this.executed++
    const verdict = this.ledger.ack(rootLo, rootHi, checkLo, checkHi)
    if (verdict !== Verdict.none) this.tell(verdict, rootLo, rootHi)
  }

  fail(rootLo: number, rootHi: number, reason: number): void {
    this.executed++
    const verdict = this.ledger.fail(rootLo, rootHi, reason)
    if (verdict !== Verdict.none) this.tell(verdict, rootLo, rootHi)
  }

  resetTimeout(rootLo: number, rootHi: number): void {
    this.executed++
    const verdict = this.ledger.resetTimeout(rootLo, rootHi)
    if (verdict !== Verdict.none) this.tell(verdict, rootLo, rootHi)
  }

  /** Woken once a message timeout: forgets the trees that nobody will ask about any more. */
  step(nowMs: number): boolean {
    if (nowMs >= this.wakeAtMs) {
      this.ledger.rotate()
      this.wakeAtMs = nowMs + this.rotateEveryMs
    }
    return false
  }

  private tell(verdict: Verdict, rootLo: number, rootHi: number): void {
    const { spoutTask, pendingSlot, reason } = this.ledger
    const spout = this.spouts[spoutTask] ?? this.meet(spoutTask)
    if (spout === undefined) return
    if (verdict === Verdict.refreshed) spout.timeoutReset(pendingSlot, rootLo, rootHi)
    else spout.verdict(pendingSlot, rootLo, rootHi, verdict === Verdict.acked ? 0 : reason)
  }

  private meet(spoutTask: TaskId): VerdictTarget | undefined {
    const spout = this.spout(spoutTask)
    while (this.spouts.length <= spoutTask) this.spouts.push(undefined)
    this.spouts[spoutTask] = spout
    return spout
  }
}
