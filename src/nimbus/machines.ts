import type { SupervisorHello, WorkerHeartbeat } from '../cluster/messages.js'
import {
  slotKey,
  workerIn,
  type Assignment,
  type RunningWorker,
  type Slot,
  type TopologyRecord,
  type WorkerId,
} from '../cluster/records.js'
import type { Liveness } from './liveness.js'
import type { Machines } from './placement.js'

/** A supervisor that was heard of, since nimbus' start. Nothing of it is stored: it says hello again to the next nimbus. */
export interface SupervisorSession {
  readonly id: string
  readonly hello: SupervisorHello
  /** Undefined: its connection is gone. */
  link: number | undefined
  heardAtMs: number
  readonly registeredAtMs: number
  running: readonly RunningWorker[]
  /** Counts the `slots` messages of the connection. */
  version: number
}

/** A worker process that stands in an assignment. */
export interface WorkerSession {
  readonly worker: WorkerId
  readonly pid: number
  link: number | undefined
  heardAtMs: number
  heartbeat: WorkerHeartbeat | undefined
}

/** That a worker failed for good, for one `since` of its slot. */
interface Failure {
  readonly topology: string
  readonly since: number
  readonly atMs: number
}

/** How long a slot whose worker failed for good is left alone. */
const spoiltMs = 60_000

/** Supervisors and workers as they are heard: who is connected, who is alive, what may be placed where. */
export class Sessions {
  readonly supervisors = new Map<string, SupervisorSession>()
  /** By slot. */
  readonly workers = new Map<string, WorkerSession>()
  readonly #byLink = new Map<number, SupervisorSession | WorkerSession>()
  readonly #failures = new Map<string, Failure>()
  readonly #liveness: Liveness

  constructor(liveness: Liveness) {
    this.#liveness = liveness
  }

  isSupervisorAlive(id: string, nowMs: number): boolean {
    return this.#liveness.isAlive(this.supervisors.get(id)?.heardAtMs, nowMs)
  }

  isWorkerAlive(slot: Slot, nowMs: number): boolean {
    const session = this.workers.get(slotKey(slot))
    return session !== undefined && this.#liveness.isAlive(session.heardAtMs, nowMs)
  }

  supervisorOf(link: number): SupervisorSession | undefined {
    const session = this.#byLink.get(link)
    return session !== undefined && 'hello' in session ? session : undefined
  }

  workerOf(link: number): WorkerSession | undefined {
    const session = this.#byLink.get(link)
    return session !== undefined && 'worker' in session ? session : undefined
  }

  /** Puts a session that said hello on its link in the place of an earlier one. Returns the earlier one's link, to close. */
  addSupervisor(session: SupervisorSession): number | undefined {
    const replaced = this.#replace(this.supervisors.get(session.id), session)
    this.supervisors.set(session.id, session)
    return replaced
  }

  addWorker(session: WorkerSession): number | undefined {
    const key = slotKey(session.worker.slot)
    const replaced = this.#replace(this.workers.get(key), session)
    this.workers.set(key, session)
    return replaced
  }

  /** The connection is gone. Returns whose it was. */
  closed(link: number): SupervisorSession | WorkerSession | undefined {
    const session = this.#byLink.get(link)
    this.#byLink.delete(link)
    if (session !== undefined) session.link = undefined
    return session
  }

  #replace(
    old: SupervisorSession | WorkerSession | undefined,
    session: SupervisorSession | WorkerSession,
  ): number | undefined {
    const oldLink = old?.link
    if (oldLink !== undefined) this.#byLink.delete(oldLink)
    if (session.link !== undefined) this.#byLink.set(session.link, session)
    return oldLink === session.link ? undefined : oldLink
  }

  /** Takes note of workers that failed for good, where they stand in the assignment. */
  noteFailures({ id, running }: SupervisorSession, records: ReadonlyMap<string, TopologyRecord>, nowMs: number): void {
    for (const { port, topology, since, state, incarnation } of running) {
      const slot = { supervisor: id, port }
      if (state !== 'failed' || !stands({ topology, slot, since, incarnation }, records)) continue
      const known = this.#failures.get(slotKey(slot))
      if (known?.topology !== topology || known.since !== since)
        this.#failures.set(slotKey(slot), { topology, since, atMs: nowMs })
    }
  }

  /** Forgets what stands in no assignment any more, and supervisors that are dead and have nothing to run. */
  prune(records: ReadonlyMap<string, TopologyRecord>, nowMs: number): void {
    for (const [key, { worker, link }] of this.workers) {
      if (stands(worker, records)) continue
      this.workers.delete(key)
      if (link !== undefined) this.#byLink.delete(link)
    }
    const assigned = new Map<string, Assignment>()
    const inUse = new Set<string>()
    for (const { assignment } of records.values()) {
      for (const { slot } of assignment?.workers ?? []) {
        assigned.set(slotKey(slot), assignment as Assignment)
        inUse.add(slot.supervisor)
      }
    }
    for (const [key, { topology, since }] of this.#failures) {
      const assignment = assigned.get(key)
      const worker = assignment?.workers.find(({ slot }) => slotKey(slot) === key)
      if (assignment?.topology !== topology || worker?.since !== since) this.#failures.delete(key)
    }
    for (const [id, session] of this.supervisors) {
      if (session.link === undefined && !inUse.has(id) && !this.isSupervisorAlive(id, nowMs))
        this.supervisors.delete(id)
    }
  }

  /** What placing may rely on now. */
  machines(nowMs: number): Machines {
    const isSpoilt = (slot: Slot) => this.#failures.has(slotKey(slot))
    const isResting = (slot: Slot) => nowMs - (this.#failures.get(slotKey(slot))?.atMs ?? -Infinity) < spoiltMs
    const portsOf = (id: string) => this.supervisors.get(id)?.hello.slots
    return {
      usable: [...this.supervisors.values()]
        .filter(({ id }) => this.isSupervisorAlive(id, nowMs))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ id, hello }) => ({
          id,
          host: hello.host,
          ports: hello.slots.filter((port) => !isResting({ supervisor: id, port })),
        })),
      isKept: (slot) => {
        if (isSpoilt(slot)) return false
        if (this.isWorkerAlive(slot, nowMs)) return true
        const ports = portsOf(slot.supervisor)
        return this.isSupervisorAlive(slot.supervisor, nowMs) && (ports === undefined || ports.includes(slot.port))
      },
      isSpoilt,
      hostOf: (id) => this.supervisors.get(id)?.hello.host,
    }
  }

  /** Failures whose rest is over, or began since `beforeMs`: reasons to place anew. */
  hasNewsOfFailures(sinceMs: number, nowMs: number): boolean {
    return [...this.#failures.values()].some(({ atMs }) => atMs > sinceMs || atMs + spoiltMs <= nowMs)
  }
}

/** Whether a worker is the one, or may become the one, that its slot has in the newest assignment. */
export function stands({ topology, slot, since }: WorkerId, records: ReadonlyMap<string, TopologyRecord>): boolean {
  const assignment = records.get(topology)?.assignment
  return assignment !== undefined && workerIn(assignment, slot)?.since === since
}
