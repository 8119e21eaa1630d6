import { StormError } from '../../errors.js'
import { Frames } from '../../wire/frame.js'
import { seededRng } from '../../stdx/rng.js'
import { SupervisorDaemon } from '../../supervisor/daemon.js'
import { controlDialer } from '../../supervisor/dial-nimbus.js'
import type { FoundProcess, WorkerEnd, WorkerLauncher, WorkerOrder } from '../../supervisor/launcher.js'
import type { ProcessMark } from '../../supervisor/slots.js'
import { SimulatedDisk } from './disk.js'
import type { SimulatedProcess } from './simulated-process.js'
import { SimulatedWorker } from './simulated-worker.js'
import { SlotDisk, type ProcessTable } from './slot-disk.js'
import { simulatedVersion, within, type MachineView, type World } from './world.js'

const limits = { startMs: 120_000, hungMs: 10_000, stopMs: 3_000, rssBytesMax: 2 ** 30 }
/** Until an earlier supervisor's workers are seen to be gone. */
const watchMs = 500
/** Of a signal, or the news of an end. */
const signalMs = [0.1, 3] as const

/** Thrown out of a write in which the supervisor dies. */
class Died extends Error {}

/** A machine with a supervisor: its disk and its workers outlive the supervisor, its disk all of them. */
export class Machine implements ProcessTable, MachineView {
  readonly host: string
  readonly ports: readonly number[]
  readonly disk = new SimulatedDisk()
  readonly workers = new Set<SimulatedWorker>()
  isUp = true
  /** When it lost its power; Infinity: it has it. */
  downSinceMs = Infinity
  /** Undefined while there is none. */
  supervisor: SimulatedProcess | undefined
  /** Workers that were found by a supervisor that started after them. */
  adopted = 0
  /** How far its time of day is off. */
  wallSkewMs = 0
  readonly skewMs = () => this.wallSkewMs
  /** The supervisor dies at the so many-th change of its disk from now; 0: it does not. */
  dieAtWrite = 0
  readonly #world: World
  #daemon: SupervisorDaemon | undefined
  #pids = 0

  constructor(world: World, host: string, ports: readonly number[]) {
    this.#world = world
    this.host = host
    this.ports = ports
  }

  get daemon(): SupervisorDaemon | undefined {
    return this.#daemon
  }

  /** Does nothing while there is one, or no power. */
  startSupervisor(): void {
    if (!this.isUp || this.supervisor !== undefined) return
    const { host, ports, disk } = this
    const { rng, observer, network, secrets, text, token, times, timeline } = this.#world
    const incarnation = Number(disk.read('supervisor.json') ?? 0) + 1
    disk.write('supervisor.json', String(incarnation), { isSynced: true })
    const own = this.#world.startProcess(`supervisor ${host} #${incarnation}`, host, this.skewMs)
    this.supervisor = own
    observer.note(`${own.name} starts`)
    const slots = new SlotDisk(disk, () => this.#mayDie(own))
    const traces = slots.traces(ports, this)
    this.adopted += traces.filter(({ worker }) => worker !== undefined).length
    const log = (text: string) => {
      if (!own.isEnded) observer.note(`${own.name} ${text}`)
    }
    this.#daemon = new SupervisorDaemon({
      settings: {
        id: host,
        version: simulatedVersion,
        host,
        ports,
        incarnation,
        session: String(rng.uint32()),
        limits,
      },
      bind: host,
      nimbusUrl: 'nimbus:2',
      workerMemoryMb: 256,
      traces,
      slots,
      logs: {
        folderOf: (topology, port) => `logs/${topology}/${port}`,
        read: ({ request, from }) => ({ kind: 'logChunk', request, from, bytes: new Uint8Array(0), size: 0 }),
        note: () => undefined,
        keep: () => undefined,
      },
      artefacts: {
        ready: async (hash) => {
          const path = `artefacts/${hash}`
          await new Promise<void>((resolve) => void own.clock.after(within([0.2, 2], rng), resolve))
          if (disk.read(path) !== undefined) return path
          await new Promise<void>((resolve) => void own.clock.after(within(times.fetch, rng), resolve))
          const isThere = network.listenerAt('nimbus:1') !== undefined && !this.#isCutOff()
          if (!isThere) throw new StormError('ARTEFACT_UNAVAILABLE', `The artefact ${hash} can't be fetched.`)
          disk.write(path, hash, { isSynced: true })
          return path
        },
        keep: () => undefined,
      },
      launcher: this.#launcher(own),
      dial: controlDialer({
        tools: { frames: new Frames(), clock: own.clock },
        text,
        secrets,
        dial: network.dial(own, 'nimbus:1'),
        token,
        supervisor: host,
        incarnation,
      }),
      clock: own.clock,
      rng: seededRng(rng.uint32()),
      log: (level, words) => log(`${level} ${words}`),
    })
    const daemon = this.#daemon
    timeline.after(0, () => own.run(() => daemon.start()))
  }

  /** It ends in order, and its workers with it if they are to. */
  async endSupervisor(workers: 'leave' | 'stop'): Promise<void> {
    const own = this.supervisor
    this.#world.observer.note(`${own?.name} is to end, its workers ${workers}`)
    await this.#daemon?.close({ workers })
    if (own === undefined || this.supervisor !== own) return
    this.#forget(own)
    this.#world.network.processEnded(own, true)
  }

  /** As by SIGKILL. */
  killSupervisor(): void {
    const own = this.supervisor
    if (own === undefined) return
    this.#forget(own)
    this.#world.network.processEnded(own, this.#world.rng.below(2) === 0)
    this.#world.observer.note(`${own.name} is killed`)
  }

  /** Returns how many files go back to what was synced. */
  losePower(): number {
    if (!this.isUp) return 0
    this.isUp = false
    this.downSinceMs = this.#world.timeline.nowMs
    const { network, rng, observer } = this.#world
    network.hostDown(this.host)
    if (this.supervisor !== undefined) this.#forget(this.supervisor)
    for (const worker of this.workers) worker.exit({ signal: 'SIGKILL' }, false)
    const lost = this.disk.losePower(rng)
    observer.note(`${this.host} is without power, ${lost} files go back`)
    return lost
  }

  powerOn(): void {
    if (this.isUp) return
    this.isUp = true
    this.downSinceMs = Infinity
    this.#world.network.hostUp(this.host)
    this.#world.observer.note(`${this.host} has power`)
  }

  isRunning(mark: ProcessMark): boolean {
    return this.#workerOf(mark) !== undefined
  }

  startedWith(launchPath: string): ProcessMark | undefined {
    return [...this.workers].find((worker) => worker.launchPath === launchPath)?.mark
  }

  #workerOf({ pid }: ProcessMark): SimulatedWorker | undefined {
    return [...this.workers].find((worker) => worker.mark.pid === pid)
  }

  #forget(own: SimulatedProcess): void {
    this.supervisor = undefined
    this.#daemon = undefined
    own.end()
  }

  #mayDie(own: SimulatedProcess): void {
    if (own.isEnded) throw new Died()
    if (this.dieAtWrite === 0 || --this.dieAtWrite > 0) return
    this.#world.observer.note(`${own.name} dies at a write`)
    this.killSupervisor()
    throw new Died()
  }

  #isCutOff(): boolean {
    const { network } = this.#world
    return network.way(this.host, 'nimbus').isStalled || network.way('nimbus', this.host).isStalled
  }

  /** Starts workers and watches them, for as long as this supervisor lives. */
  #launcher(supervisor: SimulatedProcess): WorkerLauncher {
    const { rng, timeline, observer } = this.#world
    const silences: (() => void)[] = []
    const watch = (worker: SimulatedWorker, isChild: boolean, onEnd: (end: WorkerEnd) => void) => {
      const silence = worker.onEnd((end) => {
        const delayMs = isChild ? within(signalMs, rng) : within([0, watchMs], rng)
        timeline.after(delayMs, () => supervisor.run(() => onEnd(isChild ? end : { said: '' })))
      })
      silences.push(silence)
    }
    return {
      launch: (order: WorkerOrder, onEnd) => {
        if (supervisor.isEnded) return new Promise(() => undefined)
        const port = Number(order.launchPath.split('/')[1])
        const worker = new SimulatedWorker(this.#world, this, { launchPath: order.launchPath, port }, this.#nextPid())
        this.workers.add(worker)
        worker.onEnd(() => this.workers.delete(worker))
        observer.workerStarted(worker)
        watch(worker, true, onEnd)
        return Promise.resolve(worker.mark)
      },
      adopt: ({ mark }: FoundProcess, onEnd) => {
        const worker = this.#workerOf(mark)
        if (worker !== undefined) watch(worker, false, onEnd)
        else timeline.after(watchMs, () => supervisor.run(() => onEnd({ said: '' })))
      },
      signal: (mark, signal) => {
        if (supervisor.isEnded) return
        observer.note(`${supervisor.name} sends ${signal} to ${mark.pid}`)
        timeline.after(within(signalMs, rng), () => this.#workerOf(mark)?.signal(signal))
      },
      rssBytes: () => 2 ** 26,
      close: () => {
        for (const silence of silences) silence()
      },
    }
  }

  #nextPid(): number {
    return 1_000 + ++this.#pids
  }
}
