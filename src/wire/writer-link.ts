import { StormError } from '../errors.js'
import type { Admission } from './acceptor.js'
import { LinkEnd } from './carrier.js'
import type { Connection, LinkTools } from './connection.js'
import { readGrants } from './credits.js'
import { FrameQueue, type KeptFrame } from './frame-queue.js'
import { Frames, FrameType, type Body, type FrameOrigin } from './frame.js'
import type { LinkIdentity, ResumePoint } from './handshake.js'

/** What is written on a data link. */
export type DataFrameType = typeof FrameType.tuples | typeof FrameType.acks

export interface WriterLimits {
  /** Without a connection for so long after there was one, what was to be sent is lost: it would only be late. */
  readonly downMsMax: number
  /** Without a connection, more bytes of tuples than these do not wait. */
  readonly downBytesMax: number
  /**
   * Before the first connection, and for as long as another one is waited for: from so many bytes on, those who feed the
   * link should be held. Well below the other, which is passed by what one call emits.
   */
  readonly downCongestedBytes: number
  /** Bytes that may be unconfirmed, and the time they may be so, on a connection; then the other side is too slow. */
  readonly unconfirmedBytesMax: number
  readonly unconfirmedMsMax: number
  /** Tuples are handed to the carrier until it has so many bytes buffered: acks then wait behind these only. */
  readonly aheadBytesMax: number
  /** From the first to the second, those who feed the link should be held. */
  readonly congestedBytes: number
  readonly uncongestedBytes: number
}

const MiB = 1_048_576

const writerLimits: WriterLimits = {
  downMsMax: 5_000,
  downBytesMax: 4 * MiB,
  downCongestedBytes: MiB,
  unconfirmedBytesMax: 64 * MiB,
  unconfirmedMsMax: 30_000,
  aheadBytesMax: MiB,
  congestedBytes: 16 * MiB,
  uncongestedBytes: 8 * MiB,
}

/** What a writer tells its worker. `lost`, and `down` for a reader that is too slow, may be told from within `send`. */
export interface WriterEvents {
  /**
   * The reader is there. `isAnew`: the link has begun anew: tuples were lost, and of all that were sent before none is on
   * its way any more, so credits begin anew, too. Else all that was sent has arrived or will.
   */
  up(peer: LinkIdentity, isAnew: boolean): void
  /** It is not there. What is sent now waits. */
  down(code: number, reason: string): void
  /**
   * A frame will not arrive, or it is not known whether it did. It stands in `frames`, like one that has come: its
   * tuples can be decoded, so that their trees are failed at once.
   */
  lost(type: DataFrameType, frames: Frames): void
  /** The sum of grants for a task of the reader. A StormError ends the connection. */
  granted(task: number, total: number): void
  /** `isCongested` has become false. */
  uncongested(): void
}

/**
 * The writing end of a link from one worker to another: the accepting side. It lasts over connections, for as long as
 * the two slots keep their assignment, and knows which process it is writing to.
 *
 * What holds: each frame that was sent arrives once and in its order, or is told as lost; those told as lost may have
 * arrived. Between processes that both live on, a broken connection is resumed: frames are kept until they are
 * confirmed, and sent again from where the reader stopped. When the reader is a new process, or was away for longer than
 * is worth keeping, the link begins anew and tells what is lost. Acks leave before tuples that were given before.
 *
 * Protocol of use: `admit` is what the acceptor asks when the reader's process has proven who it is; `send` at any
 * time; `end` when the link is not wanted any more.
 */
export class WriterLink {
  /** More is on its way than should be: those who feed it are to be held until `uncongested`. */
  isCongested = false
  readonly #tools: LinkTools
  readonly #identity: LinkIdentity
  readonly #events: WriterEvents
  readonly #limits: WriterLimits
  /** The process that reads, or last read. */
  #peer: LinkIdentity | undefined
  /** Counts the beginnings. */
  #epoch = 1
  /** Since the reader was told to be up. */
  #isAnew = false
  /** Number of the frame that was sent last in this epoch. */
  #sent = 0
  #confirmed = 0
  #connection: Connection | undefined
  /** Sent, not confirmed. */
  readonly #unconfirmed = new FrameQueue()
  /** Not sent yet. */
  readonly #acks = new FrameQueue()
  readonly #tuples = new FrameQueue()
  #state: 'new' | 'up' | 'down' | 'lost' | 'ended' = 'new'
  #cancelTimer: (() => void) | undefined
  /** Of its own, as somebody may be reading a frame that has come. */
  #lostFrames: Frames | undefined

  constructor(tools: LinkTools, identity: LinkIdentity, events: WriterEvents, limits: Partial<WriterLimits> = {}) {
    this.#tools = tools
    this.#identity = identity
    this.#events = events
    this.#limits = { ...writerLimits, ...limits }
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Bytes that are kept, sent or not. */
  get keptBytes(): number {
    return this.#unconfirmed.bytes + this.#acks.bytes + this.#tuples.bytes
  }

  /** The body is written at once; whoever made it may clear it. */
  send(type: DataFrameType, body: Body): void {
    const connection = this.#connection
    if (connection !== undefined && this.#mayLeave(type, connection)) {
      const sequence = ++this.#sent
      this.#keep(type, sequence, connection.send(type, sequence, body))
    } else {
      const bytes = this.#tools.frames.write(type, unsent, 0, body)
      const queue = type === FrameType.acks ? this.#acks : this.#tuples
      queue.push({ type, sequence: 0, bytes, atMs: this.#tools.clock.now() })
      this.#keepWithinLimits()
    }
    if (!this.isCongested && this.keptBytes >= this.#holdFromBytes()) this.isCongested = true
  }

  /** Whether the process that has proven to be `peer`, which is the one of the slot that this link leads to, may read. */
  admit(peer: LinkIdentity, resume: ResumePoint | undefined): Admission {
    if (this.#state === 'ended') return { verdict: 'forbidden', reason: 'the link has ended' }
    const known = this.#peer
    if (known !== undefined && isOlder(peer, known)) {
      return { verdict: 'fenced', reason: 'a newer process has read from here before' }
    }
    const isResumed = known !== undefined && !isOlder(known, peer) && this.#canResume(resume)
    const old = this.#connection
    this.#connection = undefined
    old?.end(LinkEnd.replaced, 'there is a newer connection')
    if (isResumed) this.#confirm(resume?.received ?? 0)
    // What waits for a process that is gone would mean nothing to another one.
    else if (known !== undefined) this.#beginAnew(isOlder(known, peer))
    this.#peer = peer
    return {
      verdict: 'accept',
      goOn: { epoch: this.#epoch, next: this.#confirmed + 1 },
      attach: (connection) => this.#attach(connection),
    }
  }

  /** Ends it for good. All that is kept is told as lost. */
  end(code: LinkEnd, reason: string): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#cancelTimer?.()
    const connection = this.#connection
    this.#connection = undefined
    connection?.end(code, reason)
    this.#tellLost([...this.#unconfirmed.takeAll(), ...this.#acks.takeAll(), ...this.#tuples.takeAll()])
  }

  #holdFromBytes(): number {
    const isAwaited = this.#state === 'new' || this.#state === 'down'
    return isAwaited ? this.#limits.downCongestedBytes : this.#limits.congestedBytes
  }

  #mayLeave(type: DataFrameType, connection: Connection): boolean {
    if (type === FrameType.acks) return true
    return this.#tuples.size === 0 && connection.bufferedBytes < this.#limits.aheadBytesMax
  }

  #keep(type: FrameType, sequence: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#unconfirmed.push({ type, sequence, bytes, atMs: this.#tools.clock.now() })
    if (this.#unconfirmed.bytes > this.#limits.unconfirmedBytesMax) this.#giveUpOnSlow()
  }

  #canResume(resume: ResumePoint | undefined): boolean {
    if (resume === undefined) return false
    const { since, incarnation, epoch, received } = resume
    const isOurs = since === this.#identity.since && incarnation === this.#identity.incarnation
    return isOurs && epoch === this.#epoch && received >= this.#confirmed && received <= this.#sent
  }

  #attach(connection: Connection): {
    frame: (type: FrameType, sequence: number) => void
    closed: (code: number, reason: string) => void
    drained: () => void
  } {
    this.#connection = connection
    this.#state = 'up'
    this.#cancelTimer?.()
    this.#watch()
    for (const { type, sequence, bytes } of this.#unconfirmed.takeAll()) {
      this.#keep(type, sequence, connection.sendAgain(bytes, sequence))
    }
    const isAnew = this.#isAnew
    this.#isAnew = false
    this.#events.up(connection.peer, isAnew)
    this.#pump()
    return {
      frame: (type, sequence) => this.#received(connection, type, sequence),
      closed: (code, reason) => this.#closed(connection, code, reason),
      drained: () => this.#pump(),
    }
  }

  #received(connection: Connection, type: FrameType, sequence: number): void {
    if (connection !== this.#connection) return
    if (type !== FrameType.heartbeat && type !== FrameType.credits) {
      throw new StormError('BAD_FRAME', `A frame of type ${type} came from the reader of a link.`)
    }
    if (sequence > this.#sent) {
      throw new StormError('BAD_FRAME', `Frame ${sequence} was confirmed, and ${this.#sent} is the last that was sent.`)
    }
    this.#confirm(sequence)
    if (type === FrameType.credits) {
      const { arena, start, end } = this.#tools.frames
      for (const [task, total] of readGrants(arena, start, end)) this.#events.granted(task, total)
    }
    this.#pump()
  }

  #confirm(sequence: number): void {
    if (sequence <= this.#confirmed) return
    this.#confirmed = sequence
    let first = this.#unconfirmed.first
    while (first !== undefined && first.sequence <= sequence) {
      this.#unconfirmed.shift()
      // It has arrived, so nobody is still sending it: what is sent again has new memory.
      this.#tools.frames.free(first.bytes)
      first = this.#unconfirmed.first
    }
    this.#checkCongestion()
  }

  /** Sends what waits, acks first, as far as the carrier takes it. */
  #pump(): void {
    const connection = this.#connection
    if (connection === undefined) return
    for (const queue of [this.#acks, this.#tuples]) {
      while (queue.first !== undefined) {
        if (queue === this.#tuples && connection.bufferedBytes >= this.#limits.aheadBytesMax) return
        const { type, bytes } = queue.shift() as KeptFrame
        const sequence = ++this.#sent
        this.#keep(type, sequence, connection.sendAgain(bytes, sequence))
        this.#tools.frames.free(bytes)
        if (connection !== this.#connection) return
      }
    }
  }

  #closed(connection: Connection, code: number, reason: string): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#state = 'down'
    this.#cancelTimer?.()
    this.#cancelTimer = this.#tools.clock.after(this.#limits.downMsMax, () => {
      this.#state = 'lost'
      this.#beginAnew(false)
    })
    this.#events.down(code, reason)
    this.#keepWithinLimits()
  }

  /** Looks every now and then whether the oldest frame is confirmed in time. */
  #watch(): void {
    const { unconfirmedMsMax } = this.#limits
    this.#cancelTimer = this.#tools.clock.after(unconfirmedMsMax / 4, () => {
      this.#watch()
      const first = this.#unconfirmed.first
      if (first !== undefined && this.#tools.clock.now() - first.atMs >= unconfirmedMsMax) this.#giveUpOnSlow()
    })
  }

  #giveUpOnSlow(): void {
    const connection = this.#connection
    if (connection === undefined) return
    const reason = `${this.#unconfirmed.bytes} bytes are not confirmed`
    connection.end(LinkEnd.slowConsumer, reason)
    this.#closed(connection, LinkEnd.slowConsumer, reason)
    // It would not take them on the next connection either.
    this.#beginAnew(false)
  }

  /**
   * Without a connection: beyond the limits tuples are lost, all of them, so that it is plain where the credits stand.
   * Acks are the last to go.
   */
  #keepWithinLimits(): void {
    if (this.#state === 'up') return
    const { downBytesMax } = this.#limits
    if (this.#state === 'lost' || this.#state === 'ended') this.#tellLost(this.#tuples.takeAll())
    else if (this.#tuples.bytes > downBytesMax) this.#beginAnew(false)
    if (this.#state === 'ended' || this.#acks.bytes > downBytesMax) this.#tellLost(this.#acks.takeAll())
  }

  /**
   * Begins at frame 1. Lost is what was sent, as it is not known whether it arrived, and the tuples that wait, so that
   * none is beyond the credits that begin anew. Acks that wait are lost too where they would mean nothing; those that
   * were sent are not sent a second time in any case: two acks of one tuple cancel each other.
   */
  #beginAnew(losesAcks: boolean): void {
    this.#epoch++
    this.#isAnew = true
    this.#sent = 0
    this.#confirmed = 0
    const frames = [...this.#unconfirmed.takeAll(), ...this.#tuples.takeAll()]
    if (losesAcks) frames.push(...this.#acks.takeAll())
    this.#tellLost(frames)
    this.#checkCongestion()
  }

  #tellLost(frames: readonly KeptFrame[]): void {
    for (const { type, bytes } of frames) {
      this.#lostFrames ??= new Frames()
      this.#lostFrames.load(bytes)
      this.#events.lost(type as DataFrameType, this.#lostFrames)
    }
  }

  #checkCongestion(): void {
    if (!this.isCongested || this.keptBytes > this.#limits.uncongestedBytes) return
    this.isCongested = false
    this.#events.uncongested()
  }
}

/** Of frames that wait: what is right there is not known yet. */
const unsent: FrameOrigin = { topology: 0, generation: 0, incarnation: 0, sessionLo: 0, sessionHi: 0 }

/** Whether `a` is a process that came before `b` in the same slot. */
function isOlder(a: LinkIdentity, b: LinkIdentity): boolean {
  return a.since < b.since || (a.since === b.since && a.incarnation < b.incarnation)
}
