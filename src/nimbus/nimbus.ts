import {
  protocolVersion,
  type SupervisorHeartbeat,
  type SupervisorHello,
  type WorkerHeartbeat,
  type WorkerHello,
} from '../cluster/messages.js'
import { slotKey, type Slot, type TaskError, type TopologyRecord, type WorkerId } from '../cluster/records.js'
import { describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import { ackerId } from '../topology/tasks.js'
import {
  audit,
  closed,
  done,
  fencedLink,
  nothing,
  refused,
  refusedLink,
  unknownLink,
  type Decision,
  type Moment,
  type NimbusEffect,
  type NimbusInput,
  type Reply,
} from './decision.js'
import { withEntry, type HistoryEntry, type InvalidTopology, type NimbusWrite, type StoredState } from './documents.js'
import { lifeOf, recordOf } from './life-record.js'
import { Liveness } from './liveness.js'
import { Sessions, stands, type SupervisorSession } from './machines.js'
import { placeAll, placeAnew, unplacedOf } from './placement.js'
import { checkRegistration } from './registration.js'
import { TopologyStatistics } from './statistics.js'
import { checkRebalance, step, type DelayedEvent, type LifeEvent } from './status.js'
import { checkSubmission, nameOf, topologyRecordOf, type Submission } from './submission.js'
import { Telling, type WorkerKeys } from './telling.js'

export type { NimbusEffect, Reply } from './decision.js'
export type { WorkerKeys } from './telling.js'

export interface NimbusParts {
  readonly stored: StoredState
  /** Of the lease on the store. */
  readonly fence: number
  /** Of the package. */
  readonly version: string
  readonly keys: WorkerKeys
  readonly supervisorTimeoutMs: number
  /** How often it gets a `tick`. */
  readonly tickMs: number
  readonly topologiesMax: number
  readonly nowMs: number
}

/** Errors that are kept of a topology: the newest. */
const errorsMax = 200
/** Supervisors that are known at a time. */
const supervisorsMax = 10_000

/**
 * The coordinator: life cycle, placement, liveness, fencing. Pure; time comes in with every input, and what is to happen
 * goes out as data.
 *
 * Protocol of use, one input at a time: `decide`; store the writes; then `apply` the decision; then carry out its
 * effects. Where storing fails, the decision is forgotten as a whole, but for what was heard: nothing was changed that
 * is stored. Then, as long as `isPlacingDue` and nothing else waits, the input `place`.
 */
export class Nimbus {
  readonly sessions: Sessions
  readonly startedAtMs: number
  readonly #parts: NimbusParts
  readonly #liveness: Liveness
  readonly #telling: Telling
  readonly #statistics = new Map<string, TopologyStatistics>()
  readonly #errors = new Map<string, WorkerError[]>()
  readonly #due = new Map<string, { readonly event: DelayedEvent; readonly atMs: number }>()
  #topologies: ReadonlyMap<string, TopologyRecord>
  #invalid: readonly InvalidTopology[]
  #history: readonly HistoryEntry[]
  #counter: number
  #isPlacingDue = true
  #failuresSeenMs = -Infinity

  constructor(parts: NimbusParts) {
    const { stored, supervisorTimeoutMs, tickMs, nowMs } = parts
    this.#parts = parts
    this.#liveness = new Liveness({ timeoutMs: supervisorTimeoutMs, intervalMs: tickMs, nowMs })
    this.sessions = new Sessions(this.#liveness)
    this.#telling = new Telling(this.sessions, parts.keys, parts.fence)
    this.startedAtMs = nowMs
    this.#topologies = stored.topologies
    this.#invalid = stored.invalid
    this.#history = stored.history
    this.#counter = stored.counter
    // Delays that an earlier nimbus began are begun anew.
    for (const record of stored.topologies.values()) {
      for (const effect of step(lifeOf(record.life), { kind: 'gain leadership' })?.effects ?? []) {
        if (effect.kind === 'after') this.#due.set(record.id, { event: effect.event, atMs: nowMs + effect.delayMs })
      }
    }
  }

  /** By id, in the order of their numbers. */
  get topologies(): ReadonlyMap<string, TopologyRecord> {
    return this.#topologies
  }

  get invalid(): readonly InvalidTopology[] {
    return this.#invalid
  }

  get history(): readonly HistoryEntry[] {
    return this.#history
  }

  get isPlacingDue(): boolean {
    return this.#isPlacingDue
  }

  /** The newest errors of a topology's user code, oldest first. */
  errorsOf(id: string): readonly WorkerError[] {
    return this.#errors.get(id) ?? []
  }

  statisticsOf({ id, graph }: TopologyRecord): TopologyStatistics {
    let statistics = this.#statistics.get(id)
    if (statistics === undefined) {
      statistics = new TopologyStatistics([...graph.components.map((component) => component.id), ackerId])
      this.#statistics.set(id, statistics)
    }
    return statistics
  }

  /** A topology by its id, or the one that has the name. */
  find(nameOrId: string): TopologyRecord | undefined {
    const byId = this.#topologies.get(nameOrId)
    if (byId !== undefined) return byId
    for (const record of this.#topologies.values()) if (record.name === nameOrId) return record
    return undefined
  }

  /** When the delayed event of a topology comes, in monotonic ms. */
  dueAtMs(id: string): number | undefined {
    return this.#due.get(id)?.atMs
  }

  /** A write that changes nothing, to see whether writing works. */
  get probe(): NimbusWrite {
    return { kind: 'counter', topologies: this.#counter }
  }

  /** Whether another `tick` has something to do at once. */
  isTickDue(nowMs: number): boolean {
    return [...this.#due.values()].some(({ atMs }) => atMs <= nowMs)
  }

  decide(input: NimbusInput, now: Moment): Decision {
    const lateMs = this.#liveness.observe(now.nowMs)
    const decision = this.#decide(input, now)
    if (lateMs === 0) return decision
    const message = `This process stood still for ${Math.round(lateMs)} ms: everybody gets a whole timeout from now on.`
    return { ...decision, effects: [{ kind: 'log', level: 'warn', message }, ...decision.effects] }
  }

  /** The decision's writes are stored: makes them hold. */
  apply({ writes, due }: Decision, { nowMs }: Moment): void {
    if (writes.length > 0) {
      const topologies = new Map(this.#topologies)
      for (const write of writes) this.#applyWrite(write, topologies)
      this.#topologies = topologies
      this.sessions.prune(topologies, nowMs)
    }
    for (const { topology, event, atMs } of due) this.#due.set(topology, { event, atMs })
  }

  #applyWrite(write: NimbusWrite, topologies: Map<string, TopologyRecord>): void {
    switch (write.kind) {
      case 'topology': {
        const { record } = write
        // What waits for nothing has nothing due.
        if (record.life.waitMs === undefined) this.#due.delete(record.id)
        topologies.set(record.id, record)
        return
      }
      case 'forget':
        topologies.delete(write.id)
        this.#invalid = this.#invalid.filter(({ number }) => number !== write.number)
        for (const map of [this.#due, this.#statistics, this.#errors]) map.delete(write.id)
        return
      case 'counter':
        this.#counter = write.topologies
        return
      case 'history':
        this.#history = write.entries
        return
    }
  }

  #decide(input: NimbusInput, now: Moment): Decision {
    switch (input.kind) {
      case 'submit':
        return this.#submit(input.submission, now)
      case 'activate':
      case 'deactivate':
        return this.#steer(input, { kind: input.kind }, now)
      case 'kill':
        return this.#kill(input, now)
      case 'rebalance':
        return this.#rebalance(input, now)
      case 'supervisor':
        return input.message.kind === 'hello'
          ? this.#supervisorHello(input.link, input.message, now)
          : this.#supervisorHeartbeat(input.link, input.message, now)
      case 'worker':
        return input.message.kind === 'hello'
          ? this.#workerHello(input.link, input.message, now)
          : this.#workerHeartbeat(input.link, input.message, now)
      case 'closed':
        return this.#closed(input.link)
      case 'tick':
        return this.#tick(now)
      case 'place':
        return this.#place(now)
    }
  }

  #submit(submission: Submission, { wallMs }: Moment): Decision {
    const before = this.#submittedBefore(submission.request)
    if (before !== undefined) return done(before)
    const problems = checkSubmission(submission)
    const [first] = problems
    if (first !== undefined) {
      const code = problems.length === 1 ? first.code : 'INVALID_TOPOLOGY'
      return refused(code, problems.map(({ message }) => message).join(' '), problems)
    }
    const name = nameOf(submission)
    const running = this.find(name)
    if (running !== undefined) {
      const since = new Date(running.submittedAtMs).toISOString()
      return refused(
        'ALREADY_RUNNING',
        `A topology '${name}' is there already: ${running.id}, ${running.life.status}, submitted at ${since}. Kill it first, or submit this one by another name.`,
      )
    }
    if (this.#topologies.size + this.#invalid.length >= this.#parts.topologiesMax)
      return refused('TOO_MANY', `There are ${this.#parts.topologiesMax} topologies, and no more are allowed here.`)
    const number = this.#counter + 1
    const record = topologyRecordOf(submission, number, wallMs)
    this.#isPlacingDue = true
    return {
      ...done(record),
      writes: [
        { kind: 'counter', topologies: number },
        { kind: 'topology', record },
      ],
      effects: [audit(submission.owner, `submitted ${record.id}`)],
    }
  }

  /** The topology that a repeated submission has made already. */
  #submittedBefore(request: string): TopologyRecord | undefined {
    if (request === '') return undefined
    for (const record of this.#topologies.values()) if (record.request === request) return record
    return undefined
  }

  #kill(input: Extract<NimbusInput, { kind: 'kill' }>, now: Moment): Decision {
    const invalid = this.#invalid.find(({ id, name }) => id === input.topology || name === input.topology)
    if (invalid !== undefined && this.find(input.topology) === undefined) {
      const { number, id } = invalid
      const message = `The damaged record of ${quoted(id)} is removed.`
      const reply: Reply = { kind: 'done', topology: undefined }
      return { ...nothing, reply, writes: [{ kind: 'forget', number, id }], effects: [audit(input.by, message)] }
    }
    const badWait = checkWait(input.waitMs)
    if (badWait !== undefined) return badWait
    return this.#steer(input, { kind: 'kill', waitMs: input.waitMs }, now)
  }

  #rebalance(input: Extract<NimbusInput, { kind: 'rebalance' }>, now: Moment): Decision {
    const { workers, waitMs } = input
    const executors = input.executors === undefined ? undefined : new Map(Object.entries(input.executors))
    const badWait = checkWait(waitMs)
    if (badWait !== undefined) return badWait
    const record = this.find(input.topology)
    if (record !== undefined) {
      const problems = checkRebalance({ workers, executors }, new Map(Object.entries(record.tasks)))
      const [first] = problems
      if (first !== undefined) return refused(first.code, problems.map(({ message }) => message).join(' '), problems)
    }
    return this.#steer(input, { kind: 'rebalance', waitMs, change: { workers, executors } }, now)
  }

  /** What a user asks of a topology's life. */
  #steer({ topology, by }: { topology: string; by: string }, event: LifeEvent, now: Moment): Decision {
    const record = this.find(topology)
    if (record === undefined) return this.#notFound(topology)
    const decision = this.#step(record, event, now)
    if (decision !== undefined) {
      const after = decision.writes.find((write) => write.kind === 'topology')?.record ?? record
      const effects = [audit(by, `${event.kind} ${record.id}: ${after.life.status}`), ...decision.effects]
      return { ...decision, effects, reply: { kind: 'done', topology: after } }
    }
    return refused(
      'WRONG_STATUS',
      `Topology '${record.name}' is ${record.life.status}: it cannot be ${pastOf[event.kind] ?? event.kind} now.`,
    )
  }

  #notFound(topology: string): Decision {
    const names = [...this.#topologies.values()].map(({ name }) => name)
    const gone = this.#history.findLast(({ id, name }) => id === topology || name === topology)
    const was = gone === undefined ? '' : ` ${gone.id} was killed.`
    return refused('NOT_FOUND', `There is no topology ${quoted(topology)}.${didYouMean(topology, names)}${was}`)
  }

  /** One step of a topology's life, with all that follows; undefined if the event has no place there. */
  #step(record: TopologyRecord, event: LifeEvent, now: Moment): Decision | undefined {
    const stepped = step(lifeOf(record.life), event)
    if (stepped === undefined) return undefined
    if (stepped.next === undefined) return this.#remove(record, now)
    let after: TopologyRecord = { ...record, life: recordOf(stepped.next) }
    const due: Decision['due'][number][] = []
    for (const effect of stepped.effects) {
      if (effect.kind === 'place') {
        const assignment = placeAnew(after, this.#topologies.values(), this.sessions.machines(now.nowMs))
        after = { ...after, assignment }
        this.#isPlacingDue = true
      } else if (effect.kind === 'after')
        due.push({ topology: record.id, event: effect.event, atMs: now.nowMs + effect.delayMs })
    }
    if (stepped.effects.length === 0) return nothing
    const writes: NimbusWrite[] = [{ kind: 'topology', record: after }]
    return { writes, due, effects: this.#telling.changes([record.id], this.#topologies, writes) }
  }

  #remove(record: TopologyRecord, { wallMs }: Moment): Decision {
    const { id, name, owner, request, submittedAtMs, number, artefact } = record
    this.#isPlacingDue = true
    const entry = { id, name, owner, request, submittedAtMs, endedAtMs: wallMs }
    const writes: NimbusWrite[] = [
      { kind: 'history', entries: withEntry(this.#history, entry) },
      { kind: 'forget', number, id },
    ]
    const isShared = [...this.#topologies.values()].some((other) => other.id !== id && other.artefact === artefact)
    return {
      writes,
      due: [],
      effects: [
        ...this.#telling.changes([id], this.#topologies, writes),
        ...(isShared ? [] : [{ kind: 'drop artefact', artefact } as const]),
        { kind: 'log', level: 'info', message: `${id} is removed.` },
      ],
    }
  }

  #supervisorHello(link: number, hello: SupervisorHello, now: Moment): Decision {
    const known = this.sessions.supervisors.get(hello.supervisor)
    const wrong = checkRegistration(hello)
    if (wrong !== undefined) return refusedLink(link, 'INVALID_REGISTRATION', wrong)
    const conflict = this.#conflictOf(hello)
    if (conflict !== undefined) return refusedLink(link, 'PORT_IN_USE', conflict)
    if (known !== undefined && known.hello.session !== hello.session) {
      const isNewer = hello.incarnation > known.hello.incarnation
      const isThere = known.link !== undefined || !isNewer
      if (isThere && this.#liveness.isAlive(known.heardAtMs, now.nowMs)) {
        return refusedLink(
          link,
          'SUPERVISOR_ID_IN_USE',
          `A supervisor '${hello.supervisor}' is there already, at ${known.hello.host}. Give this one another id and another folder; if it is the same machine, it can come back ${this.#parts.supervisorTimeoutMs / 1_000} s after the other one is gone.`,
        )
      }
    }
    if (known === undefined && this.sessions.supervisors.size >= supervisorsMax)
      return refusedLink(link, 'TOO_MANY', `There are ${supervisorsMax} supervisors, and no more are allowed.`)
    const session: SupervisorSession = {
      id: hello.supervisor,
      hello,
      link,
      heardAtMs: now.nowMs,
      registeredAtMs: known?.hello.session === hello.session ? known.registeredAtMs : now.nowMs,
      running: hello.running,
      version: 0,
    }
    const effects = closed(this.sessions.addSupervisor(session), 'the supervisor has dialled again')
    this.sessions.noteFailures(session, this.#topologies, now.nowMs)
    this.#isPlacingDue = true
    const { version, fence } = this.#parts
    effects.push(
      { kind: 'tell supervisor', link, message: { kind: 'welcome', protocol: protocolVersion, version, fence } },
      { kind: 'tell supervisor', link, message: this.#telling.slots(session, this.#topologies) },
      {
        kind: 'log',
        level: 'info',
        message: `Supervisor '${session.id}' at ${hello.host} is here, with ${hello.slots.length} slots and ${hello.running.length} workers.`,
      },
    )
    return { ...nothing, effects }
  }

  /** Another supervisor at the same addresses: one of the two would never get its ports. */
  #conflictOf({ supervisor, host, slots }: SupervisorHello): string | undefined {
    for (const { id, hello, link } of this.sessions.supervisors.values()) {
      if (id === supervisor || hello.host !== host || link === undefined) continue
      const port = slots.find((candidate) => hello.slots.includes(candidate))
      if (port !== undefined)
        return `Supervisor '${supervisor}' has a slot at ${host}, port ${port}; so has supervisor '${id}'. Give them different ports, or the hosts at which others reach them.`
    }
    return undefined
  }

  #supervisorHeartbeat(link: number, { running }: SupervisorHeartbeat, { nowMs }: Moment): Decision {
    const session = this.sessions.supervisorOf(link)
    if (session === undefined) return unknownLink(link)
    session.heardAtMs = nowMs
    session.running = running
    this.sessions.noteFailures(session, this.#topologies, nowMs)
    return nothing
  }

  #workerHello(link: number, hello: WorkerHello, { nowMs }: Moment): Decision {
    const { topology, slot, since, incarnation, pid } = hello
    const worker: WorkerId = { topology, slot, since, incarnation }
    const record = this.#topologies.get(topology)
    if (record?.assignment === undefined || !stands(worker, this.#topologies))
      return fencedLink(link, record === undefined ? 'the topology is gone' : `its slot is another's by now`)
    const key = slotKey(slot)
    const known = this.sessions.workers.get(key)
    if (known !== undefined && known.worker.incarnation > incarnation)
      return fencedLink(link, `process ${known.worker.incarnation} of the slot is there, this is ${incarnation}`)
    const heartbeat = known?.worker.incarnation === incarnation ? known.heartbeat : undefined
    const replaced = this.sessions.addWorker({ worker, pid, link, heardAtMs: nowMs, heartbeat })
    const effects = closed(replaced, 'the worker has dialled again')
    effects.push({ kind: 'tell worker', link, message: this.#telling.topology(record) })
    return { ...nothing, effects }
  }

  #workerHeartbeat(link: number, heartbeat: WorkerHeartbeat, { nowMs }: Moment): Decision {
    const session = this.sessions.workerOf(link)
    if (session === undefined) return unknownLink(link)
    session.heardAtMs = nowMs
    session.heartbeat = heartbeat
    const { topology, slot, incarnation } = session.worker
    const record = this.#topologies.get(topology)
    if (record === undefined) return nothing
    const isOld = nowMs - heartbeat.uptimeMs < this.startedAtMs
    this.statisticsOf(record).record(slotKey(slot), { incarnation, isOld }, heartbeat.components, nowMs)
    if (heartbeat.errors.length > 0) {
      const added = heartbeat.errors.map((error) => ({ ...error, slot }))
      this.#errors.set(topology, [...this.errorsOf(topology), ...added].slice(-errorsMax))
    }
    return nothing
  }

  #closed(link: number): Decision {
    const session = this.sessions.closed(link)
    if (session === undefined || !('hello' in session)) return nothing
    const message = `The connection of supervisor '${session.id}' is gone.`
    return { ...nothing, effects: [{ kind: 'log', level: 'info', message }] }
  }

  #tick(now: Moment): Decision {
    const { nowMs } = now
    // One at a time: two of them might take the same slot.
    for (const [id, { event, atMs }] of this.#due) {
      if (atMs > nowMs) continue
      const record = this.#topologies.get(id)
      const decision = record === undefined ? undefined : this.#step(record, { kind: event }, now)
      if (decision !== undefined) return decision
      this.#due.delete(id)
    }
    this.sessions.prune(this.#topologies, nowMs)
    if (this.#hasDead(nowMs) || this.sessions.hasNewsOfFailures(this.#failuresSeenMs, nowMs)) this.#isPlacingDue = true
    this.#failuresSeenMs = nowMs
    return nothing
  }

  #hasDead(nowMs: number): boolean {
    const { isKept } = this.sessions.machines(nowMs)
    for (const { assignment } of this.#topologies.values())
      if (assignment?.workers.some(({ slot }) => !isKept(slot)) === true) return true
    return false
  }

  #place({ nowMs }: Moment): Decision {
    this.#isPlacingDue = false
    const changed = placeAll(this.#topologies.values(), this.sessions.machines(nowMs))
    const writes = [...changed].map(([id, assignment]): NimbusWrite => {
      const record = this.#topologies.get(id) as TopologyRecord
      return { kind: 'topology', record: { ...record, assignment } }
    })
    const effects: NimbusEffect[] = []
    for (const [id, assignment] of changed) {
      const waits = unplacedOf({ ...(this.#topologies.get(id) as TopologyRecord), assignment })
      const message = `${id}: generation ${assignment.generation} on ${assignment.workers.length} slots${waits > 0 ? `, ${waits} executors wait for slots` : ''}.`
      effects.push({ kind: 'log', level: 'info', message })
    }
    return {
      writes,
      due: [],
      effects: [...effects, ...this.#telling.changes([...changed.keys()], this.#topologies, writes)],
    }
  }
}

/** An error of user code, with the slot of its worker. */
export interface WorkerError extends TaskError {
  readonly slot: Slot
}

const pastOf: { readonly [event: string]: string } = {
  activate: 'activated',
  deactivate: 'deactivated',
  kill: 'killed',
  rebalance: 'rebalanced',
}

/** The longest wait of kill and rebalance. */
const waitMsMax = 2 ** 31 - 1

function checkWait(waitMs: number | undefined): Decision | undefined {
  if (waitMs === undefined || (waitMs >= 0 && waitMs <= waitMsMax)) return undefined
  return refused('INVALID_DURATION', `The wait is ${describeValue(waitMs)} ms; 0 to ${waitMsMax} ms are expected.`)
}
