import type { Rng } from '../../stdx/rng.js'

/** How long messages take: between `fromMs` and `toMs`, and one in `slowEvery` up to `slowMs`. */
export interface Delays {
  readonly fromMs: number
  readonly toMs: number
  /** 0: none is slow. */
  readonly slowEvery: number
  readonly slowMs: number
  /** How many bytes a millisecond takes; Infinity: any number. */
  readonly bytesPerMs: number
}

/** The way of messages from one machine to another: how fast it is, and whether anything gets through at all. */
export class OneWay {
  delays: Delays = { fromMs: 0.1, toMs: 1, slowEvery: 0, slowMs: 0, bytesPerMs: Infinity }
  readonly #rng: Rng
  #isStalled = false
  #waiting = new Set<() => void>()

  constructor(rng: Rng) {
    this.#rng = rng
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  /** Of the next message, without its bytes. */
  delayMs(): number {
    const { fromMs, toMs, slowEvery, slowMs } = this.delays
    const part = this.#rng.uint32() / 0x1_0000_0000
    if (slowEvery > 0 && this.#rng.below(slowEvery) === 0) return fromMs + part * (slowMs - fromMs)
    return fromMs + part * (toMs - fromMs)
  }

  /** Nothing gets through until `flow`; what is sent waits, as TCP would send it again and again. */
  stall(): void {
    this.#isStalled = true
  }

  flow(): void {
    this.#isStalled = false
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const callback of waiting) callback()
  }

  /** Calls back when something gets through again. Returns the way to call it off. */
  whenFlowing(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }
}
