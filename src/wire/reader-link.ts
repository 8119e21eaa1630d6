import { StormError } from '../errors.js'
import type { Rng } from '../stdx/rng.js'
import { LinkEnd, type Dial } from './carrier.js'
import type { Connection, LinkTools } from './connection.js'
import { Grants } from './credits.js'
import { dialLink } from './dialer.js'
import { FrameType, type Body } from './frame.js'
import type { GoOn, LinkIdentity, PeerVerdict, Secrets } from './handshake.js'
import type { DataFrameType } from './writer-link.js'

const firstWaitMs = 100
const longestWaitMs = 5_000

/**
 * Confirmed at once after so many frames or bytes; else with whatever else is sent, which is a heartbeat at the latest: a
 * timer for what comes one by one would wake both processes twice for each.
 */
const confirmFrames = 64
const confirmBytes = 262_144

export interface ReaderOptions {
  readonly tools: LinkTools
  readonly secrets: Secrets
  readonly rng: Rng
  /** Calls the writer's worker, at whatever address it has now. */
  readonly dial: Dial
  readonly key: Uint8Array
  readonly identity: LinkIdentity
  /** What to make of the process that answered, which has proven who it is. */
  judge(peer: LinkIdentity): PeerVerdict
}

export interface ReaderEvents {
  /** A frame of the writer; its body stands in `tools.frames` until the call returns. A StormError ends the connection. */
  frame(type: DataFrameType): void
  /** `isAnew`: it is not the first beginning: credits begin anew, and what was sent and had not arrived is lost. */
  up(peer: LinkIdentity, isAnew: boolean): void
  /** It is not there, and is called again in a while. Told after `up` only. */
  down(code: number, reason: string): void
  /** The writer's worker, which has proven who it is, says that we are superseded. It is called again nevertheless, after a while. */
  fenced(reason: string): void
}

/**
 * The reading end of a link from one worker to another: the dialing side. It calls until it is answered, again and again,
 * and hands on each frame once and in order, over whatever connections.
 *
 * Protocol of use: `start` once; `grant` as tuples are consumed; `callNow` when the writer is known to be there;
 * `stop` when the link is not wanted any more.
 */
export class ReaderLink {
  /** Frames that came a second time, after a resume. */
  repeats = 0
  readonly #options: ReaderOptions
  readonly #events: ReaderEvents
  /** The process that writes, or last wrote, and its beginning. */
  #writer: LinkIdentity | undefined
  #epoch = 0
  /** The last frame of this epoch. */
  #received = 0
  #confirmedFrames = 0
  #unconfirmedBytes = 0
  #connection: Connection | undefined
  /** Sums of grants in this epoch, by task. */
  readonly #granted = new Map<number, number>()
  /** Those that are not sent yet. */
  readonly #due = new Map<number, number>()
  #failures = 0
  #state: 'stopped' | 'waiting' | 'calling' | 'up' = 'stopped'
  /** Ends whatever goes on: the wait or the call. */
  #cancel: (() => void) | undefined

  constructor(options: ReaderOptions, events: ReaderEvents) {
    this.#options = options
    this.#events = events
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  start(): void {
    if (this.#state === 'stopped') this.#call()
  }

  /** Does not wait any longer. */
  callNow(): void {
    if (this.#state !== 'waiting') return
    this.#failures = 0
    this.#cancel?.()
    this.#call()
  }

  /** Ends it for good. */
  stop(code: LinkEnd, reason: string): void {
    this.#state = 'stopped'
    this.#cancel?.()
    const connection = this.#connection
    this.#connection = undefined
    connection?.end(code, reason)
  }

  /** The sum of what a task of ours has consumed in this epoch. Leaves with others, soon. */
  grant(task: number, total: number): void {
    this.#granted.set(task, total)
    if (this.#due.size === 0) this.#options.tools.clock.soon(() => this.#sendGrants())
    this.#due.set(task, total)
  }

  #call(): void {
    this.#state = 'calling'
    const writer = this.#writer
    const resume = writer && {
      since: writer.since,
      incarnation: writer.incarnation,
      epoch: this.#epoch,
      received: this.#received,
    }
    this.#cancel = dialLink(
      { ...this.#options, purpose: 'data', resume },
      {
        established: (connection, goOn) => this.#established(connection, goOn),
        failed: (code, reason, by) => {
          const isFenced = by === 'peer' && code === LinkEnd.fenced
          this.#wait(isFenced)
          if (isFenced) this.#events.fenced(reason)
        },
      },
    )
  }

  #established(connection: Connection, { epoch, next }: GoOn) {
    const { peer } = connection
    const known = this.#writer
    const isSame = known?.since === peer.since && known.incarnation === peer.incarnation && epoch === this.#epoch
    const isFresh = !isSame || next !== this.#received + 1
    if (isFresh) {
      this.#received = next - 1
      this.#granted.clear()
      this.#due.clear()
    }
    this.#writer = peer
    this.#epoch = epoch
    this.#connection = connection
    this.#state = 'up'
    this.#failures = 0
    this.#confirmedFrames = this.#received
    this.#unconfirmedBytes = 0
    connection.mark = this.#received
    this.#events.up(peer, isFresh && known !== undefined)
    // Those that were on their way when the last connection ended may not have arrived.
    if (this.#granted.size > 0) this.#confirm(connection, FrameType.credits, new Grants(this.#granted))
    this.#due.clear()
    return {
      frame: (type: FrameType, sequence: number) => this.#frame(connection, type, sequence),
      closed: (code: number, reason: string) => this.#closed(connection, code, reason),
      drained: () => undefined,
    }
  }

  #frame(connection: Connection, type: FrameType, sequence: number): void {
    if (connection !== this.#connection) return
    if (type === FrameType.heartbeat) return
    if (type !== FrameType.tuples && type !== FrameType.acks) {
      throw new StormError('BAD_FRAME', `A frame of type ${type} came from the writer of a link.`)
    }
    if (sequence <= this.#received) {
      this.repeats++
      return
    }
    if (sequence !== this.#received + 1) {
      throw new StormError('BAD_FRAME', `Frame ${sequence} came where ${this.#received + 1} was due.`)
    }
    // Before it is looked into: one that cannot be decoded is not asked for again, its tuples time out.
    this.#received = sequence
    connection.mark = sequence
    const { frames } = this.#options.tools
    this.#unconfirmedBytes += frames.end - frames.start
    this.#events.frame(type)
    if (this.#received - this.#confirmedFrames >= confirmFrames || this.#unconfirmedBytes >= confirmBytes) {
      this.#confirm(connection, FrameType.heartbeat)
    }
  }

  #sendGrants(): void {
    if (this.#due.size > 0 && this.#connection !== undefined) {
      this.#confirm(this.#connection, FrameType.credits, new Grants(this.#due))
    }
    this.#due.clear()
  }

  /** What is sent here bears the number of the last frame that has come. */
  #confirm(connection: Connection, type: FrameType, body?: Body): void {
    this.#confirmedFrames = this.#received
    this.#unconfirmedBytes = 0
    connection.sendMarked(type, body)
  }

  #closed(connection: Connection, code: number, reason: string): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#wait(code === LinkEnd.fenced)
    this.#events.down(code, reason)
    if (code === LinkEnd.fenced) this.#events.fenced(reason)
  }

  #wait(isLong = false): void {
    this.#state = 'waiting'
    const whole = isLong ? longestWaitMs : Math.min(longestWaitMs, firstWaitMs * 2 ** this.#failures)
    this.#failures++
    const waitMs = whole / 2 + this.#options.rng.below(Math.floor(whole / 2) + 1)
    this.#cancel = this.#options.tools.clock.after(waitMs, () => this.#call())
  }
}
