import { IdGenerator } from '../acker/ids.js'
import { StormError } from '../errors.js'
import { AckerTask } from '../executor/acker-task.js'
import type { AckTarget } from '../executor/ack-target.js'
import { BoltTask } from '../executor/bolt-task.js'
import type { Reports } from '../executor/reports.js'
import { SpoutTask } from '../executor/spout-task.js'
import type { Tracking } from '../executor/spout-collector.js'
import { taskContext, type UserMetrics } from '../executor/task-context.js'
import { TaskHooks } from '../executor/task-hooks.js'
import { TreeAcks } from '../executor/tree-acks.js'
import type { TaskId } from '../executor/tuple.js'
import type { KeyHash } from '../grouping/hash.js'
import type { Clock } from '../stdx/clock.js'
import { describeError, describeValue } from '../stdx/describe-error.js'
import type { Rng } from '../stdx/rng.js'
import type { BasicBolt, Bolt, Spout, TopologyContext } from '../topology/component.js'
import { resolveOptions, type ResolvedOptions, type TopologyOptions } from '../topology/options.js'
import { ackerId, type TaskLayout } from '../topology/tasks.js'
import type { ComponentSpec, TopologySpec } from '../topology/topology.js'
import { heldByBolt } from './holding.js'
import type { Loop } from './loop.js'
import { Routes } from './routes.js'
import { timedCall, type TimedCall } from './timed-call.js'
import type { Transfer } from './transfer.js'

/** The process has three seconds from SIGTERM on, of which `close` and `cleanup` have what is left. */
const restMsMax = 1_000

export interface WorkerParts {
  readonly spec: TopologySpec
  readonly name: string
  /** The topology's options: the engine's defaults, the topology's own, those of the submission. */
  readonly options: ResolvedOptions
  /** The same, as the layers that a component's own options come on top of. */
  readonly optionLayers: readonly Partial<TopologyOptions>[]
  readonly layout: TaskLayout
  readonly tasks: readonly TaskId[]
  readonly port: number
  readonly clock: Clock
  readonly loop: Loop
  readonly rng: Rng
  readonly hash: KeyHash
  readonly reports: Reports
  readonly transfer: Transfer
  readonly metricsOf: (component: string) => UserMetrics
}

/** A task whose component is not wired yet. */
interface Planned<T> {
  readonly task: TaskId
  readonly component: ComponentSpec
  readonly instance: T
  readonly options: ResolvedOptions
  readonly hooks: TaskHooks
  readonly context: TopologyContext
  /** `prepare` or `open` has ended well, so there is something to clean up. */
  isReady: boolean
}

/**
 * The tasks of one topology in one slot. Life: made (every task is there and known to the transfer), `wire` (when all
 * workers are made), `prepare`, `open`, then `activate` and `deactivate` as often as wanted, `close`.
 */
export class Worker {
  readonly spouts: SpoutTask[] = []
  readonly bolts: BoltTask[] = []
  readonly ackers: AckerTask[] = []
  readonly #parts: WorkerParts
  readonly #plannedSpouts: Planned<Spout>[] = []
  readonly #plannedBolts: { readonly plan: Planned<Bolt>; readonly bolt: BoltTask }[] = []
  readonly #ids: IdGenerator
  readonly #routes: Routes
  /** The tasks of this worker. */
  readonly #here: ReadonlySet<TaskId>
  /** Calls of `prepare` and `open` that are open. */
  readonly #beginning = new Set<TimedCall>()
  #isClosed = false
  /** All ackers of the topology, filled when all workers are made: tuples name them by their place in it. */
  readonly #ackTargets: AckTarget[] = []

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#here = new Set(parts.tasks)
    this.#ids = new IdGenerator(parts.rng)
    this.#routes = new Routes({ ...parts, isLocal: (task) => this.#here.has(task) })
    for (const task of parts.tasks) this.#plan(task)
  }

  /** Connects every task to those that it feeds. */
  wire(): void {
    const { layout, transfer } = this.#parts
    for (const task of layout.tasksOf.get(ackerId) ?? [])
      this.#ackTargets.push(transfer.acker(task, this.#ackTargets.length))
    for (const { plan, bolt } of this.#plannedBolts)
      bolt.router = this.#routes.of(plan.component, plan.task, plan.context)
    for (const plan of this.#plannedSpouts) this.#addSpout(plan)
    const tasks = new Map<string, (SpoutTask | BoltTask)[]>()
    for (const task of [...this.spouts, ...this.bolts]) {
      const list = tasks.get(task.component)
      if (list === undefined) tasks.set(task.component, [task])
      else list.push(task)
    }
    this.#hold(tasks)
  }

  /** Prepares the bolts. Rejects with PREPARE_FAILED or PREPARE_TIMEOUT of the first that does not make it, TOPOLOGY_GONE when closed before. */
  async prepare(): Promise<void> {
    await Promise.all(
      this.#plannedBolts.map(async ({ plan, bolt }) => {
        await this.#begin(plan, 'prepare', () => plan.instance.prepare?.(plan.context, bolt.collector))
        bolt.start()
      }),
    )
  }

  /** Opens the spouts, in the same way. */
  async open(): Promise<void> {
    await Promise.all(
      this.#plannedSpouts.map((plan, index) =>
        this.#begin(plan, 'open', () => plan.instance.open?.(plan.context, this.spouts[index]!.collector)),
      ),
    )
  }

  /** The acker of this place among all of the topology, wherever it is. */
  ackTarget(index: number): AckTarget | undefined {
    return this.#ackTargets[index]
  }

  /** These tasks of another worker are gone with all that they knew: trees that ackers among them followed are failed. */
  lost(tasks: readonly TaskId[]): void {
    for (const spout of this.spouts) {
      const acker = this.#ackerOf(spout.id)
      if (acker !== undefined && tasks.includes(acker)) spout.ackerLost()
    }
  }

  activate(): void {
    for (const spout of this.spouts) spout.activate()
  }

  deactivate(): void {
    for (const spout of this.spouts) spout.deactivate()
  }

  /** Ends every task, and every component that was made ready. Errors of user code are reported, not thrown: the end comes anyhow. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const call of this.#beginning) call.abandon(this.#gone())
    for (const spout of this.spouts) spout.close()
    for (const bolt of this.bolts) bolt.close()
    const tasks = [
      ...this.#plannedSpouts.map((plan, index) => ({ plan, task: this.spouts[index] })),
      ...this.#plannedBolts.map(({ plan, bolt }) => ({ plan, task: bolt })),
    ]
    await Promise.all(
      tasks.map(async ({ plan, task }) => {
        await this.#atRest(task?.rest())
        if (plan.isReady) await this.#end(plan)
        if (plan.hooks.any) plan.hooks.cleanup()
      }),
    )
  }

  /** A call of user code that is open when the end comes has a second to end by itself. */
  async #atRest(rest: Promise<void> | undefined): Promise<void> {
    if (rest === undefined) return
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(restMsMax, resolve)
      void rest.then(() => {
        cancel()
        resolve()
      })
    })
  }

  /** What becomes ready when it is given up already is ended there and then. */
  async #begin(plan: Planned<Spout | Bolt>, verb: 'prepare' | 'open', run: () => unknown): Promise<void> {
    if (this.#isClosed) throw this.#gone()
    const onEnd = (isLate: boolean) => {
      if (isLate) void this.#end(plan)
      else plan.isReady = true
    }
    const call = timedCall({ verb, component: plan.component.id, task: plan.task, run, onEnd }, this.#parts.clock)
    this.#beginning.add(call)
    try {
      await call.ended
    } finally {
      this.#beginning.delete(call)
    }
    if (this.#isClosed) throw this.#gone()
  }

  async #end({ component, task, instance }: Planned<Spout | Bolt>): Promise<void> {
    const { verb, run } =
      component.kind === 'spout'
        ? ({ verb: 'close', run: () => (instance as Spout).close?.() } as const)
        : ({ verb: 'cleanup', run: () => (instance as Bolt).cleanup?.() } as const)
    try {
      await timedCall({ verb, component: component.id, task, run }, this.#parts.clock).ended
    } catch (error) {
      const thrown = (error as Error).cause ?? error
      this.#parts.reports.error(component.id, task, thrown, `${verb} of component '${component.id}'`)
    }
  }

  #gone(): StormError {
    return new StormError('TOPOLOGY_GONE', `Topology '${this.#parts.name}' was killed before it was ready.`)
  }

  #plan(task: TaskId): void {
    const { layout, spec } = this.#parts
    const id = layout.componentOf[task] as string
    if (id === ackerId) {
      this.#addAcker(task)
      return
    }
    const component = spec.components.get(id) as ComponentSpec
    const options = resolveOptions(...this.#parts.optionLayers, component.options)
    const hooks = new TaskHooks((thrown, hook) =>
      this.#parts.reports.error(id, task, thrown, `the task hook ${hook} of component '${id}' threw`),
    )
    const { reports, name, port, metricsOf } = this.#parts
    const context = taskContext({
      topology: name,
      component: id,
      task,
      layout,
      workerPort: port,
      options,
      reports,
      hooks,
      metrics: metricsOf(id),
    })
    for (const layer of [...this.#parts.optionLayers, component.options]) {
      for (const make of layer.taskHooks ?? []) hooks.add(make, context)
    }
    const plan = { task, component, options, hooks, context, isReady: false }
    const instance = instanceOf(component, task)
    if (component.kind === 'spout') this.#plannedSpouts.push({ ...plan, instance: instance as Spout })
    else this.#addBolt({ ...plan, instance: instance as Bolt })
  }

  #addAcker(task: TaskId): void {
    const { options, transfer, loop, clock } = this.#parts
    const acker = new AckerTask(task, this.#rootsMax(), options.messageTimeoutMs, clock.now(), (spout) =>
      transfer.spout(spout),
    )
    this.ackers.push(acker)
    transfer.addAcker(acker)
    loop.add(acker)
  }

  /**
   * Roots that an acker remembers of tuples it knows no spout for: four times what all spouts may have pending, and no
   * fewer than a million, since one call of `nextTuple` may pass its limit by any number.
   */
  #rootsMax(): number {
    const { spec, layout, optionLayers } = this.#parts
    let pending = 0
    for (const component of spec.components.values()) {
      if (component.kind !== 'spout') continue
      const { maxSpoutPending } = resolveOptions(...optionLayers, component.options)
      pending += maxSpoutPending * (layout.tasksOf.get(component.id)?.length ?? 0)
    }
    return Math.min(2 ** 26, Math.max(2 ** 20, 4 * pending))
  }

  #addBolt(plan: Planned<Bolt>): void {
    const { options, component, task } = plan
    const bolt = new BoltTask({
      id: task,
      component: component.id,
      bolt: plan.instance,
      ids: this.#ids,
      acks: new TreeAcks(this.#ackTargets),
      hooks: plan.hooks,
      scheduler: this.#parts.loop,
      reports: this.#parts.reports,
      inboxLimit: options.inboxLimit,
      concurrency: options.concurrency,
      ordered: options.ordered,
      tickMs: options.tickMs,
      messageTimeoutMs: options.messageTimeoutMs,
      sampleEvery: options.latencySampleEvery,
    })
    this.#plannedBolts.push({ plan, bolt })
    this.bolts.push(bolt)
    this.#parts.transfer.addBolt(bolt)
    this.#parts.loop.add(bolt)
  }

  #addSpout(plan: Planned<Spout>): void {
    const { options, component, task } = plan
    const spout = new SpoutTask({
      id: task,
      component: component.id,
      spout: plan.instance,
      router: this.#routes.of(plan.component, plan.task, plan.context),
      tracking: this.#tracking(task),
      hooks: plan.hooks,
      scheduler: this.#parts.loop,
      reports: this.#parts.reports,
      maxSpoutPending: options.maxSpoutPending,
      messageTimeoutMs: options.messageTimeoutMs,
      sampleEvery: options.latencySampleEvery,
    })
    this.spouts.push(spout)
    this.#parts.transfer.addSpout(spout)
    this.#parts.loop.add(spout)
  }

  #tracking(spoutTask: TaskId): Tracking | null {
    const acker = this.#ackerOf(spoutTask)
    if (acker === undefined) return null
    const index = this.#parts.layout.tasksOf.get(ackerId)?.indexOf(acker) ?? -1
    return { ids: this.#ids, acker: index, ackers: this.#ackTargets }
  }

  /** The acker of a spout's trees: one of its own worker if there is one, so that acks of local trees stay local. */
  #ackerOf(spoutTask: TaskId): TaskId | undefined {
    const all = this.#parts.layout.tasksOf.get(ackerId) ?? []
    const near = this.ackers.length === 0 ? all : this.ackers.map((acker) => acker.id)
    return near[spoutTask % near.length]
  }

  /** Has each inbox, wherever it is, hold the tasks of this worker that feed it. */
  #hold(tasks: ReadonlyMap<string, readonly (SpoutTask | BoltTask)[]>): void {
    const { spec, layout, transfer } = this.#parts
    const heldBy = heldByBolt(spec)
    for (const component of spec.components.values()) {
      if (component.kind !== 'bolt') continue
      const held = [...(heldBy.get(component.id) ?? [])].flatMap((id) => tasks.get(id) ?? [])
      for (const task of layout.tasksOf.get(component.id) ?? []) {
        for (const source of held) transfer.gate(task).hold(source)
      }
    }
  }
}

/** What the factory of a component makes for a task. The builder has tried it, which says little about the next time. */
function instanceOf({ id, kind, create }: ComponentSpec, task: TaskId): Spout | Bolt | BasicBolt {
  let instance: unknown
  try {
    instance = create()
  } catch (thrown) {
    const { message } = describeError(thrown)
    throw new StormError(
      'FACTORY_THREW',
      `The factory of component '${id}' threw when it was to make task ${task}: ${message}`,
      { cause: thrown },
    )
  }
  const method = kind === 'spout' ? 'nextTuple' : 'execute'
  if (typeof (instance as Record<string, unknown> | null | undefined)?.[method] === 'function') return instance as Spout
  throw new StormError(
    'NOT_A_COMPONENT',
    `The factory of component '${id}' made ${describeValue(instance)} as task ${task}; a ${kind} has a method ${method}.`,
  )
}
