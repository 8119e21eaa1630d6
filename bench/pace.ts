import { build } from 'hdr-histogram-js'

/** Tuples that one call of `nextTuple` emits at most when the spout is behind. */
const BURST_MAX = 64
const LATENCY_US_MAX = 60_000_000
/** Shorter latencies are only counted, each microsecond by itself: the histogram would cost a tenth of what it measures. */
const COUNTED_US = 65_536
/** Up to a hundred tuples a second, a spout waits by itself for the next one. */
const WAIT_MS_MIN = 10

export interface LatencyUs {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/**
 * The open loop: tuple n, from 0, is due at t0 + n/rate, whether or not the engine takes it then, and its latency runs
 * from there. So an engine that stands still for a second is charged for every tuple that was due in that second.
 */
export class Pace {
  readonly #msPerTuple: number
  readonly #now: () => number
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  })
  readonly #counts = new Uint32Array(COUNTED_US)
  #startMs = NaN
  #maxUs = 0

  /** `now`: milliseconds with fractions, on a clock that never goes back. */
  constructor(ratePerSecond: number, now: () => number) {
    this.#msPerTuple = 1000 / ratePerSecond
    this.#now = now
  }

  /** How many tuples may be emitted now by a spout that has emitted `emitted`. The first call starts the clock. */
  due(emitted: number): number {
    const nowMs = this.#now()
    if (Number.isNaN(this.#startMs)) this.#startMs = nowMs
    const dueCount = Math.floor((nowMs - this.#startMs) / this.#msPerTuple) + 1
    return Math.min(BURST_MAX, dueCount - emitted)
  }

  /**
   * Milliseconds until the next tuple of a slow loop is due; 0 for a fast one, which a spout has to be asked for all the
   * time. A spout that knows when it will have something says so by a promise, and nobody asks it meanwhile.
   */
  waitMs(emitted: number): number {
    if (this.#msPerTuple < WAIT_MS_MIN) return 0
    return Math.max(0, this.#startMs + emitted * this.#msPerTuple - this.#now())
  }

  /** Tuple n is done. */
  done(n: number): void {
    const latencyUs = Math.round((this.#now() - this.#startMs - n * this.#msPerTuple) * 1000)
    const recordedUs = Math.min(LATENCY_US_MAX, Math.max(1, latencyUs))
    if (recordedUs < COUNTED_US) this.#counts[recordedUs] = (this.#counts[recordedUs] ?? 0) + 1
    else this.#histogram.recordValue(recordedUs)
    if (recordedUs > this.#maxUs) this.#maxUs = recordedUs
  }

  /** Latencies of what was done since the last call. */
  take(): LatencyUs {
    for (const [us, count] of this.#counts.entries()) if (count > 0) this.#histogram.recordValueWithCount(us, count)
    this.#counts.fill(0)
    const maxUs = this.#maxUs
    // A percentile is the upper end of its cell of the histogram, which may lie above all that was recorded.
    const at = (percentile: number) => Math.min(maxUs, this.#histogram.getValueAtPercentile(percentile))
    const latencyUs = { p50: at(50), p99: at(99), p999: at(99.9), max: maxUs }
    this.#histogram.reset()
    this.#maxUs = 0
    return latencyUs
  }
}
