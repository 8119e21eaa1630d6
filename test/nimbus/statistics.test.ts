// Guards: "counts of windows and of all time, from heartbeats that are lost, told twice, or of a process that is new".
import { describe, expect, test } from 'vitest'
import {
  latencyBucketCount,
  latencyBucketOf,
  latencyBucketTopMs,
  latencyQuantileMs,
} from '../../src/stdx/latency-buckets.js'
import type { ComponentSnapshot } from '../../src/cluster/records.js'
import { Rolling } from '../../src/nimbus/rolling.js'
import { TopologyStatistics, type StatisticsWindow } from '../../src/nimbus/statistics.js'

const told = (emitted: number, stream = 'default'): ComponentSnapshot[] => [
  { component: 'spout', outputs: [{ stream, emitted, transferred: emitted, acked: 0, failed: 0 }], inputs: [] },
]
const emitted = (statistics: TopologyStatistics, window: StatisticsWindow, nowMs: number) =>
  statistics.over(window, nowMs)[0]!.outputs.reduce((sum, output) => sum + output.emitted, 0)

const minute = 60_000
const young = { incarnation: 1, isOld: false }

describe('rolling', () => {
  test('windows: what is older than one leaves it, by a twentieth at a time', () => {
    const rolling = new Rolling(2)
    rolling.add([1, 10], 0)
    rolling.add([2, 20], 5 * minute)
    expect(rolling.sums(600, 5 * minute)).toEqual([3, 30])
    expect(rolling.sums(600, 10 * minute)).toEqual([2, 20])
    expect(rolling.sums(600, 15 * minute)).toEqual([0, 0])
    expect(rolling.sums(10_800, 15 * minute)).toEqual([3, 30])
    expect(rolling.sums(86_400, 23 * 60 * minute)).toEqual([3, 30])
    expect(rolling.sums(86_400, 25 * 60 * minute)).toEqual([0, 0])
    rolling.add([4, 40], 100 * 60 * minute)
    expect(rolling.sums(600, 100 * 60 * minute)).toEqual([4, 40])
  })
})

describe('statistics', () => {
  test('heartbeats: lost or repeated ones change nothing', () => {
    const statistics = new TopologyStatistics(['spout'])
    for (const count of [10, 10, 30]) statistics.record('s:1', young, told(count), minute)
    statistics.record('s:2', young, told(5), minute)
    expect(emitted(statistics, 600, minute)).toBe(35)
    expect(emitted(statistics, 'all-time', minute)).toBe(35)
  })

  test('processes: a new one begins anew, and what the old one did stays', () => {
    const statistics = new TopologyStatistics(['spout'])
    statistics.record('s:1', young, told(100), 0)
    statistics.record('s:1', { incarnation: 2, isOld: false }, told(7), minute)
    expect(emitted(statistics, 'all-time', minute)).toBe(107)
    expect(emitted(statistics, 600, minute)).toBe(107)
    statistics.retire('s:1')
    expect(emitted(statistics, 'all-time', minute)).toBe(107)
  })

  test('old processes: what they did before anybody listened is of all time, not of the last minutes', () => {
    const statistics = new TopologyStatistics(['spout'])
    statistics.record('s:1', { incarnation: 1, isOld: true }, told(1_000), 0)
    statistics.record('s:1', { incarnation: 1, isOld: true }, told(1_003), 0)
    expect(emitted(statistics, 600, 0)).toBe(3)
    expect(emitted(statistics, 'all-time', 0)).toBe(1_003)
  })

  test('bounded: strangers and streams without end are left out', () => {
    const statistics = new TopologyStatistics(['spout'])
    statistics.record('s:1', young, [{ component: 'stranger', outputs: [], inputs: [] }], 0)
    for (let i = 0; i < 10_000; i++) statistics.record('s:1', young, told(1, `stream${i}`), 0)
    expect(statistics.over('all-time', 0)).toHaveLength(1)
    expect(statistics.over('all-time', 0)[0]!.outputs).toHaveLength(500)
  })

  test('never below zero: a count that goes back is a mistake of the peer', () => {
    const statistics = new TopologyStatistics(['spout'])
    for (const count of [10, 5, 6]) statistics.record('s:1', young, told(count), 0)
    expect(emitted(statistics, 600, 0)).toBe(11)
  })
})

describe('latency', () => {
  test('buckets: each latency is in the one whose top is just above', () => {
    for (const ms of [0.0001, 0.001, 0.0011, 0.5, 1, 43.7, 1_000, 600_000]) {
      const bucket = latencyBucketOf(ms)
      expect(latencyBucketTopMs(bucket)).toBeGreaterThanOrEqual(ms * 0.999_999)
      if (bucket > 0) expect(latencyBucketTopMs(bucket - 1)).toBeLessThan(ms)
    }
    expect(latencyBucketOf(1e12)).toBe(latencyBucketCount - 1)
  })

  test('quantiles: too high by less than half; none without samples', () => {
    const buckets = Array.from({ length: latencyBucketCount }, () => 0)
    for (let ms = 1; ms <= 100; ms++) buckets[latencyBucketOf(ms)]!++
    for (const share of [0.5, 0.9, 0.99]) {
      const told = latencyQuantileMs(buckets, share)!
      expect(told / (100 * share)).toBeGreaterThan(0.99)
      expect(told / (100 * share)).toBeLessThan(Math.SQRT2)
    }
    expect(latencyQuantileMs([], 0.5)).toBeUndefined()
    expect(latencyQuantileMs([0, 0], 0.5)).toBeUndefined()
  })
})
