// Latency runs from when a tuple was due, so an engine that stands still is charged for what it held up.
import { expect, test } from 'vitest'
import { Pace } from '../../bench/pace.js'

function paced(rate: number) {
  let nowMs = 5_000
  const pace = new Pace(rate, () => nowMs)
  return { pace, pass: (ms: number) => void (nowMs += ms) }
}

test('bench: pace: tuple n is due at t0 + n/rate', () => {
  const { pace, pass } = paced(100)
  expect(pace.due(0)).toBe(1)
  expect(pace.due(1)).toBe(0)
  pass(9)
  expect(pace.due(1)).toBe(0)
  pass(1)
  expect(pace.due(1)).toBe(1)
  pass(30)
  expect(pace.due(2)).toBe(3)
})

test('bench: pace: a spout far behind emits in bursts', () => {
  const { pace, pass } = paced(1_000)
  pace.due(0)
  pass(10_000)
  expect(pace.due(0)).toBe(64)
})

test('bench: pace: latency counts from the due time of a late emit', () => {
  const { pace, pass } = paced(1_000)
  pace.due(0)
  pass(2)
  pace.done(0)
  pace.done(1)
  expect(pace.take()).toEqual({ p50: 1_000, p99: 2_000, p999: 2_000, max: 2_000 })
  pass(100_000)
  pace.done(3)
  const { p50, max } = pace.take()
  expect(max).toBeGreaterThan(59_000_000)
  expect(p50).toBe(max)
})
