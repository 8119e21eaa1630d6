// Guards: "rebalance moves only what must move": as even as the even scheduler, and as much stays as can.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balance, type BalanceView } from '../../src/nimbus/balance.js'
import { scheduleEvenly, type Placement, type Slot } from '../../src/nimbus/scheduler.js'

const slotOf = ({ supervisor, port }: Slot) => `${supervisor}:${port}`

const view: fc.Arbitrary<BalanceView> = fc
  .record({
    ports: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    workers: fc.integer({ min: 1, max: 8 }),
    count: fc.integer({ min: 1, max: 12 }),
    places: fc.array(fc.option(fc.nat(15)), { minLength: 12, maxLength: 12 }),
  })
  .map(({ ports, workers, count, places }) => {
    const slots = ports.flatMap((n, i) => Array.from({ length: n }, (_, port) => ({ supervisor: `s${i}`, port })))
    const executors = Array.from({ length: count }, (_, i) => ({ first: i + 1, last: i + 1 }))
    const all = [...slots, { supervisor: 'dead', port: 1 }]
    const current = executors.flatMap((executor, i) => {
      const place = places[i]
      return place === null || place === undefined ? [] : [{ ...executor, ...all[place % all.length]! }]
    })
    return { executors, workers, current, slots }
  })

const grouped = (placements: readonly Placement[]) => {
  const groups = new Map<string, Placement[]>()
  for (const placement of placements)
    groups.set(slotOf(placement), [...(groups.get(slotOf(placement)) ?? []), placement])
  return groups
}

test('balance: as even as a topology that is new, over slots and over supervisors', () => {
  fc.assert(
    fc.property(view, (given) => {
      const result = balance(given)
      expect(result.map(({ first }) => first)).toEqual(given.executors.map(({ first }) => first))
      const supervisors = [...new Set(given.slots.map(({ supervisor }) => supervisor))].map((id) => ({
        id,
        host: id,
        ports: given.slots.filter(({ supervisor }) => supervisor === id).map(({ port }) => port),
      }))
      const fresh = scheduleEvenly({
        supervisors,
        blacklistedHosts: new Set(),
        topologies: [{ id: 't', workers: Math.min(given.workers, given.executors.length), executors: given.executors }],
        assignments: new Map(),
      }).get('t')!
      const sizes = (placements: readonly Placement[]) =>
        [...grouped(placements).values()].map(({ length }) => length).sort((a, b) => a - b)
      const bySupervisor = (placements: readonly Placement[]) => {
        const slots = new Set(placements.map(slotOf))
        return supervisors.map(({ id }) => [...slots].filter((slot) => slot.startsWith(`${id}:`)).length)
      }
      expect(sizes(result)).toEqual(sizes(fresh))
      expect(bySupervisor(result)).toEqual(bySupervisor(fresh))
    }),
    { numRuns: 5_000 },
  )
})

test('balance: as much stays as the sizes of the chosen slots allow', () => {
  fc.assert(
    fc.property(view, (given) => {
      const result = balance(given)
      const before = grouped(given.current)
      for (const [slot, placements] of grouped(result)) {
        const own = before.get(slot) ?? []
        const stayed = placements.filter(({ first }) => own.some((placement) => placement.first === first))
        expect(stayed).toHaveLength(Math.min(own.length, placements.length))
      }
    }),
    { numRuns: 5_000 },
  )
})

test('balance: twice is once', () => {
  fc.assert(
    fc.property(view, (given) => {
      const once = balance(given)
      expect(balance({ ...given, current: once })).toEqual(once)
    }),
    { numRuns: 2_000 },
  )
})

test('balance: new topologies get what the even scheduler gives', () => {
  const slots = [1, 2].flatMap((n) => [1, 2].map((port) => ({ supervisor: `s${n}`, port })))
  const executors = Array.from({ length: 5 }, (_, i) => ({ first: i + 1, last: i + 1 }))
  expect(balance({ executors, workers: 2, current: [], slots }).map(slotOf)).toEqual([
    's1:1',
    's2:1',
    's1:1',
    's2:1',
    's1:1',
  ])
})
