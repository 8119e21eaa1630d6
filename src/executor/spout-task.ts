import { SpoutPending } from '../acker/pending.js'
import { StormError } from '../errors.js'
import { IntRing } from '../stdx/int-ring.js'
import { describeError } from '../stdx/describe-error.js'
import { onRejection, promiseIn } from '../stdx/promise.js'
import type { Spout } from '../topology/component.js'
import { ackerGone, failReasons, killed, timedOut, type VerdictTarget } from './ack-target.js'
import type { Reports } from './reports.js'
import type { OutputStream, Router } from './router.js'
import { TaskSpoutCollector, type Tracking } from './spout-collector.js'
import { LatencyRecorder } from './stats.js'
import { stepBatch, type Scheduler, type Source, type Steppable } from './step.js'
import type { TaskHooks } from './task-hooks.js'
import type { TaskId } from './tuple.js'

export interface SpoutTaskParts {
  readonly id: TaskId
  readonly component: string
  readonly spout: Spout
  readonly router: Router
  readonly tracking: Tracking | null
  readonly hooks: TaskHooks
  readonly scheduler: Scheduler
  readonly reports: Reports
  readonly maxSpoutPending: number
  readonly messageTimeoutMs: number
  readonly sampleEvery: number
}

/** Fewer verdicts are told when those who may bring more of them have been stepped: a step costs as much as some tuples. */
const verdictsAtOnce = 32
/** After so many throws of `nextTuple` in a row the spout is given up. */
const throwsMax = 10
/** A call of `nextTuple` that has not resolved after this long is worth a warning. */
const stalledMs = 5_000

/**
 * One task of a spout, as a machine that is stepped: verdicts first, then timeouts, then `nextTuple` while the task is
 * active, below its limit of pending trees and not held by those who read it.
 *
 * The limit is looked at before each call, so one call that emits many tuples may pass it (as in Storm).
 */
export class SpoutTask implements Steppable, Source, VerdictTarget {
  readonly id: TaskId
  readonly component: string
  readonly router: Router
  readonly collector: TaskSpoutCollector
  readonly completeLatency = new LatencyRecorder()
  queued = false
  isDeferred = false
  wakeAtMs = Infinity
  batch = stepBatch
  isWaiting = false
  blockedBy = 0
  /** Verdicts on trees that had timed out before. */
  lateVerdicts = 0
  private readonly parts: SpoutTaskParts
  private readonly spout: Spout
  private readonly pending: SpoutPending<unknown>
  /** Slot, root (two halves), reason: in the order in which the ackers decided. */
  private readonly verdicts = new IntRing(4)
  private isActive = false
  private isClosed = false
  private isExhausted = false
  /** When the open promise of `nextTuple` was returned; undefined: no call is open. */
  private callingSinceMs: number | undefined
  /** Called when the open call is over; set when the task is closed. */
  private atRest = () => {}
  private hasStalled = false
  private hasFailed = false
  private hasLostAcker = false
  private idleCalls = 0
  private throwsInRow = 0
  /** When `nextTuple` is called again after it did nothing, or threw. */
  private pollAtMs = 0

  constructor(parts: SpoutTaskParts) {
    this.parts = parts
    this.id = parts.id
    this.component = parts.component
    this.router = parts.router
    this.spout = parts.spout
    this.pending = new SpoutPending(parts.messageTimeoutMs)
    this.collector = new TaskSpoutCollector({ ...parts, task: parts.id, pending: this.pending })
    this.router.open()
    this.collector.wake = () => this.wake()
    this.collector.emittedBetween = () => parts.scheduler.enqueue(this)
  }

  get pendingCount(): number {
    return this.pending.size
  }

  /** Nothing to emit, and everything emitted is decided and told. */
  get isSettled(): boolean {
    return (
      this.isExhausted &&
      this.callingSinceMs === undefined &&
      this.pending.size === 0 &&
      this.verdicts.size === 0 &&
      this.collector.doneIds.size === 0
    )
  }

  activate(): void {
    if (this.isActive) return
    this.isActive = true
    this.guarded('activate', () => this.spout.activate?.())
    this.wake()
  }

  deactivate(): void {
    if (!this.isActive) return
    this.isActive = false
    this.guarded('deactivate', () => this.spout.deactivate?.())
  }

  /** Has the spout asked again although it was exhausted or waits: something came from outside. */
  wake(): void {
    this.isExhausted = false
    this.collector.saysExhausted = false
    this.idleCalls = 0
    if (this.throwsInRow === 0) this.pollAtMs = 0
    this.parts.scheduler.enqueue(this)
  }

  /** The end: what is still pending is told as failed, and nothing can be emitted any more. */
  close(): void {
    this.isActive = false
    this.deliverVerdicts()
    this.isClosed = true
    this.router.close()
    this.isWaiting = false
    this.wakeAtMs = Infinity
    while (this.pending.takeAny()) this.failed(killed)
  }

  /** Resolves when no call of `nextTuple` is open; undefined: none is. */
  rest(): Promise<void> | undefined {
    return this.callingSinceMs === undefined ? undefined : new Promise((resolve) => (this.atRest = resolve))
  }

  unblocked(): void {
    if (!this.queued) this.parts.scheduler.enqueue(this)
  }

  verdict(pendingSlot: number, rootLo: number, rootHi: number, reason: number): void {
    const at = this.verdicts.push()
    const { cells } = this.verdicts
    cells[at] = pendingSlot
    cells[at + 1] = rootLo
    cells[at + 2] = rootHi
    cells[at + 3] = reason
    if (this.queued) return
    if (this.verdicts.size >= verdictsAtOnce) this.parts.scheduler.enqueue(this)
    else if (!this.isDeferred) this.parts.scheduler.enqueueLater(this)
  }

  /** The acker of its trees is gone, with all that it knew of them: they cannot be acked any more. */
  ackerLost(): void {
    this.hasLostAcker = true
    if (!this.queued) this.parts.scheduler.enqueue(this)
  }

  timeoutReset(pendingSlot: number, rootLo: number, rootHi: number): void {
    // What it is to be woken for has changed, so it is stepped, which finds that out.
    if (this.pending.resetTimeout(pendingSlot, rootLo, rootHi)) this.parts.scheduler.enqueue(this)
  }

  step(nowMs: number): boolean {
    const { emits } = this.collector
    this.collector.isStepped = true
    const hasMore = this.advance(nowMs)
    this.collector.isStepped = false
    if (this.collector.emits !== emits) this.parts.scheduler.hasFound = true
    this.isWaiting = !hasMore && this.throwsInRow === 0 && this.mayCall()
    this.wakeAtMs = hasMore ? Infinity : this.nextWakeMs()
    return hasMore
  }

  private advance(nowMs: number): boolean {
    this.deliverVerdicts()
    if (this.collector.doneIds.size > 0) this.deliverDone()
    if (this.hasLostAcker) this.failPending()
    if (this.pending.size > 0) {
      this.pending.advance(nowMs)
      while (this.pending.expire(nowMs)) this.failed(timedOut)
    }
    this.warnOfStall(nowMs)
    return this.mayCall() && this.isDue(nowMs) && this.callNextTuple(nowMs)
  }

  /** Those that are pending now: `fail` may emit others. */
  private failPending(): void {
    this.hasLostAcker = false
    for (let left = this.pending.size; left > 0 && this.pending.takeAny(); left--) this.failed(ackerGone)
  }

  private mayCall(): boolean {
    return (
      this.isActive &&
      !this.isExhausted &&
      !this.hasFailed &&
      this.callingSinceMs === undefined &&
      this.blockedBy === 0 &&
      this.pending.size < this.parts.maxSpoutPending
    )
  }

  /** The wait after a call that did nothing may be cut short, the one after a throw not. */
  private isDue(nowMs: number): boolean {
    return nowMs >= this.pollAtMs || (this.parts.scheduler.isLingering && this.throwsInRow === 0)
  }

  /** Calls `nextTuple` until it has nothing, or may not be called, or has had its share. True: it may be called on. */
  private callNextTuple(nowMs: number): boolean {
    const { collector } = this
    for (let calls = this.batch; calls > 0; calls--) {
      const before = collector.emits
      let result: unknown
      try {
        result = this.spout.nextTuple(collector)
      } catch (thrown) {
        this.threw(thrown, nowMs)
        return false
      }
      if (result !== undefined) {
        const call = promiseIn(result)
        if (call !== undefined) {
          this.await(call, nowMs, before)
          return false
        }
      }
      this.throwsInRow = 0
      if (!this.afterCall(collector.emits !== before, nowMs)) return false
    }
    return true
  }

  /** What follows a call that returned, or resolved: true if the next may follow at once. */
  private afterCall(hasEmitted: boolean, calledAtMs: number): boolean {
    if (this.collector.doneIds.size > 0) this.deliverDone()
    if (this.collector.saysExhausted) {
      this.isExhausted = true
      this.collector.saysExhausted = false
    }
    if (hasEmitted) this.idleCalls = 0
    else {
      this.pollAtMs = calledAtMs + idleWaitMs(this.idleCalls)
      // Asked out of turn it says little about how idle it is.
      if (!this.parts.scheduler.isLingering) this.idleCalls++
    }
    return hasEmitted && this.mayCall()
  }

  private await(call: Promise<unknown>, nowMs: number, emitsBefore: number): void {
    this.callingSinceMs = nowMs
    this.hasStalled = false
    // What a call comes to after the end of its task is nobody's business any more.
    const ended = (tell: () => void) => {
      this.callingSinceMs = undefined
      this.atRest()
      if (this.isClosed) return
      this.parts.scheduler.enqueue(this)
      tell()
    }
    call.then(
      () =>
        ended(() => {
          this.throwsInRow = 0
          // A call that has waited by itself for that long need not be followed by a wait.
          this.afterCall(this.collector.emits !== emitsBefore, nowMs)
        }),
      (thrown: unknown) => ended(() => this.threw(thrown, this.parts.scheduler.now())),
    )
  }

  /** Backs off from a spout that throws, 100 ms doubling to 5 s, and gives it up after ten throws in a row. */
  private threw(thrown: unknown, nowMs: number): void {
    const { reports } = this.parts
    if (this.collector.doneIds.size > 0) this.deliverDone()
    this.throwsInRow++
    this.pollAtMs = nowMs + Math.min(5_000, 50 * 2 ** this.throwsInRow)
    if (this.throwsInRow < throwsMax) {
      reports.error(this.component, this.id, thrown, `nextTuple of component '${this.component}' threw`)
      return
    }
    this.hasFailed = true
    const error = new StormError(
      'SPOUT_FAILED',
      `nextTuple of component '${this.component}', task ${this.id}, threw ${throwsMax} times in a row; the last: ${describeError(thrown).message}`,
      { cause: thrown },
    )
    reports.fatal(this.component, this.id, error)
  }

  private deliverVerdicts(): void {
    const verdicts = this.verdicts
    while (verdicts.size > 0) {
      const at = verdicts.shift()
      const { cells } = verdicts
      const slot = cells[at] as number
      const lo = cells[at + 1] as number
      const hi = cells[at + 2] as number
      const reason = cells[at + 3] as number
      if (!this.pending.take(slot, lo, hi)) this.lateVerdicts++
      else if (reason === 0) this.acked(this.collector.streamBySlot[slot], this.sampleOf(slot, lo, hi))
      else this.failed(reason, slot, this.sampleOf(slot, lo, hi))
    }
  }

  private acked(stream: OutputStream | undefined, latencyMs: number | undefined): void {
    const { id } = this.pending
    if (stream !== undefined) stream.acked++
    if (latencyMs !== undefined) this.completeLatency.record(latencyMs)
    if (this.spout.ack !== undefined) {
      try {
        const result: unknown = this.spout.ack(id)
        if (result !== undefined) onRejection(result, (thrown) => this.callbackThrew('ack', thrown))
      } catch (thrown) {
        this.callbackThrew('ack', thrown)
      }
    }
    const { hooks } = this.parts
    if (hooks.any) hooks.spoutAck({ task: this.id, id, completeLatencyMs: latencyMs })
  }

  private failed(reasonIndex: number, slot = this.pending.slot, latencyMs?: number): void {
    const { id } = this.pending
    const reason = failReasons[reasonIndex] ?? 'bolt failed'
    const stream = this.collector.streamBySlot[slot]
    if (stream !== undefined) stream.failed++
    if (slot === this.collector.sampleSlot) this.collector.sampleSlot = -1
    // What failed may be emitted again: the spout is asked at once, whatever it said before, even in a call still open.
    this.isExhausted = false
    this.collector.saysExhausted = false
    this.pollAtMs = this.throwsInRow === 0 ? 0 : this.pollAtMs
    this.guarded('fail', () => this.spout.fail?.(id, reason))
    const { hooks } = this.parts
    if (hooks.any) hooks.spoutFail({ task: this.id, id, reason, completeLatencyMs: latencyMs })
  }

  /** Acks of trees that nobody follows: told when the call that emitted them is over. */
  private deliverDone(): void {
    const { doneIds, doneStreams } = this.collector
    for (let stream = doneStreams.shift(); stream !== undefined; stream = doneStreams.shift()) {
      const id = doneIds.shift()
      stream.acked++
      this.guarded('ack', () => this.spout.ack?.(id))
      if (this.parts.hooks.any) this.parts.hooks.spoutAck({ task: this.id, id })
    }
  }

  /** The latency of a tree, if it is the one that is measured. */
  private sampleOf(slot: number, lo: number, hi: number): number | undefined {
    const { collector } = this
    if (slot !== collector.sampleSlot || lo !== collector.sampleLo || hi !== collector.sampleHi) return undefined
    collector.sampleSlot = -1
    return this.parts.scheduler.now() - collector.sampleAtMs
  }

  /** A call that nobody waits for. */
  private guarded(call: string, run: () => unknown): void {
    try {
      onRejection(run(), (thrown) => this.callbackThrew(call, thrown))
    } catch (thrown) {
      this.callbackThrew(call, thrown)
    }
  }

  private callbackThrew(call: string, thrown: unknown): void {
    // A spout that emits again what failed tries so at its end too.
    if (this.isClosed && thrown instanceof StormError && thrown.code === 'TASK_CLOSED') return
    this.parts.reports.error(this.component, this.id, thrown, `${call} of component '${this.component}' threw`)
  }

  private warnOfStall(nowMs: number): void {
    if (this.callingSinceMs === undefined || this.hasStalled || nowMs - this.callingSinceMs < stalledMs) return
    this.hasStalled = true
    const seconds = Math.round((nowMs - this.callingSinceMs) / 1_000)
    this.parts.reports.warn(
      'stalled',
      this.component,
      this.id,
      `nextTuple of component '${this.component}' has returned a promise that is open for ${seconds} s; it is not called again before that settles.`,
    )
  }

  private nextWakeMs(): number {
    let wake = this.pending.nextDueMs()
    if (this.callingSinceMs !== undefined && !this.hasStalled) wake = Math.min(wake, this.callingSinceMs + stalledMs)
    if (this.mayCall()) wake = Math.min(wake, this.pollAtMs)
    return wake
  }
}

/**
 * How long a spout that emitted nothing is left alone, from the beginning of its call: short while it may be between two
 * tuples, longer when it is idle, so that it reacts within 10 ms and 120 calls a second cost next to nothing.
 */
function idleWaitMs(idleCalls: number): number {
  return idleCalls < 16 ? 1 : idleCalls < 250 ? 2 : 8
}
