import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { LinkEnd, type Carrier, type CarrierEvents } from './carrier.js'
import { FrameType, type Body, type FrameOrigin, type Frames } from './frame.js'
import type { LinkIdentity, Session } from './handshake.js'

/** A heartbeat every so often, on the way that data takes. */
const heartbeatMs = 2_000
/** Three of them missed: the other side is taken for dead. */
const silentMs = 3 * heartbeatMs

/** What those who make or accept connections share, one for a process. */
export interface LinkTools {
  readonly frames: Frames
  readonly clock: Clock
}

/** What an authenticated connection tells the link that uses it. */
export interface ConnectionEvents {
  /**
   * A frame of the other side, whole and of this session; its body stands in `tools.frames` until the call returns. A
   * StormError that it throws ends the connection as a bad frame.
   */
  frame(type: FrameType, sequence: number): void
  /** It has ended, and not because of `end`. */
  closed(code: number, reason: string): void
  /** What was sent is out. */
  drained(): void
}

/** A connection whose two ends are sure of each other: checks what comes, keeps the heartbeat, notices when it stops. */
export class Connection implements CarrierEvents {
  readonly peer: LinkIdentity
  /** The sequence number of frames that are not counted. */
  mark = 0
  /** Frames refused as damaged. */
  readonly #tools: LinkTools
  readonly #carrier: Carrier
  readonly #origin: FrameOrigin
  readonly #session: Session
  #events: ConnectionEvents | undefined
  #heardMs: number
  #cancelBeat: (() => void) | undefined
  #isOver = false

  constructor(tools: LinkTools, carrier: Carrier, identity: LinkIdentity, session: Session) {
    this.#tools = tools
    this.#carrier = carrier
    this.#session = session
    this.peer = session.peer
    this.#origin = originOf(identity, session)
    this.#heardMs = tools.clock.now()
  }

  /** To be called once, before anything comes. */
  start(events: ConnectionEvents): void {
    this.#events = events
    this.#scheduleBeat()
  }

  get bufferedBytes(): number {
    return this.#carrier.bufferedBytes
  }

  send(type: FrameType, sequence: number, body?: Body): Uint8Array<ArrayBuffer> {
    const frame = this.#tools.frames.write(type, this.#origin, sequence, body)
    if (!this.#isOver) this.#carrier.send(frame)
    return frame
  }

  /** Sends something that is not counted. */
  sendMarked(type: FrameType, body?: Body): void {
    if (!this.#isOver) this.#carrier.send(this.#tools.frames.write(type, this.#origin, this.mark, body))
  }

  /** Sends a frame of an earlier connection again, as one of this. Returns it. */
  sendAgain(frame: Uint8Array, sequence: number): Uint8Array<ArrayBuffer> {
    const readdressed = this.#tools.frames.readdress(frame, this.#origin, sequence)
    if (!this.#isOver) this.#carrier.send(readdressed)
    return readdressed
  }

  /** Ends it; the events are not told. */
  end(code: LinkEnd, reason: string): void {
    if (!this.#finish()) return
    if (code === LinkEnd.silent) this.#carrier.terminate()
    else this.#carrier.close(code, reason)
  }

  received(message: Uint8Array): void {
    if (this.#isOver) return
    const { frames, clock } = this.#tools
    const problem = frames.read(message) ?? this.#strangeness(frames)
    if (problem !== undefined) return this.#fail(LinkEnd.badFrame, problem)
    this.#heardMs = clock.now()
    try {
      this.#events?.frame(frames.type, frames.sequence)
    } catch (error) {
      if (!(error instanceof StormError)) throw error
      this.#fail(LinkEnd.badFrame, `${error.code}: ${error.message}`)
    }
  }

  closed(code: number, reason: string): void {
    if (this.#finish()) this.#events?.closed(code, reason)
  }

  drained(): void {
    if (!this.#isOver) this.#events?.drained()
  }

  #strangeness(frames: Frames): string | undefined {
    const { peer, sessionLo, sessionHi } = this.#session
    if (frames.sessionLo !== sessionLo || frames.sessionHi !== sessionHi) return 'a frame of another connection'
    if (frames.topology !== peer.topologyNumber) return `a frame of topology ${frames.topology}`
    if (frames.generation !== peer.since || frames.incarnation !== peer.incarnation) return 'a frame of another process'
    return frames.type < FrameType.heartbeat ? 'a message of the handshake after its end' : undefined
  }

  #fail(code: LinkEnd, reason: string): void {
    if (!this.#finish()) return
    if (code === LinkEnd.silent) this.#carrier.terminate()
    else this.#carrier.close(code, reason)
    this.#events?.closed(code, reason)
  }

  /** False: it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#cancelBeat?.()
    return true
  }

  #scheduleBeat(): void {
    const { clock } = this.#tools
    const dueMs = clock.now() + heartbeatMs
    this.#cancelBeat = clock.after(heartbeatMs, () => {
      const nowMs = clock.now()
      // We slept ourselves: what the other side sent meanwhile is still to be read, so it gets its full time again.
      if (nowMs - dueMs > heartbeatMs) this.#heardMs = nowMs
      if (nowMs - this.#heardMs >= silentMs) {
        return this.#fail(LinkEnd.silent, `nothing was heard for ${Math.round(nowMs - this.#heardMs)} ms`)
      }
      this.sendMarked(FrameType.heartbeat)
      this.#scheduleBeat()
    })
  }
}

export const originOf = (
  { topologyNumber, since, incarnation }: LinkIdentity,
  { sessionLo, sessionHi }: Pick<Session, 'sessionLo' | 'sessionHi'>,
): FrameOrigin => ({ topology: topologyNumber, generation: since, incarnation, sessionLo, sessionHi })
