import type { AckTarget, VerdictTarget } from '../executor/ack-target.js'
import type { Gate } from '../executor/gate.js'
import type { Destination, TaskId } from '../executor/tuple.js'
import { assert } from '../stdx/assert.js'
import type { WireStream } from '../wire/streams.js'
import type { Outbox } from './outbox.js'
import { RemoteAcker, RemoteSpout } from './remote-ackers.js'
import { RemoteDestination, RemoteInbox } from './remote-inbox.js'
import type { LaneSource, RemoteTasks } from './transfer.js'

/**
 * The tasks of other workers, wherever the newest assignment has them. What was given out once stays good: when a task
 * moves, what leads to it is led elsewhere.
 */
export class MovingTasks implements RemoteTasks {
  readonly #streams: readonly WireStream[]
  readonly #inboxLimit: (task: TaskId) => number
  /** The way to the worker that has a task; for one that nobody has, a way on which all is lost. */
  readonly #outboxOf: (task: TaskId) => Outbox
  readonly #inboxes = new Map<TaskId, RemoteInbox>()
  readonly #ackers = new Map<TaskId, RemoteAcker>()
  readonly #spouts = new Map<TaskId, RemoteSpout>()

  constructor(
    streams: readonly WireStream[],
    inboxLimit: (task: TaskId) => number,
    outboxOf: (task: TaskId) => Outbox,
  ) {
    this.#streams = streams
    this.#inboxLimit = inboxLimit
    this.#outboxOf = outboxOf
  }

  destination(source: LaneSource, target: TaskId): Destination {
    const stream = this.#streams.find(
      ({ component, stream }) => component === source.component && stream === source.stream,
    )
    assert(stream !== undefined, `stream ${source.stream} of ${source.component} has no number`)
    return new RemoteDestination(stream, this.inbox(target))
  }

  gate(task: TaskId): Gate {
    return this.inbox(task).gate
  }

  inbox(task: TaskId): RemoteInbox {
    let inbox = this.#inboxes.get(task)
    if (inbox === undefined) {
      inbox = new RemoteInbox(task, this.#inboxLimit(task), this.#outboxOf(task))
      this.#inboxes.set(task, inbox)
    }
    return inbox
  }

  acker(task: TaskId, index: number): AckTarget {
    let acker = this.#ackers.get(task)
    if (acker === undefined) this.#ackers.set(task, (acker = new RemoteAcker(index, this.#outboxOf(task))))
    return acker
  }

  spout(task: TaskId): VerdictTarget {
    let spout = this.#spouts.get(task)
    if (spout === undefined) this.#spouts.set(task, (spout = new RemoteSpout(task, this.#outboxOf(task))))
    return spout
  }

  /** The assignment has changed. */
  move(): void {
    for (const [task, inbox] of this.#inboxes) inbox.moved(this.#outboxOf(task))
    for (const [task, acker] of this.#ackers) acker.moved(this.#outboxOf(task))
    for (const [task, spout] of this.#spouts) spout.moved(this.#outboxOf(task))
  }

  /** Those of the given tasks that anybody here sends to. */
  inboxesOf(tasks: Iterable<TaskId>): RemoteInbox[] {
    return [...tasks].flatMap((task) => this.#inboxes.get(task) ?? [])
  }
}
