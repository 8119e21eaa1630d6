import TinyQueue from 'tinyqueue'
import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { describeValue } from '../stdx/describe-error.js'
import { systemClock } from '../stdx/system-clock.js'

interface Due {
  readonly atMs: number
  /** Order of asking: what is due at one time happens in it. */
  readonly order: number
  callback: () => void
  /** Called off, or run. */
  isOff: boolean
}

/** Waits of a millisecond for real I/O when nothing is due on virtual time. */
const realWaitsMax = 10_000

/** A leap of virtual time over more than this is taken only when no real I/O has anything to say. */
const longLeapMs = 1_000

/**
 * A clock that stands still until it is moved: an hour passes in the time that the work of that hour takes. It starts at
 * 0; what runs on it begins to run when it is moved for the first time, even by 0.
 */
export class VirtualClock implements Clock {
  #nowMs = 0
  #order = 0
  #due = queueOf([])
  /** How many in the queue are called off. */
  #offCount = 0
  /** Moves asked for, one after another. */
  #moving: Promise<void> = Promise.resolve()
  readonly #real = systemClock()

  now(): number {
    return this.#nowMs
  }

  /** The same as `now`: virtual time begins with 1970. */
  wall(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    // Not a number is no time at all, as for a real timer.
    const atMs = this.#nowMs + (delayMs > 0 ? delayMs : 0)
    const due: Due = { atMs, order: this.#order++, callback, isOff: false }
    this.#due.push(due)
    return () => this.#callOff(due)
  }

  soon(callback: () => void): void {
    this.after(0, callback)
  }

  yield(callback: () => void): void {
    this.after(1, callback)
  }

  /** Resolves when so many virtual milliseconds have passed: for a component of a test that takes its time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Runs everything that is due, in order, until so many ms later. Promises of what runs are awaited in between. */
  advance(ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) {
      const message = `advance got ${describeValue(ms)}; milliseconds from 0 are expected.`
      return Promise.reject(new StormError('INVALID_CONFIG', message))
    }
    return this.#move(async () => {
      const untilMs = this.#nowMs + ms
      while (await this.#runNext(untilMs));
      this.#nowMs = untilMs
    })
  }

  /**
   * Moves on until `promise` has settled, and returns or throws what it came to. NOT_SETTLED when that takes longer than
   * `limitMs` of virtual time, 5 minutes unless told otherwise, or when nothing is left that could happen. Real I/O may
   * be going on then, such as the loading of a module: it is given 10 s.
   */
  async until<T>(promise: Promise<T>, limitMs = 300_000): Promise<T> {
    const waited = { isSettled: false }
    const settled = () => {
      waited.isSettled = true
    }
    promise.then(settled, settled)
    await this.#move(async () => {
      const untilMs = this.#nowMs + limitMs
      let realWaits = 0
      while (!waited.isSettled) {
        if (await this.#runNext(untilMs)) continue
        if (waited.isSettled) break
        if (this.#due.length > 0 || realWaits++ === realWaitsMax) {
          throw new StormError(
            'NOT_SETTLED',
            `What was waited for has not come about after ${limitMs} ms of virtual time.`,
          )
        }
        await new Promise<void>((resolve) => this.#real.after(1, resolve))
      }
    })
    return promise
  }

  /** What is called off stays where it is in the queue, until most of the queue is such. */
  #callOff(due: Due): void {
    if (due.isOff) return
    due.isOff = true
    // It may hold on to a whole topology.
    due.callback = () => {}
    if (++this.#offCount < 1_000 || this.#offCount * 2 < this.#due.length) return
    this.#due = queueOf(this.#due.data.filter(({ isOff }) => !isOff))
    this.#offCount = 0
  }

  #move(moving: () => Promise<void>): Promise<void> {
    const moved = this.#moving.then(moving)
    this.#moving = moved.catch(() => undefined)
    return moved
  }

  /** Runs the next thing that is due, if it is due by then; false when there is none. */
  async #runNext(untilMs: number): Promise<boolean> {
    await new Promise<void>((resolve) => this.#real.soon(resolve))
    let next = this.#due.peek()
    while (next?.isOff === true) {
      this.#due.pop()
      this.#offCount--
      next = this.#due.peek()
    }
    if (next === undefined || next.atMs > untilMs) return false
    if (next.atMs - this.#nowMs > longLeapMs) {
      // Nothing happens for long, perhaps because real I/O is being waited for: it gets a moment before time runs away.
      const before = this.#order
      await new Promise<void>((resolve) => this.#real.after(2, resolve))
      if (this.#order !== before) return this.#runNext(untilMs)
    }
    this.#due.pop()
    next.isOff = true
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    next.callback()
    return true
  }
}

function queueOf(due: Due[]): TinyQueue<Due> {
  return new TinyQueue(due, (a, b) => a.atMs - b.atMs || a.order - b.order)
}
