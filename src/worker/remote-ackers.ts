import type { AckTarget, VerdictTarget } from '../executor/ack-target.js'
import type { TaskId } from '../executor/tuple.js'
import type { Outbox } from './outbox.js'

/** An acker of another worker. `index`: its place among the topology's ackers, as tuples carry it. */
export class RemoteAcker implements AckTarget {
  readonly #index: number
  #outbox: Outbox

  constructor(index: number, outbox: Outbox) {
    this.#index = index
    this.#outbox = outbox
  }

  moved(outbox: Outbox): void {
    this.#outbox = outbox
  }

  init(rootLo: number, rootHi: number, checkLo: number, checkHi: number, spoutTask: TaskId, pendingSlot: number): void {
    this.#outbox.acks.init(this.#index, rootLo, rootHi, checkLo, checkHi, spoutTask, pendingSlot)
  }

  ack(rootLo: number, rootHi: number, checkLo: number, checkHi: number): void {
    this.#outbox.acks.ack(this.#index, rootLo, rootHi, checkLo, checkHi)
  }

  fail(rootLo: number, rootHi: number, reason: number): void {
    this.#outbox.acks.fail(this.#index, rootLo, rootHi, reason)
  }

  resetTimeout(rootLo: number, rootHi: number): void {
    this.#outbox.acks.resetTimeout(this.#index, rootLo, rootHi)
  }
}

/** A spout task of another worker. */
export class RemoteSpout implements VerdictTarget {
  readonly #task: TaskId
  #outbox: Outbox

  constructor(task: TaskId, outbox: Outbox) {
    this.#task = task
    this.#outbox = outbox
  }

  moved(outbox: Outbox): void {
    this.#outbox = outbox
  }

  verdict(pendingSlot: number, rootLo: number, rootHi: number, reason: number): void {
    this.#outbox.acks.verdict(this.#task, pendingSlot, rootLo, rootHi, reason)
  }

  timeoutReset(pendingSlot: number, rootLo: number, rootHi: number): void {
    this.#outbox.acks.timeoutReset(this.#task, pendingSlot, rootLo, rootHi)
  }
}
