import type { Clock } from '../stdx/clock.js'
import type { Carrier, CarrierEvents, Dial, LinkEnd } from './carrier.js'

export interface LoopbackOptions {
  readonly clock: Clock
  /** How long the next message takes; order is kept within a direction. 0 unless told. */
  delayMs?(): number
}

/** A goodbye that does not get through is given up. */
const closeMsMax = 2_000

/** How a connection ended without anybody's saying so. */
const lostCode = 1006

/**
 * Connections within one process, by the same rules as those over a network: nothing is told from within a call, order
 * is kept within a direction, and no two directions are in step. Its connections can be cut and stalled, for tests and
 * the simulator.
 */
export class Loopback {
  /** Those that are open. */
  readonly connections = new Set<LoopbackConnection>()
  readonly #options: LoopbackOptions
  readonly #listeners = new Map<string, (carrier: Carrier, from: string) => CarrierEvents>()

  constructor(options: LoopbackOptions) {
    this.#options = options
  }

  /** Takes the calls for this address. Returns the way to stop doing so; connections go on. */
  listen(address: string, accept: (carrier: Carrier, from: string) => CarrierEvents): () => void {
    this.#listeners.set(address, accept)
    return () => {
      if (this.#listeners.get(address) === accept) this.#listeners.delete(address)
    }
  }

  /** The way to call `address`. `from` is who calls, as the listener and `connections` know him. */
  dial(address: string, from: string): Dial {
    return (events) => {
      const connection = new LoopbackConnection(this.#options, from, address, () => this.connections.delete(connection))
      this.connections.add(connection)
      connection.call(events, () => this.#listeners.get(address))
      return connection.dialer
    }
  }
}

/** One connection, as a test or the simulator holds it. */
export class LoopbackConnection {
  readonly dialer: LoopbackEnd
  readonly acceptor: LoopbackEnd
  readonly #clock: Clock
  readonly #gone: () => void
  #isOpen = true

  constructor(
    options: LoopbackOptions,
    readonly from: string,
    readonly to: string,
    gone: () => void,
  ) {
    this.#clock = options.clock
    this.#gone = gone
    this.dialer = new LoopbackEnd(options, this)
    this.acceptor = new LoopbackEnd(options, this)
    this.dialer.other = this.acceptor
    this.acceptor.other = this.dialer
  }

  call(
    events: CarrierEvents & { opened(): void },
    listener: () => ((carrier: Carrier, from: string) => CarrierEvents) | undefined,
  ): void {
    this.dialer.events = events
    this.#clock.soon(() => {
      const accept = listener()
      if (!this.#isOpen) return
      if (accept === undefined) return this.end(lostCode, 'nobody listens there')
      this.acceptor.events = accept(this.acceptor, this.from)
      events.opened()
    })
  }

  /** Breaks it: what is on its way is lost, and both ends are told, soon. */
  cut(): void {
    this.end(lostCode, 'the connection was cut')
  }

  /** Ends it for both, each told soon. */
  end(code: number, reason: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#gone()
    for (const end of [this.dialer, this.acceptor]) {
      end.stop()
      this.#clock.soon(() => end.events?.closed(code, reason))
    }
  }
}

/** What one side sends through; what it sends waits here until it arrives. */
export class LoopbackEnd implements Carrier {
  readonly binding = new Uint8Array(0)
  bufferedBytes = 0
  events: CarrierEvents | undefined
  other!: LoopbackEnd
  readonly #options: LoopbackOptions
  readonly #connection: LoopbackConnection
  #underWay: { readonly frame: Uint8Array | undefined; readonly dueMs: number; readonly end?: () => void }[] = []
  #lastDueMs = 0
  #isStalled = false
  #isStopped = false
  #cancel: (() => void) | undefined

  constructor(options: LoopbackOptions, connection: LoopbackConnection) {
    this.#options = options
    this.#connection = connection
  }

  send(frame: Uint8Array): void {
    this.#put(frame)
  }

  close(code: LinkEnd, reason: string): void {
    if (this.#isStopped) return
    this.#put(undefined, () => this.#connection.end(code, reason))
    this.#isStopped = true
    this.#options.clock.after(closeMsMax, () => this.#connection.end(code, reason))
  }

  terminate(): void {
    this.#connection.end(lostCode, 'given up')
  }

  trust(): void {}

  /** Nothing that is sent here arrives until `flow`, and nobody is told. */
  stall(): void {
    this.#isStalled = true
    this.#cancel?.()
    this.#cancel = undefined
  }

  flow(): void {
    this.#isStalled = false
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#underWay = []
    this.bufferedBytes = 0
  }

  #put(frame: Uint8Array | undefined, end?: () => void): void {
    if (this.#isStopped) return
    const dueMs = Math.max(this.#lastDueMs, this.#options.clock.now() + (this.#options.delayMs?.() ?? 0))
    this.#lastDueMs = dueMs
    this.#underWay.push(end === undefined ? { frame, dueMs } : { frame, dueMs, end })
    this.bufferedBytes += frame?.length ?? 0
    this.#schedule()
  }

  #schedule(): void {
    const [first] = this.#underWay
    if (first === undefined || this.#isStalled || this.#cancel !== undefined) return
    const waitMs = first.dueMs - this.#options.clock.now()
    if (waitMs > 0) this.#cancel = this.#options.clock.after(waitMs, () => this.#deliver())
    else {
      let isOff = false
      this.#cancel = () => {
        isOff = true
      }
      this.#options.clock.soon(() => {
        if (!isOff) this.#deliver()
      })
    }
  }

  /** All that is due, one after another. */
  #deliver(): void {
    this.#cancel = undefined
    const nowMs = this.#options.clock.now()
    while (!this.#isStalled) {
      const [first] = this.#underWay
      if (first === undefined || first.dueMs > nowMs) break
      this.#underWay.shift()
      if (first.end !== undefined) return first.end()
      if (first.frame === undefined) continue
      this.bufferedBytes -= first.frame.length
      this.other.events?.received(first.frame)
    }
    if (this.#underWay.length === 0 && !this.#isStopped) this.events?.drained()
    this.#schedule()
  }
}
