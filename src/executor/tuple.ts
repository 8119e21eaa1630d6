import type { Tuple } from '../topology/tuple.js'
import type { InputCounters } from './stats.js'

/** Task number, unique in a topology, from 1. System tuples come from task −1. */
export type TaskId = number

/** Where a lane ends: the inbox of a task in this process, or the link to the worker that has it. */
export interface Destination {
  /**
   * Takes the tuple over. Never refuses for want of room: the bound is kept by holding those who feed it (see `Inbox`).
   * Throws, and has not taken it, when its values cannot be sent to where the task is.
   */
  push(tuple: TaskTuple): void
}

/** Told of each tuple that was taken out of an inbox: how a sender in another worker learns that there is room again. */
export interface LaneCredit {
  consumed(): void
}

/**
 * The way from one stream of a component to one task that reads it, for all tasks of that component in this worker. All
 * that the tuples on it have in common stands here once, so that a tuple itself stays small. It is not by source task:
 * of 128 tasks that feed 128, the lanes would take more memory than a processor's cache has.
 */
export class Lane {
  /** What `emit` answers for a tuple that went this way alone. */
  readonly only: readonly TaskId[]

  constructor(
    readonly component: string,
    readonly stream: string,
    readonly isTick: boolean,
    readonly target: TaskId,
    readonly destination: Destination,
    /** The receiver's counters for this input. */
    readonly input: InputCounters,
    /** Null for a lane that begins in this process: who sends sees the inbox itself. */
    readonly credit: LaneCredit | null = null,
  ) {
    this.only = Object.freeze([target])
  }
}

/** A tuple's way through its task: once acked or failed it stays so. */
export const TupleState = { open: 0, acked: 1, failed: 2 } as const

/** The acker index of a tuple that belongs to no tree. */
export const untracked = -1

/**
 * A tuple at one task, with its place in one tree or several.
 *
 * The *check* of a root is the XOR of the tuple's own edge id and of the edge ids of all tuples emitted so far with this
 * one as an anchor: just what its ack tells the acker. Storm keeps the two halves apart (the edge in the message id,
 * the children in the ack value); only their XOR is ever used.
 */
export class TaskTuple implements Tuple {
  // `declare`: a field that is also defined here would be written twice per tuple.
  declare readonly values: object
  declare readonly lane: Lane
  /** The task that emitted it. */
  declare readonly task: TaskId
  /** Index of the acker that follows the first root; −1: the tuple belongs to no tree. */
  declare acker: number
  declare rootLo: number
  declare rootHi: number
  declare checkLo: number
  declare checkHi: number
  /** Every further root, five numbers each: acker, rootLo, rootHi, checkLo, checkHi. */
  declare more: number[] | null
  declare state: number

  constructor(
    values: object,
    lane: Lane,
    task: TaskId,
    acker: number,
    rootLo: number,
    rootHi: number,
    checkLo: number,
    checkHi: number,
  ) {
    this.values = values
    this.lane = lane
    this.task = task
    this.acker = acker
    this.rootLo = rootLo
    this.rootHi = rootHi
    this.checkLo = checkLo
    this.checkHi = checkHi
    this.more = null
    this.state = TupleState.open
  }

  get component(): string {
    return this.lane.component
  }

  get stream(): string {
    return this.lane.stream
  }

  get isTick(): boolean {
    return this.lane.isTick
  }

  /** What a log or a console shows: the tuple as its user knows it. */
  toJSON(): object {
    const { values, component, stream, task } = this
    return { values, component, stream, task }
  }
}
