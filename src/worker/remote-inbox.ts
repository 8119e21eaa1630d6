import { StormError } from '../errors.js'
import { Gate } from '../executor/gate.js'
import type { Destination, TaskId, TaskTuple } from '../executor/tuple.js'
import type { WireStream } from '../wire/streams.js'
import type { Outbox } from './outbox.js'

/**
 * The inbox of a task in another worker, as this worker sees it. It may be sent as many tuples more than were consumed
 * there as its inbox holds: its *credit*. When that is used up the tasks here that feed it are held, just as those in
 * its own worker are when its inbox is full; what one call emits may pass it, and nothing else.
 */
export class RemoteInbox {
  /** Closed while there is no credit, or while the link has too much on its way. */
  readonly gate = new Gate()
  readonly task: TaskId
  readonly #limit: number
  #outbox: Outbox
  #sent = 0
  #granted = 0
  #isCongested = false

  constructor(task: TaskId, limit: number, outbox: Outbox) {
    this.task = task
    this.#limit = limit
    this.#outbox = outbox
  }

  send(stream: WireStream, tuple: TaskTuple): void {
    this.#outbox.tuple(tuple.task, stream, this.task, tuple)
    if (++this.#sent - this.#granted >= this.#limit) this.gate.close()
  }

  /** The sum of what was consumed there since the link began. Throws BAD_FRAME for more than was sent. */
  granted(total: number): void {
    if (total > this.#sent) {
      throw new StormError(
        'BAD_FRAME',
        `${total} tuples of task ${this.task} were granted back of ${this.#sent} that were sent.`,
      )
    }
    this.#granted = Math.max(this.#granted, total)
    this.#settle()
  }

  /** The link has begun anew: so has the credit. */
  restart(): void {
    this.#sent = 0
    this.#granted = 0
    this.#settle()
  }

  congested(isCongested: boolean): void {
    this.#isCongested = isCongested
    this.#settle()
  }

  /** Another worker has the task now. */
  moved(outbox: Outbox): void {
    if (outbox === this.#outbox) return
    this.#outbox = outbox
    this.#isCongested = false
    this.restart()
  }

  #settle(): void {
    if (this.#isCongested || this.#sent - this.#granted >= this.#limit) this.gate.close()
    else this.gate.open()
  }
}

/** Where a lane to a task of another worker ends. */
export class RemoteDestination implements Destination {
  readonly #stream: WireStream
  readonly #inbox: RemoteInbox

  constructor(stream: WireStream, inbox: RemoteInbox) {
    this.#stream = stream
    this.#inbox = inbox
  }

  push(tuple: TaskTuple): void {
    this.#inbox.send(this.#stream, tuple)
  }
}
