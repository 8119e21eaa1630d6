import { graphOf } from '../artefact/graph.js'
import type { JsonObject } from '../cluster/records.js'
import { loadKeyHash } from '../grouping/hash.js'
import type { Topology } from '../index.js'
import type { Request } from '../nimbus/coordinator.js'
import type { Reply } from '../nimbus/nimbus.js'
import { seededRng, type Rng } from '../stdx/rng.js'
import { systemClock } from '../stdx/system-clock.js'
import { specOf } from '../topology/topology.js'
import { plainText } from '../wire/text.js'
import { deterministicSecrets } from './simulation/deterministic-secrets.js'
import { Machine } from './simulation/machine.js'
import { Network, type NetworkTap } from './simulation/network.js'
import { SimulatedNimbus } from './simulation/simulated-nimbus.js'
import { SimulatedProcess } from './simulation/simulated-process.js'
import type { SimulatedWorker } from './simulation/simulated-worker.js'
import { Timeline } from './simulation/timeline.js'
import type { MachineTimes, WorkerView, World, WorldObserver } from './simulation/world.js'

export interface SimulatedClusterOptions {
  /** Of everything that is left to chance; 0. */
  readonly seed?: number
  /** How many machines have a supervisor; 2. They are called s1, s2, … */
  readonly supervisors?: number
  /** Slots of each; 2. */
  readonly slots?: number
}

/** What those who look closer hand in. */
export interface SimulationParts {
  readonly observer?: WorldObserver
  readonly tap?: NetworkTap
  readonly times?: Partial<MachineTimes>
  /** Calls back when all promises were followed: in no time of the world, once. */
  readonly settled?: (callback: () => void) => void
}

/** Makes a topology as a worker that has loaded its code has it; `worker` is undefined when nimbus looks at its graph. */
export type TopologySource = Topology | ((worker: WorkerView | undefined) => Topology)

const firstPort = 6_700
const defaultTimes: MachineTimes = { load: [50, 400], store: [0.5, 15], fetch: [5, 100] }
/** An answer of nimbus that does not come is asked for again. */
const askAgainMs = 1_000

/**
 * A whole cluster in this process and on its own time: nimbus, supervisors and workers are those of a real cluster, the
 * network, the disks and the processes are not. The same seed gives the same run, down to the last message.
 */
export class SimulatedCluster {
  readonly timeline: Timeline
  readonly rng: Rng
  readonly network: Network
  readonly nimbus: SimulatedNimbus
  readonly machines: readonly Machine[]
  /** What nimbus was asked and has not answered. */
  openAsks = 0
  readonly #world: World
  readonly #hash: Promise<World['hash']>
  readonly #sources = new Map<string, TopologySource>()
  #isBegun = false

  constructor(options: SimulatedClusterOptions = {}, parts: SimulationParts = {}) {
    const { seed = 0, supervisors = 2, slots = 2 } = options
    const { observer = unobserved, tap, times, settled } = parts
    this.timeline = new Timeline(settled ?? systemClock().soon)
    this.rng = seededRng(seed)
    const unheard: NetworkTap = { frame: (frame) => [frame], event: () => undefined }
    this.network = new Network(this.timeline, seededRng(this.rng.uint32()), tap ?? unheard)
    this.#hash = loadKeyHash()
    const { timeline, network, rng } = this
    let hash: World['hash'] | undefined
    void this.#hash.then((loaded) => (hash = loaded))
    this.#world = {
      timeline,
      rng,
      network,
      secrets: deterministicSecrets(seededRng(rng.uint32())),
      text: plainText(),
      hash: (...of) => (hash as World['hash'])(...of),
      times: { ...defaultTimes, ...times },
      observer,
      token: 'token of supervisors',
      startProcess: (name, host, skewMs = () => 0) => {
        const own: SimulatedProcess = new SimulatedProcess({
          timeline,
          name,
          host,
          wallSkewMs: skewMs,
          onThrow: (error) => observer.threw(own, error),
        })
        return own
      },
      load: ({ artefact }, worker) => specOf(topologyOf(this.#sources.get(artefact) as TopologySource, worker)),
    }
    this.nimbus = new SimulatedNimbus(this.#world)
    this.machines = Array.from({ length: supervisors }, (_, index) => {
      const ports = Array.from({ length: slots }, (_, slot) => firstPort + slot)
      return new Machine(this.#world, `s${index + 1}`, ports)
    })
  }

  get nowMs(): number {
    return this.timeline.nowMs
  }

  /** All workers' processes, those that are starting or ending among them. */
  get workers(): SimulatedWorker[] {
    return this.machines.flatMap(({ workers }) => [...workers])
  }

  /** Nimbus and all supervisors start; whoever wants them to start at other times calls them himself. */
  start(): void {
    this.nimbus.start()
    for (const machine of this.machines) machine.startSupervisor()
  }

  /** So much of the world's time passes, or less when `isOver` says that it is enough. Begins the world if nobody has. */
  async advance(ms: number, isOver?: () => boolean): Promise<void> {
    await this.#hash
    if (!this.#isBegun) {
      this.#isBegun = true
      if (this.nimbus.process === undefined && this.machines.every(({ supervisor }) => supervisor === undefined))
        this.start()
    }
    await this.timeline.run(this.timeline.nowMs + ms, isOver)
  }

  /** Hands nimbus a topology, as soon as there is one. Resolves with its answer; the world has to be moved for that. */
  submit(
    source: TopologySource,
    { name, options = {}, inactive = false }: { name?: string; options?: JsonObject; inactive?: boolean } = {},
  ): Promise<Reply> {
    const artefact = String(this.#sources.size + 1).padStart(64, '0')
    this.#sources.set(artefact, source)
    const graph = graphOf(specOf(topologyOf(source, undefined)))
    return this.ask({
      kind: 'submit',
      submission: {
        request: `request ${artefact}`,
        ...(name === undefined ? {} : { name }),
        artefact,
        args: [],
        cwd: '/',
        options,
        inactive,
        owner: 'simulation',
        graph,
      },
    })
  }

  /** Asks nimbus until it answers. What is asked for may be done twice, should it die in between. */
  ask(request: Request): Promise<Reply> {
    return new Promise((resolve) => {
      let isAnswered = false
      this.openAsks++
      const again = () => {
        if (isAnswered) return
        this.nimbus.ask(request)?.then(
          (reply) => {
            if (!isAnswered) this.openAsks--
            isAnswered = true
            resolve(reply)
          },
          // It could not be stored, or too much waits: the same is asked again.
          () => undefined,
        )
        this.timeline.after(askAgainMs, again)
      }
      this.timeline.after(0, again)
    })
  }
}

const unobserved: WorldObserver = {
  note: () => undefined,
  threw: (own, error) => {
    throw new Error(`${own.name} threw what nobody caught`, { cause: error })
  },
  told: () => undefined,
  workerStarted: () => undefined,
  workerRuns: () => undefined,
  workerEnded: () => undefined,
}

function topologyOf(source: TopologySource, worker: WorkerView | undefined): Topology {
  return typeof source === 'function' ? source(worker) : source
}
