import { OutputStream, Route, Router } from '../executor/router.js'
import type { TaskId } from '../executor/tuple.js'
import { StormError } from '../errors.js'
import { makeChooser } from '../grouping/grouping.js'
import type { KeyHash } from '../grouping/hash.js'
import { deepFreeze } from '../stdx/freeze.js'
import type { Rng } from '../stdx/rng.js'
import type { TopologyContext } from '../topology/component.js'
import type { ResolvedOptions } from '../topology/options.js'
import { checkValues, type Stream } from '../topology/stream.js'
import type { TaskLayout } from '../topology/tasks.js'
import type { ComponentSpec, TopologySpec } from '../topology/topology.js'
import type { Transfer } from './transfer.js'

export interface RouteParts {
  readonly spec: TopologySpec
  readonly options: ResolvedOptions
  readonly layout: TaskLayout
  readonly transfer: Transfer
  readonly rng: Rng
  readonly hash: KeyHash
  /** Tasks of this worker. */
  readonly isLocal: (task: TaskId) => boolean
}

/** Everything one task emits on: a stream for each that its component declares, a route for each bolt that reads it. */
export function routerOf(component: ComponentSpec, task: TaskId, context: TopologyContext, parts: RouteParts): Router {
  const streams = new Map<string, OutputStream>()
  for (const [id, declaration] of component.outputs) {
    const routes = readersOf(parts.spec, component.id, id).map((reader) =>
      routeOf(reader, component.id, id, task, context, parts),
    )
    const guard = guardOf(component.id, id, declaration, parts.options)
    streams.set(id, new OutputStream(component.id, id, declaration.direct, routes, guard))
  }
  return new Router(component.id, task, streams)
}

interface Reader {
  readonly component: ComponentSpec
  readonly grouping: ComponentSpec['subscriptions'][number]['grouping']
}

function readersOf(spec: TopologySpec, component: string, stream: string): Reader[] {
  const readers: Reader[] = []
  for (const reader of spec.components.values()) {
    for (const subscription of reader.subscriptions) {
      if (subscription.component === component && subscription.stream === stream) {
        readers.push({ component: reader, grouping: subscription.grouping })
      }
    }
  }
  return readers
}

function routeOf(
  reader: Reader,
  component: string,
  stream: string,
  task: TaskId,
  context: TopologyContext,
  parts: RouteParts,
): Route {
  const targets = parts.layout.tasksOf.get(reader.component.id) ?? []
  const chooser = makeChooser(reader.grouping, {
    sourceTask: task,
    targets,
    localTargets: targets.filter(parts.isLocal),
    rng: parts.rng,
    hash: parts.hash,
    context,
    component,
    stream,
  })
  return new Route(chooser, targets, (target) => parts.transfer.lane({ component, stream, task }, target))
}

/** What is done with values before they leave, if the topology asks for it. */
function guardOf(
  component: string,
  stream: string,
  declaration: Stream,
  options: ResolvedOptions,
): ((values: object) => void) | null {
  if (!options.freeze && !options.validate) return null
  return (values) => {
    if (options.validate) {
      const wrong = checkValues(declaration, values)
      if (wrong !== undefined)
        throw new StormError('BAD_VALUES', `Component '${component}' emitted on its stream '${stream}': ${wrong}`)
    }
    if (options.freeze) deepFreeze(values)
  }
}
