import { layoutOf } from '../cluster/layout.js'
import {
  compareSlots,
  slotKey,
  type Assignment,
  type Slot,
  type TopologyRecord,
  type WorkerAssignment,
} from '../cluster/records.js'
import { balance } from './balance.js'
import { scheduleByDefault, type ExecutorRange, type Placement, type SupervisorSlots } from './scheduler.js'

/** What placing needs to know of the cluster. */
export interface Machines {
  /** Supervisors that may be given something new, sorted by id, with the ports that may be used. */
  readonly usable: readonly SupervisorSlots[]
  /** Whether what runs in the slot is left there: it, or who can start it anew, is alive. */
  isKept(slot: Slot): boolean
  /** A worker there has failed for good; if the slot is used again, then by a new `since`. */
  isSpoilt(slot: Slot): boolean
  /** Where the workers of a supervisor are reached; undefined: it is not known. */
  hostOf(supervisor: string): string | undefined
}

/**
 * Assignments that change, by topology id. All but those killed are served in the order of their numbers: whatever is
 * alive stays, what is not is placed by the default scheduler. What cannot be placed stays where it was: its supervisor
 * may come back, and then nothing has moved.
 */
export function placeAll(records: Iterable<TopologyRecord>, machines: Machines): Map<string, Assignment> {
  const served = [...records].sort((a, b) => a.number - b.number)
  const usable = new Set(machines.usable.flatMap(({ id, ports }) => ports.map((port) => keyOf(id, port))))
  const isUsable = ({ supervisor, port }: Slot) => usable.has(keyOf(supervisor, port))
  const plans = served.map((record) => {
    const alive = placementsOf(record).filter((placement) => machines.isKept(placement))
    // What runs where nothing new may be placed is no business of the scheduler.
    return { record, free: alive.filter(isUsable), fixed: alive.filter((placement) => !isUsable(placement)) }
  })
  const result = scheduleByDefault({
    supervisors: machines.usable,
    blacklistedHosts: new Set(),
    topologies: plans
      .filter(({ record }) => record.life.status !== 'KILLED')
      .map(({ record, fixed }) => {
        const fixedFirsts = new Set(fixed.map(({ first }) => first))
        const executors = executorsOf(record).filter(({ first }) => !fixedFirsts.has(first))
        const workers = record.life.workers - new Set(fixed.map(slotOf)).size
        return { id: record.id, executors, workers: executors.length === 0 ? 0 : Math.max(1, workers) }
      }),
    assignments: new Map(plans.filter(({ free }) => free.length > 0).map(({ record, free }) => [record.id, free])),
  })

  const changed = new Map<string, Assignment>()
  for (const { record, fixed } of plans) {
    if (record.life.status === 'KILLED') continue
    const placed = [...(result.get(record.id) ?? []), ...fixed]
    const assignment = assignmentOf(record, [...placed, ...stranded(record, placed)], machines)
    if (assignment !== record.assignment) changed.set(record.id, assignment)
  }
  return changed
}

/**
 * One topology placed as a rebalance does it: evenly, and what need not move stays. `records`: all topologies, since
 * their slots are taken. The record's own if nothing changes.
 */
export function placeAnew(record: TopologyRecord, records: Iterable<TopologyRecord>, machines: Machines): Assignment {
  const taken = new Set(
    [...records]
      .filter(({ id }) => id !== record.id)
      .flatMap((other) => (other.assignment?.workers ?? []).map(({ slot }) => slotKey(slot))),
  )
  const slots = machines.usable
    .flatMap(({ id, ports }) => ports.map((port) => ({ supervisor: id, port })))
    .filter((slot) => !taken.has(slotKey(slot)))
  // Where nothing may be placed, its own slots stay: whoever has them may come back, and its executors may have changed.
  const own = (record.assignment?.workers ?? []).map(({ slot }) => slot)
  const placed = balance({
    executors: executorsOf(record),
    workers: record.life.workers,
    current: placementsOf(record),
    slots: slots.length > 0 ? slots : own,
  })
  return assignmentOf(record, placed, machines)
}

/** Executors of a topology that have no slot, for want of slots. */
export function unplacedOf(record: TopologyRecord): number {
  return executorsOf(record).length - placementsOf(record).length
}

/** The executors that a topology has now, sorted by first task. */
export function executorsOf(record: TopologyRecord): readonly ExecutorRange[] {
  let executors = executorsByRecord.get(record)
  if (executors === undefined) {
    const { tasks, ackers, life } = record
    executors = layoutOf({ tasks, ackers, executors: life.executors }).executors
    executorsByRecord.set(record, executors)
  }
  return executors
}

/** Records never change, so what follows from them is worked out once. */
const executorsByRecord = new WeakMap<TopologyRecord, readonly ExecutorRange[]>()

/** Where the topology's executors are; those that it no longer has are left out. */
function placementsOf(record: TopologyRecord): readonly Placement[] {
  const lastByFirst = new Map(executorsOf(record).map(({ first, last }) => [first, last]))
  return (record.assignment?.workers ?? []).flatMap(({ slot, executors }) =>
    executors
      .filter(([first, last]) => lastByFirst.get(first) === last)
      .map(([first, last]) => ({ first, last, supervisor: slot.supervisor, port: slot.port })),
  )
}

/** What found no place, where it was. Such a slot is dead or spoilt, so nobody else was given it. */
function stranded(record: TopologyRecord, placed: readonly Placement[]): readonly Placement[] {
  const firsts = new Set(placed.map(({ first }) => first))
  const used = new Set(placed.map(slotOf))
  return placementsOf(record).filter((placement) => !firsts.has(placement.first) && !used.has(slotOf(placement)))
}

/** The record's own assignment if it says the same; else the next generation. */
function assignmentOf(record: TopologyRecord, placements: readonly Placement[], machines: Machines): Assignment {
  const before = record.assignment ?? { topology: record.id, generation: 0, workers: [] }
  const generation = before.generation + 1
  const bySlot = new Map<string, Placement[]>()
  for (const placement of placements) {
    const list = bySlot.get(slotOf(placement))
    if (list === undefined) bySlot.set(slotOf(placement), [placement])
    else list.push(placement)
  }
  const workers = [...bySlot.values()].map((list): WorkerAssignment => {
    const { supervisor, port } = list[0] as Placement
    const slot = { supervisor, port }
    const executors = list.map(({ first, last }) => [first, last] as const).sort(([a], [b]) => a - b)
    const old = before.workers.find((worker) => slotKey(worker.slot) === slotKey(slot))
    const stays = old !== undefined && sameRanges(old.executors, executors) && !isRenewed(slot, old)
    return {
      slot,
      host: machines.hostOf(supervisor) ?? old?.host ?? '',
      executors,
      since: stays ? old.since : generation,
    }
  })
  workers.sort((a, b) => compareSlots(a.slot, b.slot))
  if (record.assignment !== undefined && sameWorkers(before.workers, workers)) return record.assignment
  return { topology: record.id, generation, workers }

  /** A spoilt slot that is usable again: the supervisor tries anew only for another `since`. */
  function isRenewed(slot: Slot, old: WorkerAssignment): boolean {
    return (
      machines.isSpoilt(slot) &&
      machines.usable.some(({ id, ports }) => id === old.slot.supervisor && ports.includes(slot.port))
    )
  }
}

function sameWorkers(a: readonly WorkerAssignment[], b: readonly WorkerAssignment[]): boolean {
  return (
    a.length === b.length &&
    a.every((worker, i) => {
      const other = b[i] as WorkerAssignment
      return (
        compareSlots(worker.slot, other.slot) === 0 &&
        worker.host === other.host &&
        worker.since === other.since &&
        sameRanges(worker.executors, other.executors)
      )
    })
  )
}

function sameRanges(a: WorkerAssignment['executors'], b: WorkerAssignment['executors']): boolean {
  return a.length === b.length && a.every(([first, last], i) => first === b[i]?.[0] && last === b[i]?.[1])
}

function slotOf({ supervisor, port }: Placement): string {
  return keyOf(supervisor, port)
}

function keyOf(supervisor: string, port: number): string {
  return slotKey({ supervisor, port })
}
