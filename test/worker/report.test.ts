// Guards: what a heartbeat tells of a worker's components is what they did, with latencies from which percentiles follow.
import { expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, listSpout, stream, t } from 'storm-ts'
import { virtualCluster } from 'storm-ts/testing'
import { UserMetrics } from '../../src/executor/task-context.js'
import type { LocalTopology } from '../../src/local/running-topology.js'
import { latencyQuantileMs } from '../../src/stdx/latency-buckets.js'
import { componentSnapshots } from '../../src/worker/report.js'

const Num = stream({ n: t.number })

test('report: counts, and latencies by bucket, of all tasks of a component', async () => {
  const { cluster, clock } = virtualCluster()
  // Of a hundred tuples, two take a second, and all others 20 ms.
  const slow = basicBolt({ input: Num, execute: ({ values: { n } }) => clock.sleep(n % 50 === 0 ? 1_000 : 20) })
  const builder = new TopologyBuilder('slow')
  const numbers = builder.setSpout(
    'numbers',
    listSpout(
      Num,
      Array.from({ length: 100 }, (_, n) => ({ n })),
    ),
  )
  builder.setBolt('slow', slow, 2).tasks(4).shuffleGrouping(numbers)
  const running = await clock.until(cluster.submit(builder.createTopology({ latencySampleEvery: 1 })))
  await clock.until(running.settled())

  const [worker] = (running as LocalTopology).workers
  const [spout, bolt] = componentSnapshots(worker!, () => new UserMetrics())
  expect(spout).toMatchObject({ component: 'numbers', outputs: [{ stream: 'default', emitted: 100, acked: 100 }] })
  expect(bolt).toMatchObject({ component: 'slow', inputs: [{ component: 'numbers', executed: 100, acked: 100 }] })
  const { count, buckets = [] } = bolt?.processLatency ?? { count: 0 }
  expect(count).toBeGreaterThan(0)
  expect(buckets.reduce((sum, one) => sum + one, 0)).toBe(count)
  const at = (share: number) => latencyQuantileMs(buckets, share) ?? NaN
  expect(at(0.5)).toBeGreaterThanOrEqual(20)
  expect(at(0.5)).toBeLessThan(20 * 1.42)
  expect(at(1)).toBeGreaterThanOrEqual(1_000)
  expect(buckets.at(-1)).toBeGreaterThan(0)
  expect(buckets.length).toBeLessThan(62)
  await clock.until(cluster.shutdown())
})
