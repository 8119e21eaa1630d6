import {
  TopologyBuilder,
  stream,
  t,
  type Bolt,
  type FailReason,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type Topology,
  type TopologyContext,
  type TopologyOptions,
  type Tuple,
} from 'storm-ts'
import type { Rng } from '../../src/stdx/rng.js'
import type { WorkerView } from '../../src/testing/simulation/world.js'
import type { SourceLog } from './source-log.js'
import type { Sometimes } from './trace.js'

/** What a topology is like; drawn from the seed. */
export interface Shape {
  readonly kind: (typeof kinds)[number]
  /** Children of one tuple, of a fan; tasks of the sink, when it gets all. */
  readonly width: number
  /** Tasks, and the executors that have them. */
  readonly spouts: Parallelism
  readonly middles: Parallelism
  readonly sinks: Parallelism
  readonly options: Partial<TopologyOptions>
  /** A sink takes so long for a tuple; 0: no time. */
  readonly sinkMs: number
  /** One in so many tuples is failed, or thrown over, by a bolt; 0: none. */
  readonly failEvery: number
  /** Characters that each tuple carries besides. */
  readonly load: number
}

interface Parallelism {
  readonly tasks: number
  readonly executors: number
}

const kinds = ['chain', 'fan', 'diamond', 'join', 'all', 'keys'] as const

const Item = stream({ attempt: t.number, part: t.number, load: t.string })
const Pair = stream({ attempts: t.of<readonly number[]>(), part: t.number, load: t.string })
interface ItemValues {
  readonly attempt: number
  readonly part: number
  readonly load: string
}

export interface ShapeLimits {
  /** Message timeouts to choose from. */
  readonly timeouts: readonly number[]
  /** Of tuples that are large; 0: there are none. */
  readonly loadMax: number
}

export function drawShape(rng: Rng, workers: number, { timeouts, loadMax }: ShapeLimits): Shape {
  const kind = kinds[rng.below(kinds.length)] as Shape['kind']
  const oneOf = <T>(list: readonly T[]) => list[rng.below(list.length)] as T
  return {
    kind,
    width: 1 + rng.below(4),
    spouts: drawParallelism(rng, 2),
    middles: drawParallelism(rng, 4),
    sinks: drawParallelism(rng, 4),
    options: {
      workers,
      ackers: 1 + rng.below(workers),
      messageTimeoutMs: oneOf(timeouts),
      maxSpoutPending: oneOf([3, 20, 1_000]),
      inboxLimit: oneOf([1, 2, 8, 1_024]),
      concurrency: oneOf([1, 1, 3]),
    },
    sinkMs: oneOf([0, 0, 1, 15]),
    failEvery: oneOf([0, 0, 40]),
    load: loadMax > 0 && rng.below(25) === 0 ? 20_000 + rng.below(loadMax) : rng.below(40),
  }
}

function drawParallelism(rng: Rng, max: number): Parallelism {
  const tasks = 1 + rng.below(max)
  return { tasks, executors: 1 + rng.below(tasks) }
}

/** Executors of each component, as a rebalance may ask for them. */
export function drawExecutors(rng: Rng, { kind, spouts, middles, sinks }: Shape): Record<string, number> {
  const some = ({ tasks }: Parallelism) => 1 + rng.below(tasks)
  const between =
    kind === 'all' ? {} : kind === 'diamond' ? { left: some(middles), right: some(middles) } : { middle: some(middles) }
  return { source: some(spouts), ...between, sink: some(sinks) }
}

/** The parts of a tree that reach a sink. */
export function partsOf({ kind, width, sinks }: Shape): number {
  if (kind === 'fan') return width
  if (kind === 'diamond') return 2
  return kind === 'all' ? sinks.tasks : 1
}

export interface TopologyParts {
  readonly name: string
  readonly shape: Shape
  readonly log: SourceLog
  readonly sometimes: Sometimes
  readonly rng: Rng
  readonly nowMs: () => number
  /** Throws when the seed wants it so. */
  readonly mayBegin: () => void
}

/** The topology as one worker's process has it. */
export function makeTopology(parts: TopologyParts, worker: WorkerView | undefined): Topology {
  const { shape, name } = parts
  const { kind, spouts, middles, sinks } = shape
  const sleep = (ms: number) => new Promise<void>((resolve) => void worker?.process.clock.after(ms, resolve))
  const builder = new TopologyBuilder(name)
  const process = worker?.process.name ?? ''
  const source = builder.setSpout('source', () => new Source(parts, process), spouts.executors).tasks(spouts.tasks)
  const sink = builder.setBolt('sink', () => new Sink(parts, process, sleep), sinks.executors).tasks(sinks.tasks)
  const middle = (id: string, part: number, width = 1) =>
    builder.setBolt(id, () => new Middle(parts, part, width), middles.executors).tasks(middles.tasks)
  switch (kind) {
    case 'chain':
      sink.shuffleGrouping(middle('middle', 0).shuffleGrouping(source))
      break
    case 'keys':
      sink.fieldsGrouping(middle('middle', 0).localOrShuffleGrouping(source), ['attempt'])
      break
    case 'fan':
      sink.shuffleGrouping(middle('middle', 0, shape.width).shuffleGrouping(source))
      break
    case 'diamond':
      sink
        .shuffleGrouping(middle('left', 0).shuffleGrouping(source))
        .fieldsGrouping(middle('right', 1).shuffleGrouping(source), ['attempt'])
      break
    case 'join': {
      const joiner = builder.setBolt('middle', () => new Joiner(), middles.executors).tasks(middles.tasks)
      sink.shuffleGrouping(joiner.tick(200).shuffleGrouping(source))
      break
    }
    case 'all':
      sink.allGrouping(source)
  }
  return builder.createTopology(shape.options)
}

/** Ids that are numbered, each emitted until it is acked. What it knows is in the log; a new process goes on from there. */
class Source implements Spout<{ default: typeof Item }, number> {
  readonly outputs = { default: Item }
  readonly #parts: TopologyParts
  readonly #process: string
  readonly #again: number[] = []
  readonly #load: string
  #task = 0
  #next = 0
  #step = 1

  constructor(parts: TopologyParts, process: string) {
    this.#parts = parts
    this.#process = process
    this.#load = 'x'.repeat(parts.shape.load)
  }

  open({ task, taskIndex, taskCount }: TopologyContext): void {
    const { log, mayBegin } = this.#parts
    mayBegin()
    this.#task = task
    this.#step = taskCount
    this.#next = taskIndex
    const begun = new Set(log.attempts.map(({ id }) => id))
    while (begun.has(this.#next)) {
      if (!log.done.has(this.#next)) this.#again.push(this.#next)
      this.#next += taskCount
    }
  }

  nextTuple(out: SpoutCollector<{ default: typeof Item }, number>): void {
    const { log, nowMs } = this.#parts
    let id = this.#again.shift()
    if (id === undefined) {
      const availableAtMs = log.availableAtMs[this.#next]
      if (availableAtMs === undefined || nowMs() < availableAtMs) return
      id = this.#next
      this.#next += this.#step
    }
    const attempt = log.emitted(id, this.#task, this.#process)
    out.emit({ attempt, part: 0, load: this.#load }, attempt)
  }

  ack(attempt: number): void {
    this.#parts.log.acked(attempt)
  }

  fail(attempt: number, reason: FailReason): void {
    const { sometimes } = this.#parts
    if (reason === 'timeout') sometimes.add('tree timed out')
    else sometimes.add(reason.endsWith('lost') ? 'declared loss' : `failed: ${reason}`)
    this.#again.push(this.#parts.log.failed(attempt, reason))
  }
}

/** Thrown where a component begins. */
export const notNow = Object.assign(new Error('not now'), { stack: '' })

/** Without a stack, which would tell the machine that it was built on. */
const onPurpose = Object.assign(new Error('thrown on purpose'), { stack: '' })

class Middle implements Bolt<ItemValues, { default: typeof Item }> {
  readonly outputs = { default: Item }
  readonly #parts: TopologyParts
  readonly #part: number
  readonly #width: number

  constructor(parts: TopologyParts, part: number, width: number) {
    this.#parts = parts
    this.#part = part
    this.#width = width
  }

  execute(tuple: Tuple<ItemValues>, out: OutputCollector<{ default: typeof Item }>): void {
    const { shape, log, rng, sometimes } = this.#parts
    if (shape.failEvery > 0 && !log.isCalm && rng.below(shape.failEvery) === 0) {
      sometimes.add('user code failed a tuple')
      if (rng.below(2) === 0) throw onPurpose
      return out.fail(tuple)
    }
    const { attempt, load } = tuple.values
    for (let i = 0; i < this.#width; i++) out.emit({ attempt, part: this.#part + i, load }, tuple)
    if (out.full) sometimes.add('back pressure engaged')
    out.ack(tuple)
  }
}

/** Two tuples become one; the last waits for a tick. */
class Joiner implements Bolt<ItemValues, { default: typeof Pair }> {
  readonly outputs = { default: Pair }
  #waiting: Tuple<ItemValues> | undefined

  execute(tuple: Tuple<ItemValues>, out: OutputCollector<{ default: typeof Pair }>): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (tuple.isTick) {
      if (waiting !== undefined) this.#emit([waiting], out)
    } else if (waiting === undefined) this.#waiting = tuple
    else this.#emit([waiting, tuple], out)
  }

  #emit(tuples: Tuple<ItemValues>[], out: OutputCollector<{ default: typeof Pair }>): void {
    const load = tuples[0]?.values.load ?? ''
    out.emit({ attempts: tuples.map(({ values }) => values.attempt), part: 0, load }, tuples)
    for (const tuple of tuples) out.ack(tuple)
  }
}

/** Writes down what it gets, and acks only then. */
class Sink implements Bolt<Record<string, unknown>> {
  readonly #parts: TopologyParts
  readonly #process: string
  readonly #sleep: (ms: number) => Promise<void>
  #part = 0

  constructor(parts: TopologyParts, process: string, sleep: (ms: number) => Promise<void>) {
    this.#parts = parts
    this.#process = process
    this.#sleep = sleep
  }

  prepare({ taskIndex }: TopologyContext): void {
    this.#parts.mayBegin()
    this.#part = taskIndex
  }

  execute(tuple: Tuple<Record<string, unknown>>, out: OutputCollector<Record<string, never>>): void | Promise<void> {
    const { sinkMs } = this.#parts.shape
    if (sinkMs === 0) return this.#take(tuple, out)
    return this.#sleep(sinkMs).then(() => this.#take(tuple, out))
  }

  #take(tuple: Tuple<Record<string, unknown>>, out: OutputCollector<Record<string, never>>): void {
    const { log, shape } = this.#parts
    const { attempt, attempts, part } = tuple.values as { attempt?: number; attempts?: number[]; part: number }
    const number = shape.kind === 'all' ? this.#part : part
    for (const one of attempts ?? [attempt as number]) log.recorded(one, number, this.#process)
    out.ack(tuple)
  }
}
