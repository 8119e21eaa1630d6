import { quoted } from '../stdx/listed.js'
import { cyclesOf } from './cycles.js'
import type { Problems } from './problems.js'
import type { ComponentSpec, TopologySpec } from './topology.js'

/** Takes down what a sound topology has that is allowed but seldom meant. */
export function warn(spec: TopologySpec, warnings: Problems): void {
  const components = [...spec.components.values()]
  warnOfLikeIds([...spec.components.keys()], 'components', '', warnings)
  for (const component of components) {
    warnOfLikeIds([...component.outputs.keys()], 'streams', ` of ${quoted(component.id)}`, warnings)
    warnOfExcess(component, spec, warnings)
    const ticks = component.options.tickMs ?? spec.options.tickMs
    if (component.kind === 'bolt' && component.subscriptions.length === 0 && ticks === undefined) {
      warnings.add('NO_INPUT', `bolt ${quoted(component.id)} subscribes to no stream and will never be called.`)
    }
  }
  warnOfUnread(components, warnings)
  for (const cycle of cyclesOf(components)) {
    const path = [...cycle, cycle[0] as string].map(quoted).join(' → ')
    warnings.add('CYCLE', `tuples go round: ${path}. A tree ends only when they no longer do.`)
  }
}

/** NFKC and lower case: what a reader, a file system or an editor may take for the same. */
function warnOfLikeIds(ids: readonly string[], what: string, where: string, warnings: Problems): void {
  const seen = new Map<string, string>()
  for (const id of ids) {
    const plain = id.normalize('NFKC').toLowerCase()
    const earlier = seen.get(plain)
    if (earlier === undefined) seen.set(plain, id)
    else {
      const names = `the ${what} ${quoted(earlier)} and ${quoted(id)}${where}`
      warnings.add('AMBIGUOUS_ID', `${names} differ only by case or Unicode form.`)
    }
  }
}

function warnOfExcess(
  { id, kind, parallelism, taskCount }: ComponentSpec,
  { options }: TopologySpec,
  warnings: Problems,
) {
  const tasks = taskCount ?? options.tasks
  if (tasks !== undefined && parallelism > tasks) {
    warnings.add(
      'EXCESS_EXECUTORS',
      `${kind} ${quoted(id)} asks for ${parallelism} executors but has ${tasks} tasks; it gets one executor a task.`,
    )
  }
}

function warnOfUnread(components: readonly ComponentSpec[], warnings: Problems): void {
  const read = new Set(
    components.flatMap(({ subscriptions }) => subscriptions.map(({ component, stream }) => `${component}\0${stream}`)),
  )
  for (const { id, kind, outputs } of components) {
    if (kind === 'bolt') continue
    for (const stream of outputs.keys()) {
      if (!read.has(`${id}\0${stream}`)) {
        warnings.add('NO_CONSUMERS', `stream ${quoted(stream)} of spout ${quoted(id)} has no consumers.`)
      }
    }
  }
}
