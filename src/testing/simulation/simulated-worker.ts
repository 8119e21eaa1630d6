import type { Beat } from '../../cluster/beat.js'
import type { WorkerLaunch } from '../../cluster/records.js'
import { seededRng } from '../../stdx/rng.js'
import type { WorkerEnd } from '../../supervisor/launcher.js'
import type { ProcessMark } from '../../supervisor/slots.js'
import { WorkerProcess, type ProcessEnd } from '../../worker/process.js'
import { beatPath } from './slot-disk.js'
import type { SimulatedProcess } from './simulated-process.js'
import { simulatedVersion, within, type MachineView, type WorkerView, type World } from './world.js'

declare const TextEncoder: new () => { encode(text: string): Uint8Array }

/** As in `worker/main.ts`. */
const farewellMs = 300
const exitOfFailure = 1
const exitOfCrash = 70
/** Until the launch file is read. */
const bootMs = [5, 40] as const

/** The process of a worker: what `worker/main.ts` is to a real one. */
export class SimulatedWorker implements WorkerView {
  readonly mark: ProcessMark
  readonly machine: MachineView
  readonly port: number
  readonly process: SimulatedProcess
  /** Undefined until it has read it. */
  launch: WorkerLaunch | undefined
  /** Undefined until its code is loaded. */
  worker: WorkerProcess | undefined
  /** It is ending by itself, or was told to. */
  isLeaving = false
  #end: Omit<WorkerEnd, 'said'> | undefined
  readonly #world: World
  readonly #launchPath: string
  readonly #endListeners = new Set<(end: WorkerEnd) => void>()

  constructor(
    world: World,
    machine: MachineView,
    { launchPath, port }: { launchPath: string; port: number },
    pid: number,
  ) {
    this.#world = world
    this.machine = machine
    this.port = port
    this.#launchPath = launchPath
    this.mark = { pid, startTime: `start ${pid}` }
    this.process = world.startProcess(`${machine.host}:${port} #${pid}`, machine.host, machine.skewMs)
    const { clock } = this.process
    clock.after(within(bootMs, world.rng), () => {
      const text = machine.disk.read(launchPath)
      if (text === undefined) return this.exit({ exitCode: exitOfFailure })
      this.launch = JSON.parse(text) as WorkerLaunch
      clock.after(within(world.times.load, world.rng), () => this.#begin(this.launch as WorkerLaunch))
    })
  }

  get launchPath(): string {
    return this.#launchPath
  }

  get isAlive(): boolean {
    return this.#end === undefined
  }

  /** Calls back when it is gone, at once if it is. Returns the way to hear nothing any more. */
  onEnd(listener: (end: WorkerEnd) => void): () => void {
    if (this.#end !== undefined) listener({ ...this.#end, said: '' })
    else this.#endListeners.add(listener)
    return () => this.#endListeners.delete(listener)
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (signal === 'SIGKILL') return this.exit({ signal })
    this.process.run(() => {
      if (this.worker === undefined) return this.exit({ signal })
      this.isLeaving = true
      void this.worker.stop()
    })
  }

  /** The process is gone. `isFlushed`: what it has sent still leaves. */
  exit(end: Omit<WorkerEnd, 'said'>, isFlushed = end.signal === undefined || this.#world.rng.below(2) === 0): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.process.end()
    this.#world.network.processEnded(this.process, isFlushed)
    this.#world.observer.note(`${this.process.name} ended ${end.signal ?? end.exitCode}`)
    for (const listener of this.#endListeners) listener({ ...end, said: '' })
  }

  #begin(launch: WorkerLaunch): void {
    const { machine, port } = this
    const own = this.process
    const { network, observer } = this.#world
    const worker = this.#make(launch)
    this.worker = worker
    const address = `${machine.host}:${port}`
    if (!network.listen(own, address, (carrier, from) => worker.accept(carrier, from))) {
      const error = { code: 'PORT_IN_USE', message: `${address} is in use` }
      this.#beat({ incarnation: launch.incarnation, beat: 1, isReady: false, error })
      observer.workerEnded(this, error.code)
      own.clock.after(farewellMs, () => this.exit({ exitCode: exitOfFailure }))
      return
    }
    observer.workerRuns(this)
    worker.start()
  }

  #make(launch: WorkerLaunch): WorkerProcess {
    const world = this.#world
    const { network, secrets, text, hash, rng, observer } = world
    const own = this.process
    const encoder = new TextEncoder()
    return new WorkerProcess({
      launch,
      spec: world.load(launch.topology, this),
      version: simulatedVersion,
      pid: this.mark.pid,
      clock: own.clock,
      rng: seededRng(rng.uint32()),
      hash,
      text,
      secrets,
      log: {
        write: (level, message) => {
          if (!own.isEnded) observer.note(`${own.name} ${level} ${message}`)
        },
      },
      linkKey: encoder.encode(launch.linkKey),
      controlKey: encoder.encode(launch.controlKey),
      dialPeer: ({ host, slot }) => network.dial(own, `${host}:${slot.port}`),
      dialNimbus: network.dial(own, launch.nimbusUrl),
      memory: () => ({ rssBytes: 2 ** 26, heapBytes: 2 ** 25 }),
      beat: (beat) => this.#beat(beat),
      onEnd: (end) => this.#ended(end),
    })
  }

  #beat(beat: Beat): void {
    if (!this.process.isEnded) this.machine.disk.write(beatPath(this.port), JSON.stringify(beat), { isSynced: false })
  }

  #ended(end: ProcessEnd | undefined): void {
    if (this.process.isEnded) return
    this.isLeaving = true
    this.#world.observer.workerEnded(this, end?.code)
    this.process.clock.after(farewellMs, () => this.exit({ exitCode: exitCodeOf(end) }))
  }
}

function exitCodeOf(end: ProcessEnd | undefined): number {
  if (end === undefined) return 0
  return end.code === 'WORKER_CRASHED' || end.code === 'INTERNAL' ? exitOfCrash : exitOfFailure
}
