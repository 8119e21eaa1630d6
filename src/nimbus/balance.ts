import { interleaved, type ExecutorRange, type Placement, type Slot } from './scheduler.js'

export interface BalanceView {
  /** Sorted by first task. */
  readonly executors: readonly ExecutorRange[]
  /** Slots that are asked for. */
  readonly workers: number
  /** Where executors run now. */
  readonly current: readonly Placement[]
  /** Slots that it may have: free ones and its own. */
  readonly slots: readonly Slot[]
}

/**
 * A topology spread evenly, over slots and over supervisors, with nothing moved that need not be: what a rebalance does.
 *
 * How many slots of each supervisor, and how many executors in each slot, is what the even scheduler would give to a new
 * topology. Within that, a slot of its own is rather kept than a free one taken, the fuller the rather; and a slot keeps
 * of its executors as many as it may have. Only the rest is placed anew, round robin.
 */
export function balance({ executors, workers, current, slots }: BalanceView): readonly Placement[] {
  const total = Math.min(workers, slots.length, executors.length)
  if (total === 0) return []
  const firsts = new Set(executors.map(({ first }) => first))
  const kept = new Map<Slot, Placement[]>()
  for (const slot of slots) {
    kept.set(
      slot,
      current.filter((placement) => isIn(placement, slot) && firsts.has(placement.first)),
    )
  }
  const countIn = (slot: Slot) => (kept.get(slot) as Placement[]).length
  const chosen = choose(slots, total, countIn)

  const larger = executors.length % total
  const fullestFirst = [...chosen].sort((a, b) => countIn(b) - countIn(a))
  const placements = new Map<Slot, ExecutorRange[]>()
  const limits = new Map<Slot, number>()
  fullestFirst.forEach((slot, index) => {
    const limit = Math.floor(executors.length / total) + (index < larger ? 1 : 0)
    limits.set(slot, limit)
    placements.set(slot, (kept.get(slot) as Placement[]).sort((a, b) => a.first - b.first).slice(0, limit))
  })

  const staying = new Set([...placements.values()].flat().map(({ first }) => first))
  let turn = 0
  for (const executor of executors.filter(({ first }) => !staying.has(first))) {
    while (isFull(chosen[turn % total] as Slot)) turn++
    placements.get(chosen[turn++ % total] as Slot)?.push(executor)
  }
  return [...placements]
    .flatMap(([slot, list]) =>
      list.map(({ first, last }) => ({ first, last, supervisor: slot.supervisor, port: slot.port })),
    )
    .sort((a, b) => a.first - b.first)

  function isFull(slot: Slot): boolean {
    return (placements.get(slot) as ExecutorRange[]).length >= (limits.get(slot) as number)
  }
}

/** As many slots of each supervisor as the even scheduler would take, the fullest first. */
function choose(slots: readonly Slot[], total: number, countIn: (slot: Slot) => number): readonly Slot[] {
  const quota = new Map<string, number>()
  for (const { supervisor } of interleaved(slots).slice(0, total))
    quota.set(supervisor, (quota.get(supervisor) ?? 0) + 1)
  const chosen = [...quota].flatMap(([supervisor, count]) =>
    slots
      .filter((slot) => slot.supervisor === supervisor)
      .sort((a, b) => countIn(b) - countIn(a) || a.port - b.port)
      .slice(0, count),
  )
  return interleaved(chosen)
}

function isIn({ supervisor, port }: Placement, slot: Slot): boolean {
  return supervisor === slot.supervisor && port === slot.port
}
