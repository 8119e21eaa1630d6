// Guards: a topology's life goes as with Apache Storm's Nimbus, D6 apart.
import { afterAll, describe, expect, test } from 'vitest'
import { checkRebalance, step, type Change, type LifeEvent, type TopologyLife } from '../../src/nimbus/status.js'
import { TopologyBuilder } from '../../src/topology/builder.js'
import { resolveOptions } from '../../src/topology/options.js'
import { stream, t } from '../../src/topology/stream.js'
import { layoutTasks } from '../../src/topology/tasks.js'
import { specOf } from '../../src/topology/topology.js'
import { bolt, spout } from '../topology/components.js'
import { readVectors, Tally } from './vectors.js'

/** A topology as the vectors describe it. */
interface Described {
  readonly status: TopologyLife['status']
  readonly prevStatus: 'ACTIVE' | 'INACTIVE' | null
  readonly pendingAction:
    { readonly kill: { readonly waitSecs: number } } | { readonly rebalance: RebalanceRecord } | null
  readonly numWorkers: number
  readonly componentExecutors: Readonly<Record<string, number>>
}

interface RebalanceRecord {
  readonly waitSecs: number
  readonly numWorkers: number | null
  readonly numExecutors: Readonly<Record<string, number>>
}

interface Start {
  readonly status: TopologyLife['status'] | null
  readonly prevStatus: 'ACTIVE' | 'INACTIVE' | null
}

type Line = { readonly case: number } & (
  | {
      readonly kind: 'transition'
      readonly input: Start & {
        readonly action: string
        readonly argument: Partial<RebalanceRecord>
        readonly errorOnNoTransition: boolean
      }
      readonly output: {
        readonly inTable: boolean
        readonly error: object | null
        readonly before: Described
        readonly after: Described | null
      }
    }
  | {
      readonly kind: 'call'
      readonly input: Start & { readonly call: string }
      readonly output: { readonly error: object | null; readonly after: Described | null }
    }
  | {
      readonly kind: 'wait'
      readonly input: Start & { readonly call: string; readonly waitSecs: number }
      readonly output: { readonly error: object | null; readonly during: Described; readonly after: Described | null }
    }
  | {
      readonly kind: 'rebalanced'
      readonly input: { readonly numWorkers: number; readonly numExecutors: Readonly<Record<string, number>> }
      readonly output: {
        readonly error: object | null
        readonly after: Described
        readonly executors: readonly (readonly [number, number, string])[]
      }
    }
)

const taskCounts: ReadonlyMap<string, number> = new Map([
  ['spout', 1],
  ['bolt', 8],
])
const submission: LifeEvent = {
  kind: 'submit',
  inactive: false,
  shape: {
    workers: 1,
    executors: new Map([
      ['spout', 1],
      ['bolt', 2],
    ]),
    messageTimeoutMs: 30_000,
  },
}

const tally = new Tally('lifecycle', 'D6')
afterAll(() => console.log(String(tally)))

describe('life cycle', () => {
  for (const line of readVectors<Line>('lifecycle')) {
    test(`as Storm: line ${line.case}`, () => {
      const departure = departureOf(line)
      if (departure === undefined) tally.asStorm()
      else tally.departs(departure)
      check(line)
    })
  }
})

/** Why our answer is another than Storm's, which `check` takes into account by the same rules. */
function departureOf(line: Line): string | undefined {
  if (line.kind === 'rebalanced') {
    const asked = Object.entries(line.input.numExecutors)
    if (asked.some(([component]) => component === '__acker')) return 'ackers are not rebalanced as a component'
    if (asked.some(([component, count]) => count > (taskCounts.get(component) ?? Infinity)))
      return 'more executors than tasks are refused'
  }
  return keepsDoneRebalance(line.output.after) ? 'what a rebalance asked for is forgotten when it is done' : undefined
}

function keepsDoneRebalance(described: Described | null): boolean {
  return described !== null && described.pendingAction !== null && ['ACTIVE', 'INACTIVE'].includes(described.status)
}

function check(line: Line): void {
  switch (line.kind) {
    case 'transition': {
      const { input, output } = line
      const before = lifeFrom(output.before)
      const done = step(before, eventOf(input.action, input.argument))
      expect(done !== undefined).toBe(output.inTable)
      expect(done === undefined && input.errorOnNoTransition).toBe(output.error !== null)
      expect(described(done === undefined ? before : done.next)).toEqual(expected(output.after))
      return
    }
    case 'call': {
      const { input, output } = line
      const before = brought(input)
      const done = step(before, callOf(input.call, 3_600))
      expect(done === undefined).toBe(output.error !== null)
      expect(described(done === undefined ? before : done.next)).toEqual(expected(output.after))
      return
    }
    case 'wait': {
      const { input, output } = line
      const before = brought(input)
      const done = step(before, callOf(input.call, input.waitSecs))
      expect(done === undefined).toBe(output.error !== null)
      expect(described(done === undefined ? before : done.next)).toEqual(expected(output.during))
      expect(described(done === undefined ? before : afterThreeSeconds(done))).toEqual(expected(output.after))
      return
    }
    case 'rebalanced':
      return checkRebalanced(line)
  }
}

function checkRebalanced(line: Extract<Line, { kind: 'rebalanced' }>): void {
  const { input, output } = line
  const change = { workers: input.numWorkers, executors: new Map(Object.entries(input.numExecutors)) }
  const refusedHereAlone = output.error === null && departureOf(line)?.startsWith('what a rebalance asked') === false
  const problems = checkRebalance(change, taskCounts)
  expect(problems.length > 0).toBe(output.error !== null || refusedHereAlone)

  const before = brought({ status: 'ACTIVE', prevStatus: null })
  const asked = problems.length > 0 ? undefined : step(before, { kind: 'rebalance', waitMs: 0, change })
  const after = asked === undefined ? before : afterThreeSeconds(asked)
  expect(described(after)).toEqual(refusedHereAlone ? described(before) : expected(output.after))
  if (!refusedHereAlone) expect(executorsOf(after)).toEqual(output.executors)
}

/** As `step` is to be used: the delayed event of a step is given to it when it is due. */
function afterThreeSeconds(done: NonNullable<ReturnType<typeof step>>): TopologyLife | undefined {
  const due = done.effects.find((effect) => effect.kind === 'after')
  if (due === undefined || due.delayMs > 3_000) return done.next
  return step(done.next, { kind: due.event })?.next
}

/** Into the status by ordinary calls, as the vectors' topologies were. */
function brought({ status, prevStatus }: Start): TopologyLife | undefined {
  if (status === null) return undefined
  const calls = prevStatus === 'INACTIVE' || status === 'INACTIVE' ? ['deactivate'] : []
  if (status === 'KILLED') calls.push('kill')
  if (status === 'REBALANCING') calls.push('rebalance')
  const events = [submission, ...calls.map((call) => callOf(call, 3_600))]
  const life = events.reduce<TopologyLife | undefined>((life, event) => step(life, event)?.next, undefined)
  expect(life?.status).toBe(status)
  return life
}

function callOf(call: string, waitSecs: number): LifeEvent {
  if (call === 'submitSameName') return submission
  const numWorkers = call === 'rebalance' ? { numWorkers: 2 } : {}
  return eventOf(call === 'deactivate' ? 'INACTIVATE' : call.toUpperCase(), { waitSecs, ...numWorkers })
}

function eventOf(action: string, { waitSecs, numWorkers, numExecutors }: Partial<RebalanceRecord>): LifeEvent {
  const waitMs = waitSecs === undefined ? undefined : waitSecs * 1_000
  switch (action) {
    case 'GAIN_LEADERSHIP':
      return { kind: 'gain leadership' }
    case 'INACTIVATE':
      return { kind: 'deactivate' }
    case 'ACTIVATE':
      return { kind: 'activate' }
    case 'REBALANCE':
      return { kind: 'rebalance', waitMs, change: changeOf(numWorkers, numExecutors) }
    case 'KILL':
      return { kind: 'kill', waitMs }
    case 'DO_REBALANCE':
      return { kind: 'do rebalance' }
    case 'REMOVE':
      return { kind: 'remove' }
    default:
      throw new Error(`no rule for the action ${action}`)
  }
}

function changeOf(workers: number | null | undefined, executors: Readonly<Record<string, number>> = {}): Change {
  return { workers: workers ?? undefined, executors: new Map(Object.entries(executors)) }
}

function lifeFrom({ status, prevStatus, pendingAction, numWorkers, componentExecutors }: Described): TopologyLife {
  const shape = {
    workers: numWorkers,
    executors: new Map(Object.entries(ofUser(componentExecutors))),
    messageTimeoutMs: 30_000,
  }
  if (status === 'ACTIVE' || status === 'INACTIVE') return { ...shape, status }
  if (pendingAction !== null && 'kill' in pendingAction)
    return { ...shape, status: 'KILLED', waitMs: pendingAction.kill.waitSecs * 1_000 }
  if (pendingAction === null || prevStatus === null) throw new Error('a rebalancing topology without its rebalance')
  const { waitSecs, numWorkers: workers, numExecutors } = pendingAction.rebalance
  return {
    ...shape,
    status: 'REBALANCING',
    back: prevStatus,
    waitMs: waitSecs * 1_000,
    change: changeOf(workers, numExecutors),
  }
}

function described(life: TopologyLife | undefined): Described | null {
  if (life === undefined) return null
  const record = {
    status: life.status,
    prevStatus: null,
    pendingAction: null,
    numWorkers: life.workers,
    componentExecutors: Object.fromEntries(life.executors),
  }
  if (life.status === 'KILLED') return { ...record, pendingAction: { kill: { waitSecs: life.waitMs / 1_000 } } }
  if (life.status !== 'REBALANCING') return record
  const { workers, executors } = life.change
  const rebalance = {
    waitSecs: life.waitMs / 1_000,
    numWorkers: workers ?? null,
    numExecutors: Object.fromEntries(executors ?? []),
  }
  return { ...record, prevStatus: life.back, pendingAction: { rebalance } }
}

/** What Storm described, without its system components, and without what D6 forgets. */
function expected(storm: Described | null): Described | null {
  if (storm === null) return null
  const pendingAction = keepsDoneRebalance(storm) ? null : storm.pendingAction
  return { ...storm, pendingAction, componentExecutors: ofUser(storm.componentExecutors) }
}

function ofUser(executors: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(executors).filter(([component]) => !component.startsWith('__')))
}

function executorsOf(life: TopologyLife | undefined): (readonly [number, number, string])[] {
  const builder = new TopologyBuilder('life')
  const outputs = { default: stream({ f: t.string }) }
  const source = builder.setSpout('spout', spout(outputs), life?.executors.get('spout'))
  builder.setBolt('bolt', bolt({}), life?.executors.get('bolt')).tasks(8).shuffleGrouping(source)
  // Ackers stay what they were with the one worker of the submission.
  const { executors } = layoutTasks(specOf(builder.createTopology()), resolveOptions({ ackers: 1 }))
  return executors.map(({ first, last, component }) => [first, last, component] as const)
}
