import { Lanes, OutputStream, Route, Router } from '../executor/router.js'
import type { TaskId } from '../executor/tuple.js'
import { StormError } from '../errors.js'
import { goesByValuesAlone, makeChooser } from '../grouping/grouping.js'
import type { KeyHash } from '../grouping/hash.js'
import { deepFreeze } from '../stdx/freeze.js'
import type { Rng } from '../stdx/rng.js'
import type { TopologyContext } from '../topology/component.js'
import type { ResolvedOptions } from '../topology/options.js'
import { checkValues, type Stream } from '../topology/stream.js'
import type { TaskLayout } from '../topology/tasks.js'
import type { ComponentSpec, TopologySpec } from '../topology/topology.js'
import type { LaneSource, Transfer } from './transfer.js'

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

/** A bolt that reads a stream, with what all tasks of this worker that feed it have in common. */
interface Subscription {
  readonly grouping: ComponentSpec['subscriptions'][number]['grouping']
  readonly localTargets: readonly TaskId[]
  readonly lanes: Lanes
  /** Set where one route serves all tasks. */
  shared: Route | undefined
}

/** What the tasks of one worker emit on. */
export class Routes {
  readonly #parts: RouteParts
  /** By component and stream. */
  readonly #subscriptions = new Map<string, readonly Subscription[]>()

  constructor(parts: RouteParts) {
    this.#parts = parts
  }

  /** Everything one task emits on: a stream for each that its component declares, a route for each bolt that reads it. */
  of(component: ComponentSpec, task: TaskId, context: TopologyContext): Router {
    const streams = new Map<string, OutputStream>()
    for (const [id, declaration] of component.outputs) {
      const source = { component: component.id, stream: id }
      const routes = this.#readersOf(source).map((reader) => this.#route(reader, source, task, context))
      const guard = guardOf(component.id, id, declaration, this.#parts.options)
      streams.set(id, new OutputStream(component.id, id, declaration.direct, routes, guard))
    }
    return new Router(component.id, task, streams)
  }

  #readersOf(source: LaneSource): readonly Subscription[] {
    const key = JSON.stringify([source.component, source.stream])
    let readers = this.#subscriptions.get(key)
    if (readers === undefined) this.#subscriptions.set(key, (readers = this.#findReaders(source)))
    return readers
  }

  #findReaders(source: LaneSource): Subscription[] {
    const { spec, layout, transfer, isLocal } = this.#parts
    const readers: Subscription[] = []
    for (const reader of spec.components.values()) {
      for (const { component, stream, grouping } of reader.subscriptions) {
        if (component !== source.component || stream !== source.stream) continue
        const targets = layout.tasksOf.get(reader.id) ?? []
        const lanes = new Lanes(targets, (target) => transfer.lane(source, target))
        readers.push({ grouping, localTargets: targets.filter(isLocal), lanes, shared: undefined })
      }
    }
    return readers
  }

  #route(reader: Subscription, { component, stream }: LaneSource, task: TaskId, context: TopologyContext): Route {
    if (reader.shared !== undefined) return reader.shared
    const { rng, hash } = this.#parts
    const { grouping, localTargets, lanes } = reader
    const { targets } = lanes
    const chooser = makeChooser(grouping, {
      sourceTask: task,
      targets,
      localTargets,
      rng,
      hash,
      context,
      component,
      stream,
    })
    const route = new Route(chooser, lanes)
    if (goesByValuesAlone(grouping)) reader.shared = route
    return route
  }
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
