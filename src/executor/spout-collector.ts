import type { IdGenerator } from '../acker/ids.js'
import type { SpoutPending } from '../acker/pending.js'
import { StormError } from '../errors.js'
import { Ring } from '../stdx/ring.js'
import { describeValue } from '../stdx/describe-error.js'
import type { SpoutCollector } from '../topology/component.js'
import type { Streams } from '../topology/stream.js'
import type { AckTarget } from './ack-target.js'
import { looseTuple } from './anchors.js'
import { targetsOf, type OutputStream, type Router } from './router.js'
import type { Scheduler } from './step.js'
import type { TaskHooks } from './task-hooks.js'
import { TaskTuple, type Lane, type TaskId } from './tuple.js'

/** How the trees of a spout task are followed; null where they are not (`ackers: 0`). */
export interface Tracking {
  readonly ids: IdGenerator
  /** Index of the acker, as tuples carry it. */
  readonly acker: number
  readonly ackers: readonly AckTarget[]
}

export interface SpoutCollectorParts {
  readonly task: TaskId
  readonly router: Router
  readonly pending: SpoutPending<unknown>
  readonly tracking: Tracking | null
  readonly hooks: TaskHooks
  readonly scheduler: Scheduler
  /** One tree in so many has its latency measured. */
  readonly sampleEvery: number
}

/**
 * What a spout emits with. A tuple's walk begins here: choose the tasks, mint a root id for the tree and an edge id for
 * each task, remember the message id, send the tuples, tell the acker.
 */
export class TaskSpoutCollector implements SpoutCollector<Streams, unknown> {
  readonly #task: TaskId
  readonly #router: Router
  readonly #pending: SpoutPending<unknown>
  readonly #tracking: Tracking | null
  readonly #hooks: TaskHooks
  readonly #scheduler: Scheduler
  readonly #lanes: Lane[] = []
  /** Message ids that are done as soon as emitted, since nobody follows trees here. */
  readonly doneIds = new Ring<unknown>()
  readonly doneStreams = new Ring<OutputStream>()
  /** The stream on which the tree in each slot of `pending` began. */
  readonly streamBySlot: (OutputStream | undefined)[] = []
  /** Tuples emitted; a step compares it to see whether `nextTuple` did anything. */
  emits = 0
  /** Has the task asked again although it is exhausted: for a spout that is fed from outside. Set by the task. */
  wake = () => {}
  /** Within a step of its task, which looks after what is emitted when it ends. */
  isStepped = false
  /** Called for what is emitted between steps, by a promise of `nextTuple`: has the task stepped. Set by the task. */
  emittedBetween = () => {}
  saysExhausted = false
  /** Trees begun since the last one whose latency was measured. */
  sinceSample = 0
  readonly #sampleEvery: number
  /** The tree being measured, by its slot and root, and when it began; −1: none. */
  sampleSlot = -1
  sampleLo = 0
  sampleHi = 0
  sampleAtMs = 0

  constructor(parts: SpoutCollectorParts) {
    this.#task = parts.task
    this.#router = parts.router
    this.#pending = parts.pending
    this.#tracking = parts.tracking
    this.#hooks = parts.hooks
    this.#scheduler = parts.scheduler
    this.#sampleEvery = parts.sampleEvery
  }

  get pending(): number {
    return this.#pending.size
  }

  emit(values: object, id?: unknown): readonly TaskId[] {
    return this.#emit(this.#router.default, values, id)
  }

  emitTo(stream: string, values: object, id?: unknown): readonly TaskId[] {
    return this.#emit(this.#router.stream(stream), values, id)
  }

  emitDirect(task: TaskId, values: object, id?: unknown, stream = 'default'): void {
    const output = this.#router.stream(stream)
    output.check(values)
    this.#lanes.length = 0
    this.#lanes.push(output.directLane(task))
    this.#send(output, values, id)
  }

  exhausted(): void {
    this.saysExhausted = true
  }

  #emit(stream: OutputStream, values: object, id: unknown): readonly TaskId[] {
    stream.check(values)
    if (stream.one === null || stream.route === null || this.#hooks.any) {
      this.#lanes.length = 0
      stream.select(values, this.#lanes)
      return this.#send(stream, values, id)
    }
    const lane = stream.route.lane(stream.one.choose(values))
    if (id === undefined || id === null || this.#tracking === null) {
      this.#count(stream, 1)
      lane.destination.push(looseTuple(values, lane, this.#task))
      if (id !== undefined && id !== null) this.#done(stream, id)
      return lane.only
    }
    const { ids, acker, ackers } = this.#tracking
    ids.next()
    const rootLo = ids.lo
    const rootHi = ids.hi
    const slot = this.#remember(stream, rootLo, rootHi, id)
    ids.next()
    const { lo, hi } = ids
    try {
      lane.destination.push(new TaskTuple(values, lane, this.#task, acker, rootLo, rootHi, lo, hi))
    } catch (thrown) {
      this.#pending.take(slot, rootLo, rootHi)
      throw thrown
    }
    this.#count(stream, 1)
    ackers[acker]!.init(rootLo, rootHi, lo, hi, this.#task, slot)
    return lane.only
  }

  /** Sends along every lane of `#lanes`: the general case. */
  #send(stream: OutputStream, values: object, id: unknown): readonly TaskId[] {
    const lanes = this.#lanes
    const tasks = targetsOf(lanes)
    if (id === undefined || id === null || this.#tracking === null) {
      this.#count(stream, lanes.length)
      for (const lane of lanes) lane.destination.push(looseTuple(values, lane, this.#task))
      if (id !== undefined && id !== null) this.#done(stream, id)
    } else {
      const { ids, acker, ackers } = this.#tracking
      ids.next()
      const rootLo = ids.lo
      const rootHi = ids.hi
      const slot = this.#remember(stream, rootLo, rootHi, id)
      let checkLo = 0
      let checkHi = 0
      try {
        for (const lane of lanes) {
          ids.next()
          lane.destination.push(new TaskTuple(values, lane, this.#task, acker, rootLo, rootHi, ids.lo, ids.hi))
          checkLo ^= ids.lo
          checkHi ^= ids.hi
        }
      } catch (thrown) {
        // What is sent already belongs to a tree that nobody asks about: its acks find no owner and are forgotten.
        this.#pending.take(slot, rootLo, rootHi)
        throw thrown
      }
      this.#count(stream, lanes.length)
      // Without a lane the check is zero, and the acker says at once that the tree is done.
      ackers[acker]!.init(rootLo, rootHi, checkLo, checkHi, this.#task, slot)
    }
    if (this.#hooks.any) this.#hooks.emit({ task: this.#task, stream: stream.id, values, tasks })
    return tasks
  }

  #remember(stream: OutputStream, rootLo: number, rootHi: number, id: unknown): number {
    const slot = this.#pending.add(rootLo, rootHi, id)
    if (slot < 0) {
      throw new StormError(
        'DUPLICATE_MESSAGE_ID',
        `Component '${stream.component}' emitted message id ${describeValue(id)} again while it is pending; wait for its ack or fail, or use another id.`,
      )
    }
    this.streamBySlot[slot] = stream
    if (!this.isStepped) this.emittedBetween()
    if (++this.sinceSample >= this.#sampleEvery && this.sampleSlot < 0) {
      this.sinceSample = 0
      this.sampleSlot = slot
      this.sampleLo = rootLo
      this.sampleHi = rootHi
      this.sampleAtMs = this.#scheduler.now()
    }
    return slot
  }

  #done(stream: OutputStream, id: unknown): void {
    this.doneIds.push(id)
    this.doneStreams.push(stream)
    if (!this.isStepped) this.emittedBetween()
  }

  #count(stream: OutputStream, targets: number): void {
    this.emits++
    stream.emitted++
    stream.transferred += targets
  }
}
