import { StormError } from '../errors.js'
import { LinkEnd, type Carrier, type CarrierEvents } from './carrier.js'
import { Connection, originOf, type ConnectionEvents, type LinkTools } from './connection.js'
import { Bytes, FrameType, headerBytes } from './frame.js'
import {
  AcceptorHandshake,
  helloBytesMax,
  type GoOn,
  type Hello,
  type LinkIdentity,
  type LinkPurpose,
  type PeerVerdict,
  type ResumePoint,
  type Secrets,
} from './handshake.js'

const frameBytesMax = headerBytes + helloBytesMax
/** With the goodbye, a stranger is gone within five seconds. */
const handshakeMsMax = 4_500
/** Strangers at once; a worker has as many peers as its topology has workers. */
const strangersMax = 256
/** Failures of one address within a minute, after which its handshakes are answered slowly. */
const failuresMax = 10
const failureWindowMs = 60_000
const slowAnswerMs = 1_000
const addressesMax = 1_024

/** What the one who accepts connections makes of somebody who has proven who he is. */
export type Admission =
  | { readonly verdict: 'accept'; readonly goOn: GoOn; attach(connection: Connection): ConnectionEvents }
  | { readonly verdict: Exclude<PeerVerdict, 'accept'>; readonly reason: string }

export interface AcceptorOptions {
  readonly tools: LinkTools
  readonly secrets: Secrets
  readonly purpose: LinkPurpose
  readonly identity: LinkIdentity
  /** The key that somebody with this identity has to have; undefined: nobody with it may come. Nothing is proven yet. */
  keyOf(claimed: LinkIdentity): Uint8Array | undefined
  admit(peer: LinkIdentity, resume: ResumePoint | undefined): Admission
  /** A peer, who has proven who he is, says that he does not want us: `fenced` means that we are superseded. */
  unwanted(peer: LinkIdentity, verdict: Exclude<PeerVerdict, 'accept'>): void
  /** Somebody was turned away. */
  refused?(address: string, code: LinkEnd, reason: string): void
}

/**
 * Takes connections in, and lets nobody further who has not proven who he is: two messages of 4 KiB within five seconds,
 * 256 strangers at once. The carrier has to bound what it buffers for a stranger.
 */
export class Acceptor {
  readonly #options: AcceptorOptions
  readonly #strangers = new Set<Stranger>()
  /** By address: when its failures within the last minute were. The oldest address goes when there are too many. */
  readonly #failuresByAddress = new Map<string, number[]>()
  #isClosed = false

  constructor(options: AcceptorOptions) {
    this.#options = options
  }

  /** A connection has come in. Returns who takes what it tells. */
  accept(carrier: Carrier, address: string): CarrierEvents {
    const stranger = new Stranger(this.#options, carrier, {
      delayMs: this.#isSuspicious(address) ? slowAnswerMs : 0,
      known: () => this.#strangers.delete(stranger),
      refused: (code, reason) => this.#countFailure(address, code, reason),
    })
    if (this.#isClosed) stranger.refuse(LinkEnd.leaving, 'no connections are taken any more')
    else if (this.#strangers.size >= strangersMax) stranger.refuse(LinkEnd.crowded, 'too many handshakes at once')
    else this.#strangers.add(stranger)
    return stranger
  }

  /** Takes nobody in any more. */
  close(): void {
    this.#isClosed = true
    for (const stranger of this.#strangers) stranger.refuse(LinkEnd.leaving, 'no connections are taken any more')
  }

  #isSuspicious(address: string): boolean {
    const failures = this.#failuresByAddress.get(address)
    const since = this.#options.tools.clock.now() - failureWindowMs
    return failures !== undefined && failures.length >= failuresMax && (failures[0] as number) > since
  }

  #countFailure(address: string, code: LinkEnd, reason: string): void {
    this.#options.refused?.(address, code, reason)
    if (code === LinkEnd.leaving || code === LinkEnd.crowded) return
    const failures = this.#failuresByAddress.get(address) ?? []
    failures.push(this.#options.tools.clock.now())
    if (failures.length > failuresMax) failures.shift()
    this.#failuresByAddress.delete(address)
    this.#failuresByAddress.set(address, failures)
    if (this.#failuresByAddress.size > addressesMax) {
      for (const oldest of this.#failuresByAddress.keys()) {
        this.#failuresByAddress.delete(oldest)
        break
      }
    }
  }
}

interface StrangerEvents {
  readonly delayMs: number
  /** He is none any more, one way or the other. */
  known(): void
  refused(code: LinkEnd, reason: string): void
}

/** One connection, until it is established or over. */
class Stranger implements CarrierEvents {
  readonly #options: AcceptorOptions
  readonly #carrier: Carrier
  readonly #events: StrangerEvents
  readonly #handshake: AcceptorHandshake
  readonly #cancelTimer: () => void
  #cancelAnswer: (() => void) | undefined
  #state: 'silent' | 'greeted' | 'challenged' | 'established' | 'over' = 'silent'
  #hello: Hello | undefined
  #connection: Connection | undefined

  constructor(options: AcceptorOptions, carrier: Carrier, events: StrangerEvents) {
    this.#options = options
    this.#carrier = carrier
    this.#events = events
    this.#handshake = new AcceptorHandshake(options.secrets, carrier.binding)
    this.#cancelTimer = options.tools.clock.after(handshakeMsMax, () => {
      this.refuse(LinkEnd.unauthenticated, `not authenticated within ${handshakeMsMax} ms`)
    })
  }

  received(message: Uint8Array): void {
    if (this.#connection !== undefined) return this.#connection.received(message)
    if (this.#state === 'over') return
    const { frames } = this.#options.tools
    const problem = frames.read(message, frameBytesMax)
    if (problem !== undefined) return this.refuse(LinkEnd.badFrame, problem)
    const body = frames.arena.bytes.slice(frames.start, frames.end)
    try {
      if (this.#state === 'silent' && frames.type === FrameType.hello) this.#greeted(body)
      else if (this.#state === 'challenged' && frames.type === FrameType.proof) this.#proven(body)
      else this.refuse(LinkEnd.unauthenticated, `a frame of type ${frames.type} before authentication`)
    } catch (error) {
      if (!(error instanceof StormError)) throw error
      this.refuse(LinkEnd.badFrame, error.message)
    }
  }

  closed(code: number, reason: string): void {
    if (this.#connection !== undefined) return this.#connection.closed(code, reason)
    this.#finish()
  }

  drained(): void {
    this.#connection?.drained()
  }

  refuse(code: LinkEnd, reason: string): void {
    if (!this.#finish()) return
    this.#carrier.close(code, reason)
    this.#events.refused(code, reason)
  }

  #greeted(body: Uint8Array): void {
    const hello = this.#handshake.hello(body)
    const { purpose, identity } = this.#options
    if (hello.purpose !== purpose) {
      return this.refuse(LinkEnd.forbidden, `a link for ${hello.purpose} where those for ${purpose} are taken`)
    }
    const key = this.#options.keyOf(hello.identity)
    if (key === undefined)
      return this.refuse(LinkEnd.forbidden, `nobody is expected as ${describeIdentity(hello.identity)}`)
    this.#hello = hello
    this.#state = 'greeted'
    const answer = () => {
      this.#state = 'challenged'
      this.#send(FrameType.challenge, this.#handshake.challenge(key, identity))
    }
    if (this.#events.delayMs === 0) answer()
    else this.#cancelAnswer = this.#options.tools.clock.after(this.#events.delayMs, answer)
  }

  #proven(body: Uint8Array): void {
    const verdict = this.#handshake.proof(body)
    if (verdict === undefined) return this.refuse(LinkEnd.unauthenticated, 'the other side does not have the key')
    const { identity: peer, resume } = this.#hello as Hello
    if (verdict !== 'accept') {
      this.refuse(LinkEnd[verdict], 'we are not wanted')
      return this.#options.unwanted(peer, verdict)
    }
    const admission = this.#options.admit(peer, resume)
    if (admission.verdict !== 'accept') {
      this.#send(FrameType.welcome, this.#handshake.welcome(admission.verdict, { epoch: 0, next: 0 }))
      return this.refuse(LinkEnd[admission.verdict], admission.reason)
    }
    this.#cancelTimer()
    this.#state = 'established'
    this.#events.known()
    this.#carrier.trust()
    const { tools, identity } = this.#options
    this.#send(FrameType.welcome, this.#handshake.welcome('accept', admission.goOn))
    this.#connection = new Connection(tools, this.#carrier, identity, { peer, ...this.#handshake.session() })
    this.#connection.start(admission.attach(this.#connection))
  }

  #send(type: FrameType, body: Uint8Array): void {
    const { tools, identity } = this.#options
    const origin = originOf(identity, { sessionLo: 0, sessionHi: 0 })
    this.#carrier.send(tools.frames.write(type, origin, 0, new Bytes(body)))
  }

  #finish(): boolean {
    if (this.#state === 'over' || this.#state === 'established') return false
    this.#state = 'over'
    this.#cancelTimer()
    this.#cancelAnswer?.()
    this.#events.known()
    return true
  }
}

/** Who somebody is, in a few words for a log. */
function describeIdentity({ role, topology, supervisor, port, since, incarnation }: LinkIdentity): string {
  switch (role) {
    case 'nimbus':
      return 'nimbus'
    case 'supervisor':
      return `supervisor ${supervisor}`
    case 'worker':
      return `worker ${supervisor}:${port} of topology ${topology}, since ${since}, start ${incarnation}`
  }
}
