import type { JsonObject } from '../../src/cluster/records.js'
import { slotKey } from '../../src/cluster/records.js'
import { unplacedOf } from '../../src/nimbus/placement.js'
import { seededRng, type Rng } from '../../src/stdx/rng.js'
import { SimulatedCluster } from '../../src/testing/simulated-cluster.js'
import type { WorkerView } from '../../src/testing/simulation/world.js'
import { Checker } from './checker.js'
import { Faults, type Reach } from './faults.js'
import { Repeater } from './repeater.js'
import { SourceLog } from './source-log.js'
import { drawExecutors, drawShape, makeTopology, notNow, partsOf, type Shape } from './topologies.js'
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

/** From the end of all faults until every id is acked and everybody is where he should be. */
const settleMsMax = 75_000
const lookMs = 250
const recoveryLookMs = 1_000
/** Until what is emitted when nothing is wrong any more is acked. */
const calmMsMax = 10_000
const idsOfMain = 200
const idsOfOther = 60
const idsOfCalm = 30

/** One world from its beginning to its end. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const run = new Run(seed, options)
  await run.whole()
  return run.result
}

/** What kind of harm a seed does. */
type Mode = 'none' | Reach

class Run {
  readonly #rng: Rng
  readonly #sometimes = new Sometimes()
  readonly #cluster: SimulatedCluster
  readonly #checker: Checker
  readonly #seed: number
  readonly #trace: Trace
  readonly #mode: Mode
  #settledMs = 0
  #failingStarts = 0

  constructor(seed: number, { print, settled }: RunOptions) {
    this.#seed = seed
    const rng = seededRng(seed ^ 0x5eed)
    this.#rng = rng
    this.#trace = new Trace(print)
    this.#checker = new Checker(this.#trace, this.#sometimes)
    const chance = rng.below(20)
    this.#mode = chance === 0 ? 'none' : chance < 4 ? 'control' : chance < 7 ? 'link' : 'data'
    this.#cluster = new SimulatedCluster(
      { seed, supervisors: 2 + rng.below(3), slots: 2 },
      { observer: this.#checker, tap: this.#checker, ...(settled === undefined ? {} : { settled }) },
    )
    this.#checker.cluster = this.#cluster
  }

  get result(): RunResult {
    const logs = this.#checker.allLogs
    const { counts } = this.#sometimes
    for (const { adopted } of this.#cluster.machines) if (adopted > 0) this.#sometimes.add('worker adopted', adopted)
    return {
      seed: this.#seed,
      hash: this.#trace.hash,
      failure: this.#checker.failure,
      tuples: logs.reduce((sum, { records }) => sum + records, 0),
      attempts: logs.reduce((sum, { attempts }) => sum + attempts.length, 0),
      events: this.#cluster.timeline.count,
      worldMs: Math.round(this.#cluster.nowMs),
      settledMs: Math.round(this.#settledMs),
      sometimes: Object.fromEntries(counts),
    }
  }

  async whole(): Promise<void> {
    const rng = this.#rng
    const workers = 2 + rng.below(3)
    const harmMs = rng.below(5) === 0 ? 30_000 + rng.below(60_000) : 8_000 + rng.below(22_000)
    const shape = drawShape(rng, workers, {
      timeouts: this.#mode === 'link' ? [15_000] : [4_000, 8_000, 15_000],
      // What is emitted before links are there may be too much to be kept.
      loadMax: this.#mode === 'data' ? 200_000 : 0,
    })
    this.#setDelays()
    if (this.#mode === 'data' && rng.below(8) === 0)
      this.#checker.repeater = new Repeater(2 + rng.below(30), seededRng(rng.uint32()))
    const main = this.#submit('main', shape, idsOfMain, 1_000, harmMs + 2_000)
    const mortal = rng.below(2) === 0 ? ['other'] : []
    const submit = (name: string) =>
      void this.#submit(name, drawShape(rng, 1, { timeouts: [8_000], loadMax: 0 }), idsOfOther, 500, harmMs)
    if (mortal.length > 0) submit('other')
    const note = (what: string) => this.#checker.note(what)
    const faults = new Faults({
      cluster: this.#cluster,
      rng,
      sometimes: this.#sometimes,
      note,
      mortal,
      submit,
      meddle: (how, after) => (this.#checker.meddling = { how, left: after }),
      failStarts: (count) => (this.#failingStarts = count),
      paused: (name) => this.#checker.paused.add(name),
      killed: (id) => this.#checker.killed.add(id),
      perhapsKilled: (name) => this.#checker.perhapsKilled(name),
      executors: () => drawExecutors(rng, shape),
      change:
        this.#mode !== 'data'
          ? () => void this.#submit('extra', drawShape(rng, 1, { timeouts: [8_000], loadMax: 0 }), 0, 0, 0)
          : undefined,
    })
    note(`mode ${this.#mode}, ${JSON.stringify(shape)}`)
    this.#checker.isEverybodySafe = this.#mode !== 'data'
    this.#start()
    faults.keepUp()
    for (const atMs of this.#drawTimes(harmMs))
      this.#cluster.timeline.after(atMs, () => faults.strike(this.#mode === 'none' ? 'control' : this.#mode))
    for (const endMs = this.#cluster.nowMs + harmMs + 3_000; this.#cluster.nowMs < endMs && !this.#isBroken;) {
      await this.#advance(Math.min(recoveryLookMs, endMs - this.#cluster.nowMs))
      this.#checker.checkRecovery()
    }
    faults.heal()
    this.#checker.meddling = undefined
    this.#failingStarts = 0
    this.#checker.isEverybodySafe = false
    this.#checker.endRepeatedReaders()
    note('all is healed')
    for (const { host } of this.#cluster.machines) this.#fast(host)
    await this.#settle(main)
    const longestMs = Math.max(...this.#checker.allLogs.map(({ parts }) => parts.verdictMsMax))
    await this.#advance(longestMs + 500)
    this.#checker.checkVerdicts(this.#cluster.workers)
    this.#checker.checkAnswers(this.#cluster.nimbus.coordinator?.nimbus.topologies.keys() ?? [])
    await this.#beCalm(main)
    if (this.#checker.failure === undefined) this.#checker.checkConnections()
  }

  /** When faults come: often one upon the other, seldom very many. */
  #drawTimes(harmMs: number): number[] {
    const rng = this.#rng
    if (this.#mode === 'none') return []
    const times: number[] = []
    // Where nobody may end, all have to have found their places before.
    const firstMs = this.#mode === 'data' ? 300 : 2_500
    const count = rng.below(4) === 0 ? 10 + rng.below(15) : 2 + rng.below(8)
    for (let i = 0; i < count; i++) {
      const before = times.at(-1)
      const isNear = before !== undefined && rng.below(3) === 0
      times.push(isNear ? Math.min(harmMs, before + rng.below(400)) : firstMs + rng.below(harmMs - firstMs))
    }
    return times
  }

  /** Everybody starts, in any order. */
  #start(): void {
    const { nimbus, machines, timeline } = this.#cluster
    timeline.after(this.#rng.below(500), () => nimbus.start())
    for (const machine of machines) timeline.after(this.#rng.below(500), () => machine.startSupervisor())
  }

  #submit(name: string, shape: Shape, ids: number, fromMs: number, toMs: number): SourceLog {
    const cluster = this.#cluster
    const checker = this.#checker
    const log = new SourceLog({
      topology: name,
      parts: partsOf(shape),
      mayRepeat: this.#checker.repeater !== undefined,
      mayFail: this.#mode === 'data',
      verdictMsMax: 1.1 * (shape.options.messageTimeoutMs ?? 30_000) + 1_000,
      hasStoodStill: (name) => checker.paused.has(name),
      nowMs: () => cluster.nowMs,
      note: (line) => checker.note(line),
      broken: (what) => checker.broken(what),
    })
    // One by one, or so many at once.
    const burst = this.#rng.below(2) === 0 ? 1 : 10 + this.#rng.below(40)
    for (let i = 0; i < ids; i++)
      log.availableAtMs.push(cluster.nowMs + fromMs + ((toMs - fromMs) * (i - (i % burst))) / ids)
    checker.addLog(name, log)
    const parts = {
      name,
      shape,
      log,
      sometimes: this.#sometimes,
      rng: this.#rng,
      nowMs: () => cluster.nowMs,
      mayBegin: () => this.#begin(),
    }
    const source = (worker: WorkerView | undefined) => makeTopology(parts, worker)
    void cluster.submit(source, { name, options: shape.options as JsonObject }).then((reply) => {
      if (reply.kind === 'done' && reply.topology !== undefined) checker.promised.add(reply.topology.id)
    })
    return log
  }

  /** A component begins. */
  #begin(): void {
    if (this.#failingStarts === 0) return
    this.#failingStarts--
    this.#sometimes.add('component failed to begin')
    throw notNow
  }

  #setDelays(): void {
    const rng = this.#rng
    const { machines, network, nimbus } = this.#cluster
    const hosts = [...machines.map(({ host }) => host), nimbus.host]
    const isSlow = rng.below(5) === 0
    const hasSpikes = this.#mode === 'data' && rng.below(6) === 0
    for (const from of hosts)
      for (const to of hosts)
        if (from !== to)
          network.setDelays(from, to, {
            fromMs: isSlow ? 2 + rng.below(10) : 0.2,
            toMs: isSlow ? 15 + rng.below(40) : 1 + rng.below(3),
            slowEvery: hasSpikes ? 40 + rng.below(200) : 0,
            slowMs: 3_000,
            bytesPerMs: 10_000,
          })
  }

  #fast(host: string): void {
    const { machines, network, nimbus } = this.#cluster
    for (const other of [...machines.map((machine) => machine.host), nimbus.host])
      for (const [from, to] of [
        [host, other],
        [other, host],
      ] as const)
        network.setDelays(from, to, { fromMs: 0.2, toMs: 2, slowEvery: 0, slowMs: 0, bytesPerMs: 10_000 })
  }

  async #settle(main: SourceLog): Promise<void> {
    const cluster = this.#cluster
    const fromMs = cluster.nowMs
    let wrong = 'it was not looked at'
    while (wrong !== '' && cluster.nowMs - fromMs < settleMsMax && this.#checker.failure === undefined) {
      await this.#advance(lookMs)
      wrong = this.#unsettled(main)
    }
    this.#settledMs = cluster.nowMs - fromMs
    if (wrong !== '') this.#checker.broken(`not settled after ${settleMsMax} ms: ${wrong}`)
  }

  /** What is not as it is to be in the end; '': nothing. */
  #unsettled(main: SourceLog): string {
    const { nimbus: leader } = this.#cluster.nimbus.coordinator ?? {}
    if (leader === undefined) return 'no nimbus leads'
    if (this.#cluster.openAsks > 0) return 'nimbus was asked something and has not answered'
    const record = leader.find('main')
    if (record === undefined) return 'main is gone'
    // What deactivated it may have come after what was to activate it again.
    if (record.life.status === 'INACTIVE')
      void this.#cluster.ask({ kind: 'activate', topology: 'main', by: 'simulation' })
    if (record.life.status !== 'ACTIVE') return `main is ${record.life.status}`
    const wanted = new Map<string, string>()
    for (const topology of leader.topologies.values()) {
      if (topology.life.status === 'KILLED') return `${topology.id} is still there`
      const waiting = unplacedOf(topology)
      if (topology === record && waiting > 0) return `${waiting} executors of main have no slot`
      for (const { slot, since } of topology.assignment?.workers ?? [])
        wanted.set(slotKey(slot), `${topology.id} since ${since}`)
    }
    for (const { launch, machine, port, process } of this.#cluster.workers) {
      const key = slotKey({ supervisor: machine.host, port })
      const is = launch === undefined ? 'nothing yet' : `${launch.topology.id} since ${launch.since}`
      if (wanted.get(key) !== is) return `${process.name} runs ${is}, and ${wanted.get(key)} is wanted`
      wanted.delete(key)
    }
    const [missing] = wanted
    if (missing !== undefined) return `nothing runs in ${missing.join(': ')}`
    if (main.isDone) return ''
    const open = main.availableAtMs.flatMap((_, id) => (main.done.has(id) ? [] : [id]))
    return `${open.length} ids have no ack: ${open.slice(0, 10).join(', ')}`
  }

  /** Nothing is wrong any more, and so nothing may fail. */
  async #beCalm(main: SourceLog): Promise<void> {
    const cluster = this.#cluster
    main.isCalm = true
    this.#checker.note('calm begins')
    for (let i = 0; i < idsOfCalm; i++) main.availableAtMs.push(cluster.nowMs + i * 10)
    await this.#advance(calmMsMax, () => main.isDone)
    if (!main.isDone) this.#checker.broken(`nothing is wrong, and what is emitted has no ack after ${calmMsMax} ms`)
  }

  get #isBroken(): boolean {
    return this.#checker.failure !== undefined
  }

  async #advance(ms: number, isOver: () => boolean = () => false): Promise<void> {
    if (this.#checker.failure === undefined)
      await this.#cluster.advance(ms, () => this.#checker.failure !== undefined || isOver())
  }
}
