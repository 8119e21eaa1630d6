import { build, type Histogram } from 'hdr-histogram-js'
import { latencyBucketCount, latencyBucketOf } from '../stdx/latency-buckets.js'

/** What a task counts of the tuples it reads from one stream of one component. */
export class InputCounters {
  executed = 0
  acked = 0
  failed = 0

  constructor(
    readonly component: string,
    readonly stream: string,
  ) {}
}

/** The counts of one stream, or of a component over all its streams. Whole numbers since the task was made. */
export interface Counts {
  emitted: number
  transferred: number
  executed: number
  acked: number
  failed: number
}

/** Of a sampled latency, in milliseconds. */
export interface LatencySummary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function noCounts(): Counts {
  return { emitted: 0, transferred: 0, executed: 0, acked: 0, failed: 0 }
}

/**
 * Latencies of the sampled tuples of a task: made on the first sample, as most tasks of a small test never have one.
 * Kept in microseconds, 1 µs to 10 minutes, two digits; mergeable. Kept again in the few buckets that a heartbeat tells.
 */
export class LatencyRecorder {
  #histogram: Histogram | undefined
  #buckets: Float64Array | undefined

  record(ms: number): void {
    this.#histogram ??= emptyHistogram()
    this.#histogram.recordValue(Math.min(Math.max(1, Math.round(ms * 1_000)), 600_000_000))
    this.#buckets ??= new Float64Array(latencyBucketCount)
    this.#buckets[latencyBucketOf(ms)]! += 1
  }

  addBucketsTo(sum: Float64Array): void {
    this.#buckets?.forEach((count, bucket) => (sum[bucket]! += count))
  }

  addTo(sum: Histogram): void {
    if (this.#histogram !== undefined) sum.add(this.#histogram)
  }
}

/** One summary of the recorders of many tasks; undefined where none of them has a sample. */
export function summarise(recorders: Iterable<LatencyRecorder>): LatencySummary | undefined {
  const sum = emptyHistogram()
  for (const recorder of recorders) recorder.addTo(sum)
  if (sum.totalCount === 0) return undefined
  const ms = (us: number) => us / 1_000
  return {
    count: sum.totalCount,
    mean: ms(sum.mean),
    p50: ms(sum.getValueAtPercentile(50)),
    p99: ms(sum.getValueAtPercentile(99)),
    max: ms(sum.maxValue),
  }
}

/** Samples of many tasks by bucket of `latencyBucketOf`, up to the last one that has any. */
export function bucketsOf(recorders: Iterable<LatencyRecorder>): number[] {
  const sum = new Float64Array(latencyBucketCount)
  for (const recorder of recorders) recorder.addBucketsTo(sum)
  return [...sum.subarray(0, sum.findLastIndex((count) => count > 0) + 1)]
}

function emptyHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 2,
    bitBucketSize: 32,
  })
}
