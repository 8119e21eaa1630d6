import type { AckTarget } from '../executor/ack-target.js'
import { rootWidth } from '../executor/anchors.js'
import type { LogSink } from '../executor/reports.js'
import type { TaskId } from '../executor/tuple.js'
import type { WorkerAssignment } from '../cluster/records.js'
import { AckDecoder } from '../wire/ack-codec.js'
import type { Admission } from '../wire/acceptor.js'
import type { Dial, LinkEnd } from '../wire/carrier.js'
import type { LinkTools } from '../wire/connection.js'
import { FrameType, type Body, type Frames } from '../wire/frame.js'
import type { LinkIdentity, PeerVerdict, ResumePoint, Secrets } from '../wire/handshake.js'
import { ReaderLink } from '../wire/reader-link.js'
import type { Text } from '../wire/text.js'
import { TupleDecoder, type TupleSink } from '../wire/tuple-codec.js'
import { WriterLink, type DataFrameType } from '../wire/writer-link.js'
import type { Rng } from '../stdx/rng.js'
import { Inbound, type KnownTasks } from './inbound.js'
import { Outbox, type FrameSender } from './outbox.js'
import type { MovingTasks } from './remote-tasks.js'
import type { Transfer } from './transfer.js'

/** What all peers of a worker share. */
export interface PeerParts {
  readonly tools: LinkTools
  readonly text: Text
  readonly secrets: Secrets
  readonly rng: Rng
  /** Opens data links of this topology. */
  readonly key: Uint8Array
  readonly identity: LinkIdentity
  readonly known: KnownTasks
  readonly transfer: Transfer
  readonly remote: MovingTasks
  /** The way to the acker of this place, for failing what is lost. */
  readonly ackTarget: (index: number) => AckTarget | undefined
  readonly dial: (worker: WorkerAssignment) => Dial
  readonly judge: (peer: LinkIdentity) => PeerVerdict
  /** Tasks that another worker had are gone, with all that they knew. */
  readonly tasksLost: (tasks: readonly TaskId[]) => void
  readonly wake: () => void
  readonly log: LogSink
  /** A peer that is sure of us says that we are superseded. */
  readonly fenced: (reason: string) => void
}

const workerLost = 4
const linkLost = 6

/**
 * Another worker of the topology: two links, one each way. We write on the one that it dials, as what the accepting side
 * of a WebSocket sends need not be masked, and read from the one that we dial.
 */
export class Peer implements FrameSender {
  readonly worker: WorkerAssignment
  readonly outbox: Outbox
  readonly #parts: PeerParts
  readonly #tasks: readonly TaskId[]
  readonly #writer: WriterLink
  readonly #reader: ReaderLink
  readonly #inbound: Inbound
  readonly #tupleDecoder: TupleDecoder
  readonly #ackDecoder = new AckDecoder()
  /** Acker, root (two halves) of trees that lost a tuple and are still to be failed. */
  #lostRoots: number[] = []
  /** The process that it was last. */
  #process: LinkIdentity | undefined
  /** There was another process before, of which `#lostRoots` are. */
  #isReplaced = false

  constructor(worker: WorkerAssignment, parts: PeerParts) {
    this.worker = worker
    this.#parts = parts
    this.#tasks = worker.executors.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    )
    this.outbox = new Outbox(parts.text, this, parts.wake)
    this.#tupleDecoder = new TupleDecoder(parts.known.streams, parts.text)
    this.#inbound = new Inbound(parts.transfer, parts.known, (task, total) => this.#reader.grant(task, total))
    this.#writer = new WriterLink(parts.tools, parts.identity, {
      up: (identity, isFresh) => {
        if (isFresh) for (const inbox of this.#inboxes()) inbox.restart()
        this.#isReplaced = this.#process !== undefined && !isSame(this.#process, identity)
        this.#process = identity
        if (this.#isReplaced) parts.tasksLost(this.#tasks)
        // It is there: what it has for us need not wait until we would have looked again.
        this.#reader.callNow()
      },
      down: (code, reason) => this.#down('to', code, reason),
      lost: (type, frames) => this.#lost(type, frames),
      granted: (task, total) => parts.remote.inbox(task).granted(total),
      uncongested: () => this.#congested(false),
    })
    this.#reader = new ReaderLink(
      {
        tools: parts.tools,
        secrets: parts.secrets,
        rng: parts.rng,
        dial: parts.dial(worker),
        key: parts.key,
        identity: parts.identity,
        judge: parts.judge,
      },
      {
        frame: (type) => this.#received(type),
        up: (_, isFresh) => {
          if (isFresh) this.#inbound.restart()
        },
        down: (code, reason) => this.#down('from', code, reason),
        fenced: parts.fenced,
      },
    )
  }

  /** Tasks that this worker has; they are reached through `outbox`. */
  get tasks(): readonly TaskId[] {
    return this.#tasks
  }

  start(): void {
    this.#reader.start()
  }

  admit(peer: LinkIdentity, resume: ResumePoint | undefined): Admission {
    return this.#writer.admit(peer, resume)
  }

  send(type: DataFrameType, body: Body): void {
    this.#writer.send(type, body)
    if (this.#writer.isCongested) this.#congested(true)
  }

  end(code: LinkEnd, reason: string): void {
    this.#reader.stop(code, reason)
    this.#writer.end(code, reason)
    this.#parts.tasksLost(this.#tasks)
  }

  #down(direction: 'to' | 'from', code: number, reason: string): void {
    const { supervisor, port } = this.worker.slot
    this.#parts.log.write('info', `the link ${direction} worker ${supervisor}:${port} is down: ${reason} (${code})`, {})
  }

  #received(type: DataFrameType): void {
    const { arena, start, end } = this.#parts.tools.frames
    if (type === FrameType.tuples) this.#tupleDecoder.decode(arena, start, end, this.#inbound)
    else this.#ackDecoder.decode(arena, start, end, this.#inbound)
  }

  /**
   * Tuples that will not arrive, or perhaps will not: their trees are failed, so that their spouts need not wait for the
   * timeout. Told later, as this may come from within a flush that is writing to the very outboxes.
   */
  #lost(type: DataFrameType, frames: Frames): void {
    if (type !== FrameType.tuples) return
    const isFirst = this.#lostRoots.length === 0
    this.#tupleDecoder.decode(frames.arena, frames.start, frames.end, this.#rootCollector)
    if (isFirst) this.#parts.tools.clock.soon(() => this.#failLost())
  }

  readonly #rootCollector: TupleSink = {
    tuple: (_source, _stream, _target, _values, acker, rootLo, rootHi, _checkLo, _checkHi, more) => {
      if (acker >= 0) this.#lostRoots.push(acker, rootLo, rootHi)
      const further = more ?? []
      for (let i = 0; i < further.length; i += rootWidth)
        this.#lostRoots.push(further[i]!, further[i + 1]!, further[i + 2]!)
    },
  }

  #failLost(): void {
    const roots = this.#lostRoots
    this.#lostRoots = []
    const reason = this.#writer.isUp && !this.#isReplaced ? linkLost : workerLost
    for (let i = 0; i < roots.length; i += 3)
      this.#parts.ackTarget(roots[i]!)?.fail(roots[i + 1]!, roots[i + 2]!, reason)
  }

  #congested(isCongested: boolean): void {
    for (const inbox of this.#inboxes()) inbox.congested(isCongested)
  }

  #inboxes() {
    return this.#parts.remote.inboxesOf(this.#tasks)
  }
}

function isSame(a: LinkIdentity, b: LinkIdentity): boolean {
  return a.since === b.since && a.incarnation === b.incarnation
}
