import type { Beat } from '../cluster/beat.js'
import { layoutOf } from '../cluster/layout.js'
import { parseToWorker, protocolVersion, type ToWorker, type WorkerMessage } from '../cluster/messages.js'
import {
  workerIn,
  type Assignment,
  type TaskError,
  type WorkerAssignment,
  type WorkerLaunch,
} from '../cluster/records.js'
import { StormError } from '../errors.js'
import { BoltTask } from '../executor/bolt-task.js'
import { TopologyReports, type LogSink, type ReportedError } from '../executor/reports.js'
import { SpoutTask } from '../executor/spout-task.js'
import { UserMetrics } from '../executor/task-context.js'
import type { Steppable } from '../executor/step.js'
import type { TaskId } from '../executor/tuple.js'
import type { KeyHash } from '../grouping/hash.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import type { Rng } from '../stdx/rng.js'
import { resolveOptions } from '../topology/options.js'
import { ackerId } from '../topology/tasks.js'
import type { TopologySpec } from '../topology/topology.js'
import { Acceptor, type Admission } from '../wire/acceptor.js'
import { LinkEnd, type Carrier, type CarrierEvents, type Dial } from '../wire/carrier.js'
import type { LinkTools } from '../wire/connection.js'
import type { Crc32c } from '../wire/crc32c.js'
import { Frames } from '../wire/frame.js'
import type { LinkIdentity, PeerVerdict, ResumePoint, Secrets } from '../wire/handshake.js'
import { wireStreams } from '../wire/streams.js'
import type { Text } from '../wire/text.js'
import { Loop } from './loop.js'
import { NimbusCalls } from './nimbus-calls.js'
import { Outbox } from './outbox.js'
import { Peer, type PeerParts } from './peer.js'
import { MovingTasks } from './remote-tasks.js'
import { componentSnapshots } from './report.js'
import { Transfer } from './transfer.js'
import { Worker } from './worker.js'

/** Why a worker process ends by itself. */
export interface ProcessEnd {
  readonly code: string
  readonly message: string
}

export interface WorkerProcessParts {
  readonly launch: Omit<WorkerLaunch, 'artefactPath' | 'bind' | 'nimbusUrl' | 'logDir' | 'dataDir'>
  /** The topology of the artefact, its code loaded. */
  readonly spec: TopologySpec
  /** The version of the package. */
  readonly version: string
  readonly pid: number
  readonly clock: Clock
  readonly rng: Rng
  readonly hash: KeyHash
  readonly text: Text
  /** Of frames, faster than by table. */
  readonly checksum?: Crc32c
  readonly secrets: Secrets
  readonly log: LogSink
  readonly linkKey: Uint8Array
  readonly controlKey: Uint8Array
  readonly dialPeer: (worker: WorkerAssignment) => Dial
  readonly dialNimbus: Dial
  readonly memory: () => { readonly rssBytes: number; readonly heapBytes: number }
  /** Leaves a heartbeat for the supervisor. */
  readonly beat: (beat: Beat) => void
  /** Where a watchdog sees which task is being stepped. */
  readonly note?: { set(task: number): void }
  /** The process shall end; told once. `end` undefined: it was asked to stop, and has. */
  readonly onEnd: (end: ProcessEnd | undefined) => void
}

const heartbeatMs = 1_000
/**
 * One that was away for longer asks whether it still is who it was. By default nimbus takes a worker for dead after three
 * times as long; told to do so sooner than this, it leaves the judging of shorter pauses to the peers.
 */
const pauseMsMax = 5_000
/** If there is no answer: nimbus may be dead, and what runs goes on. Peers that know better fence it then. */
const answerMsMax = 3_000

/**
 * A worker process: the tasks that its slot has in the assignment, the links to the other workers, the link to nimbus.
 * Everything that touches the machine is handed in, so that the simulator runs this very code.
 *
 * It goes on for as long as its own slot's `since` stands, whoever dies around it. What it hears of others by way of a
 * newer assignment, it follows; when its own slot is not the same there, or a peer or nimbus says that it is superseded,
 * it ends.
 */
export class WorkerProcess {
  readonly #parts: WorkerProcessParts
  readonly #identity: LinkIdentity
  readonly #tools: LinkTools
  readonly #loop: Loop
  readonly #reports: TopologyReports
  readonly #worker: Worker
  readonly #remote: MovingTasks
  readonly #acceptor: Acceptor
  readonly #nimbus: NimbusCalls
  readonly #peerParts: PeerParts
  readonly #userMetrics = new Map<string, UserMetrics>()
  /** By slot, as `supervisor:port`. */
  readonly #peers = new Map<string, Peer>()
  readonly #outboxByTask = new Map<TaskId, Outbox>()
  /** Where what is for a task goes that no worker has: nowhere, its tree times out. */
  readonly #nowhere: Outbox
  readonly #startedMs: number
  #assignment: Assignment
  #isActive: boolean
  #isReady = false
  #hasBegun = false
  #isOver = false
  #beats = 0
  #lagMs = 0
  #lastError: ReportedError | undefined
  #cancelBeat: () => void = () => {}
  #cancelAnswer: () => void = () => {}

  constructor(parts: WorkerProcessParts) {
    this.#parts = parts
    const { launch, spec, clock, rng, hash, log, text } = parts
    const { topology, slot, since, incarnation } = launch
    this.#identity = {
      role: 'worker',
      topology: topology.id,
      topologyNumber: topology.number,
      supervisor: slot.supervisor,
      port: slot.port,
      since,
      incarnation,
    }
    this.#assignment = launch.assignment
    this.#isActive = launch.isActive
    this.#tools = { frames: new Frames(parts.checksum), clock }
    this.#startedMs = clock.now()
    this.#loop = new Loop(clock)
    this.#loop.note = parts.note ?? null
    this.#loop.onLongStep = (task, ms) => this.#blocked(task, ms)
    this.#loop.pauseMsMax = pauseMsMax
    this.#loop.onPause = (ms) => this.#ask(ms)
    this.#reports = new TopologyReports(clock, log, (error) =>
      this.#end({ code: error instanceof StormError ? error.code : 'INTERNAL', message: error.message }),
    )
    const wake = () => this.#loop.wake()
    this.#nowhere = new Outbox(text, { send: () => undefined }, wake)
    const streams = wireStreams(spec.components.values())
    const layout = layoutOf(topology)
    const optionLayers = [spec.options, topology.options]
    const inboxLimit = (task: TaskId) => {
      const component = spec.components.get(layout.componentOf[task] as string)
      return resolveOptions(...optionLayers, component?.options ?? {}).inboxLimit
    }
    this.#remote = new MovingTasks(streams, inboxLimit, (task) => this.#outboxByTask.get(task) ?? this.#nowhere)
    const transfer = new Transfer(this.#remote)
    this.#worker = new Worker({
      spec,
      name: topology.name,
      options: resolveOptions(...optionLayers),
      optionLayers,
      layout,
      tasks: tasksOf(workerIn(launch.assignment, slot)?.executors ?? []),
      port: slot.port,
      clock,
      loop: this.#loop,
      rng,
      hash,
      reports: this.#reports,
      transfer,
      metricsOf: (component) => this.#metricsOf(component),
    })
    this.#peerParts = {
      tools: this.#tools,
      text,
      secrets: parts.secrets,
      rng,
      key: parts.linkKey,
      identity: this.#identity,
      known: { streams, ackers: layout.tasksOf.get(ackerId) ?? [], taskCount: layout.componentOf.length - 1 },
      transfer,
      remote: this.#remote,
      ackTarget: (index) => this.#worker.ackTarget(index),
      tasksLost: (tasks) => this.#worker.lost(tasks),
      dial: parts.dialPeer,
      judge: (peer) => this.#judge(peer),
      wake,
      log,
      fenced: (reason) => this.#superseded(`a peer says: ${reason}`),
    }
    this.#acceptor = new Acceptor({
      tools: this.#tools,
      secrets: parts.secrets,
      purpose: 'data',
      identity: this.#identity,
      keyOf: (claimed) => (claimed.role === 'worker' && claimed.topology === topology.id ? parts.linkKey : undefined),
      admit: (peer, resume) => this.#admit(peer, resume),
      refused: (address, code, reason) =>
        log.write('warn', `a data link of ${address} is refused: ${reason} (${code})`, {}),
      unwanted: (peer, verdict) => {
        if (verdict === 'fenced')
          this.#superseded(`worker ${peer.supervisor}:${peer.port} says that this one is superseded`)
      },
    })
    this.#nimbus = new NimbusCalls({
      tools: this.#tools,
      secrets: parts.secrets,
      rng,
      text,
      dial: parts.dialNimbus,
      key: parts.controlKey,
      identity: this.#identity,
      opened: () => this.#greet(),
      received: (message) => this.#received(parseToWorker(message)),
      log,
    })
    this.#connectPeers()
    this.#worker.wire()
    this.#loop.onTurnEnd(() => {
      for (const peer of this.#peers.values()) peer.outbox.flush()
    })
  }

  /** Begins: calls its peers and nimbus, leaves heartbeats, and makes its components ready if the topology is active. */
  start(): void {
    this.#nimbus.start()
    this.#beat(this.#parts.clock.now())
    if (this.#isActive) this.#open()
  }

  /** Its spouts have nothing to emit, every tree of theirs is decided, and nothing waits here. */
  get isSettled(): boolean {
    const { spouts, bolts } = this.#worker
    return this.#isReady && spouts.every((spout) => spout.isSettled) && bolts.every((bolt) => bolt.isIdle)
  }

  /** Component and task that are being run, for what user code writes without saying who it is; after an `await`, nobody knows. */
  get running(): Readonly<Record<string, unknown>> {
    const { running } = this.#loop
    return running instanceof SpoutTask || running instanceof BoltTask
      ? { component: running.component, task: running.id }
      : {}
  }

  /** A data link comes in. */
  accept(carrier: Carrier, address: string): CarrierEvents {
    return this.#acceptor.accept(carrier, address)
  }

  /** Asked to end: takes no input any more, ends its components, sends what is to be sent. `onEnd` follows. */
  async stop(): Promise<void> {
    if (await this.#endComponents()) this.#leave('it was stopped', undefined)
  }

  /** User code did what no process survives: an error that nobody caught. */
  crashed(thrown: unknown): void {
    this.#end({ code: 'WORKER_CRASHED', message: describeError(thrown).message })
  }

  #metricsOf(component: string): UserMetrics {
    let metrics = this.#userMetrics.get(component)
    if (metrics === undefined) this.#userMetrics.set(component, (metrics = new UserMetrics()))
    return metrics
  }

  /** It was stopped: nothing is done and sent before nimbus has said that it is still wanted. */
  #ask(awayMs: number): void {
    const { clock, log } = this.#parts
    log.write('warn', `this worker stood still for ${Math.round(awayMs)} ms: it asks nimbus before it goes on`, {})
    this.#cancelAnswer()
    this.#cancelAnswer = clock.after(answerMsMax, () => {
      log.write('warn', 'nimbus does not answer whether this worker is still wanted', {})
      this.#loop.release()
    })
    this.#nimbus.again('stood still')
  }

  #blocked(task: Steppable, ms: number): void {
    if (!(task instanceof SpoutTask || task instanceof BoltTask)) return
    const message = `Component '${task.component}', task ${task.id}, held up its worker for ${Math.round(ms)} ms: nothing else went on meanwhile. Do less in one call, or do it in another thread.`
    this.#reports.error(task.component, task.id, new StormError('EVENT_LOOP_BLOCKED', message), 'the loop was blocked')
  }

  /** Bolts, then spouts, then off they go; at the first activation, as in Storm. */
  #open(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    void this.#prepareAndOpen()
  }

  async #prepareAndOpen(): Promise<void> {
    try {
      await this.#worker.prepare()
      await this.#worker.open()
    } catch (error) {
      this.#end({ code: error instanceof StormError ? error.code : 'INTERNAL', message: describeError(error).message })
      return
    }
    this.#isReady = true
    // Before user code is called, which may hold up the loop at once: from now on a silence is a loop that stands still.
    this.#parts.beat({ ...this.#nextBeat(), isReady: true })
    if (this.#isActive && !this.#isOver) this.#worker.activate()
    this.#tell()
  }

  #received(message: ToWorker): void {
    if (this.#isOver) return
    if (message.kind === 'topology') {
      this.#follow(message.assignment)
      this.#setActive(message.isActive)
      this.#cancelAnswer()
      this.#loop.release()
    } else if (message.kind === 'fenced') this.#superseded(`nimbus says: ${message.reason}`)
    else this.#parts.log.write('warn', `nimbus refuses this worker: ${message.message} (${message.code})`, {})
  }

  #setActive(isActive: boolean): void {
    this.#isActive = isActive
    if (isActive) this.#open()
    if (!this.#isReady || this.#isOver) return
    if (isActive) this.#worker.activate()
    else this.#worker.deactivate()
  }

  /** A newer assignment: this worker goes on if its own slot is the same there. */
  #follow(assignment: Assignment): void {
    if (assignment.generation <= this.#assignment.generation) return
    const own = workerIn(assignment, this.#parts.launch.slot)
    if (own?.since !== this.#parts.launch.since) {
      this.#superseded(`generation ${assignment.generation} of the assignment has other executors in this slot`)
      return
    }
    this.#assignment = assignment
    this.#connectPeers()
    this.#remote.move()
  }

  /** A link for each other worker of the assignment, none for any other. */
  #connectPeers(): void {
    const { slot } = this.#parts.launch
    const others = this.#assignment.workers.filter(
      (worker) => worker.slot.supervisor !== slot.supervisor || worker.slot.port !== slot.port,
    )
    const wanted = new Map(others.map((worker) => [keyOf(worker.slot), worker]))
    for (const [key, peer] of this.#peers) {
      if (wanted.get(key)?.since === peer.worker.since) continue
      this.#peers.delete(key)
      peer.end(LinkEnd.leaving, 'the assignment has changed')
    }
    for (const [key, worker] of wanted) {
      if (this.#peers.has(key)) continue
      const peer = new Peer(worker, this.#peerParts)
      this.#peers.set(key, peer)
      peer.start()
    }
    this.#outboxByTask.clear()
    for (const peer of this.#peers.values()) for (const task of peer.tasks) this.#outboxByTask.set(task, peer.outbox)
  }

  #admit(peer: LinkIdentity, resume: ResumePoint | undefined): Admission {
    const verdict = this.#judge(peer)
    const link = this.#peers.get(keyOf(peer))
    if (verdict === 'accept' && link !== undefined) return link.admit(peer, resume)
    const reason = `the assignment of generation ${this.#assignment.generation} has no such worker`
    return { verdict: verdict === 'accept' ? 'notYet' : verdict, reason }
  }

  /** Whether somebody who has proven to be of this topology is who the newest assignment that we know says. */
  #judge(peer: LinkIdentity): PeerVerdict {
    const known = workerIn(this.#assignment, peer)
    if (known?.since === peer.since) return 'accept'
    return peer.since > this.#assignment.generation ? 'notYet' : 'fenced'
  }

  #greet(): void {
    const { launch, version, pid } = this.#parts
    const { topology, slot, since, incarnation } = launch
    this.#lastError = undefined
    this.#send({
      kind: 'hello',
      protocol: protocolVersion,
      version,
      topology: topology.id,
      slot,
      since,
      incarnation,
      pid,
    })
    this.#tell()
  }

  /** Every second: a heartbeat for the supervisor, who sees by it that this loop turns, and one for nimbus. */
  #beat(dueMs: number): void {
    if (this.#isOver) return
    const nowMs = this.#parts.clock.now()
    this.#loop.seen(nowMs)
    this.#lagMs = Math.max(0, Math.round(nowMs - dueMs))
    // Nothing is to be made ready while the topology is inactive: the process is all that can be had.
    this.#parts.beat({ ...this.#nextBeat(), isReady: this.#isReady || !this.#isActive })
    this.#tell()
    this.#cancelBeat = this.#parts.clock.after(heartbeatMs, () => this.#beat(nowMs + heartbeatMs))
  }

  #nextBeat() {
    const { rssBytes } = this.#parts.memory()
    return { incarnation: this.#parts.launch.incarnation, beat: ++this.#beats, rssBytes }
  }

  #tell(): void {
    if (!this.#nimbus.isOpen) return
    const { rssBytes, heapBytes } = this.#parts.memory()
    const { spouts, bolts } = this.#worker
    this.#send({
      kind: 'heartbeat',
      isReady: this.#isReady,
      isActive: this.#isActive && this.#isReady,
      isExhausted: this.isSettled,
      pending:
        spouts.reduce((sum, spout) => sum + spout.pendingCount, 0) +
        bolts.reduce((sum, bolt) => sum + bolt.inbox.size, 0),
      uptimeMs: Math.round(this.#parts.clock.now() - this.#startedMs),
      rssBytes,
      heapBytes,
      loopLagMs: this.#lagMs,
      components: componentSnapshots(this.#worker, (component) => this.#metricsOf(component)),
      errors: this.#newErrors(),
    })
  }

  #newErrors(): TaskError[] {
    const { errors } = this.#reports
    const fresh = errors.slice(this.#lastError === undefined ? 0 : errors.indexOf(this.#lastError) + 1)
    this.#lastError = errors.at(-1)
    return fresh.map(({ component, task, message, stack, at }) => ({
      component,
      task,
      message,
      atMs: at,
      ...(stack === undefined ? {} : { stack }),
    }))
  }

  #send(message: WorkerMessage): void {
    this.#nimbus.send(message)
  }

  /**
   * Another does its work from now on, or nobody: it ends. At rest, as before a move or the end of its topology, it ends
   * its components in order, too; at work it must not, as what it does is not wanted any more.
   */
  #superseded(message: string): void {
    const end = { code: 'FENCED', message }
    if (this.#isActive) {
      this.#end(end)
      return
    }
    this.#nimbus.stop(message)
    void this.#endComponents().then((isFirst) => {
      if (isFirst) this.#tellEnd(end)
    })
  }

  /** Takes no input any more, and sends what is to be sent. False: it ends already. */
  async #endComponents(): Promise<boolean> {
    if (this.#isOver) return false
    this.#isOver = true
    this.#cancelBeat()
    this.#cancelAnswer()
    // Nobody says that it is seen any more, and nobody is to be asked.
    this.#loop.pauseMsMax = Infinity
    this.#worker.deactivate()
    await this.#worker.close()
    for (const peer of this.#peers.values()) peer.outbox.flush()
    return true
  }

  #end(end: ProcessEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelBeat()
    this.#tellEnd(end)
  }

  #tellEnd(end: ProcessEnd): void {
    this.#parts.log.write('error', `this worker ends: ${end.message} (${end.code})`, {})
    this.#parts.beat({ ...this.#nextBeat(), isReady: this.#isReady, error: end })
    this.#leave(end.message, end)
  }

  #leave(reason: string, end: ProcessEnd | undefined): void {
    this.#cancelAnswer()
    this.#loop.stop()
    this.#acceptor.close()
    this.#nimbus.stop(reason)
    for (const peer of this.#peers.values()) peer.end(LinkEnd.leaving, 'this worker ends')
    this.#parts.onEnd(end)
  }
}

function keyOf({ supervisor, port }: { readonly supervisor: string; readonly port: number }): string {
  return `${supervisor}:${port}`
}

function tasksOf(executors: readonly (readonly [first: number, last: number])[]): TaskId[] {
  return executors.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
}
