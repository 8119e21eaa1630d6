import { InvalidTopologyError, StormError } from '../errors.js'
import type { LogSink } from '../executor/reports.js'
import { loadKeyHash } from '../grouping/hash.js'
import type { Clock } from '../stdx/clock.js'
import { cryptoRng } from '../stdx/entropy.js'
import { seededRng } from '../stdx/rng.js'
import { systemClock } from '../stdx/system-clock.js'
import { checkName } from '../topology/check-name.js'
import { checkOptions, type TopologyOptions } from '../topology/options.js'
import { specOf, type Topology } from '../topology/topology.js'
import { consoleLog } from './console-log.js'
import { LocalTopology, type HopMaker, type RunningTopology } from './running-topology.js'

export interface LocalClusterOptions {
  /** The time that topologies run on; the machine's. The testing kit has one that is moved by hand. */
  readonly clock?: Clock
  /** Makes every random choice (shuffles, ids) that of this seed, 0 … 2^32 − 1; none: nobody can foretell them. */
  readonly seed?: number
  /** Where warnings and errors go; the console. */
  readonly log?: LogSink
  /** What every tuple goes through on its way; nothing. The testing kit has one that encodes it: `serialize: true`. */
  readonly hop?: HopMaker
}

export interface SubmitOptions extends Partial<TopologyOptions> {
  /** Instead of the topology's own. */
  name?: string
  /** Submitted, but not prepared, opened and run before `activate`. */
  inactive?: boolean
}

/**
 * A cluster in this process, for tests, trials and small jobs: it runs topologies on the very engine that a worker does,
 * with virtual workers instead of processes. Emitted values are frozen, so that a bolt that changes its input is caught;
 * `freeze: false` ends that.
 *
 * Workers and, but for the last, `storm-ts local` have settings of V8 that make a tuple cheaper or its memory smaller, and
 * that a process of yours has only if it is started so: `node --max-inlined-bytecode-size-cumulative=3000
 * --no-parallel-scavenge --heap-growing-percent=60 --min-semi-space-size=16`.
 */
export class LocalCluster implements AsyncDisposable {
  readonly #clock: Clock
  readonly #seed: number | undefined
  readonly #log: LogSink
  readonly #hop: HopMaker | undefined
  readonly #running = new Map<string, LocalTopology>()
  #isClosed = false

  constructor(options: LocalClusterOptions = {}) {
    this.#clock = options.clock ?? systemClock()
    this.#seed = options.seed
    this.#log = options.log ?? consoleLog
    this.#hop = options.hop
  }

  /**
   * Resolves when the topology runs: bolts prepared, spouts open and active. Throws NOT_A_TOPOLOGY, InvalidTopologyError
   * for options, ALREADY_RUNNING, CLUSTER_CLOSED, and what `prepare` and `open` run into: PREPARE_FAILED, PREPARE_TIMEOUT.
   */
  async submit(topology: Topology, options: SubmitOptions = {}): Promise<RunningTopology> {
    const spec = specOf(topology)
    const { name = spec.name, inactive = false, ...given } = options
    const problems = checkOptions(given, 'given at submission')
    const badName = checkName(name)
    if (badName !== undefined) problems.push(badName)
    if (problems.length > 0) throw new InvalidTopologyError(problems)
    const hash = await loadKeyHash()
    if (this.#isClosed)
      throw new StormError('CLUSTER_CLOSED', `The cluster was shut down before '${name}' was submitted.`)
    if (this.#running.has(name))
      throw new StormError(
        'ALREADY_RUNNING',
        `A topology '${name}' is running; kill it first, or submit this one by another name.`,
      )
    const running = new LocalTopology({
      name,
      spec,
      optionLayers: [{ freeze: true }, spec.options, given],
      clock: this.#clock,
      rng: this.#seed === undefined ? cryptoRng() : seededRng(this.#seed),
      hash,
      log: this.#log,
      hop: this.#hop,
      onGone: () => this.#running.delete(name),
    })
    this.#running.set(name, running)
    if (!inactive) await running.activate()
    return running
  }

  /** The topology of this name, if it runs here. */
  topology(name: string): RunningTopology | undefined {
    return this.#running.get(name)
  }

  /** Kills every topology without waiting for what is pending. */
  async shutdown(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#running.values()].map((running) => running.kill({ waitMs: 0 })))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }
}
