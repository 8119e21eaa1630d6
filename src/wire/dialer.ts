import { StormError } from '../errors.js'
import { LinkEnd, type Carrier, type CarrierEvents, type Dial } from './carrier.js'
import { Connection, originOf, type ConnectionEvents, type LinkTools } from './connection.js'
import { Bytes, FrameType, headerBytes } from './frame.js'
import {
  DialerHandshake,
  helloBytesMax,
  type GoOn,
  type LinkIdentity,
  type LinkPurpose,
  type PeerVerdict,
  type ResumePoint,
  type Secrets,
} from './handshake.js'

/** A handshake that takes longer is given up. */
const handshakeMsMax = 5_000
const frameBytesMax = headerBytes + helloBytesMax

export interface DialerOptions {
  readonly tools: LinkTools
  readonly secrets: Secrets
  readonly dial: Dial
  readonly key: Uint8Array
  readonly purpose: LinkPurpose
  readonly identity: LinkIdentity
  readonly resume?: ResumePoint | undefined
  /** What to make of the one who answered, who has proven to be who he says. */
  judge(peer: LinkIdentity): PeerVerdict
}

/** Who decided that a call comes to nothing: we, or the one called, who has proven who he is; else it may be anybody. */
export type Decider = 'us' | 'peer' | 'anybody'

export interface DialerEvents {
  /** Both sides are sure of each other. Returns who takes what comes. */
  established(connection: Connection, goOn: GoOn): ConnectionEvents
  /** It came to nothing. */
  failed(code: number, reason: string, by: Decider): void
}

/** Calls the other side once and makes sure of it. Returns the way to call it off, after which no event comes. */
export function dialLink(options: DialerOptions, events: DialerEvents): () => void {
  const call = new OutgoingCall(options, events)
  return () => call.cancel()
}

class OutgoingCall implements CarrierEvents {
  readonly #options: DialerOptions
  readonly #events: DialerEvents
  readonly #carrier: Carrier
  readonly #cancelTimer: () => void
  #handshake: DialerHandshake | undefined
  #state: 'calling' | 'greeted' | 'proven' | 'established' | 'over' = 'calling'
  #connection: Connection | undefined

  constructor(options: DialerOptions, events: DialerEvents) {
    this.#options = options
    this.#events = events
    this.#carrier = options.dial(this)
    this.#cancelTimer = options.tools.clock.after(handshakeMsMax, () => {
      this.#fail(LinkEnd.unauthenticated, `no handshake within ${handshakeMsMax} ms`)
    })
  }

  cancel(): void {
    if (!this.#finish()) return
    this.#carrier.close(LinkEnd.leaving, 'called off')
  }

  opened(): void {
    if (this.#state !== 'calling') return
    const { secrets, key, purpose, identity, resume } = this.#options
    this.#handshake = new DialerHandshake(secrets, key, this.#carrier.binding)
    this.#state = 'greeted'
    this.#send(FrameType.hello, this.#handshake.hello({ purpose, identity, resume }))
  }

  received(message: Uint8Array): void {
    if (this.#connection !== undefined) return this.#connection.received(message)
    if (this.#handshake === undefined || this.#state === 'over') return
    const { frames } = this.#options.tools
    const problem = frames.read(message, frameBytesMax)
    if (problem !== undefined) return this.#fail(LinkEnd.badFrame, problem)
    const body = frames.arena.bytes.slice(frames.start, frames.end)
    try {
      if (this.#state === 'greeted' && frames.type === FrameType.challenge) this.#challenged(this.#handshake, body)
      else if (this.#state === 'proven' && frames.type === FrameType.welcome) this.#welcomed(this.#handshake, body)
      else this.#fail(LinkEnd.badFrame, `a frame of type ${frames.type} in the middle of a handshake`)
    } catch (error) {
      if (!(error instanceof StormError)) throw error
      this.#fail(LinkEnd.badFrame, error.message)
    }
  }

  closed(code: number, reason: string): void {
    if (this.#connection !== undefined) return this.#connection.closed(code, reason)
    if (this.#finish()) this.#events.failed(code, reason, 'anybody')
  }

  drained(): void {
    this.#connection?.drained()
  }

  #challenged(handshake: DialerHandshake, body: Uint8Array): void {
    if (!handshake.challenge(body)) {
      return this.#fail(LinkEnd.unauthenticated, 'the other side does not have our key')
    }
    const verdict = this.#options.judge(handshake.peer as LinkIdentity)
    this.#state = 'proven'
    this.#send(FrameType.proof, handshake.proof(verdict))
    if (verdict !== 'accept') this.#fail(LinkEnd[verdict], 'the other side is not the one that we want', 'us')
  }

  #welcomed(handshake: DialerHandshake, body: Uint8Array): void {
    const welcome = handshake.welcome(body)
    if (welcome === undefined) return this.#fail(LinkEnd.unauthenticated, 'a welcome that is not proven')
    const { verdict, goOn } = welcome
    if (verdict !== 'accept') return this.#fail(LinkEnd[verdict], 'the other side does not want us', 'peer')
    const { tools, identity } = this.#options
    this.#cancelTimer()
    this.#state = 'established'
    this.#carrier.trust()
    const session = { peer: handshake.peer as LinkIdentity, ...handshake.session() }
    this.#connection = new Connection(tools, this.#carrier, identity, session)
    this.#connection.start(this.#events.established(this.#connection, goOn))
  }

  #send(type: FrameType, body: Uint8Array): void {
    const { tools, identity } = this.#options
    const origin = originOf(identity, { sessionLo: 0, sessionHi: 0 })
    this.#carrier.send(tools.frames.write(type, origin, 0, new Bytes(body)))
  }

  #fail(code: LinkEnd, reason: string, by: Decider = 'anybody'): void {
    if (!this.#finish()) return
    this.#carrier.close(code, reason)
    this.#events.failed(code, reason, by)
  }

  #finish(): boolean {
    if (this.#state === 'over') return false
    this.#state = 'over'
    this.#cancelTimer()
    this.#connection?.end(LinkEnd.leaving, 'called off')
    return true
  }
}
