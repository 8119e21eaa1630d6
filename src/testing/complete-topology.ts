import { StormError } from '../errors.js'
import type { LogSink, ReportedError } from '../executor/reports.js'
import { listed } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import type { TaskHook } from '../topology/component.js'
import { specOf, topologyOf, type ComponentSpec, type Topology, type TopologySpec } from '../topology/topology.js'
import type { Tuple } from '../topology/tuple.js'
import { FixedSpout } from './fixed-spout.js'
import { virtualCluster } from './virtual-cluster.js'

/** What a topology did until it was settled. */
export interface Completed {
  /** Tuples emitted by a component, in order of emission per task; on one stream, or on all. */
  from(component: string, stream?: string): readonly Tuple[]
  /** Message ids by verdict, in order; those of a mocked spout are the positions in its list. */
  readonly acked: readonly unknown[]
  readonly failed: readonly unknown[]
  /** Errors of user code. */
  readonly errors: readonly ReportedError[]
}

export interface CompleteOptions {
  /** Values for the default stream of some spouts, instead of what they would emit. */
  readonly mockSpouts?: Readonly<Record<string, readonly object[]>>
  /** Virtual time to settle in; 5 minutes. */
  readonly timeoutMs?: number
  /** Of every random choice; 0. */
  readonly seed?: number
  /** Where warnings and errors go; nowhere, as the result has the errors. */
  readonly log?: LogSink
  /** As for `virtualCluster`: values go through the codec that stands between worker processes; false. */
  readonly serialize?: boolean
}

const nowhere: LogSink = { write() {} }

/**
 * Runs the topology on virtual time until it is settled, and gives what every component emitted. Throws UNKNOWN_COMPONENT
 * for a mock of what is no spout, NOT_SETTLED when time is over, and what `submit` throws.
 */
export async function completeTopology(topology: Topology, options: CompleteOptions = {}): Promise<Completed> {
  const spec = specOf(topology)
  const mocked = topologyOf({ ...spec, components: withMocks(spec, options.mockSpouts ?? {}) })
  const { cluster, clock } = virtualCluster({
    seed: options.seed ?? 0,
    log: options.log ?? nowhere,
    serialize: options.serialize ?? false,
  })
  const recording = new Recording(spec)
  const run = await clock.until(cluster.submit(mocked, { taskHooks: [() => recording.hook()] }))
  try {
    await clock.until(run.settled(), options.timeoutMs)
    return recording.completed(run.errors())
  } finally {
    await clock.until(cluster.shutdown())
  }
}

function withMocks(
  spec: TopologySpec,
  mocks: Readonly<Record<string, readonly object[]>>,
): ReadonlyMap<string, ComponentSpec> {
  const components = new Map(spec.components)
  const spouts = [...components.values()].filter(({ kind }) => kind === 'spout').map(({ id }) => id)
  for (const [id, values] of Object.entries(mocks)) {
    const spout = components.get(id)
    if (spout?.kind !== 'spout') {
      throw new StormError(
        'UNKNOWN_COMPONENT',
        `mockSpouts names '${id}', which is no spout of topology '${spec.name}'; its spouts are ${listed(spouts)}.${didYouMean(id, spouts)}`,
      )
    }
    const outputs = Object.fromEntries(spout.outputs)
    components.set(id, { ...spout, create: () => new FixedSpout(outputs, values) })
  }
  return components
}

class Recording {
  readonly #spec: TopologySpec
  readonly #emitted: Tuple[] = []
  readonly #acked: unknown[] = []
  readonly #failed: unknown[] = []

  constructor(spec: TopologySpec) {
    this.#spec = spec
  }

  /** For one task. */
  hook(): TaskHook {
    let component = ''
    return {
      prepare: (context) => void (component = context.component),
      emit: ({ task, stream, values }) =>
        this.#emitted.push(Object.freeze({ values, component, stream, task, isTick: false })),
      spoutAck: ({ id }) => this.#acked.push(id),
      spoutFail: ({ id }) => this.#failed.push(id),
    }
  }

  completed(errors: readonly ReportedError[]): Completed {
    return {
      from: (component, stream) => {
        const known = [...this.#spec.components.keys()]
        if (!this.#spec.components.has(component)) {
          throw new StormError(
            'UNKNOWN_COMPONENT',
            `There is no component '${component}' in topology '${this.#spec.name}'; it has ${listed(known)}.${didYouMean(component, known)}`,
          )
        }
        return this.#emitted.filter(
          (tuple) => tuple.component === component && (stream === undefined || tuple.stream === stream),
        )
      },
      acked: this.#acked,
      failed: this.#failed,
      errors,
    }
  }
}
