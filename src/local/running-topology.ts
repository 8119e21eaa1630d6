import { StormError } from '../errors.js'
import { TopologyReports, type LogSink, type ReportedError } from '../executor/reports.js'
import { UserMetrics } from '../executor/task-context.js'
import type { KeyHash } from '../grouping/hash.js'
import { placeExecutors } from '../nimbus/scheduler.js'
import { step, type LifeEffect, type LifeEvent, type TopologyLife } from '../nimbus/status.js'
import type { Clock } from '../stdx/clock.js'
import { describeValue } from '../stdx/describe-error.js'
import type { Rng } from '../stdx/rng.js'
import { resolveOptions, type ResolvedOptions, type TopologyOptions } from '../topology/options.js'
import { layoutTasks } from '../topology/tasks.js'
import type { TopologySpec } from '../topology/topology.js'
import { Loop } from '../worker/loop.js'
import { Transfer, type Hop } from '../worker/transfer.js'
import { Worker } from '../worker/worker.js'
import { snapshot, type TopologyMetrics } from './metrics.js'

export type RunningStatus = 'ACTIVE' | 'INACTIVE' | 'REBALANCING' | 'KILLED' | 'GONE'

/** A topology that was submitted, as its user steers it. */
export interface RunningTopology {
  readonly name: string
  readonly status: RunningStatus
  /**
   * Resolves when every spout task is exhausted and every tree is decided, and nothing waits anywhere. Rejects if the
   * topology is killed before, or cannot go on: TOPOLOGY_GONE, SPOUT_FAILED.
   */
  settled(): Promise<void>
  activate(): Promise<void>
  deactivate(): Promise<void>
  /** Stops the spouts, waits so long (default: the message timeout) or until nothing is pending, then ends it. */
  kill(options?: { waitMs?: number }): Promise<void>
  metrics(): TopologyMetrics
  /** The newest hundred errors of user code, oldest first. */
  errors(): readonly ReportedError[]
}

/** Makes what the tuples of a topology go through on their way: how the testing kit has them encoded. */
export type HopMaker = (spec: TopologySpec, options: ResolvedOptions) => Hop

export interface LocalTopologyParts {
  readonly name: string
  readonly spec: TopologySpec
  readonly optionLayers: readonly Partial<TopologyOptions>[]
  readonly clock: Clock
  readonly rng: Rng
  readonly hash: KeyHash
  readonly log: LogSink
  readonly hop: HopMaker | undefined
  /** Called when it is gone. */
  readonly onGone: () => void
}

/** Ports of virtual workers are numbered from here, as Storm's slots are. */
const firstPort = 6_700

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** One topology in this process: its workers share one loop, each with tasks and an acker of its own. */
export class LocalTopology implements RunningTopology {
  readonly name: string
  readonly workers: readonly Worker[]
  readonly #parts: LocalTopologyParts
  readonly #options: ResolvedOptions
  readonly #loop: Loop
  readonly #reports: TopologyReports
  readonly #userMetrics = new Map<string, UserMetrics>()
  /** Undefined when it is gone. */
  #life: TopologyLife | undefined
  /** The components are prepared and open: from the first activation on. */
  #opening: Promise<void> | undefined
  #failure: Error | undefined
  #settling: Waiter[] = []
  #stopSettling: (() => void) | undefined
  /** Settles when the topology is gone; there from the first kill on. */
  #ended: Promise<void> | undefined
  #resolveEnded = () => {}
  #cancelDelayed = () => {}

  constructor(parts: LocalTopologyParts) {
    this.#parts = parts
    this.name = parts.name
    this.#options = resolveOptions(...parts.optionLayers)
    this.#loop = new Loop(parts.clock)
    this.#reports = new TopologyReports(parts.clock, parts.log, (error) => this.#fail(error))
    for (const { message, code } of parts.spec.warnings)
      this.#reports.log.write('warn', `topology '${parts.name}': ${message} (${code})`, {})
    this.workers = this.#makeWorkers()
    for (const worker of this.workers) worker.wire()
    const { workers, messageTimeoutMs } = this.#options
    const shape = { workers, messageTimeoutMs, executors: new Map<string, number>() }
    this.#take({ kind: 'submit', shape, inactive: true })
  }

  get status(): RunningStatus {
    return this.#life?.status ?? 'GONE'
  }

  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (!this.#isAlive()) return Promise.reject(this.#gone())
    return new Promise((resolve, reject) => {
      this.#settling.push({ resolve, reject })
      this.#stopSettling ??= this.#loop.onIdle(() => {
        if (this.#isSettled()) this.#endSettling((waiter) => waiter.resolve())
      })
    })
  }

  async activate(): Promise<void> {
    this.#assertAlive('activated')
    this.#opening ??= this.#open()
    await this.#opening
    this.#assertAlive('activated')
    this.#take({ kind: 'activate' })
  }

  async deactivate(): Promise<void> {
    this.#assertAlive('deactivated')
    await this.#opening
    this.#assertAlive('deactivated')
    this.#take({ kind: 'deactivate' })
  }

  kill(options: { waitMs?: number } = {}): Promise<void> {
    const { waitMs } = options
    if (waitMs !== undefined && !(typeof waitMs === 'number' && waitMs >= 0)) {
      const message = `kill of topology '${this.name}' got waitMs ${describeValue(waitMs)}; milliseconds from 0 are expected.`
      return Promise.reject(new StormError('INVALID_CONFIG', message))
    }
    if (this.#life === undefined) return this.#ended ?? Promise.resolve()
    if (this.#ended === undefined) this.#beginEnd()
    this.#take({ kind: 'kill', waitMs })
    return this.#ended as Promise<void>
  }

  metrics(): TopologyMetrics {
    return snapshot(this.#parts.spec.components.keys(), this.workers, (component) => this.#metricsOf(component))
  }

  errors(): readonly ReportedError[] {
    return [...this.#reports.errors]
  }

  #makeWorkers(): Worker[] {
    const { spec, name, clock, rng, hash, optionLayers } = this.#parts
    const layout = layoutTasks(spec, this.#options)
    const transfer = new Transfer(undefined, this.#parts.hop?.(spec, this.#options))
    return placeExecutors(layout.executors, this.#options.workers).map(
      (executors, index) =>
        new Worker({
          spec,
          name,
          options: this.#options,
          optionLayers,
          layout,
          tasks: executors.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
          port: firstPort + index,
          clock,
          loop: this.#loop,
          rng,
          hash,
          reports: this.#reports,
          transfer,
          metricsOf: (component) => this.#metricsOf(component),
        }),
    )
  }

  #metricsOf(component: string): UserMetrics {
    let metrics = this.#userMetrics.get(component)
    if (metrics === undefined) this.#userMetrics.set(component, (metrics = new UserMetrics()))
    return metrics
  }

  /** Bolts first, so that everybody is ready when the first tuple comes. What fails here ends the topology. */
  async #open(): Promise<void> {
    try {
      await Promise.all(this.workers.map((worker) => worker.prepare()))
      await Promise.all(this.workers.map((worker) => worker.open()))
    } catch (error) {
      await this.kill({ waitMs: 0 })
      throw error
    }
  }

  #isSettled(): boolean {
    return this.workers.every((worker) => worker.spouts.every((spout) => spout.isSettled)) && this.#isIdle()
  }

  #isIdle(): boolean {
    return this.workers.every(
      (worker) => worker.spouts.every((spout) => spout.pendingCount === 0) && worker.bolts.every((bolt) => bolt.isIdle),
    )
  }

  #endSettling(tell: (waiter: Waiter) => void): void {
    this.#stopSettling?.()
    this.#stopSettling = undefined
    const waiters = this.#settling
    this.#settling = []
    for (const waiter of waiters) tell(waiter)
  }

  /** Gives an event to the table of a topology's life, and does what that says. */
  #take(event: LifeEvent): void {
    const taken = step(this.#life, event)
    if (taken === undefined) return
    this.#life = taken.next
    for (const effect of taken.effects) this.#perform(effect)
  }

  #perform(effect: LifeEffect): void {
    switch (effect.kind) {
      case 'set active':
        for (const worker of this.workers) {
          if (effect.active) worker.activate()
          else worker.deactivate()
        }
        break
      case 'after':
        this.#cancelDelayed()
        if (effect.delayMs === 0) this.#take({ kind: effect.event })
        else this.#cancelDelayed = this.#parts.clock.after(effect.delayMs, () => this.#take({ kind: effect.event }))
        break
      case 'remove':
        this.#cancelDelayed()
        void this.#close()
        break
      case 'place':
        // The tasks of this process stay where they were made.
        break
    }
  }

  /** A kill was asked for: nobody waits for it to settle any more, and it is removed as soon as nothing is pending. */
  #beginEnd(): void {
    const wasSettled = this.#isSettled()
    this.#endSettling((waiter) => (wasSettled ? waiter.resolve() : waiter.reject(this.#gone())))
    this.#ended = new Promise((resolve) => (this.#resolveEnded = resolve))
    this.#loop.onIdle(() => {
      if (this.#life?.status === 'KILLED' && this.#isIdle()) this.#take({ kind: 'remove' })
    })
  }

  async #close(): Promise<void> {
    this.#loop.stop()
    // It may be user code that asked for the end: its call is over before the calls of the end begin.
    await Promise.resolve()
    await Promise.all(this.workers.map((worker) => worker.close()))
    this.#parts.onGone()
    this.#resolveEnded()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#endSettling((waiter) => waiter.reject(error))
  }

  #isAlive(): boolean {
    return this.#life !== undefined && this.#life.status !== 'KILLED'
  }

  #assertAlive(verb: string): void {
    if (this.#isAlive()) return
    throw new StormError('TOPOLOGY_GONE', `Topology '${this.name}' is ${this.status}: it cannot be ${verb} any more.`)
  }

  #gone(): Error {
    return new StormError('TOPOLOGY_GONE', `Topology '${this.name}' was killed before it settled.`)
  }
}
