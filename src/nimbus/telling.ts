import type { SlotsMessage, TopologyWish, ToWorker } from '../cluster/messages.js'
import type { Slot, TopologyRecord, WorkerTopology } from '../cluster/records.js'
import { fencedLink, type NimbusEffect } from './decision.js'
import type { NimbusWrite } from './documents.js'
import { stands, type Sessions, type SupervisorSession } from './machines.js'

/** The keys that workers get, in base64: functions of the cluster's secret, so that nobody has to keep them. */
export interface WorkerKeys {
  /** Opens the data links of a topology. */
  link(topology: string): string
  /** Opens the control link of one worker. */
  control(topology: string, slot: Slot, since: number): string
}

/** What supervisors and workers are told: each time the whole of what concerns them. */
export class Telling {
  readonly #sessions: Sessions
  readonly #keys: WorkerKeys
  readonly #fence: number

  /** `fence`: of the lease, which is in every message. */
  constructor(sessions: Sessions, keys: WorkerKeys, fence: number) {
    this.#sessions = sessions
    this.#keys = keys
    this.#fence = fence
  }

  /** What everybody is told whom changes of these topologies concern, as things are after the writes. */
  changes(
    ids: readonly string[],
    before: ReadonlyMap<string, TopologyRecord>,
    writes: readonly NimbusWrite[],
  ): NimbusEffect[] {
    if (ids.length === 0) return []
    const after = new Map(before)
    for (const write of writes) {
      if (write.kind === 'topology') after.set(write.record.id, write.record)
      else if (write.kind === 'forget') after.delete(write.id)
    }
    const changed = new Set(ids)
    const concerned = new Set<string>()
    for (const records of [before, after])
      for (const id of ids)
        for (const { slot } of records.get(id)?.assignment?.workers ?? []) concerned.add(slot.supervisor)

    const effects: NimbusEffect[] = []
    for (const { worker, link } of this.#sessions.workers.values()) {
      if (link === undefined || !changed.has(worker.topology)) continue
      const record = after.get(worker.topology)
      if (record !== undefined && stands(worker, after))
        effects.push({ kind: 'tell worker', link, message: this.topology(record) })
      else
        effects.push(...fencedLink(link, record === undefined ? 'the topology is gone' : 'its slot is changed').effects)
    }
    for (const id of concerned) {
      const session = this.#sessions.supervisors.get(id)
      if (session?.link !== undefined)
        effects.push({ kind: 'tell supervisor', link: session.link, message: this.slots(session, after) })
    }
    return effects
  }

  /** To a worker that stands in the topology's assignment. */
  topology({ assignment, life }: TopologyRecord): ToWorker {
    const fence = this.#fence
    const { status } = life
    if (assignment === undefined) throw new Error('a worker stands in an assignment')
    return { kind: 'topology', fence, assignment, status, isActive: status === 'ACTIVE' }
  }

  /** To a supervisor: all that its slots shall run. */
  slots(session: SupervisorSession, records: ReadonlyMap<string, TopologyRecord>): SlotsMessage {
    const [keys, fence] = [this.#keys, this.#fence]
    const wishes: TopologyWish[] = []
    for (const record of records.values()) {
      const { assignment, life, id } = record
      const own = assignment?.workers.filter(({ slot }) => slot.supervisor === session.id) ?? []
      if (assignment === undefined || own.length === 0) continue
      wishes.push({
        topology: workerTopologyOf(record),
        assignment,
        isActive: life.status === 'ACTIVE',
        linkKey: keys.link(id),
        controlKeys: own.map(({ slot, since }) => ({ port: slot.port, key: keys.control(id, slot, since) })),
      })
    }
    return { kind: 'slots', fence, version: ++session.version, wishes }
  }
}

function workerTopologyOf(record: TopologyRecord): WorkerTopology {
  const { id, number, name, artefact, args, cwd, options, ackers, tasks, life } = record
  return { id, number, name, artefact, args, cwd, options, ackers, tasks, executors: life.executors }
}
