import {
  protocolVersion,
  slotWishes,
  type ReadLog,
  type SlotsMessage,
  type SlotWish,
  type SupervisorMessage,
  type ToSupervisor,
  type Welcome,
} from '../cluster/messages.js'
import { slotKey, type RunningWorker } from '../cluster/records.js'
import type { Rng } from '../stdx/rng.js'
import { redialDelayMs } from './redial.js'
import type { Failure } from './restarts.js'
import {
  acted,
  adoptedSlot,
  decide,
  emptySlot,
  ended,
  isSame,
  launched,
  launching,
  looked,
  paused,
  reportOf,
  type ProcessMark,
  type SlotAction,
  type SlotLimits,
  type SlotState,
  type WorkerLook,
} from './slots.js'

export interface SupervisorSettings {
  /** The supervisor's id. */
  readonly id: string
  /** The version of the package. */
  readonly version: string
  /** Where others reach the workers. */
  readonly host: string
  readonly ports: readonly number[]
  /** The number of this supervisor's start; it only grows. */
  readonly incarnation: number
  /** Random, of this process. */
  readonly session: string
  readonly limits: SlotLimits
}

/** What the folder of a slot told when this supervisor started. */
export interface FoundSlot {
  readonly port: number
  /** The number of the last process start there; 0 if there was none. */
  readonly incarnation: number
  /** A process that runs there. */
  readonly worker?: {
    readonly topology: string
    readonly since: number
    readonly mark: ProcessMark
    /** What it was started with, if that could be read. */
    readonly wish: SlotWish | undefined
  }
}

export type SupervisorInput =
  /** Of the link to nimbus; `dial` is the number that the effect of that kind had. */
  | { readonly kind: 'opened'; readonly dial: number }
  | { readonly kind: 'received'; readonly dial: number; readonly message: ToSupervisor }
  | { readonly kind: 'closed'; readonly dial: number; readonly reason: string }
  /** Of a worker that is to be started; each answers the effect with its `incarnation`, once. */
  | { readonly kind: 'prepared'; readonly port: number; readonly order: number; readonly artefactPath: string }
  | { readonly kind: 'not prepared'; readonly port: number; readonly order: number; readonly failure: Failure }
  | { readonly kind: 'launched'; readonly port: number; readonly incarnation: number; readonly mark: ProcessMark }
  | { readonly kind: 'not launched'; readonly port: number; readonly incarnation: number; readonly failure: Failure }
  | { readonly kind: 'ended'; readonly port: number; readonly incarnation: number; readonly failure: Failure }
  /** What all workers show, at least every `lookMs`. */
  | { readonly kind: 'looked'; readonly workers: readonly (WorkerLook & WorkerName)[] }
  /** All workers shall end, whatever nimbus wishes from now on. */
  | { readonly kind: 'stop all' }
  | { readonly kind: 'tick' }

interface WorkerName {
  readonly port: number
  readonly incarnation: number
}

export type SupervisorEffect =
  /** Opens a link to nimbus and tells what becomes of it under this number. An earlier one is closed. */
  | { readonly kind: 'dial'; readonly dial: number }
  | { readonly kind: 'hang up'; readonly dial: number; readonly reason: string }
  | { readonly kind: 'send'; readonly message: SupervisorMessage }
  /** Has the artefact ready and checked. `order` is given back. */
  | { readonly kind: 'prepare'; readonly port: number; readonly order: number; readonly artefact: string }
  /** Keeps the number for good, and then starts the process. */
  | {
      readonly kind: 'launch'
      readonly port: number
      readonly incarnation: number
      readonly wish: SlotWish
      readonly artefactPath: string
    }
  | {
      readonly kind: 'signal'
      readonly port: number
      readonly incarnation: number
      readonly mark: ProcessMark
      readonly signal: 'SIGTERM' | 'SIGKILL'
    }
  /** Nothing is wanted in the slot any more: what lies in its folder may go, but for the number of the last start. */
  | { readonly kind: 'clear'; readonly port: number }
  /** All artefacts and topologies that this supervisor has to do with now: others' files may go. */
  | { readonly kind: 'in use'; readonly artefacts: readonly string[]; readonly topologies: readonly string[] }
  /** Answers with `logChunk`. */
  | { readonly kind: 'read log'; readonly request: ReadLog }
  /** A line for those who read the worker's own log. */
  | {
      readonly kind: 'note'
      readonly port: number
      readonly topology: string
      readonly level: 'info' | 'warn'
      readonly text: string
    }
  /** Others have slots at its ports, and nothing runs in them here. */
  | { readonly kind: 'ports taken' }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string }

/** How often workers are looked at. */
export const lookMs = 250
const heartbeatMs = 2_000
/** Of the link, from the call to the welcome. */
const welcomeMs = 10_000

type Link =
  | { readonly kind: 'none'; readonly dialAtMs: number }
  | { readonly kind: 'dialled' | 'greeted'; readonly sinceMs: number }
  | { readonly kind: 'up'; readonly version: number }

/**
 * What a supervisor does, as a pure machine: messages of nimbus, ends and looks of processes, and the time come in by
 * `handle`, what is to be done comes out, to be done in that order. It is called again when `wakeAtMs` has come.
 *
 * Nimbus being away changes nothing: what it wished last holds. At first that is what was found running, so that a
 * supervisor that comes back ends nobody and starts those anew that end, until nimbus has said what it wants.
 */
export class Supervisor {
  readonly #settings: SupervisorSettings
  readonly #rng: Rng
  readonly #slots = new Map<number, SlotState>()
  readonly #wishes = new Map<number, SlotWish>()
  /** Of workers found without what they were started with: they may stay, but can't be started anew. */
  readonly #tolerated = new Map<number, { readonly topology: string; readonly since: number }>()
  /** Numbers of preparations; an answer to another than the last one of its slot is of one that was given up. */
  readonly #orders = new Map<number, number>()
  #order = 0
  /** Ports whose folders have what a start has left there: a launch file with keys, a heartbeat, data. */
  readonly #littered = new Set<number>()
  /** It has been said what is wanted, so what is not can be cleared away. */
  #isToldWishes = false
  #link: Link
  #dial = 0
  #dialFailures = 0
  #fence = 0
  #lookedAtMs: number
  #beatAtMs = Infinity
  #told = ''
  #isStopping = false
  #effects: SupervisorEffect[] = []

  /** `found`: of every slot, also of ports that are no longer there but have a worker, which is ended then. */
  constructor(settings: SupervisorSettings, found: readonly FoundSlot[], rng: Rng, nowMs: number) {
    this.#settings = settings
    this.#rng = rng
    this.#link = { kind: 'none', dialAtMs: nowMs }
    this.#lookedAtMs = nowMs
    for (const port of settings.ports) this.#slots.set(port, emptySlot(port, 0))
    for (const { port, incarnation, worker } of found) {
      if (incarnation > 0) this.#littered.add(port)
      if (worker === undefined) {
        if (settings.ports.includes(port)) this.#slots.set(port, emptySlot(port, incarnation))
        continue
      }
      const { topology, since, mark, wish } = worker
      const work = { topology, since }
      this.#slots.set(port, adoptedSlot(port, { work, incarnation, mark }, nowMs))
      if (!settings.ports.includes(port)) continue
      if (wish === undefined) this.#tolerated.set(port, work)
      else this.#wishes.set(port, wish)
    }
  }

  /** When there is something to do although nothing came in. */
  get wakeAtMs(): number {
    return this.#wakeAtMs
  }
  #wakeAtMs = -Infinity

  /** What all slots have, sorted by port: what nimbus is told. */
  get running(): RunningWorker[] {
    return [...this.#slots.values()]
      .flatMap((slot) => reportOf(slot, this.#workOf(slot.port)) ?? [])
      .sort((a, b) => a.port - b.port)
  }

  /** Those to be looked at. */
  get processes(): { readonly port: number; readonly incarnation: number; readonly mark: ProcessMark }[] {
    return [...this.#slots.values()].flatMap(({ port, occupant }) =>
      occupant.kind === 'process' ? [{ port, incarnation: occupant.incarnation, mark: occupant.mark }] : [],
    )
  }

  handle(input: SupervisorInput, nowMs: number): SupervisorEffect[] {
    this.#effects = []
    this.#noticePause(nowMs)
    this.#take(input, nowMs)
    const slotsAtMs = this.#settle(nowMs)
    const linkAtMs = this.#keepLink(nowMs)
    this.#wakeAtMs = Math.min(slotsAtMs, linkAtMs, this.#beatAtMs)
    return this.#effects
  }

  #take(input: SupervisorInput, nowMs: number): void {
    switch (input.kind) {
      case 'opened':
        if (input.dial === this.#dial) this.#greet(nowMs)
        return
      case 'received':
        if (input.dial === this.#dial) this.#receive(input.message, nowMs)
        return
      case 'closed':
        if (input.dial === this.#dial) this.#lose(input.reason, nowMs)
        return
      case 'prepared':
        if (this.#orders.get(input.port) === input.order) this.#launch(input.port, input.artefactPath)
        return
      case 'not prepared':
        if (this.#orders.get(input.port) === input.order) this.#end(input.port, input.failure, nowMs)
        return
      case 'launched':
        this.#begin(input.port, input.incarnation, input.mark, nowMs)
        return
      case 'not launched':
      case 'ended':
        if (this.#slots.get(input.port)?.incarnation === input.incarnation) this.#end(input.port, input.failure, nowMs)
        return
      case 'looked':
        this.#look(input.workers, nowMs)
        return
      case 'stop all':
        this.#isStopping = true
        this.#isToldWishes = true
        this.#wishes.clear()
        this.#tolerated.clear()
        this.#log('info', 'All workers are to end, as this supervisor is.')
        return
      case 'tick':
    }
  }

  // What nimbus says.

  #greet(nowMs: number): void {
    const { id, version, host, ports, incarnation, session } = this.#settings
    this.#link = { kind: 'greeted', sinceMs: nowMs }
    const hello = { kind: 'hello', protocol: protocolVersion, version, supervisor: id, host, slots: ports } as const
    this.#effects.push({ kind: 'send', message: { ...hello, incarnation, session, running: this.running } })
  }

  #receive(message: ToSupervisor, nowMs: number): void {
    switch (message.kind) {
      case 'welcome':
        return this.#welcome(message, nowMs)
      case 'refused':
        this.#log('error', `Nimbus refuses this supervisor: ${message.message} (${message.code})`)
        // It was heard and answered: nothing is gained by asking again at once.
        this.#dialFailures = Math.max(this.#dialFailures, 6)
        this.#hangUp(message.code, nowMs)
        if (message.code === 'PORT_IN_USE' && this.running.length === 0) this.#effects.push({ kind: 'ports taken' })
        return
      case 'slots':
        if (message.fence >= this.#fence && this.#link.kind === 'up' && message.version > this.#link.version) {
          this.#fence = message.fence
          this.#link = { kind: 'up', version: message.version }
          this.#wish(message)
        }
        return
      case 'readLog':
        this.#effects.push({ kind: 'read log', request: message })
        return
    }
  }

  #welcome({ fence, version }: Welcome, nowMs: number): void {
    if (fence < this.#fence) return this.#hangUp(`that nimbus leads no more (fence ${fence} < ${this.#fence})`, nowMs)
    this.#fence = fence
    this.#link = { kind: 'up', version: -1 }
    this.#dialFailures = 0
    this.#told = ''
    this.#log('info', `Nimbus (storm-ts ${version}) is there.`)
  }

  #wish(message: SlotsMessage): void {
    const { id, ports } = this.#settings
    if (this.#isStopping) return
    const wishes = slotWishes(message, id)
    this.#isToldWishes = true
    this.#wishes.clear()
    this.#tolerated.clear()
    for (const wish of wishes) {
      const { port } = wish.slot
      if (!ports.includes(port)) this.#log('warn', `Nimbus wants a worker in ${slotKey(wish.slot)}: no such slot.`)
      else if (this.#wishes.has(port)) this.#log('error', `Nimbus wants two workers in ${slotKey(wish.slot)}.`)
      else this.#wishes.set(port, wish)
    }
    const inSlots = [...this.#slots.values()].flatMap(({ occupant }) => ('work' in occupant ? [occupant.work] : []))
    this.#effects.push({
      kind: 'in use',
      artefacts: [...new Set(wishes.map(({ topology }) => topology.artefact))],
      topologies: [
        ...new Set([...wishes.map(({ topology }) => topology.id), ...inSlots.map(({ topology }) => topology)]),
      ],
    })
  }

  // What happens in slots.

  #workOf(port: number) {
    const wish = this.#wishes.get(port)
    if (wish !== undefined) return { topology: wish.topology.id, since: wish.worker.since }
    return this.#tolerated.get(port)
  }

  #change({ port, incarnation }: WorkerName, to: (slot: SlotState) => SlotState): void {
    const slot = this.#slots.get(port)
    if (slot?.incarnation === incarnation) this.#slots.set(port, to(slot))
  }

  #launch(port: number, artefactPath: string): void {
    const slot = this.#slots.get(port)
    const wish = this.#wishes.get(port)
    this.#orders.delete(port)
    if (slot?.occupant.kind !== 'preparing' || wish === undefined) return
    if (!isSame(slot.occupant.work, this.#workOf(port))) return
    const next = launching(slot)
    this.#slots.set(port, next)
    this.#littered.add(port)
    this.#effects.push({ kind: 'launch', port, incarnation: next.incarnation, wish, artefactPath })
  }

  #begin(port: number, incarnation: number, mark: ProcessMark, nowMs: number): void {
    const slot = this.#slots.get(port)
    if (slot?.occupant.kind !== 'launching' || slot.incarnation !== incarnation) return
    this.#slots.set(port, launched(slot, mark, nowMs))
    this.#note(port, slot.occupant.work.topology, 'info', `has started as process ${mark.pid} (start ${incarnation}).`)
  }

  #end(port: number, failure: Failure, nowMs: number): void {
    const slot = this.#slots.get(port)
    if (slot === undefined || slot.occupant.kind === 'nobody') return
    this.#orders.delete(port)
    const { work } = slot.occupant
    const next = ended(slot, failure, nowMs, this.#rng)
    this.#slots.set(port, next)
    const { last, dueAtMs } = next.restarts
    if (last === undefined) {
      this.#note(port, work.topology, 'info', 'has ended, as it was told to.')
    } else {
      const code = last.code === undefined ? '' : ` (${last.code})`
      const waitMs = Math.max(0, Math.round(dueAtMs - nowMs))
      this.#note(port, work.topology, 'warn', `has failed: ${last.reason}${code}; starts again in ${waitMs} ms.`)
    }
    // A worker that was only tolerated can't be started again before nimbus says how.
    if (this.#tolerated.delete(port)) this.#log('warn', `Slot ${port} waits for nimbus, to be told what to start.`)
    if (!this.#settings.ports.includes(port)) {
      this.#slots.delete(port)
      this.#clear(port)
    }
  }

  #clear(port: number): void {
    if (this.#littered.delete(port)) this.#effects.push({ kind: 'clear', port })
  }

  #look(workers: readonly (WorkerLook & WorkerName)[], nowMs: number): void {
    this.#lookedAtMs = nowMs
    const { limits } = this.#settings
    for (const worker of workers) this.#change(worker, (slot) => looked(slot, worker, nowMs, limits))
  }

  /** Nobody was looked at for so long that no heartbeat could be seen: this process stood still, or its host did. */
  #noticePause(nowMs: number): void {
    const gapMs = nowMs - this.#lookedAtMs
    if (gapMs <= 8 * lookMs) return
    this.#lookedAtMs = nowMs
    this.#log('warn', `This supervisor stood still for ${Math.round(gapMs)} ms.`)
    for (const [port, slot] of this.#slots) this.#slots.set(port, paused(slot, gapMs))
  }

  /** Brings every slot as far as it comes now. Returns when the next is due. */
  #settle(nowMs: number): number {
    let wakeAtMs = Infinity
    for (const port of this.#slots.keys()) {
      for (;;) {
        const slot = this.#slots.get(port) as SlotState
        const action = decide(this.#workOf(port), slot, nowMs, this.#settings.limits)
        if (action.kind === 'keep') {
          wakeAtMs = Math.min(wakeAtMs, action.untilMs ?? Infinity)
          const isUnwanted = this.#isToldWishes && this.#workOf(port) === undefined
          if (isUnwanted && slot.occupant.kind === 'nobody') this.#clear(port)
          break
        }
        this.#act(slot, action, nowMs)
      }
    }
    return wakeAtMs
  }

  #act(slot: SlotState, action: Exclude<SlotAction, { kind: 'keep' }>, nowMs: number): void {
    const { port, occupant } = slot
    const wish = this.#wishes.get(port)
    this.#slots.set(port, acted(slot, action, this.#workOf(port), nowMs))
    switch (action.kind) {
      case 'start':
        if (wish === undefined) return
        this.#orders.set(port, ++this.#order)
        this.#effects.push({ kind: 'prepare', port, order: this.#order, artefact: wish.topology.artefact })
        return
      case 'abandon':
        this.#orders.delete(port)
        return
      case 'stop': {
        if (occupant.kind !== 'process') return
        const { incarnation, mark, work } = occupant
        this.#note(port, work.topology, 'info', `gets ${action.signal}: ${action.reason}.`)
        this.#effects.push({ kind: 'signal', port, incarnation, mark, signal: action.signal })
      }
    }
  }

  // The link.

  /** Dials, gives up, and reports. Returns when it has to be asked again. */
  #keepLink(nowMs: number): number {
    const link = this.#link
    switch (link.kind) {
      case 'none':
        if (nowMs < link.dialAtMs) return link.dialAtMs
        this.#dial++
        this.#link = { kind: 'dialled', sinceMs: nowMs }
        this.#effects.push({ kind: 'dial', dial: this.#dial })
        return nowMs + welcomeMs
      case 'dialled':
      case 'greeted':
        if (nowMs < link.sinceMs + welcomeMs) return link.sinceMs + welcomeMs
        this.#hangUp(`nimbus did not answer within ${welcomeMs} ms`, nowMs)
        return this.#keepLink(nowMs)
      case 'up':
        this.#report(nowMs)
        return this.#beatAtMs
    }
  }

  /** A heartbeat: when one is due, and when what runs has changed. */
  #report(nowMs: number): void {
    const running = this.running
    // Memory is news with the next heartbeat only.
    const told = JSON.stringify(running, (key, value: unknown) => (key === 'rssBytes' ? undefined : value))
    if (told === this.#told && nowMs < this.#beatAtMs) return
    this.#told = told
    this.#beatAtMs = nowMs + heartbeatMs
    this.#effects.push({ kind: 'send', message: { kind: 'heartbeat', running } })
  }

  #hangUp(reason: string, nowMs: number): void {
    this.#effects.push({ kind: 'hang up', dial: this.#dial, reason })
    this.#lose(reason, nowMs)
  }

  #lose(reason: string, nowMs: number): void {
    // Each is told once: what else comes of that link is of the past.
    this.#dial++
    if (this.#dialFailures === 0) this.#log('warn', `No link to nimbus: ${reason}. What runs goes on.`)
    this.#link = { kind: 'none', dialAtMs: nowMs + redialDelayMs(this.#dialFailures, this.#rng) }
    this.#dialFailures++
    this.#beatAtMs = Infinity
  }

  #note(port: number, topology: string, level: 'info' | 'warn', text: string): void {
    this.#effects.push({ kind: 'note', port, topology, level, text: `The worker in slot ${port} ${text}` })
    this.#log(level, `The worker of ${topology} in slot ${port} ${text}`)
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    this.#effects.push({ kind: 'log', level, text })
  }
}
