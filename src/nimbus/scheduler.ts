import type { ExecutorSpec } from '../topology/tasks.js'

/**
 * Which slot each executor gets, as Storm's even and default schedulers choose it: pure functions over records. Nothing
 * that runs is moved, except where the default scheduler finds a topology unevenly spread over too few slots.
 *
 * Topologies are served one at a time, in the order given: a later one gets what is left, and is not looked at before.
 * All orders that are not given are by id, so the same view has the same answer on every machine.
 */
export interface ClusterView {
  readonly supervisors: readonly SupervisorSlots[]
  /** Hosts whose supervisors get nothing new. */
  readonly blacklistedHosts: ReadonlySet<string>
  /** In the order in which they are served. */
  readonly topologies: readonly TopologyDemand[]
  /** Where executors run now, by topology id. Supervisors and ports that are gone may be named; dead executors may not. */
  readonly assignments: Assignments
}

export interface SupervisorSlots {
  readonly id: string
  readonly host: string
  readonly ports: readonly number[]
}

export interface TopologyDemand {
  readonly id: string
  /** Slots that it asks for; it gets fewer when there are not enough. */
  readonly workers: number
  readonly executors: readonly ExecutorRange[]
}

/** Tasks `first` to `last`, both included. */
export interface ExecutorRange {
  readonly first: number
  readonly last: number
}

/** A slot is a port of a supervisor: the place of one worker, which belongs to one topology. */
export interface Slot {
  readonly supervisor: string
  readonly port: number
}

export type Placement = ExecutorRange & Slot
/** By topology id; a topology that nothing is placed of is not there. Placements are sorted by first task. */
export type Assignments = ReadonlyMap<string, readonly Placement[]>

/** Puts what has no slot into free ones, round robin; leaves everything else where it is. */
export function scheduleEvenly(view: ClusterView): Assignments {
  const placed = new Map(view.assignments)
  for (const topology of needy(view)) place(topology, view, placed)
  return placed
}

/** As `scheduleEvenly`, and first frees those slots of each topology in need that no even division has. */
export function scheduleByDefault(view: ClusterView): Assignments {
  const placed = new Map(view.assignments)
  for (const topology of needy(view)) {
    const kept = keptPlacements(topology, view, placed)
    if (kept.length > 0) placed.set(topology.id, kept)
    else placed.delete(topology.id)
    place(topology, view, placed)
  }
  return placed
}

/**
 * One topology's executors over its virtual workers, for a cluster that is one process: the even scheduler over as many
 * slots of one pretended supervisor. Workers that would have nothing are left out.
 */
export function placeExecutors(
  executors: readonly ExecutorSpec[],
  workers: number,
): readonly (readonly ExecutorSpec[])[] {
  const ports = Array.from({ length: workers }, (_, port) => port)
  const placements = scheduleEvenly({
    supervisors: [{ id: 'local', host: 'local', ports }],
    blacklistedHosts: new Set(),
    topologies: [{ id: 'topology', workers, executors }],
    assignments: new Map(),
  }).get('topology')
  const executorByFirst = new Map(executors.map((executor) => [executor.first, executor]))
  const byPort = grouped(placements ?? [], ({ port }) => port)
  return ports
    .filter((port) => byPort.has(port))
    .map((port) => (byPort.get(port) ?? []).map(({ first }) => executorByFirst.get(first) as ExecutorSpec))
}

/** The topologies that want more slots than they have, or have an executor without one. */
export function needy({ topologies, assignments }: ClusterView): readonly TopologyDemand[] {
  return topologies.filter((topology) => {
    const current = assignments.get(topology.id) ?? []
    return topology.workers > slotsIn(current).size || unplaced(topology, current).length > 0
  })
}

/** Places what has no slot, as far as there are slots. */
function place(topology: TopologyDemand, view: ClusterView, placed: Map<string, readonly Placement[]>): void {
  const current = placed.get(topology.id) ?? []
  const slots = slotsToFill(topology, current, view, placed)
  if (slots.length === 0) return
  const added = unplaced(topology, current).map(({ first, last }, i) => ({
    first,
    last,
    ...(slots[i % slots.length] as Slot),
  }))
  if (added.length === 0) return
  placed.set(
    topology.id,
    [...current, ...added].sort((a, b) => a.first - b.first),
  )
}

function slotsToFill(
  topology: TopologyDemand,
  current: readonly Placement[],
  view: ClusterView,
  placed: Assignments,
): readonly Slot[] {
  const free = interleaved(freeSlots(view, placed))
  if (free.length === 0) return []
  const used = slotsIn(current)
  const total = Math.min(topology.workers, free.length + used.size)
  if (total >= used.size) return free.slice(0, total - used.size)
  // It has more slots than it asks for, and keeps them until its next rebalance: what has no slot joins the rest.
  const own = interleaved(liveSlots(view).filter((slot) => used.has(slotKey(slot))))
  return own.length > 0 ? own : free.slice(0, total)
}

/**
 * What stays where it is when the default scheduler has placed a topology: everything, unless there are slots for more
 * workers or an executor without a slot. Then only slots with just as many executors as a slot of an even division has
 * are kept, in the order in which the assignment names them, while that division has a slot of that size left.
 */
function keptPlacements(topology: TopologyDemand, view: ClusterView, placed: Assignments): readonly Placement[] {
  const current = placed.get(topology.id) ?? []
  const used = slotsIn(current)
  const reusable = liveSlots(view).filter((slot) => used.has(slotKey(slot))).length
  const total = Math.min(topology.workers, reusable + freeSlots(view, placed).length)
  if (total === 0) return current
  if (total <= used.size && unplaced(topology, current).length === 0) return current

  const placesLeft = evenDivision(topology.executors.length, total)
  const kept: Placement[] = []
  for (const placements of grouped(current, slotKey).values()) {
    const left = placesLeft.get(placements.length) ?? 0
    if (left === 0) continue
    placesLeft.set(placements.length, left - 1)
    kept.push(...placements)
  }
  return kept.sort((a, b) => a.first - b.first)
}

/** How many slots have how many executors when `executors` are divided evenly among `slots`: by size, their number. */
function evenDivision(executors: number, slots: number): Map<number, number> {
  const larger = executors % slots
  const size = Math.floor(executors / slots)
  return new Map([
    [size, slots - larger],
    [size + 1, larger],
  ])
}

function unplaced(topology: TopologyDemand, current: readonly Placement[]): readonly ExecutorRange[] {
  const placedFirsts = new Set(current.map(({ first }) => first))
  return topology.executors.filter(({ first }) => !placedFirsts.has(first)).sort((a, b) => a.first - b.first)
}

/** Slots that may be given something: of supervisors that are there and whose host is not blacklisted. */
function liveSlots({ supervisors, blacklistedHosts }: ClusterView): readonly Slot[] {
  return supervisors
    .filter(({ host }) => !blacklistedHosts.has(host))
    .flatMap(({ id, ports }) => ports.map((port) => ({ supervisor: id, port })))
}

function freeSlots(view: ClusterView, placed: Assignments): readonly Slot[] {
  const taken = slotsIn([...placed.values()].flat())
  return liveSlots(view).filter((slot) => !taken.has(slotKey(slot)))
}

/** The first slot of each supervisor, then the second of each, and so on; supervisors with most slots first, then by id. */
export function interleaved(slots: readonly Slot[]): readonly Slot[] {
  const groups = [...grouped(slots, ({ supervisor }) => supervisor).values()]
    .map((group) => group.sort((a, b) => a.port - b.port))
    .sort((a, b) => b.length - a.length || ((a[0] as Slot).supervisor < (b[0] as Slot).supervisor ? -1 : 1))
  const rounds = Array.from({ length: groups[0]?.length ?? 0 }, (_, round) => round)
  return rounds.flatMap((round) => groups.flatMap((group) => group[round] ?? []))
}

function slotsIn(placements: readonly Placement[]): ReadonlySet<string> {
  return new Set(placements.map(slotKey))
}

function slotKey({ supervisor, port }: Slot): string {
  return `${port} ${supervisor}`
}

/** In the order in which the groups first come up. */
function grouped<T, K>(list: readonly T[], keyOf: (element: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const element of list) {
    const group = groups.get(keyOf(element))
    if (group === undefined) groups.set(keyOf(element), [element])
    else group.push(element)
  }
  return groups
}
