import { parseToSupervisor, type SlotWish } from '../cluster/messages.js'
import { workerIn, type WorkerLaunch, type WorkerTls } from '../cluster/records.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import type { Rng } from '../stdx/rng.js'
import type { ArtefactStore } from './artefact-store.js'
import type { WorkerEnd, WorkerLauncher } from './launcher.js'
import type { DialNimbus, NimbusLink } from './nimbus-link.js'
import type { SlotFolders, SlotTrace } from './slot-folders.js'
import {
  lookMs,
  Supervisor,
  type FoundSlot,
  type SupervisorEffect,
  type SupervisorInput,
  type SupervisorSettings,
} from './supervisor.js'
import { failureOfEnd, failureOfStart } from './worker-end.js'
import type { WorkerLogs } from './worker-logs.js'

export type SupervisorLog = (level: 'info' | 'warn' | 'error', text: string) => void

/** All that a supervisor is connected to; nothing of it is the machine itself. */
export interface DaemonParts {
  readonly settings: SupervisorSettings
  /** For the launch files. */
  readonly bind: string
  readonly nimbusUrl: string
  /** Where workers find the files of TLS; undefined: there is none. */
  readonly tls?: WorkerTls
  readonly workerMemoryMb: number
  /** What was found of each slot. */
  readonly traces: readonly SlotTrace[]
  readonly slots: SlotFolders
  readonly logs: WorkerLogs
  readonly artefacts: ArtefactStore
  readonly launcher: WorkerLauncher
  readonly dial: DialNimbus
  readonly clock: Clock
  readonly rng: Rng
  readonly log: SupervisorLog
  /** Another supervisor at this host has slots at its ports. This one may be closed, for one with other ports. */
  readonly onPortsTaken?: () => void
}

type Effect<K extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: K }>

/** The core in its surroundings: brings it what happens, and does what it says, in order. */
export class SupervisorDaemon {
  readonly #parts: DaemonParts
  readonly #core: Supervisor
  #link: { readonly dial: number; readonly link: NimbusLink } | undefined
  /** Starts that are under way. */
  readonly #launches = new Set<Promise<void>>()
  /** By port: the last heartbeat with which the memory was read, as process start and number. */
  readonly #read = new Map<number, string>()
  /** What has happened and was not taken yet. */
  readonly #inputs: SupervisorInput[] = []
  #isBusy = false
  #cancelTick = () => {}
  #cancelLook = () => {}
  #onIdle: (() => void) | undefined
  #isClosed = false

  constructor(parts: DaemonParts) {
    this.#parts = parts
    this.#core = new Supervisor(parts.settings, parts.traces.map(found), parts.rng, parts.clock.now())
    for (const { port, incarnation, worker, launch } of parts.traces) {
      if (worker === undefined) continue
      const outputPath = launch === undefined ? undefined : outputIn(launch.logDir)
      parts.launcher.adopt({ mark: worker.mark, outputPath }, (end) => this.#ended(port, incarnation, end))
    }
  }

  get running() {
    return this.#core.running
  }

  /** Once. */
  start(): void {
    this.#look()
  }

  /** The supervisor ends. Its workers go on, unless they are to be stopped; then this waits for their end. */
  async close({ workers = 'leave' }: { readonly workers?: 'leave' | 'stop' } = {}): Promise<void> {
    if (this.#isClosed) return
    if (workers === 'stop') {
      const idle = new Promise<void>((resolve) => (this.#onIdle = resolve))
      this.#handle({ kind: 'stop all' })
      await idle
    }
    this.#isClosed = true
    this.#cancelTick()
    this.#cancelLook()
    this.#link?.link.close('the supervisor ends')
    // What is being started is written down, so that the next supervisor finds it.
    await Promise.all(this.#launches)
    this.#parts.launcher.close()
  }

  /** One input at a time: what an effect brings about is taken when all effects before it are done. */
  #handle(input: SupervisorInput): void {
    this.#inputs.push(input)
    if (this.#isBusy) return
    this.#isBusy = true
    const { clock } = this.#parts
    for (let next = this.#inputs.shift(); next !== undefined && !this.#isClosed; next = this.#inputs.shift()) {
      for (const effect of this.#core.handle(next, clock.now())) this.#do(effect)
    }
    this.#isBusy = false
    if (!this.#isClosed) this.#sleep()
  }

  #sleep(): void {
    const { clock } = this.#parts
    this.#cancelTick()
    const delayMs = this.#core.wakeAtMs - clock.now()
    // Later than a look: that one will do.
    if (delayMs < lookMs) this.#cancelTick = clock.after(Math.max(0, delayMs), () => this.#handle({ kind: 'tick' }))
    if (this.#onIdle !== undefined && this.#launches.size === 0 && this.#core.running.length === 0) this.#onIdle()
  }

  #do(effect: SupervisorEffect): void {
    const { artefacts, launcher, log, logs, slots } = this.#parts
    switch (effect.kind) {
      case 'dial':
        return this.#dial(effect)
      case 'hang up':
        if (this.#link?.dial === effect.dial) this.#link.link.close(effect.reason)
        return
      case 'send':
        return this.#link?.link.send(effect.message)
      case 'prepare':
        return void this.#prepare(effect)
      case 'launch': {
        const launch = this.#launch(effect).finally(() => this.#launches.delete(launch))
        this.#launches.add(launch)
        return
      }
      case 'signal':
        return launcher.signal(effect.mark, effect.signal)
      case 'clear':
        return this.#attempt('clear a slot', () => slots.clear(effect.port))
      case 'in use':
        return this.#attempt('drop old files', () => {
          artefacts.keep(effect.artefacts)
          logs.keep(effect.topologies)
        })
      case 'read log':
        return this.#link?.link.send(logs.read(effect.request))
      case 'note':
        return logs.note(effect)
      case 'ports taken':
        return this.#parts.onPortsTaken?.()
      case 'log':
        return log(effect.level, effect.text)
    }
  }

  #dial({ dial }: Effect<'dial'>): void {
    this.#link?.link.close('a new link is opened')
    const link = this.#parts.dial({
      opened: () => this.#handle({ kind: 'opened', dial }),
      received: (message) => this.#receive(dial, message),
      closed: (reason) => this.#handle({ kind: 'closed', dial, reason }),
    })
    this.#link = { dial, link }
  }

  #receive(dial: number, received: unknown): void {
    let message
    try {
      message = parseToSupervisor(received)
    } catch (error) {
      const reason = describeError(error).message
      if (this.#link?.dial === dial) this.#link.link.close(reason)
      return this.#handle({ kind: 'closed', dial, reason })
    }
    this.#handle({ kind: 'received', dial, message })
  }

  async #prepare({ port, order, artefact }: Effect<'prepare'>): Promise<void> {
    try {
      const artefactPath = await this.#parts.artefacts.ready(artefact)
      this.#handle({ kind: 'prepared', port, order, artefactPath })
    } catch (error) {
      this.#handle({ kind: 'not prepared', port, order, failure: failureOfStart(error) })
    }
  }

  async #launch({ port, incarnation, wish, artefactPath }: Effect<'launch'>): Promise<void> {
    const { launcher, logs, slots, workerMemoryMb: memoryMb } = this.#parts
    try {
      const logDir = logs.folderOf(wish.topology.id, port)
      const { launchPath, dataDir } = slots.begin(this.#launchOf(wish, incarnation, artefactPath, logDir))
      const order = { launchPath, cwd: dataDir, outputPath: outputIn(logDir), memoryMb }
      const mark = await launcher.launch(order, (end) => this.#ended(port, incarnation, end))
      // Should this fail, the process is still found by its argument.
      this.#attempt('write down a process', () => slots.started(port, mark))
      this.#handle({ kind: 'launched', port, incarnation, mark })
    } catch (error) {
      this.#handle({ kind: 'not launched', port, incarnation, failure: failureOfStart(error) })
    }
  }

  #launchOf(wish: SlotWish, incarnation: number, artefactPath: string, logDir: string): Omit<WorkerLaunch, 'dataDir'> {
    const { topology, assignment, isActive, slot, worker, linkKey, controlKey } = wish
    const { bind, nimbusUrl, tls } = this.#parts
    const what = { topology, assignment, isActive, slot, since: worker.since, incarnation }
    const files = tls === undefined ? {} : { tls }
    return { ...what, bind, artefactPath, linkKey, controlKey, nimbusUrl, ...files, logDir }
  }

  #ended(port: number, incarnation: number, end: WorkerEnd): void {
    if (this.#isClosed) return
    const beat = this.#beat(port, incarnation)
    const rssBytes = this.#core.running.find((worker) => worker.port === port)?.rssBytes
    const failure = failureOfEnd(end, { error: beat?.error, rssBytes })
    this.#handle({ kind: 'ended', port, incarnation, failure })
  }

  #beat(port: number, incarnation: number) {
    const beat = this.#parts.slots.beat(port)
    return beat?.incarnation === incarnation ? beat : undefined
  }

  #look(): void {
    const { launcher, clock } = this.#parts
    const workers = this.#core.processes.map(({ port, incarnation, mark }) => {
      const beat = this.#beat(port, incarnation)
      const name = `${incarnation} ${beat?.beat}`
      const isNew = beat !== undefined && name !== this.#read.get(port)
      if (isNew) this.#read.set(port, name)
      const rssBytes = isNew ? (launcher.rssBytes(mark) ?? beat.rssBytes) : undefined
      return { port, incarnation, beat: beat?.beat, isReady: beat?.isReady === true, rssBytes }
    })
    this.#handle({ kind: 'looked', workers })
    if (!this.#isClosed) this.#cancelLook = clock.after(lookMs, () => this.#look())
  }

  /** Of what may fail without harm. */
  #attempt(what: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#parts.log('warn', `Could not ${what}: ${describeError(error).message}`)
    }
  }
}

function outputIn(logDir: string): string {
  return `${logDir}/worker.out`
}

function found({ port, incarnation, launch, worker }: SlotTrace): FoundSlot {
  if (worker === undefined) return { port, incarnation }
  const isOfIt = launch?.topology.id === worker.topology && launch.since === worker.since
  return { port, incarnation, worker: { ...worker, wish: isOfIt ? wishOf(launch) : undefined } }
}

/** What nimbus had wished, from what the process was started with. */
function wishOf({ slot, topology, assignment, isActive, linkKey, controlKey }: WorkerLaunch): SlotWish | undefined {
  const worker = workerIn(assignment, slot)
  return worker && { slot, worker, topology, assignment, isActive, linkKey, controlKey }
}
