import type { Beat } from '../../src/cluster/beat.js'
import type { SlotsMessage, SupervisorMessage, ToSupervisor } from '../../src/cluster/messages.js'
import type { RunningWorker, WorkerLaunch } from '../../src/cluster/records.js'
import { StormError } from '../../src/errors.js'
import type { Clock } from '../../src/stdx/clock.js'
import { seededRng } from '../../src/stdx/rng.js'
import { SupervisorDaemon } from '../../src/supervisor/daemon.js'
import type { FoundProcess, WorkerEnd, WorkerLauncher } from '../../src/supervisor/launcher.js'
import type { NimbusLinkEvents } from '../../src/supervisor/nimbus-link.js'
import type { SlotFolders, SlotTrace } from '../../src/supervisor/slot-folders.js'
import type { ProcessMark } from '../../src/supervisor/slots.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'

/** What a slot shall run: `name` and the generation since which. */
export type Wanted = Readonly<Record<number, readonly [name: string, since: number]>>

/** A process of the machine. Its heart beats, and it ends when it is told to, unless a test says otherwise. */
export class FakeProcess {
  readonly mark: ProcessMark
  readonly launch: WorkerLaunch
  readonly signals: string[] = []
  isAlive = true
  obeys = true
  beats = true
  isReady = true
  beat = 0
  onEnd: ((end: WorkerEnd) => void) | undefined

  constructor(pid: number, launch: WorkerLaunch) {
    this.mark = { pid, startTime: `start ${pid}` }
    this.launch = launch
  }

  /** `exitCode` 1 unless told. */
  die(end: Partial<WorkerEnd> = { exitCode: 1 }): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.onEnd?.({ said: '', ...end })
  }
}

/**
 * A machine on virtual time: its disk and its processes outlive the supervisor on it, and nimbus can be away. The
 * supervisor is the real one but for the seams.
 */
export class Machine implements SlotFolders, WorkerLauncher {
  readonly clock = new VirtualClock()
  readonly processes: FakeProcess[] = []
  readonly ports = [6_700, 6_701]
  readonly log: string[] = []
  readonly notes: string[] = []
  /** What nimbus heard, in order. */
  heard: SupervisorMessage[] = []
  dials: number[] = []
  /** Tests set these. */
  isNimbusThere = true
  startFailure: Error | undefined
  artefactFailure: Error | undefined
  artefactMs = 10
  startMs = 120_000
  fence = 1
  /** What this supervisor was told to run, last; undefined if nobody told it anything yet. */
  known: Wanted | undefined
  /** How often it asked for other ports. */
  portsTaken = 0
  /** Done with each new process. */
  onStart: (process: FakeProcess) => void = () => {}

  readonly #disk = new Map<number, { incarnation: number; launch?: WorkerLaunch | undefined; mark?: ProcessMark }>()
  readonly #errors = new Map<number, Beat['error']>()
  #daemon: SupervisorDaemon | undefined
  #events: NimbusLinkEvents | undefined
  #wanted: Wanted = {}
  #version = 0
  #incarnation = 0
  #generation = 0
  #isPaused = false
  readonly #late: (() => void)[] = []
  readonly #rng

  constructor(seed = 1) {
    this.#rng = seededRng(seed)
  }

  /** The supervisor starts, or starts again. */
  async start(): Promise<void> {
    const limits = { startMs: this.startMs, hungMs: 10_000, stopMs: 3_000, rssBytesMax: 2 ** 30 }
    this.#daemon = new SupervisorDaemon({
      settings: {
        id: 's1',
        version: '0.1.0',
        host: '127.0.0.1',
        ports: this.ports,
        incarnation: ++this.#incarnation,
        session: `session ${this.#incarnation}`,
        limits,
      },
      bind: '127.0.0.1',
      nimbusUrl: 'http://127.0.0.1:6627',
      workerMemoryMb: 256,
      traces: this.#traces(),
      slots: this,
      logs: {
        folderOf: (topology, port) => `/logs/${topology}/${port}`,
        read: ({ request, from }) => ({ kind: 'logChunk', request, from, bytes: new Uint8Array([7]), size: 1 }),
        note: ({ topology, port, text }) => this.notes.push(`${topology} ${port}: ${text}`),
        keep: () => {},
      },
      artefacts: {
        ready: async (hash) => {
          await this.clock.sleep(this.artefactMs)
          if (this.artefactFailure !== undefined) throw this.artefactFailure
          return `/artefacts/${hash}.mjs`
        },
        keep: () => {},
      },
      launcher: this,
      dial: (events) => this.#dial(events),
      clock: this.#clockOfSupervisor(),
      rng: this.#rng,
      log: (level, text) => this.log.push(`${level}: ${text}`),
      onPortsTaken: () => this.portsTaken++,
    })
    this.#daemon.start()
    await this.run(0)
  }

  get isUp(): boolean {
    return this.#daemon !== undefined
  }

  /** As by SIGKILL: it does nothing any more. */
  async killSupervisor(): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    this.#events = undefined
    this.known = undefined
    for (const process of this.processes) process.onEnd = undefined
    await daemon?.close()
  }

  /** The supervisor ends as it should. */
  async end(workers: 'leave' | 'stop'): Promise<void> {
    const closed = this.#daemon?.close({ workers })
    await this.run(5_000)
    await closed
    this.#daemon = undefined
  }

  /** Time passes; hearts beat. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      this.#beatAll()
      await this.clock.advance(Math.min(left, 1_000))
    }
    if (ms === 0) await this.clock.advance(0)
  }

  /** The supervisor stands still, as by SIGSTOP; with `all`, its workers do, too. */
  async standStill(ms: number, { all = false } = {}): Promise<void> {
    this.#isPaused = true
    if (all) await this.clock.advance(ms)
    else await this.run(ms)
    this.#isPaused = false
    for (const callback of this.#late.splice(0)) callback()
    await this.run(0)
  }

  /** What falls due while it stands still happens when it goes on. */
  #clockOfSupervisor(): Clock {
    const { clock } = this
    return {
      now: () => clock.now(),
      wall: () => clock.wall(),
      soon: (callback) => clock.soon(callback),
      yield: (callback) => clock.yield(callback),
      after: (delayMs, callback) =>
        clock.after(delayMs, () => (this.#isPaused ? void this.#late.push(callback) : callback())),
    }
  }

  // Nimbus.

  /** Nimbus wants just this from now on, and says so if it is there. */
  async wish(wanted: Wanted): Promise<void> {
    this.#wanted = wanted
    this.#generation++
    this.tell(this.slots())
    await this.run(0)
  }

  tell(message: ToSupervisor): void {
    if (!this.isNimbusThere || this.#events === undefined) return
    if (message.kind === 'slots') this.known = this.#wanted
    this.#events.received(message)
  }

  slots(): SlotsMessage {
    const topologies = [...new Set(Object.values(this.#wanted).map(([name]) => name))]
    return {
      kind: 'slots',
      fence: this.fence,
      version: ++this.#version,
      wishes: topologies.map((name) => {
        const workers = Object.entries(this.#wanted)
          .filter(([, [topology]]) => topology === name)
          .map(([port, [, since]]) => ({
            slot: { supervisor: 's1', port: Number(port) },
            host: '127.0.0.1',
            executors: [[1, 1] as const],
            since,
          }))
        return {
          topology: {
            id: name,
            number: 1,
            name,
            artefact: 'a'.repeat(64),
            args: [],
            cwd: '/',
            options: {},
            ackers: 1,
            tasks: { a: 1 },
            executors: { a: 1 },
          },
          assignment: { topology: name, generation: this.#generation, workers },
          isActive: true,
          linkKey: 'bGluaw==',
          controlKeys: workers.map(({ slot }) => ({ port: slot.port, key: 'a2V5' })),
        }
      }),
    }
  }

  cutLink(): void {
    const events = this.#events
    this.#events = undefined
    events?.closed('the link was cut')
  }

  /** The last that nimbus heard of what runs. */
  get reported(): readonly RunningWorker[] {
    return this.heard.flatMap((message) => (message.kind === 'logChunk' ? [] : [message.running])).at(-1) ?? []
  }

  get states(): string {
    return this.reported.map(({ port, topology, since, state }) => `${port} ${topology} ${since} ${state}`).join(', ')
  }

  // Processes.

  alive(port?: number): FakeProcess[] {
    return this.processes.filter((it) => it.isAlive && (port === undefined || it.launch.slot.port === port))
  }

  worker(port: number): FakeProcess {
    const [worker] = this.alive(port)
    if (worker === undefined) throw new Error(`nothing runs in ${port}`)
    return worker
  }

  /** What a worker leaves in its heartbeat before it ends. */
  lastBeat(port: number, error: { code: string; message: string }): void {
    this.#errors.set(port, error)
  }

  launch(order: { readonly launchPath: string }, onEnd: (end: WorkerEnd) => void): Promise<ProcessMark> {
    const port = Number(order.launchPath)
    const launch = this.#disk.get(port)?.launch
    if (launch === undefined) throw new Error(`no launch file for ${port}`)
    const process = new FakeProcess(1_000 + this.processes.length, launch)
    process.onEnd = onEnd
    this.onStart(process)
    this.processes.push(process)
    this.#errors.delete(port)
    return Promise.resolve(process.mark)
  }

  adopt({ mark }: FoundProcess, onEnd: (end: WorkerEnd) => void): void {
    const process = this.#processOf(mark)
    if (process !== undefined) process.onEnd = (end) => onEnd({ said: end.said })
  }

  signal(mark: ProcessMark, signal: 'SIGTERM' | 'SIGKILL'): void {
    const process = this.#processOf(mark)
    if (process?.isAlive !== true) return
    process.signals.push(signal)
    if (signal === 'SIGTERM' && !process.obeys) return
    this.clock.after(5, () => process.die(signal === 'SIGKILL' ? { signal } : { exitCode: 0 }))
  }

  close(): void {}

  rssBytes(): number {
    return 100
  }

  // The disk.

  begin(launch: Omit<WorkerLaunch, 'dataDir'>) {
    if (this.startFailure !== undefined) throw this.startFailure
    const { port } = launch.slot
    this.#disk.set(port, { incarnation: launch.incarnation, launch: { ...launch, dataDir: '/data' } })
    return { launchPath: String(port), dataDir: '/data' }
  }

  started(port: number, mark: ProcessMark): void {
    const before = this.#disk.get(port)
    if (before !== undefined) this.#disk.set(port, { ...before, mark })
  }

  beat(port: number): Beat | undefined {
    const process = this.processes.filter((it) => it.launch.slot.port === port).at(-1)
    if (process === undefined || process.beat === 0) return undefined
    const error = this.#errors.get(port)
    const { incarnation } = process.launch
    return { incarnation, beat: process.beat, isReady: process.isReady, ...(error === undefined ? {} : { error }) }
  }

  clear(port: number): void {
    const before = this.#disk.get(port)
    if (before !== undefined) this.#disk.set(port, { ...before, launch: undefined })
  }

  /** Ports of the slots that have one. */
  get launchFiles(): number[] {
    return [...this.#disk].flatMap(([port, { launch }]) => (launch === undefined ? [] : [port]))
  }

  /** The launch file of a slot is damaged. */
  loseLaunch(port: number): void {
    this.clear(port)
  }

  #traces(): SlotTrace[] {
    return [...this.#disk].map(([port, { incarnation, launch, mark }]) => {
      const process = mark && this.#processOf(mark)
      const isThere = process?.isAlive === true
      const { topology, since } = process?.launch ?? {}
      const worker = isThere && topology && since ? { topology: topology.id, since, mark: process.mark } : undefined
      return { port, incarnation, launch, worker }
    })
  }

  #processOf({ pid }: ProcessMark): FakeProcess | undefined {
    return this.processes.find((process) => process.mark.pid === pid)
  }

  #beatAll(): void {
    for (const process of this.alive()) if (process.beats) process.beat++
  }

  #dial(events: NimbusLinkEvents) {
    this.dials.push(this.clock.now())
    this.clock.after(1, () => {
      if (!this.isNimbusThere) return events.closed('nobody answers')
      this.#events = events
      events.opened()
    })
    return {
      send: (message: SupervisorMessage) => {
        this.heard.push(message)
        if (message.kind !== 'hello') return
        this.#version = 0
        events.received({ kind: 'welcome', protocol: 1, version: '0.1.0', fence: this.fence })
        this.known = this.#wanted
        events.received(this.slots())
      },
      close: () => {
        if (this.#events === events) this.#events = undefined
      },
    }
  }
}

export const noSpace = new StormError('NO_SPACE', 'There is no space left for slot.json.')
export const mismatch = new StormError('ARTEFACT_MISMATCH', 'The artefact aaa… is not what it should be.')
export const unavailable = new StormError('ARTEFACT_UNAVAILABLE', "The artefact aaa… can't be fetched.")
