/**
 * Storm's two schedulers as their answers show them to work, oversights included; the plain words of it are in the
 * README of the vectors. It says for an input whether our scheduler departs from Storm's, and how.
 */
export interface ScheduleInput {
  readonly scheduler: 'default' | 'even'
  readonly supervisors: readonly { readonly id: string; readonly host: string; readonly ports: readonly number[] }[]
  readonly blacklistedHosts: readonly string[]
  readonly topologies: readonly {
    readonly id: string
    readonly workers: number
    readonly executors: readonly (readonly [number, number])[]
  }[]
  readonly existing: Readonly<Record<string, readonly Row[]>>
  readonly topologyOrder: readonly string[]
  readonly existingSlotOrder: Readonly<Record<string, readonly (readonly [string, number])[]>>
  readonly needScheduling: readonly string[]
}

/** First and last task, supervisor, port. */
export type Row = readonly [number, number, string, number]
export type Rows = Map<string, readonly Row[]>

export interface Departures {
  /** Each turn of the default scheduler looks at its own topology alone, rather than at all. */
  readonly oneAtATime: boolean
  /** Executors of a topology with more slots than it asks for go to these, rather than nothing being scheduled. */
  readonly surplusIsUsed: boolean
}

/** What Storm answers, or would with these departures; undefined where it throws. */
export function stormSchedules(input: ScheduleInput, departures: Departures): Rows | undefined {
  const rows: Rows = new Map(Object.entries(input.existing))
  const needing = inNeed(input, rows)
  try {
    for (const id of needing) {
      if (input.scheduler === 'default') freeUneven(input, rows, id)
      const alone = input.scheduler === 'even' || departures.oneAtATime
      for (const other of alone ? [id] : inNeed(input, rows)) fill(input, rows, other, departures)
    }
    return rows
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function topologyOf(input: ScheduleInput, id: string): ScheduleInput['topologies'][number] {
  const topology = input.topologies.find((one) => one.id === id)
  if (topology === undefined) throw new Error(`no topology ${id}`)
  return topology
}

function inNeed(input: ScheduleInput, rows: Rows): string[] {
  return input.topologyOrder.filter((id) => {
    const topology = topologyOf(input, id)
    return topology.workers > slotsOf(rows.get(id)).size || missing(topology, rows.get(id)).length > 0
  })
}

const slotsOf = (rows: readonly Row[] = []) => new Set(rows.map(([, , supervisor, port]) => `${supervisor}:${port}`))

const missing = (topology: ScheduleInput['topologies'][number], rows: readonly Row[] = []) =>
  topology.executors.filter(([first]) => !rows.some((row) => row[0] === first)).sort((a, b) => a[0] - b[0])

/** Supervisors with the ports that they may be given, by id. */
function usable(input: ScheduleInput): { id: string; ports: number[] }[] {
  return input.supervisors
    .filter(({ host }) => !input.blacklistedHosts.includes(host))
    .map(({ id, ports }) => ({ id, ports: ports.toSorted((a, b) => a - b) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** One port of each supervisor in turn, those with most ports first. */
function inTurn(supervisors: readonly { id: string; ports: readonly number[] }[]): [string, number][] {
  const sorted = supervisors.toSorted((a, b) => b.ports.length - a.ports.length)
  const slots: [string, number][] = []
  for (let round = 0; sorted.some(({ ports }) => round < ports.length); round++) {
    for (const { id, ports } of sorted) if (round < ports.length) slots.push([id, ports[round] as number])
  }
  return slots
}

function having(input: ScheduleInput, slots: ReadonlySet<string>, have: boolean): [string, number][] {
  return inTurn(
    usable(input).map(({ id, ports }) => ({ id, ports: ports.filter((port) => slots.has(`${id}:${port}`) === have) })),
  )
}

function fill(input: ScheduleInput, rows: Rows, id: string, departures: Departures): void {
  const topology = topologyOf(input, id)
  const free = having(input, slotsOf([...rows.values()].flat()), false)
  if (free.length === 0) return
  const used = slotsOf(rows.get(id))
  const count = Math.min(topology.workers, free.length + used.size) - used.size
  let slots = free.slice(0, Math.max(count, 0))
  if (count < 0) {
    if (!departures.surplusIsUsed) throw new RangeError('fromIndex(0) > toIndex(-1)')
    slots = having(input, used, true)
    if (slots.length === 0) slots = free.slice(0, topology.workers)
  }
  if (slots.length === 0) return
  const added = missing(topology, rows.get(id)).map(([first, last], i): Row => [
    first,
    last,
    ...(slots[i % slots.length] as [string, number]),
  ])
  rows.set(id, [...(rows.get(id) ?? []), ...added])
}

function freeUneven(input: ScheduleInput, rows: Rows, id: string): void {
  const topology = topologyOf(input, id)
  const mine = rows.get(id) ?? []
  const reusable = having(input, slotsOf(mine), true).length
  const total = Math.min(topology.workers, reusable + having(input, slotsOf([...rows.values()].flat()), false).length)
  if (total === 0 || (total <= slotsOf(mine).size && missing(topology, mine).length === 0)) return
  const wanted = Array.from({ length: total }, (_, i) => Math.floor((topology.executors.length + i) / total))
  const slots = [...(input.existingSlotOrder[id] ?? []), ...mine.map((row) => [row[2], row[3]] as const)]
  const inOrder = new Map(slots.map((slot) => [String(slot), slot])).values()
  const kept = [...inOrder].flatMap(([supervisor, port]) => {
    const held = mine.filter((row) => row[2] === supervisor && row[3] === port)
    const at = wanted.indexOf(held.length)
    if (at === -1) return []
    wanted.splice(at, 1)
    return held
  })
  if (kept.length === 0) rows.delete(id)
  else rows.set(id, kept)
}
