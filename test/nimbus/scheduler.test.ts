// Guards: "each executor in at most one slot, each slot of at most one topology, and nothing that runs is moved in vain".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  placeExecutors,
  scheduleByDefault,
  scheduleEvenly,
  type Assignments,
  type ClusterView,
  type Placement,
} from '../../src/nimbus/scheduler.js'

/** One task an executor, as many as `count`. */
const executors = (count: number) => Array.from({ length: count }, (_, i) => ({ first: i + 1, last: i + 1 }))

const slotOf = ({ supervisor, port }: { supervisor: string; port: number }) => `${supervisor}:${port}`

/** Clusters of up to four supervisors and three topologies, with some of the executors somewhere already. */
const view: fc.Arbitrary<ClusterView> = fc
  .record({
    ports: fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
    blacklisted: fc.subarray(['h0', 'h1']),
    demands: fc.array(fc.record({ workers: fc.integer({ min: 1, max: 5 }), count: fc.integer({ min: 1, max: 7 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    // Per topology, per executor: the number of a slot, or none.
    running: fc.array(fc.array(fc.option(fc.nat(3)), { maxLength: 7 }), { maxLength: 3 }),
  })
  .map(({ ports, blacklisted, demands, running }) => {
    const supervisors = ports.map((list, i) => ({ id: `s${i}`, host: `h${i % 3}`, ports: list }))
    const slots = supervisors.flatMap(({ id, ports: list }) => list.map((port) => ({ supervisor: id, port })))
    slots.push({ supervisor: 'gone', port: 1 }, { supervisor: 's0', port: 99 })
    const topologies = demands.map(({ workers, count }, i) => ({ id: `t${i}`, workers, executors: executors(count) }))
    const assignments = new Map<string, Placement[]>()
    topologies.forEach(({ id, executors: all }, t) => {
      // Every topology has slots of its own.
      const own = slots.filter((_, i) => i % topologies.length === t)
      const placements = all.flatMap((executor, i) => {
        const slot = own[running[t]?.[i] ?? NaN]
        return slot === undefined ? [] : [{ ...executor, ...slot }]
      })
      if (placements.length > 0) assignments.set(id, placements)
    })
    return { supervisors, blacklistedHosts: new Set(blacklisted), topologies, assignments }
  })

function checkSound(given: ClusterView, result: Assignments): void {
  const ownerBySlot = new Map<string, string>()
  for (const { id, workers, executors: all } of given.topologies) {
    const placements = result.get(id) ?? []
    const before = given.assignments.get(id) ?? []
    expect(placements.map(({ first }) => first)).toEqual(
      [...new Set(placements.map(({ first }) => first))].sort((a, b) => a - b),
    )
    for (const placement of placements) {
      expect(all).toContainEqual({ first: placement.first, last: placement.last })
      expect(ownerBySlot.get(slotOf(placement)) ?? id).toBe(id)
      ownerBySlot.set(slotOf(placement), id)
      const stayed = before.some((old) => old.first === placement.first && slotOf(old) === slotOf(placement))
      if (!stayed) expect(isUsable(given, placement.supervisor, placement.port)).toBe(true)
    }
    const usableIn = (list: readonly Placement[]) =>
      new Set(list.filter((one) => isUsable(given, one.supervisor, one.port)).map(slotOf)).size
    expect(usableIn(placements)).toBeLessThanOrEqual(Math.max(workers, usableIn(before)))
  }
}

function isUsable(given: ClusterView, supervisor: string, port: number): boolean {
  const found = given.supervisors.find(({ id }) => id === supervisor)
  return found !== undefined && found.ports.includes(port) && !given.blacklistedHosts.has(found.host)
}

function reversed({ supervisors, ...rest }: ClusterView): ClusterView {
  return { ...rest, supervisors: supervisors.map((one) => ({ ...one, ports: one.ports.toReversed() })).toReversed() }
}

describe('scheduler', () => {
  test('scheduler: even: sound, moves nothing, and the same again and for any order of supervisors', () => {
    fc.assert(
      fc.property(view, (given) => {
        const result = scheduleEvenly(given)
        checkSound(given, result)
        for (const [id, before] of given.assignments)
          expect(result.get(id)).toEqual(expect.arrayContaining([...before]))
        expect(scheduleEvenly({ ...given, assignments: result })).toEqual(result)
        expect(scheduleEvenly(reversed(given))).toEqual(result)
      }),
      { numRuns: 3_000 },
    )
  })

  test('scheduler: default: sound, and the same for any order of supervisors', () => {
    fc.assert(
      fc.property(view, (given) => {
        const result = scheduleByDefault(given)
        checkSound(given, result)
        expect(scheduleByDefault(reversed(given))).toEqual(result)
      }),
      { numRuns: 3_000 },
    )
  })

  test('scheduler: default: everything is placed after some turns, where a slot is left', () => {
    fc.assert(
      fc.property(view, (given) => {
        let assignments = given.assignments
        // A topology gets in a later turn what another one, served after it, has let go.
        for (let turn = 0; turn < 4; turn++) assignments = scheduleByDefault({ ...given, assignments })
        const taken = new Set([...assignments.values()].flat().map(slotOf))
        const isSlotLeft = given.supervisors.some(({ id, ports }) =>
          ports.some((port) => isUsable(given, id, port) && !taken.has(slotOf({ supervisor: id, port }))),
        )
        if (!isSlotLeft) return
        for (const { id, executors: all } of given.topologies) expect(assignments.get(id)).toHaveLength(all.length)
      }),
      { numRuns: 3_000 },
    )
  })

  test('scheduler: slots: one of each supervisor in turn, those with most first', () => {
    const supervisors = [
      { id: 'a', host: 'a', ports: [6701, 6700] },
      { id: 'b', host: 'b', ports: [6702, 6700, 6701] },
    ]
    const topologies = [{ id: 't', workers: 5, executors: executors(5) }]
    const result = scheduleEvenly({ supervisors, blacklistedHosts: new Set(), topologies, assignments: new Map() })
    expect(result.get('t')?.map(slotOf)).toEqual(['b:6700', 'a:6700', 'b:6701', 'a:6701', 'b:6702'])
  })

  test('scheduler: default: keeps a slot that fits the even division', () => {
    // Nine executors, six in one slot and three in another; four workers are wanted: 2, 2, 2 and 3.
    const running = executors(9).map((executor, i) => ({ ...executor, supervisor: 'a', port: i < 6 ? 1 : 2 }))
    const result = scheduleByDefault({
      supervisors: [{ id: 'a', host: 'a', ports: [1, 2, 3, 4, 5] }],
      blacklistedHosts: new Set(),
      topologies: [{ id: 't', workers: 4, executors: executors(9) }],
      assignments: new Map([['t', running]]),
    })
    expect(result.get('t')?.map(({ port }) => port)).toEqual([1, 3, 4, 1, 3, 4, 2, 2, 2])
  })

  test('scheduler: local: executors go round robin over as many workers as have one', () => {
    const count = fc.integer({ min: 1, max: 20 })
    fc.assert(
      fc.property(count, count, (executorCount, workers) => {
        const list = executors(executorCount).map((executor) => ({ component: 'c', ...executor }))
        const used = Math.min(executorCount, workers)
        const expected = Array.from({ length: used }, (_, w) => list.filter((_, i) => i % used === w))
        expect(placeExecutors(list, workers)).toEqual(expected)
      }),
      { numRuns: 1_000 },
    )
  })
})
