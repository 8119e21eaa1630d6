import type { Rng } from '../../stdx/rng.js'
import type { Carrier, CarrierEvents, Dial, LinkEnd } from '../../wire/carrier.js'
import { OneWay, type Delays } from './one-way.js'
import type { SimulatedProcess } from './simulated-process.js'
import type { Timeline } from './timeline.js'

/** Told of every message that is handed to somebody. */
export interface NetworkTap {
  /** A frame arrives at a process that has not closed the connection. Returns what is handed to it instead. */
  frame(frame: Uint8Array, from: NetworkEnd, to: NetworkEnd): readonly Uint8Array[]
  /** Anything else that a connection tells its ends. */
  event(what: 'called' | 'opened' | 'closed', to: NetworkEnd, reason: string): void
}

type Accept = (carrier: Carrier, from: string) => CarrierEvents

interface Listener {
  readonly owner: SimulatedProcess
  readonly accept: Accept
}

/** What is on its way from one end to the other. */
type Parcel =
  | { readonly kind: 'call' | 'opened' | 'ended' }
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'goodbye'; readonly code: number; readonly reason: string }
  /** What TCP says when there is nobody: the process is gone, or nobody ever listened. */
  | { readonly kind: 'reset'; readonly reason: string }

/** A goodbye that does not get through is given up. */
const closeMsMax = 2_000
/** How a connection ended without anybody's saying so. */
const lostCode = 1006

/**
 * The network between machines: connections by the rules of TCP. Order is kept within a direction of one connection, and
 * nowhere else. A process that dies takes its connections with it and its peers are told; a machine that dies tells
 * nobody anything, until somebody sends to it again after it has come back.
 */
export class Network {
  readonly timeline: Timeline
  readonly tap: NetworkTap
  /** Connections that are known to a living process. */
  readonly connections = new Set<Connection>()
  readonly #rng: Rng
  readonly #listeners = new Map<string, Listener>()
  readonly #ways = new Map<string, OneWay>()
  readonly #downHosts = new Set<string>()
  #count = 0

  constructor(timeline: Timeline, rng: Rng, tap: NetworkTap) {
    this.timeline = timeline
    this.#rng = rng
    this.tap = tap
  }

  /** Takes the calls to an address, `host:port`, for as long as the process lives. False: somebody has it. */
  listen(owner: SimulatedProcess, address: string, accept: Accept): boolean {
    if (this.#listeners.has(address)) return false
    this.#listeners.set(address, { owner, accept })
    owner.onEnd(() => this.#listeners.delete(address))
    return true
  }

  /** The way for a process to call an address. */
  dial(owner: SimulatedProcess, address: string): Dial {
    return (events) => {
      const connection = new Connection(this, ++this.#count, owner, address)
      if (!owner.isEnded) connection.call(events)
      return connection.dialer
    }
  }

  /** The way of messages from one machine to another. */
  way(from: string, to: string): OneWay {
    const key = `${from} ${to}`
    let way = this.#ways.get(key)
    if (way === undefined) this.#ways.set(key, (way = new OneWay(this.#rng)))
    return way
  }

  setDelays(from: string, to: string, delays: Delays): void {
    this.way(from, to).delays = delays
  }

  listenerAt(address: string): Listener | undefined {
    return this.#listeners.get(address)
  }

  isDown(host: string): boolean {
    return this.#downHosts.has(host)
  }

  /**
   * A process is gone. `isFlushed`: what it has sent still leaves; else it is lost. The other ends are told.
   */
  processEnded(owner: SimulatedProcess, isFlushed: boolean): void {
    for (const end of this.#endsOf(owner)) end.abandon(isFlushed)
  }

  /** The machine has lost its power: nothing leaves it any more, nobody is told. Its processes are ended by the caller. */
  hostDown(host: string): void {
    this.#downHosts.add(host)
    for (const connection of this.connections)
      for (const end of [connection.dialer, connection.acceptor]) if (end.host === host) end.vanish()
  }

  hostUp(host: string): void {
    this.#downHosts.delete(host)
  }

  #endsOf(owner: SimulatedProcess): NetworkEnd[] {
    return [...this.connections].flatMap(({ dialer, acceptor }) =>
      [dialer, acceptor].filter((end) => end.process === owner),
    )
  }
}

export class Connection {
  readonly dialer: NetworkEnd
  readonly acceptor: NetworkEnd

  constructor(
    readonly network: Network,
    readonly number: number,
    owner: SimulatedProcess,
    readonly address: string,
  ) {
    const host = address.slice(0, address.lastIndexOf(':'))
    this.dialer = new NetworkEnd(this, owner.host)
    this.dialer.process = owner
    this.acceptor = new NetworkEnd(this, host)
    this.dialer.other = this.acceptor
    this.acceptor.other = this.dialer
  }

  call(events: CarrierEvents & { opened(): void }): void {
    this.network.connections.add(this)
    this.dialer.events = events
    this.dialer.onOpened = () => events.opened()
    this.dialer.put({ kind: 'call' })
  }

  /** Something in between breaks it: what is on its way is lost, and both ends are told. */
  cut(): void {
    for (const end of [this.dialer, this.acceptor]) end.clear()
    for (const end of [this.dialer, this.acceptor]) end.put({ kind: 'reset', reason: 'the connection was cut' })
  }

  /** The other end has got the call. */
  called(): void {
    const { network, acceptor, dialer, address } = this
    if (network.isDown(acceptor.host)) return
    const listener = network.listenerAt(address)
    // The machine may have lost its power meanwhile.
    if (listener === undefined || acceptor.isGone) {
      acceptor.put({ kind: 'reset', reason: 'nobody listens there' })
      return
    }
    network.connections.add(this)
    acceptor.process = listener.owner
    acceptor.put({ kind: 'opened' })
    listener.owner.run(() => {
      acceptor.events = listener.accept(acceptor, dialer.host)
    })
  }
}

/** One side of a connection, as its process sends through it. */
export class NetworkEnd implements Carrier {
  readonly binding = new Uint8Array(0)
  bufferedBytes = 0
  process: SimulatedProcess | undefined
  events: CarrierEvents | undefined
  onOpened: (() => void) | undefined
  other!: NetworkEnd
  /** Nobody is behind it any more: what comes is answered by a reset. */
  isGone = false
  readonly #network: Network
  #out: { readonly parcel: Parcel; readonly dueMs: number }[] = []
  #lastDueMs = 0
  /** Its process sends nothing any more, by its own wish. */
  #isClosing = false
  /** Its process was told that it is closed. */
  #isTold = false
  #cancel: (() => void) | undefined

  constructor(
    readonly connection: Connection,
    readonly host: string,
  ) {
    this.#network = connection.network
  }

  send(frame: Uint8Array): void {
    if (!this.#isSilent()) this.put({ kind: 'frame', frame })
  }

  close(code: LinkEnd, reason: string): void {
    if (this.#isSilent()) return
    this.#isClosing = true
    this.put({ kind: 'goodbye', code, reason })
    this.#network.timeline.after(closeMsMax, () => this.#tellClosed(code, reason))
  }

  terminate(): void {
    if (this.#isSilent()) return
    this.clear()
    this.put({ kind: 'reset', reason: 'given up' })
    this.#network.timeline.after(0, () => this.#tellClosed(lostCode, 'given up'))
  }

  trust(): void {}

  /** Its process is gone. */
  abandon(isFlushed: boolean): void {
    if (this.isGone) return
    this.#goAway()
    if (!isFlushed) this.clear()
    this.put({ kind: 'reset', reason: 'the process is gone' })
  }

  /** Its machine is. */
  vanish(): void {
    this.#goAway()
    this.clear()
  }

  /** What was sent and is not there yet is lost. */
  clear(): void {
    this.#out = []
    this.bufferedBytes = 0
    this.#lastDueMs = 0
    this.#cancel?.()
    this.#cancel = undefined
  }

  put(parcel: Parcel): void {
    const { timeline } = this.#network
    const way = this.#way
    const bytes = parcel.kind === 'frame' ? parcel.frame.length : 0
    // One after another: each begins to arrive when the one before it is there.
    const dueMs = Math.max(this.#lastDueMs, timeline.nowMs + way.delayMs()) + bytes / way.delays.bytesPerMs
    this.#lastDueMs = dueMs
    this.#out.push({ parcel, dueMs })
    if (parcel.kind === 'frame') this.bufferedBytes += parcel.frame.length
    this.#schedule()
  }

  get #way(): OneWay {
    return this.#network.way(this.host, this.other.host)
  }

  #isSilent(): boolean {
    return this.isGone || this.#isClosing || this.process?.isEnded !== false
  }

  #schedule(): void {
    const [first] = this.#out
    if (first === undefined || this.#cancel !== undefined) return
    const { timeline } = this.#network
    this.#cancel = timeline.after(first.dueMs - timeline.nowMs, () => {
      this.#cancel = undefined
      this.#deliverAll()
    })
  }

  #deliverAll(): void {
    const { nowMs } = this.#network.timeline
    let hasSent = false
    for (let [first] = this.#out; first !== undefined && first.dueMs <= nowMs; [first] = this.#out) {
      if (this.#way.isStalled) {
        this.#cancel = this.#way.whenFlowing(() => {
          this.#cancel = undefined
          this.#schedule()
        })
        return
      }
      this.#out.shift()
      hasSent ||= first.parcel.kind === 'frame'
      this.#deliver(first.parcel)
    }
    if (hasSent && this.#out.length === 0 && !this.isGone) this.process?.run(() => this.events?.drained())
    this.#schedule()
  }

  #deliver(parcel: Parcel): void {
    const { other } = this
    if (parcel.kind === 'call') {
      this.#network.tap.event('called', other, '')
      return this.connection.called()
    }
    if (parcel.kind === 'frame') this.bufferedBytes -= parcel.frame.length
    if (other.isGone) {
      // A machine that is down says nothing; a process that is gone has somebody who says so for it.
      const needsNoAnswer = parcel.kind === 'reset' || parcel.kind === 'ended'
      if (!needsNoAnswer && !this.#network.isDown(other.host))
        other.put({ kind: 'reset', reason: 'nobody is there any more' })
      return
    }
    switch (parcel.kind) {
      case 'opened':
        this.#network.tap.event('opened', other, '')
        return other.process?.run(() => other.onOpened?.())
      case 'frame':
        return other.receive(parcel.frame)
      case 'goodbye':
        other.put({ kind: 'ended' })
        return other.#tellClosed(parcel.code, parcel.reason)
      case 'ended':
        return other.#tellClosed(lostCode, 'both sides have closed')
      case 'reset':
        return other.#tellClosed(lostCode, parcel.reason)
    }
  }

  /** From the other end. */
  receive(frame: Uint8Array): void {
    this.process?.run(() => {
      if (this.#isTold) return
      // Who has closed hears nothing any more.
      if (this.#isClosing) return
      for (const handed of this.#network.tap.frame(frame, this.other, this)) this.events?.received(handed)
    })
  }

  #tellClosed(code: number, reason: string): void {
    if (this.isGone) return
    this.#network.tap.event('closed', this, reason)
    this.#goAway()
    // What came before is read before, however late that is.
    this.process?.run(() => {
      this.#isTold = true
      this.events?.closed(code, reason)
    })
  }

  #goAway(): void {
    this.isGone = true
    const { other } = this
    if (other.isGone || other.process === undefined) this.#network.connections.delete(this.connection)
  }
}
