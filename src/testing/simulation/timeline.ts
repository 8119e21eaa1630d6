import TinyQueue from 'tinyqueue'

interface Due {
  readonly atMs: number
  /** Order of asking: what is due at one time happens in it. */
  readonly order: number
  readonly run: () => void
  /** Called off, or run. */
  isOff: boolean
}

/** Times are whole multiples of this, so that sums and differences of them are exact whatever their order. */
const quantumMs = 1 / 1_024

/**
 * The one time of a simulated world, and everything that is going to happen in it: a queue of things that are due. What
 * is due at one time happens in the order in which it was asked for, and between any two things all promises are
 * followed as far as they lead, as between two turns of an event loop.
 */
export class Timeline {
  nowMs = 0
  /** How many things have happened. */
  count = 0
  readonly #settled: (callback: () => void) => void
  #order = 0
  #queue = queueOf([])
  /** How many in the queue are called off. */
  #offCount = 0

  /** `settled` calls back when all promises were followed: once, later, and in no time of the world. */
  constructor(settled: (callback: () => void) => void) {
    this.#settled = settled
  }

  /** Has something happen no earlier than so many ms from now. Returns the way to call it off. */
  after(delayMs: number, run: () => void): () => void {
    // Not a number is no time at all, as for a real timer.
    const wholeMs = delayMs > 0 ? Math.ceil(delayMs / quantumMs) * quantumMs : 0
    const due: Due = { atMs: this.nowMs + wholeMs, order: this.#order++, run, isOff: false }
    this.#queue.push(due)
    return () => this.#callOff(due)
  }

  /** Has everything happen that is due until then, or until `isOver` says so. Rejects with what one of them throws. */
  run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        try {
          const due = isOver() ? undefined : this.#take(untilMs)
          if (due === undefined) {
            if (!isOver()) this.nowMs = Math.max(this.nowMs, untilMs)
            resolve()
            return
          }
          this.nowMs = due.atMs
          this.count++
          due.run()
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
          return
        }
        this.#settled(next)
      }
      this.#settled(next)
    })
  }

  #take(untilMs: number): Due | undefined {
    for (let due = this.#queue.peek(); due !== undefined; due = this.#queue.peek()) {
      if (!due.isOff && due.atMs > untilMs) return undefined
      this.#queue.pop()
      if (!due.isOff) {
        due.isOff = true
        return due
      }
      this.#offCount--
    }
    return undefined
  }

  /** What is called off stays where it is in the queue, until most of the queue is such. */
  #callOff(due: Due): void {
    if (due.isOff) return
    due.isOff = true
    if (++this.#offCount < 1_000 || this.#offCount * 2 < this.#queue.length) return
    this.#queue = queueOf(this.#queue.data.filter(({ isOff }) => !isOff))
    this.#offCount = 0
  }
}

function queueOf(due: Due[]): TinyQueue<Due> {
  return new TinyQueue(due, (a, b) => a.atMs - b.atMs || a.order - b.order)
}
