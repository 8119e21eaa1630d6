import type { AckTarget, VerdictTarget } from '../executor/ack-target.js'
import { rootWidth } from '../executor/anchors.js'
import { Lane, TaskTuple, untracked, type TaskId } from '../executor/tuple.js'
import type { AckSink } from '../wire/ack-codec.js'
import { ReceiveCredit } from '../wire/credits.js'
import type { WireStream } from '../wire/streams.js'
import type { TupleSink } from '../wire/tuple-codec.js'
import type { Transfer } from './transfer.js'

/** Reasons of a fail are numbered from 1. */
const reasonMax = 15

/** What a worker knows of its topology before anything comes in. */
export interface KnownTasks {
  readonly streams: readonly WireStream[]
  /** The tasks of the topology's ackers, in the order in which tuples name them. */
  readonly ackers: readonly TaskId[]
  /** Tasks are numbered from 1. */
  readonly taskCount: number
}

/**
 * What comes from one other worker, handed to the tasks here. What is for a task that is not here, or speaks of what
 * cannot be, is counted and dropped: the peer is behind with its assignment, or damaged, and the trees concerned time out.
 */
export class Inbound implements TupleSink, AckSink {
  /** Tuples, ack tuples and verdicts for tasks that are not here, or that make no sense. */
  misdirected = 0
  readonly #transfer: Transfer
  readonly #streams: readonly WireStream[]
  readonly #ackers: readonly TaskId[]
  readonly #taskCount: number
  readonly #grant: (task: TaskId, total: number) => void
  /** By target task, then by number of stream. */
  readonly #lanes: ((Lane | undefined)[] | undefined)[] = []
  /** Tuples of one lane mostly come in a row. */
  #lastLane: Lane | undefined
  #lastStream = -1
  readonly #credits = new Map<TaskId, ReceiveCredit>()

  constructor(
    transfer: Transfer,
    { streams, ackers, taskCount }: KnownTasks,
    grant: (task: TaskId, total: number) => void,
  ) {
    this.#transfer = transfer
    this.#ackers = ackers
    this.#taskCount = taskCount
    this.#streams = streams
    this.#grant = grant
  }

  /** The link has begun anew: what waits of before grants nothing any more. */
  restart(): void {
    for (const credit of this.#credits.values()) credit.restart()
  }

  tuple(
    sourceTask: TaskId,
    stream: number,
    targetTask: TaskId,
    values: object,
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    more: number[] | null,
  ): void {
    if (!this.#isTask(sourceTask) || !this.#areAckers(acker, more)) {
      this.misdirected++
      return
    }
    let lane = this.#lastLane
    if (targetTask !== lane?.target || stream !== this.#lastStream) {
      lane = this.#lanes[targetTask]?.[stream] ?? this.#open(stream, targetTask)
      if (lane === undefined) {
        this.misdirected++
        return
      }
      this.#lastLane = lane
      this.#lastStream = stream
    }
    const tuple = new TaskTuple(values, lane, sourceTask, acker, rootLo, rootHi, checkLo, checkHi)
    tuple.more = more
    ;(lane.credit as ReceiveCredit).received()
    lane.destination.push(tuple)
  }

  init(
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
    spoutTask: TaskId,
    pendingSlot: number,
  ): void {
    // The ledger takes its word for it.
    if (!this.#isTask(spoutTask)) this.misdirected++
    else this.#acker(acker)?.init(rootLo, rootHi, checkLo, checkHi, spoutTask, pendingSlot)
  }

  ack(acker: number, rootLo: number, rootHi: number, checkLo: number, checkHi: number): void {
    this.#acker(acker)?.ack(rootLo, rootHi, checkLo, checkHi)
  }

  fail(acker: number, rootLo: number, rootHi: number, reason: number): void {
    if (reason < 1 || reason > reasonMax) this.misdirected++
    else this.#acker(acker)?.fail(rootLo, rootHi, reason)
  }

  resetTimeout(acker: number, rootLo: number, rootHi: number): void {
    this.#acker(acker)?.resetTimeout(rootLo, rootHi)
  }

  verdict(spoutTask: TaskId, pendingSlot: number, rootLo: number, rootHi: number, reason: number): void {
    this.#spout(spoutTask)?.verdict(pendingSlot, rootLo, rootHi, reason)
  }

  timeoutReset(spoutTask: TaskId, pendingSlot: number, rootLo: number, rootHi: number): void {
    this.#spout(spoutTask)?.timeoutReset(pendingSlot, rootLo, rootHi)
  }

  /** −1: the tuple belongs to no tree. */
  #areAckers(acker: number, more: readonly number[] | null): boolean {
    const count = this.#ackers.length
    if (acker < untracked || acker >= count) return false
    if (more === null) return true
    for (let i = 0; i < more.length; i += rootWidth)
      if ((more[i] as number) < 0 || (more[i] as number) >= count) return false
    return true
  }

  #isTask(task: TaskId): boolean {
    return task >= 1 && task <= this.#taskCount
  }

  #acker(index: number): AckTarget | undefined {
    const acker = this.#transfer.localAcker(this.#ackers[index] ?? -1)
    if (acker === undefined) this.misdirected++
    return acker
  }

  #spout(task: TaskId): VerdictTarget | undefined {
    const spout = this.#transfer.localSpout(task)
    if (spout === undefined) this.misdirected++
    return spout
  }

  #open(number: number, targetTask: TaskId): Lane | undefined {
    const bolt = this.#transfer.localBolt(targetTask)
    const stream = this.#streams[number]
    if (bolt === undefined || stream === undefined) return undefined
    const input = bolt.input(stream.component, stream.stream)
    const lane = new Lane(
      stream.component,
      stream.stream,
      false,
      targetTask,
      bolt.inbox,
      input,
      this.#credit(targetTask, bolt.inboxLimit),
    )
    const lanes = (this.#lanes[targetTask] ??= new Array<Lane | undefined>(this.#streams.length).fill(undefined))
    lanes[number] = lane
    return lane
  }

  #credit(task: TaskId, inboxLimit: number): ReceiveCredit {
    let credit = this.#credits.get(task)
    if (credit === undefined) {
      credit = new ReceiveCredit(inboxLimit, (total) => this.#grant(task, total))
      this.#credits.set(task, credit)
    }
    return credit
  }
}
