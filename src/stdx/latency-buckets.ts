/**
 * Latencies as counts in fixed buckets, so that those of many workers and times can be added and subtracted. Bucket `i`
 * holds what is longer than `2^((i − 1)/2)` µs and no longer than `2^(i/2)` µs: a percentile read from it is too high by
 * 41 % at most. The last one also holds what is longer than all (17 minutes).
 */
export const latencyBucketCount = 61

export function latencyBucketOf(ms: number): number {
  if (ms <= 0.001) return 0
  return Math.min(latencyBucketCount - 1, Math.ceil(2 * Math.log2(ms * 1_000)))
}

/** The longest latency of a bucket, in ms. */
export function latencyBucketTopMs(index: number): number {
  return 2 ** (index / 2) / 1_000
}

/** The latency that the share `quantile` (0 to 1) of all samples does not exceed; undefined without samples. */
export function latencyQuantileMs(buckets: readonly number[], quantile: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let seen = 0
  const index = buckets.findIndex((count) => (seen += count) >= quantile * total && seen > 0)
  return latencyBucketTopMs(index < 0 ? buckets.length - 1 : index)
}
