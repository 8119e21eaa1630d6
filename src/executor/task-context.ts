import { build, type Histogram } from 'hdr-histogram-js'
import { StormError } from '../errors.js'
import { deepFreeze } from '../stdx/freeze.js'
import { listed } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import type { TaskHook, TopologyContext } from '../topology/component.js'
import type { ResolvedOptions } from '../topology/options.js'
import type { TaskLayout } from '../topology/tasks.js'
import type { LogLevel, Reports } from './reports.js'
import type { TaskHooks } from './task-hooks.js'
import type { TaskId } from './tuple.js'

export interface TaskContextParts {
  readonly topology: string
  readonly component: string
  readonly task: TaskId
  readonly layout: TaskLayout
  readonly workerPort: number
  readonly options: ResolvedOptions
  readonly reports: Reports
  readonly hooks: TaskHooks
  readonly metrics: UserMetrics
}

/** What a component is told of its place in the topology. */
export function taskContext(parts: TaskContextParts): TopologyContext {
  const { component, task, layout, reports, options } = parts
  // The tasks share what users put there, so a bolt that changes it is caught as one that changes its input is.
  if (options.freeze) for (const value of Object.values(options)) if (isObject(value)) deepFreeze(value)
  const tasks = tasksOf(layout, component)
  const write = (level: LogLevel) => (message: string, fields?: object) =>
    reports.log.write(level, message, { ...fields, component, task })
  const context: TopologyContext = {
    topology: parts.topology,
    component,
    task,
    taskIndex: tasks.indexOf(task),
    taskCount: tasks.length,
    workerPort: parts.workerPort,
    config: options,
    tasksOf: (id) => tasksOf(layout, id),
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    metrics: parts.metrics,
    reportError: (error) => reports.error(component, task, error, `component '${component}' reported an error`),
    addTaskHook: (hook: TaskHook) => parts.hooks.add(() => hook, context),
  }
  return Object.freeze(context)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function tasksOf(layout: TaskLayout, component: string): readonly TaskId[] {
  const tasks = layout.tasksOf.get(component)
  // A copy: the engine goes by its own list, which nobody may sort or fill.
  if (tasks !== undefined) return Object.freeze([...tasks])
  const known = [...layout.tasksOf.keys()]
  throw new StormError(
    'UNKNOWN_COMPONENT',
    `There is no component '${component}' in this topology; it has ${listed(known)}.${didYouMean(component, known)}`,
  )
}

/** What a snapshot shows of a component's own metrics. */
export type UserMetricValue =
  | number
  | { readonly count: number; readonly mean: number; readonly p50: number; readonly p99: number; readonly max: number }

/** The metrics that user code names itself, shared by the tasks of a component: the same name is the same metric. */
export class UserMetrics {
  readonly #counters = new Map<string, { value: number }>()
  readonly #gauges = new Map<string, { value: number }>()
  readonly #histograms = new Map<string, Histogram>()

  readonly counter = (name: string): { add(n?: number): void } => {
    const cell = made(this.#counters, name, () => ({ value: 0 }))
    return { add: (n = 1) => void (cell.value += n) }
  }

  readonly gauge = (name: string): { set(value: number): void } => {
    const cell = made(this.#gauges, name, () => ({ value: 0 }))
    return { set: (value) => void (cell.value = value) }
  }

  /** Whole numbers from 0; what is measured in fractions is given in a smaller unit. */
  readonly histogram = (name: string): { record(value: number): void } => {
    const histogram = made(this.#histograms, name, () =>
      build({ numberOfSignificantValueDigits: 2, bitBucketSize: 32 }),
    )
    return { record: (value) => histogram.recordValue(Math.max(0, Math.round(value))) }
  }

  snapshot(): Record<string, UserMetricValue> {
    const shown: [string, UserMetricValue][] = []
    for (const [name, { value }] of [...this.#counters, ...this.#gauges]) shown.push([name, value])
    for (const [name, histogram] of this.#histograms) {
      const at = (percentile: number) => histogram.getValueAtPercentile(percentile)
      shown.push([
        name,
        { count: histogram.totalCount, mean: histogram.mean, p50: at(50), p99: at(99), max: histogram.maxValue },
      ])
    }
    return Object.fromEntries(shown)
  }
}

function made<T>(map: Map<string, T>, name: string, make: () => T): T {
  let value = map.get(name)
  if (value === undefined) map.set(name, (value = make()))
  return value
}
