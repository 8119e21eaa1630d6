// Guards: executors are put where Apache Storm's even and default schedulers put them, D4 apart.
import { afterAll, describe, expect, test } from 'vitest'
import {
  needy,
  scheduleByDefault,
  scheduleEvenly,
  type ClusterView,
  type Placement,
} from '../../src/nimbus/scheduler.js'
import { stormSchedules, type Row, type ScheduleInput } from './storm-scheduler.js'
import { readVectors, Tally } from './vectors.js'

interface Line {
  readonly case: number
  readonly input: ScheduleInput
  readonly output:
    | { readonly error: object }
    | { readonly error?: undefined; readonly assignments: Readonly<Record<string, readonly Row[] | null>> }
}

const tally = new Tally('schedule', 'D4')
afterAll(() => console.log(String(tally)))

describe('scheduler', () => {
  for (const { case: number, input, output } of readVectors<Line>('schedule')) {
    test(`as Storm: line ${number}`, () => {
      const view = viewOf(input)
      expect(needy(view).map(({ id }) => id)).toEqual(input.needScheduling)
      const schedule = input.scheduler === 'even' ? scheduleEvenly : scheduleByDefault
      const ours = table(input, new Map([...schedule(view)].map(([id, placements]) => [id, placements.map(rowOf)])))

      const departure = departureOf(input)
      if (departure === undefined) {
        tally.asStorm()
        expect(output.error).toBeUndefined()
        if (output.error === undefined) expect(ours).toEqual(table(input, output.assignments))
      } else {
        tally.departs(departure)
        expect(ours).toEqual(
          table(input, stormSchedules(input, { oneAtATime: true, surplusIsUsed: true }) ?? new Map()),
        )
        // That the departure is all that parts us from Storm, for this line: without it, the answer is Storm's.
        const storm = stormSchedules(input, { oneAtATime: false, surplusIsUsed: false })
        if (output.error === undefined)
          expect(table(input, storm ?? new Map())).toEqual(table(input, output.assignments))
        else expect(storm).toBeUndefined()
      }
    })
  }
})

/** Why our answer to an input is another than Storm's. */
function departureOf(input: ScheduleInput): string | undefined {
  const storm = stormSchedules(input, { oneAtATime: false, surplusIsUsed: false })
  if (storm === undefined) return 'executors join surplus slots where Storm throws'
  const ours = stormSchedules(input, { oneAtATime: true, surplusIsUsed: true }) ?? new Map<string, Row[]>()
  return JSON.stringify(table(input, ours)) === JSON.stringify(table(input, storm))
    ? undefined
    : 'one topology at a time'
}

function viewOf(input: ScheduleInput): ClusterView {
  const demands = input.topologies.map(({ id, workers, executors }) => ({
    id,
    workers,
    executors: executors.map(([first, last]) => ({ first, last })),
  }))
  return {
    supervisors: input.supervisors,
    blacklistedHosts: new Set(input.blacklistedHosts),
    topologies: input.topologyOrder.flatMap((id) => demands.filter((demand) => demand.id === id)),
    assignments: new Map(
      Object.entries(input.existing).map(([id, rows]) => [id, inSlotOrder(input, id, rows).map(placementOf)]),
    ),
  }
}

/** Which of several slots as good as one another is kept, Storm leaves to a hash map, and we to the order of placements. */
function inSlotOrder(input: ScheduleInput, id: string, rows: readonly Row[]): readonly Row[] {
  const order = (input.existingSlotOrder[id] ?? []).map(String)
  const rank = ([, , supervisor, port]: Row) => order.indexOf(String([supervisor, port]))
  return rows.toSorted((a, b) => rank(a) - rank(b))
}

function placementOf([first, last, supervisor, port]: Row): Placement {
  return { first, last, supervisor, port }
}

function rowOf({ first, last, supervisor, port }: Placement): Row {
  return [first, last, supervisor, port]
}

/** Every topology of the input with its rows by task, or null. */
function table(
  input: ScheduleInput,
  rows: ReadonlyMap<string, readonly Row[]> | Readonly<Record<string, readonly Row[] | null>>,
): object {
  const byId = rows instanceof Map ? rows : new Map(Object.entries(rows))
  return input.topologyOrder.map((id) => [
    id,
    (byId.get(id) as Row[] | null | undefined)?.toSorted((a, b) => a[0] - b[0]) ?? null,
  ])
}
