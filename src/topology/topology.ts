import { StormError, type Problem } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import type { BasicBolt, Bolt, CustomGrouping, Spout } from './component.js'
import type { TopologyOptions } from './options.js'
import type { Stream } from './stream.js'

/**
 * What is to be run: made by `TopologyBuilder.createTopology`, given to a cluster. Opaque and frozen; it may be submitted
 * any number of times.
 */
export interface Topology {
  readonly name: string
  readonly '~topology': true
}

/** What a topology module exports as default: a topology, or a function of the command line's arguments. */
export type TopologyModule = Topology | ((args: string[]) => Topology | Promise<Topology>)

/** A topology as the engine reads it: checked, so whatever it names is there. */
export interface TopologySpec {
  readonly name: string
  /** In the order of their declaration. */
  readonly components: ReadonlyMap<string, ComponentSpec>
  /** As given to `createTopology`. */
  readonly options: Partial<TopologyOptions>
  /** What is allowed but seldom meant. */
  readonly warnings: readonly Problem[]
}

export interface ComponentSpec {
  readonly id: string
  readonly kind: 'spout' | 'bolt'
  /** A new instance with every call: one a task. */
  readonly create: () => Spout | Bolt | BasicBolt
  /** Executors asked for. */
  readonly parallelism: number
  /** What `.tasks(n)` said. */
  readonly taskCount: number | undefined
  /** By stream id. */
  readonly outputs: ReadonlyMap<string, Stream>
  /** Of a bolt; none for a spout. */
  readonly subscriptions: readonly Subscription[]
  /** Its own ones, from `.set()` and `.tick()`. */
  readonly options: Partial<TopologyOptions>
}

/** That a bolt reads a stream of a component, and by which rule the stream is spread over the bolt's tasks. */
export interface Subscription {
  readonly component: string
  readonly stream: string
  readonly grouping: Grouping
}

export type Grouping =
  | { readonly kind: 'shuffle' | 'localOrShuffle' | 'all' | 'global' | 'none' | 'direct' }
  | { readonly kind: 'fields' | 'partialKey'; readonly fields: readonly string[] }
  | { readonly kind: 'custom'; readonly create: () => CustomGrouping }

// A registered symbol, so that a topology made with another copy of this package is known too.
const specKey = Symbol.for('storm-ts.TopologySpec')

/** The opaque topology around a spec. */
export function topologyOf(spec: TopologySpec): Topology {
  const topology: Topology = { name: spec.name, '~topology': true }
  return Object.freeze(Object.defineProperty(topology, specKey, { value: spec }))
}

/** The spec in a topology. Throws NOT_A_TOPOLOGY for anything that `createTopology` did not make. */
export function specOf(topology: Topology): TopologySpec {
  const spec: unknown =
    typeof topology === 'object' && topology !== null ? (topology as { [specKey]?: TopologySpec })[specKey] : undefined
  if (spec !== undefined) return spec as TopologySpec
  throw new StormError(
    'NOT_A_TOPOLOGY',
    `A topology is expected, as TopologyBuilder's createTopology() returns it; got ${describeValue(topology)}.`,
  )
}
