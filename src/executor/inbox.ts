import { Ring } from '../stdx/ring.js'
import { Gate } from './gate.js'
import type { Scheduler, Steppable } from './step.js'
import type { Destination, TaskTuple } from './tuple.js'

/**
 * The tuples that wait for one task, in order of arrival.
 *
 * Nothing is refused or dropped here: user code that is in the middle of `execute` cannot be stopped, and half an emit
 * would break its tree. Instead, an inbox over its limit *holds* the tasks that feed it: they are not stepped until it
 * is half empty. So it overshoots by what one call of `execute` or `nextTuple` emits, and by nothing else.
 */
export class Inbox implements Destination {
  /** Closed while the inbox is full. */
  readonly gate = new Gate()
  private readonly waiting = new Ring<TaskTuple>()
  private readonly limit: number
  private readonly scheduler: Scheduler
  private readonly reader: Steppable

  constructor(limit: number, scheduler: Scheduler, reader: Steppable) {
    this.limit = limit
    this.scheduler = scheduler
    this.reader = reader
  }

  get size(): number {
    return this.waiting.size
  }

  push(tuple: TaskTuple): void {
    this.waiting.push(tuple)
    if (this.waiting.size >= this.limit && !this.gate.isFull) this.gate.close()
    if (!this.reader.queued) this.scheduler.enqueue(this.reader)
  }

  shift(): TaskTuple | undefined {
    const tuple = this.waiting.shift()
    if (this.gate.isFull && this.waiting.size <= this.limit >> 1) this.gate.open()
    return tuple
  }
}
