import type { BasicBolt, Bolt, Spout } from './component.js'
import { Handle, type BoltHandle, type Declaration, type SpoutHandle } from './handle.js'
import type { TopologyOptions } from './options.js'
import type { Streams } from './stream.js'
import { topologyOf, type Topology } from './topology.js'
import { validate } from './validate.js'

/**
 * Puts a topology together: `setSpout` and `setBolt` name the components, the groupings on their handles wire them, and
 * `createTopology` checks the whole. Until then nothing is checked and nothing throws, so that every mistake is told at
 * once.
 *
 * A component is given as a factory that makes a new instance with every call, as each task gets one of its own. Its
 * parallelism is the number of executors, 1 unless told.
 */
export class TopologyBuilder {
  readonly #name: string
  readonly #declarations: Declaration[] = []

  /** `name`: 1 to 128 letters, digits, '-', '_' and inner spaces; a submission may give another one. */
  constructor(name: string = 'topology') {
    this.#name = name
  }

  setSpout<O extends Streams>(id: string, create: () => Spout<O>, parallelism?: number): SpoutHandle<O> {
    return this.#declare('spout', id, create, parallelism)
  }

  setBolt<In extends object, O extends Streams>(
    id: string,
    create: () => Bolt<In, O> | BasicBolt<In, O>,
    parallelism?: number,
  ): BoltHandle<In, O> {
    return this.#declare('bolt', id, create, parallelism)
  }

  /**
   * The topology as declared so far. Every factory is called twice here, to learn its streams and that it makes a new
   * instance each time, and that of a custom grouping once. Reports every mistake at once: throws InvalidTopologyError
   * with `problems`.
   */
  createTopology(options?: Partial<TopologyOptions>): Topology {
    return topologyOf(validate(this.#name, this.#declarations, options))
  }

  /** The types of streams live in the handle's type alone: at run time every handle is the same. */
  #declare(kind: 'spout' | 'bolt', id: unknown, create: unknown, parallelism: unknown = 1): Handle {
    const declaration: Declaration = {
      kind,
      id,
      create,
      parallelism,
      tasks: undefined,
      options: [],
      subscriptions: [],
    }
    this.#declarations.push(declaration)
    return new Handle(declaration)
  }
}
