import { seededRng, type Rng } from '../../src/stdx/rng.js'
import { SimulatedCluster } from '../../src/testing/simulated-cluster.js'
import type { WorkerView } from '../../src/testing/simulation/world.js'
import type { JsonObject } from '../../src/cluster/records.js'
import { Checker } from './checker.js'
import { SourceLog } from './source-log.js'
import { drawShape, makeTopology, partsOf, type Shape } from './topologies.js'
import { Sometimes, Trace } from './trace.js'

export interface RunOptions {
  readonly print?: (line: string) => void
  readonly settled?: (callback: () => void) => void
}

export interface RunResult {
  readonly seed: number
  readonly hash: string
  /** What broke; undefined: nothing. */
  readonly failure: string | undefined
  /** Tuples that sinks wrote down. */
  readonly tuples: number
  readonly attempts: number
  /** Things that happened in the world, and how long it existed in its own time. */
  readonly events: number
  readonly worldMs: number
  /** From the end of all faults until all was settled. */
  readonly settledMs: number
  readonly sometimes: Readonly<Record<string, number>>
}

/** Until everything is settled, when nothing is wrong any more. */
const settleMsMax = 150_000
const quietMs = 12_000
const idsOfMain = 200
const idsOfCalm = 30

/** One world from its beginning to its end. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const run = new Run(seed, options)
  await run.whole()
  return run.result
}

export class Run {
  readonly rng: Rng
  readonly sometimes = new Sometimes()
  readonly cluster: SimulatedCluster
  readonly checker: Checker
  readonly #seed: number
  readonly #trace: Trace
  #settledMs = 0

  constructor(seed: number, { print, settled }: RunOptions) {
    this.#seed = seed
    this.rng = seededRng(seed ^ 0x5eed)
    this.#trace = new Trace(print)
    this.checker = new Checker(this.#trace, this.sometimes)
    const supervisors = 2 + this.rng.below(2)
    this.cluster = new SimulatedCluster(
      { seed, supervisors, slots: 2 },
      { observer: this.checker, tap: this.checker, ...(settled === undefined ? {} : { settled }) },
    )
    this.checker.cluster = this.cluster
  }

  get result(): RunResult {
    const logs = [...this.checker.logs.values()]
    return {
      seed: this.#seed,
      hash: this.#trace.hash,
      failure: this.checker.failure,
      tuples: logs.reduce((sum, { records }) => sum + records, 0),
      attempts: logs.reduce((sum, { attempts }) => sum + attempts.length, 0),
      events: this.cluster.timeline.count,
      worldMs: this.cluster.nowMs,
      settledMs: this.#settledMs,
      sometimes: Object.fromEntries(this.sometimes.counts),
    }
  }

  async whole(): Promise<void> {
    const main = this.submit('main', drawShape(this.rng, 2 + this.rng.below(2)), idsOfMain, 1_000, 20_000)
    await this.#advance(25_000)
    await this.#settle(main)
    if (this.checker.failure !== undefined) return
    await this.#advance(quietMs)
    this.#beCalm(main)
    await this.#settle(main)
  }

  submit(name: string, shape: Shape, ids: number, fromMs: number, toMs: number): SourceLog {
    const { checker, cluster, sometimes, rng } = this
    const log = new SourceLog({
      topology: name,
      parts: partsOf(shape),
      mayRepeat: false,
      nowMs: () => cluster.nowMs,
      note: (line) => checker.note(line),
      broken: (what) => checker.broken(what),
    })
    for (let i = 0; i < ids; i++) log.availableAtMs.push(cluster.nowMs + fromMs + ((toMs - fromMs) * i) / ids)
    checker.logs.set(name, log)
    const parts = { name, shape, log, sometimes, rng, nowMs: () => cluster.nowMs }
    const source = (worker: WorkerView | undefined) => makeTopology(parts, worker)
    void cluster.submit(source, { name, options: shape.options as JsonObject })
    return log
  }

  /** Nothing is wrong from now on, and so nothing may fail. */
  #beCalm(log: SourceLog): void {
    log.isCalm = true
    for (let i = 0; i < idsOfCalm; i++) log.availableAtMs.push(this.cluster.nowMs + i * 10)
  }

  async #settle(main: SourceLog): Promise<void> {
    const { cluster, checker } = this
    const fromMs = cluster.nowMs
    await this.#advance(settleMsMax, () => main.isDone)
    this.#settledMs = Math.max(this.#settledMs, cluster.nowMs - fromMs)
    if (!main.isDone) {
      const missing = main.availableAtMs.flatMap((_, id) => (main.done.has(id) ? [] : [id]))
      checker.broken(`not settled within ${settleMsMax} ms: ids ${missing.slice(0, 10).join(', ')} … have no ack`)
    }
  }

  async #advance(ms: number, isOver: () => boolean = () => false): Promise<void> {
    if (this.checker.failure === undefined)
      await this.cluster.advance(ms, () => this.checker.failure !== undefined || isOver())
  }
}
