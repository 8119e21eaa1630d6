// Guards: I1, nothing is acked that was not executed; I3, one verdict per attempt; counts that add up; the same run for the same seed.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runPlan, topologyPlan } from './random-topology.js'

const runs = Number(process.env['RANDOM_TOPOLOGIES'] ?? 1_000)

test('random topologies: no false ack, one verdict an attempt, all counted, nothing left over', async () => {
  const totals = { plans: 0, acked: 0, failed: 0, tuples: 0 }
  await fc.assert(
    fc.asyncProperty(topologyPlan, async (plan) => {
      const { wrong, acked, failed, tuples } = await runPlan(plan)
      totals.plans++
      totals.acked += acked
      totals.failed += failed
      totals.tuples += tuples
      expect(wrong).toEqual([])
    }),
    { numRuns: runs, endOnFailure: false },
  )
  console.log(`random topologies: ${JSON.stringify(totals)}`)
  expect(totals.acked).toBeGreaterThan(runs)
  expect(totals.failed).toBeGreaterThan(runs / 2)
  expect(totals.tuples).toBeGreaterThan(20 * runs)
}, 600_000)

test('random topologies: the same seed gives the same events in the same order, at the same times', async () => {
  await fc.assert(
    fc.asyncProperty(topologyPlan, async (plan) => {
      const [first, second] = [await runPlan(plan), await runPlan(plan)]
      expect(second.trace).toEqual(first.trace)
    }),
    { numRuns: Math.ceil(runs / 10) },
  )
}, 600_000)
