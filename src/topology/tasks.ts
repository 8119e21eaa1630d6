import type { ResolvedOptions } from './options.js'
import type { ComponentSpec } from './topology.js'

/**
 * Which tasks and executors a topology gets. A pure function of topology and options: Nimbus and every worker compute it
 * for themselves, nobody sends it.
 */
export interface TaskLayout {
  /** Component id by task id. Task ids start at 1: [0] is ''. */
  readonly componentOf: readonly string[]
  /** Task ids by component id, ascending; those of the ackers under `ackerId`, if there are any. */
  readonly tasksOf: ReadonlyMap<string, readonly number[]>
  /** Sorted by first task. */
  readonly executors: readonly ExecutorSpec[]
}

/** A range of tasks of one component that run as one; both ends belong to it. */
export interface ExecutorSpec {
  readonly component: string
  readonly first: number
  readonly last: number
}

/** What the number of a component's tasks and executors follows from. */
type Sized = Pick<ComponentSpec, 'id' | 'parallelism' | 'taskCount' | 'options'>

/** Component id of the ackers. Users cannot take it, as ids that begin with `__` are refused. */
export const ackerId = '__acker'

/**
 * Storm's rules. Tasks are numbered from 1 through the whole topology, component by component in the code-unit order of
 * their ids, the ackers among them. A component has the tasks that it was given, else those that the topology gives to
 * all, else one an executor; the cap of tasks comes last. Executors are as many as were asked for but no more than
 * tasks; each takes tasks in a row, and where the division is uneven the first ones take one more.
 *
 * `options`: those that hold for the topology; a component's own cap wins over theirs.
 */
export function layoutTasks(
  spec: { readonly components: ReadonlyMap<string, Sized> },
  options: ResolvedOptions,
): TaskLayout {
  const ackers = options.ackers ?? options.workers
  const wanted = [...spec.components.values()].map((component) => ({
    id: component.id,
    tasks: taskCountOf(component, options),
    executors: component.parallelism,
  }))
  if (ackers > 0) wanted.push({ id: ackerId, tasks: ackers, executors: ackers })
  wanted.sort((a, b) => (a.id < b.id ? -1 : 1))

  const componentOf = ['']
  const tasksOf = new Map<string, readonly number[]>()
  const executors: ExecutorSpec[] = []
  for (const { id, tasks, executors: asked } of wanted) {
    const first = componentOf.length
    tasksOf.set(
      id,
      Array.from({ length: tasks }, (_, index) => first + index),
    )
    executors.push(...divide(id, first, tasks, Math.min(asked, tasks)))
    for (let task = 0; task < tasks; task++) componentOf.push(id)
  }
  return { componentOf, tasksOf, executors }
}

/** Tasks that a component gets. */
export function taskCountOf(component: Sized, options: ResolvedOptions): number {
  const cap = component.options.maxTaskParallelism ?? options.maxTaskParallelism ?? Infinity
  return Math.min(component.taskCount ?? options.tasks ?? component.parallelism, cap)
}

function divide(component: string, start: number, tasks: number, parts: number): ExecutorSpec[] {
  const executors: ExecutorSpec[] = []
  for (let part = 0, first = start; part < parts; part++) {
    const size = Math.floor(tasks / parts) + (part < tasks % parts ? 1 : 0)
    executors.push({ component, first, last: first + size - 1 })
    first += size
  }
  return executors
}
