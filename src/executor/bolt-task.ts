import { describeError, shortened } from '../stdx/describe-error.js'
import { promiseIn } from '../stdx/promise.js'
import { isBasicBolt, type BasicBolt, type Bolt } from '../topology/component.js'
import { boltFailed, boltThrew } from './ack-target.js'
import { TaskBasicCollector, TaskOutputCollector } from './bolt-collector.js'
import { Emitter } from './emitter.js'
import type { IdGenerator } from '../acker/ids.js'
import { Inbox } from './inbox.js'
import { KeptTuples } from './kept-tuples.js'
import { OrderedExecutions, type Execution } from './ordered-executions.js'
import type { Reports } from './reports.js'
import type { Router } from './router.js'
import { InputCounters, LatencyRecorder } from './stats.js'
import { stepBatch, type Scheduler, type Source, type Steppable } from './step.js'
import type { TaskHooks } from './task-hooks.js'
import type { TreeAcks } from './tree-acks.js'
import { looseTuple } from './anchors.js'
import { Lane, TupleState, untracked, type TaskId, type TaskTuple } from './tuple.js'

export interface BoltTaskParts {
  readonly id: TaskId
  readonly component: string
  readonly bolt: Bolt
  readonly ids: IdGenerator
  readonly acks: TreeAcks
  readonly hooks: TaskHooks
  readonly scheduler: Scheduler
  readonly reports: Reports
  readonly inboxLimit: number
  /** Calls of `execute` that may be open at once; one that is over but waits for its turn to be told counts as open. */
  readonly concurrency: number
  /** Whether the outputs of a basic bolt leave in the order of its inputs even then. */
  readonly ordered: boolean
  readonly tickMs: number | undefined
  readonly messageTimeoutMs: number
  readonly sampleEvery: number
}

/**
 * One task of a bolt, as a machine that is stepped: takes the tuples of its inbox one by one through `execute`, while it
 * is not held by those who read it and fewer promises of `execute` are open than its concurrency.
 *
 * A tuple that is neither acked nor failed when `execute` returns is *kept*; see `KeptTuples`.
 */
export class BoltTask implements Steppable, Source {
  readonly id: TaskId
  readonly component: string
  readonly inbox: Inbox
  readonly emitter: Emitter
  readonly collector: TaskOutputCollector
  /** By source component and stream. */
  readonly inputs = new Map<string, InputCounters>()
  readonly executeLatency = new LatencyRecorder()
  readonly processLatency = new LatencyRecorder()
  queued = false
  isDeferred = false
  wakeAtMs = Infinity
  batch = stepBatch
  readonly isWaiting = false
  blockedBy = 0
  /** Acks and fails of tuples that were decided already. */
  misuses = 0
  private readonly parts: BoltTaskParts
  private readonly bolt: Bolt
  private readonly isBasic: boolean
  private feeds: Router | undefined
  private basicOut: TaskBasicCollector
  private isOpen = false
  /** A call has returned a promise: from then on each call has a collector of its own. */
  private isAsync = false
  /** Calls of `execute` that are open, or wait for their turn to be told. */
  openCalls = 0
  private readonly ordered: OrderedExecutions | null
  private readonly kept: KeptTuples
  private drainWaiters: (() => void)[] = []
  /** Called when the last open call is over; set when the task is closed. */
  private atRest = () => {}
  private readonly tickLane: Lane
  private nextTickMs = Infinity
  private isTickWaiting = false
  private sinceSample = 0
  private sampled: TaskTuple | null = null
  private sampledAtMs = 0

  constructor(parts: BoltTaskParts) {
    this.parts = parts
    this.id = parts.id
    this.component = parts.component
    this.bolt = parts.bolt
    this.isBasic = isBasicBolt(parts.bolt)
    this.inbox = new Inbox(parts.inboxLimit, parts.scheduler, this)
    this.emitter = new Emitter(parts.id, parts.ids, parts.hooks)
    this.collector = new TaskOutputCollector(this)
    this.basicOut = new TaskBasicCollector(this)
    this.kept = new KeptTuples({ ...parts, task: parts.id })
    this.ordered = this.isBasic && parts.ordered && parts.concurrency > 1 ? new OrderedExecutions(this) : null
    this.tickLane = new Lane('__system', '__tick', true, parts.id, this.inbox, this.input('__system', '__tick'))
  }

  get router(): Router {
    return this.feeds as Router
  }

  /** Set once, when all tasks are made: whom this one feeds. */
  set router(router: Router) {
    this.feeds = router
  }

  /** Tuples that may wait for it before those who feed it are held. */
  get inboxLimit(): number {
    return this.parts.inboxLimit
  }

  /** Nothing waits, and no call is open. */
  get isIdle(): boolean {
    return this.inbox.size === 0 && this.openCalls === 0
  }

  /** Tuples that are neither acked nor failed although their call returned, or is open. */
  get keptCount(): number {
    return this.kept.size
  }

  /** The counters for what comes from a stream of a component. */
  input(component: string, stream: string): InputCounters {
    const key = `${component}:${stream}`
    let counters = this.inputs.get(key)
    if (counters === undefined) this.inputs.set(key, (counters = new InputCounters(component, stream)))
    return counters
  }

  /** The bolt is prepared: from now on its tuples are executed. */
  start(): void {
    this.isOpen = true
    this.router.open()
    if (this.parts.tickMs !== undefined) this.nextTickMs = this.parts.scheduler.now() + this.parts.tickMs
    this.parts.scheduler.enqueue(this)
  }

  /** The end: nothing is executed or emitted any more. */
  close(): void {
    this.isOpen = false
    this.router.close()
    this.wakeAtMs = Infinity
    this.nextTickMs = Infinity
    this.releaseDrainWaiters()
  }

  /** Resolves when no call of `execute` is open; undefined: none is. */
  rest(): Promise<void> | undefined {
    return this.openCalls === 0 ? undefined : new Promise((resolve) => (this.atRest = resolve))
  }

  unblocked(): void {
    if (this.drainWaiters.length > 0) this.releaseDrainWaiters()
    if (!this.queued) this.parts.scheduler.enqueue(this)
  }

  /** Resolves when no reader of this task is full. */
  drained(): Promise<void> {
    if (this.blockedBy === 0) return Promise.resolve()
    return new Promise((resolve) => this.drainWaiters.push(resolve))
  }

  step(nowMs: number): boolean {
    if (!this.isOpen) return false
    if (nowMs >= this.nextTickMs) this.tick(nowMs)
    const { acks } = this.parts
    acks.beginStep()
    this.takeBatch()
    acks.endStep()
    this.wakeAtMs = this.nextTickMs
    if (!this.kept.isEmpty) this.wakeAtMs = Math.min(this.wakeAtMs, this.kept.watch(nowMs))
    return this.inbox.size > 0 && this.mayExecute()
  }

  // V8 compiles what a hot function calls into it until that has come to a certain size, so from here to the acker what
  // is rare stands in functions of its own.

  private takeBatch(): void {
    const { inbox } = this
    const { hooks, sampleEvery } = this.parts
    for (let left = this.batch; left > 0 && this.mayExecute(); left--) {
      const tuple = inbox.shift()
      if (tuple === undefined) return
      const { lane } = tuple
      lane.input.executed++
      if (lane.credit !== null) lane.credit.consumed()
      if (++this.sinceSample >= sampleEvery || hooks.any) this.executeMeasured(tuple)
      else if (this.isBasic) this.executeBasic(tuple)
      else this.executeRich(tuple)
    }
  }

  ack(tuple: TaskTuple): void {
    if (tuple.state !== TupleState.open) return this.misuse(tuple, 'ack')
    tuple.state = TupleState.acked
    tuple.lane.input.acked++
    if (!this.kept.isEmpty) this.kept.dropDecided()
    this.parts.acks.ack(tuple)
    if (tuple === this.sampled || this.parts.hooks.any) this.ackMeasured(tuple)
  }

  private ackMeasured(tuple: TaskTuple): void {
    const processLatencyMs = this.processed(tuple)
    if (this.parts.hooks.any) this.parts.hooks.boltAck({ task: this.id, tuple, processLatencyMs })
  }

  fail(tuple: TaskTuple, reason?: string): void {
    if (tuple.state !== TupleState.open) return this.misuse(tuple, 'fail')
    if (reason !== undefined) {
      const why = typeof reason === 'string' ? shortened(reason) : describeError(reason).message
      this.parts.reports.warn('failed', this.component, this.id, `component '${this.component}' failed a tuple: ${why}`)
    }
    this.failOpen(tuple, boltFailed)
  }

  /** Of a tuple that is decided too, as in Storm: the rest of its trees may need the time, and no harm is in it. */
  resetTimeout(tuple: TaskTuple): void {
    this.parts.acks.resetTimeout(tuple)
  }

  /** `execute` threw or rejected: the tuple is failed at once, the task goes on. */
  threw(tuple: TaskTuple, thrown: unknown): void {
    // What a call comes to after the end of its task is nobody's business any more.
    if (!this.isOpen) return
    this.parts.reports.error(
      this.component,
      this.id,
      thrown,
      `execute of component '${this.component}' threw on a tuple from '${tuple.component}'`,
    )
    if (tuple.state === TupleState.open) this.failOpen(tuple, boltThrew)
  }

  private mayExecute(): boolean {
    return this.blockedBy === 0 && this.openCalls < this.parts.concurrency
  }

  private executeBasic(tuple: TaskTuple): void {
    if (tuple.lane === this.tickLane) this.isTickWaiting = false
    const out = this.basicOut
    out.tuple = tuple
    if (this.ordered !== null && !this.ordered.isEmpty) out.held = []
    let result: unknown
    try {
      result = (this.bolt as BasicBolt).execute(tuple, out)
    } catch (thrown) {
      this.returned(out, tuple, true, thrown)
      return
    }
    if (result !== undefined || this.isAsync) return this.answered(out, tuple, result)
    out.tuple = null
    this.ack(tuple)
  }

  /** A call that returned something, or one of a bolt that has done so before. */
  private answered(out: TaskBasicCollector, tuple: TaskTuple, result: unknown): void {
    let call: Promise<unknown> | undefined
    try {
      call = promiseIn(result)
    } catch (thrown) {
      this.returned(out, tuple, true, thrown)
      return
    }
    if (call !== undefined) this.await(call, tuple, out)
    else this.returned(out, tuple, false, undefined)
  }

  /** A call that is over at once, told now or, behind calls that are not told yet, in its turn. */
  private returned(out: TaskBasicCollector, tuple: TaskTuple, hasThrown: boolean, thrown: unknown): void {
    out.tuple = null
    if (this.isAsync) this.basicOut = new TaskBasicCollector(this)
    if (this.ordered !== null && out.held !== null) {
      this.openCall(tuple)
      this.ordered.settled(this.ordered.add(out, tuple), hasThrown, thrown)
    } else if (hasThrown) this.threw(tuple, thrown)
    else this.ack(tuple)
  }

  /** A call of a basic bolt that goes on: it keeps its collector, the next call gets another. */
  private await(call: Promise<unknown>, tuple: TaskTuple, out: TaskBasicCollector): void {
    this.isAsync = true
    this.basicOut = new TaskBasicCollector(this)
    this.openCall(tuple)
    const execution: Execution | undefined = this.ordered?.add(out, tuple)
    const ended = (hasThrown: boolean, thrown: unknown) => {
      out.tuple = null
      if (execution === undefined) this.callEnded(tuple, hasThrown, thrown)
      else this.ordered?.settled(execution, hasThrown, thrown)
    }
    call.then(
      () => ended(false, undefined),
      (thrown: unknown) => ended(true, thrown),
    )
  }

  /** A call of a basic bolt is over, and it is its turn to be told. */
  callEnded(tuple: TaskTuple, hasThrown: boolean, thrown: unknown): void {
    this.closeCall(tuple)
    if (hasThrown) this.threw(tuple, thrown)
    else this.ack(tuple)
  }

  private executeRich(tuple: TaskTuple): void {
    if (tuple.lane === this.tickLane) this.isTickWaiting = false
    let call: Promise<unknown> | undefined
    try {
      const result: unknown = this.bolt.execute(tuple, this.collector)
      if (result !== undefined) call = promiseIn(result)
    } catch (thrown) {
      this.threw(tuple, thrown)
      return
    }
    if (call !== undefined) {
      this.openCall(tuple)
      call.then(
        () => this.closeCall(tuple),
        (thrown: unknown) => {
          this.closeCall(tuple)
          this.threw(tuple, thrown)
        },
      )
    } else if (isUndecided(tuple)) this.kept.left(tuple, this.parts.scheduler.turnMs)
  }

  private openCall(tuple: TaskTuple): void {
    this.openCalls++
    this.kept.opened(tuple, this.parts.scheduler.turnMs)
  }

  private closeCall(tuple: TaskTuple): void {
    if (--this.openCalls === 0) this.atRest()
    this.kept.closed(tuple, !this.isBasic && isUndecided(tuple))
    if (!this.queued) this.parts.scheduler.enqueue(this)
  }

  /** The same with a look at the clock before and after. */
  private executeMeasured(tuple: TaskTuple): void {
    const { scheduler, hooks, sampleEvery } = this.parts
    const isSample = this.sinceSample >= sampleEvery
    if (!isSample) {
      this.execute(tuple)
      hooks.boltExecute({ task: this.id, tuple })
      return
    }
    this.sinceSample = 0
    const startMs = scheduler.now()
    this.sampled = tuple
    this.sampledAtMs = startMs
    this.execute(tuple)
    const executeLatencyMs = scheduler.now() - startMs
    this.executeLatency.record(executeLatencyMs)
    if (hooks.any) hooks.boltExecute({ task: this.id, tuple, executeLatencyMs })
  }

  private execute(tuple: TaskTuple): void {
    if (this.isBasic) this.executeBasic(tuple)
    else this.executeRich(tuple)
  }

  private processed(tuple: TaskTuple): number | undefined {
    if (tuple !== this.sampled) return undefined
    this.sampled = null
    const ms = this.parts.scheduler.now() - this.sampledAtMs
    this.processLatency.record(ms)
    return ms
  }

  private failOpen(tuple: TaskTuple, reason: number): void {
    tuple.state = TupleState.failed
    tuple.lane.input.failed++
    if (!this.kept.isEmpty) this.kept.dropDecided()
    this.parts.acks.fail(tuple, reason)
    if (this.parts.hooks.any)
      this.parts.hooks.boltFail({ task: this.id, tuple, processLatencyMs: this.processed(tuple) })
  }

  private misuse(tuple: TaskTuple, verb: string): void {
    this.misuses++
    const before = tuple.state === TupleState.acked ? 'acked' : 'failed'
    this.parts.reports.warn(
      'misuse',
      this.component,
      this.id,
      `component '${this.component}' called ${verb} on a tuple from '${tuple.component}' that it has ${before} already: ignored, the first verdict holds.`,
    )
  }

  /** One tick waits at most: a task that is behind gets the next one when it has taken this one. */
  private tick(nowMs: number): void {
    const everyMs = this.parts.tickMs as number
    this.nextTickMs = Math.max(this.nextTickMs + everyMs, nowMs)
    if (this.isTickWaiting) return
    this.isTickWaiting = true
    this.inbox.push(looseTuple(tickValues, this.tickLane, -1))
  }

  private releaseDrainWaiters(): void {
    const waiters = this.drainWaiters
    this.drainWaiters = []
    for (const resolve of waiters) resolve()
  }
}

const tickValues = Object.freeze({})

/** Whether somebody waits for its ack: a tuple outside every tree, a tick among them, needs none. */
function isUndecided(tuple: TaskTuple): boolean {
  return tuple.state === TupleState.open && tuple.acker !== untracked
}
