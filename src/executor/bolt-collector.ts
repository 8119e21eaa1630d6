import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import type { BasicCollector, OutputCollector } from '../topology/component.js'
import type { Streams } from '../topology/stream.js'
import type { Tuple } from '../topology/tuple.js'
import type { Anchors, Emitter } from './emitter.js'
import type { Inbox } from './inbox.js'
import type { Router } from './router.js'
import { TaskTuple, TupleState, type TaskId } from './tuple.js'

/** Most anchors of one emit. More is surely a list that nobody empties. */
const anchorsMax = 1_000

/** What collectors need of their bolt task. */
export interface CollectingTask {
  readonly id: TaskId
  readonly component: string
  readonly inbox: Inbox
  readonly router: Router
  readonly emitter: Emitter
  /** How many full queues hold it. */
  readonly blockedBy: number
  drained(): Promise<void>
  ack(tuple: TaskTuple): void
  fail(tuple: TaskTuple, reason?: string): void
  resetTimeout(tuple: TaskTuple): void
}

/** What a bolt that acks by itself emits, acks and fails with. */
export class TaskOutputCollector implements OutputCollector<Streams> {
  readonly #task: CollectingTask

  constructor(task: CollectingTask) {
    this.#task = task
  }

  get full(): boolean {
    return this.#task.blockedBy > 0
  }

  drained(): Promise<void> {
    return this.#task.drained()
  }

  emit(values: object, anchors?: Tuple | readonly Tuple[]): readonly TaskId[] {
    return this.#emit(this.#task.router.default.id, values, anchors)
  }

  emitTo(stream: string, values: object, anchors?: Tuple | readonly Tuple[]): readonly TaskId[] {
    return this.#emit(stream, values, anchors)
  }

  emitDirect(task: TaskId, values: object, anchors?: Tuple | readonly Tuple[], stream = 'default'): void {
    const output = this.#task.router.stream(stream)
    this.#task.emitter.emitDirect(output, task, values, this.#anchors(anchors), null)
  }

  ack(tuple: Tuple): void {
    this.#task.ack(this.#own(tuple, 'ack'))
  }

  fail(tuple: Tuple, reason?: string): void {
    this.#task.fail(this.#own(tuple, 'fail'), reason)
  }

  resetTimeout(tuple: Tuple): void {
    this.#task.resetTimeout(this.#own(tuple, 'resetTimeout'))
  }

  #emit(stream: string, values: object, anchors: Tuple | readonly Tuple[] | undefined): readonly TaskId[] {
    const output = this.#task.router.stream(stream)
    const own = this.#anchors(anchors)
    if (Array.isArray(own)) return this.#task.emitter.emitToTrees(output, values, own as readonly TaskTuple[])
    return this.#task.emitter.emit(output, values, own as TaskTuple | null, null)
  }

  #anchors(anchors: Tuple | readonly Tuple[] | undefined): Anchors {
    if (anchors === undefined) return null
    if (!Array.isArray(anchors)) return this.#anchor(anchors as Tuple)
    const list = anchors as readonly Tuple[]
    if (list.length > anchorsMax) {
      throw new StormError(
        'TOO_MANY_ANCHORS',
        `Component '${this.#task.component}' anchored an emit to ${list.length} tuples; at most ${anchorsMax} are allowed.`,
      )
    }
    if (list.length === 0) return null
    if (list.length === 1) return this.#anchor(list[0] as Tuple)
    return Array.from(list, (anchor) => this.#anchor(anchor))
  }

  #anchor(anchor: Tuple): TaskTuple {
    if (!(anchor instanceof TaskTuple)) {
      throw new StormError(
        'BAD_ANCHOR',
        `Component '${this.#task.component}' anchored an emit to ${describeValue(anchor)}; an anchor is a tuple that this task was given.`,
      )
    }
    const tuple = this.#own(anchor, 'anchor')
    if (tuple.state !== TupleState.open) {
      throw new StormError(
        'ANCHOR_ALREADY_DONE',
        `Component '${this.#task.component}' anchored an emit to a tuple from '${tuple.component}' that it has ${tuple.state === TupleState.acked ? 'acked' : 'failed'} already; emit first, then ack.`,
      )
    }
    return tuple
  }

  #own(tuple: Tuple, verb: string): TaskTuple {
    if (tuple instanceof TaskTuple && tuple.lane.destination === this.#task.inbox) return tuple
    throw new StormError(
      'FOREIGN_TUPLE',
      `Component '${this.#task.component}', task ${this.#task.id}, called ${verb} with ${tuple instanceof TaskTuple ? `a tuple that was given to task ${tuple.lane.target}` : describeValue(tuple)}; a task decides only on tuples that it was given.`,
    )
  }
}

/**
 * What a basic bolt emits with: everything is anchored to the tuple being executed. One serves all calls of a bolt that
 * returns before the next call; a call that returns a promise keeps its own until that settles.
 */
export class TaskBasicCollector implements BasicCollector<Streams> {
  /** The tuple being executed; null between calls. */
  tuple: TaskTuple | null = null
  /** Outputs that wait for those of earlier inputs; null: they leave at once. */
  held: TaskTuple[] | null = null
  readonly #task: CollectingTask

  constructor(task: CollectingTask) {
    this.#task = task
  }

  get full(): boolean {
    return this.#task.blockedBy > 0
  }

  drained(): Promise<void> {
    return this.#task.drained()
  }

  emit(values: object): readonly TaskId[] {
    const tuple = this.tuple ?? this.#closed()
    return this.#task.emitter.emit(this.#task.router.default, values, tuple, this.held)
  }

  emitTo(stream: string, values: object): readonly TaskId[] {
    const tuple = this.tuple ?? this.#closed()
    return this.#task.emitter.emit(this.#task.router.stream(stream), values, tuple, this.held)
  }

  emitDirect(task: TaskId, values: object, stream = 'default'): void {
    const tuple = this.tuple ?? this.#closed()
    this.#task.emitter.emitDirect(this.#task.router.stream(stream), task, values, tuple, this.held)
  }

  #closed(): never {
    throw new StormError(
      'TUPLE_CLOSED',
      `Component '${this.#task.component}', task ${this.#task.id}, emitted after its execute was over: the tuple is acked. Return the promise of what still goes on, or use a bolt that acks by itself.`,
    )
  }
}
