// Guards: the numbers that a topology shows are those of what happened, per component and stream, and stay as they were read.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, type SpoutCollector } from 'storm-ts'
import { Num, pair, puppet, rich, source, world, type N } from '../local/world.js'

describe('metrics', () => {
  test('counts: per stream and in all, of spouts and bolts, each number once', async () => {
    await using place = world()
    const { clock } = place
    let n = 0
    const builder = new TopologyBuilder('counts')
    const spout = builder.setSpout(
      'source',
      () => ({
        outputs: { default: Num, odd: Num, untracked: Num },
        nextTuple(out: SpoutCollector<{ default: typeof Num; odd: typeof Num; untracked: typeof Num }>) {
          if (n === 60) return out.exhausted()
          if (n % 3 === 0) out.emit({ n }, n)
          else if (n % 3 === 1) out.emitTo('odd', { n }, n)
          else out.emitTo('untracked', { n })
          n++
        },
      }),
      2,
    )
    builder
      .setBolt(
        'middle',
        basicBolt({
          input: Num,
          outputs: { default: Num, odd: Num },
          execute({ values: { n }, stream }, out) {
            if (stream === 'odd') out.emitTo('odd', { n })
            else out.emit({ n })
            if (n % 10 === 0) throw new Error('one in ten')
          },
        }),
        3,
      )
      .shuffleGrouping(spout)
      .shuffleGrouping(spout, 'odd')
      .shuffleGrouping(spout, 'untracked')
    builder
      .setBolt('last', basicBolt({ input: Num, execute() {} }), 2)
      .allGrouping('middle')
      .globalGrouping('middle', 'odd')
    const run = await place.submit(builder.createTopology({ workers: 2 }))
    await clock.until(run.settled())
    const zero = { emitted: 0, transferred: 0, executed: 0, acked: 0, failed: 0 }
    // 0, 10, … 50 throw: 0 and 30 came by default, 10 and 40 by odd, 20 and 50 untracked.
    expect(run.metrics()).toMatchObject({
      pending: 0,
      components: {
        source: {
          isSpout: true,
          emitted: 60,
          transferred: 60,
          executed: 0,
          acked: 36,
          failed: 4,
          streams: {
            default: { ...zero, emitted: 20, transferred: 20, acked: 18, failed: 2 },
            odd: { ...zero, emitted: 20, transferred: 20, acked: 18, failed: 2 },
            untracked: { ...zero, emitted: 20, transferred: 20 },
          },
          misuses: 0,
          lateVerdicts: 0,
        },
        middle: {
          isSpout: false,
          emitted: 60,
          transferred: 100,
          executed: 60,
          acked: 54,
          failed: 6,
          streams: {
            default: { emitted: 40, transferred: 80, executed: 20, acked: 18, failed: 2 },
            odd: { emitted: 20, transferred: 20, executed: 20, acked: 18, failed: 2 },
            untracked: { ...zero, executed: 20, acked: 18, failed: 2 },
          },
        },
        last: { emitted: 0, executed: 100, acked: 100, failed: 0 },
      },
    })
  })

  test('a snapshot: plain data that stays as it was', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 10, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology())
    await clock.advance(10)
    const before = run.metrics()
    expect(before).toMatchObject({ pending: 10, ackers: { executed: 10, roots: 10 } })
    const copy = structuredClone(before)
    for (const tuple of task().tuples) task().out.ack(tuple)
    await clock.until(run.settled())
    expect(before).toEqual(copy)
    expect(JSON.parse(JSON.stringify(before))).toEqual(copy)
    expect(run.metrics()).toMatchObject({ pending: 0, ackers: { executed: 20, roots: 0 } })
    await clock.until(run.kill())
    expect(run.metrics().components['source']).toMatchObject({ acked: 10 })
  })

  test('late verdicts: an ack after the timeout is counted, and nothing else', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 3, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ messageTimeoutMs: 1_000 }))
    await clock.advance(1_200)
    for (const tuple of task().tuples) task().out.ack(tuple)
    await clock.advance(10)
    expect(run.metrics().components['source']).toMatchObject({ acked: 0, failed: 3, lateVerdicts: 3 })
  })

  test('latencies: none without samples, all of them with latencySampleEvery 1, on virtual time', async () => {
    await using place = world()
    const { clock } = place
    const timed = (latencySampleEvery: number) => {
      const from = source({ count: 50, clock })
      const { builder } = pair(
        from.spout,
        rich<N>(async (tuple, out) => {
          await clock.sleep(10 * (1 + (tuple.values.n % 5)))
          out.ack(tuple)
        }),
        `every ${latencySampleEvery}`,
      )
      return builder.createTopology({ latencySampleEvery, maxSpoutPending: 1 })
    }
    const without = await place.submit(timed(1_000))
    await clock.until(without.settled())
    for (const component of Object.values(without.metrics().components)) {
      expect(component.completeLatencyMs ?? component.executeLatencyMs ?? component.processLatencyMs).toBeUndefined()
    }
    const run = await place.submit(timed(1))
    await clock.until(run.settled())
    const { source: spout, sink } = run.metrics().components
    expect(sink!.executeLatencyMs).toMatchObject({ count: 50, max: 0.001 })
    for (const { count, mean, p50, p99, max } of [sink!.processLatencyMs!, spout!.completeLatencyMs!]) {
      expect(count).toBe(50)
      expect(mean).toBeGreaterThan(29)
      expect(mean).toBeLessThan(32)
      expect(p50).toBeGreaterThan(29)
      expect(p50).toBeLessThan(32)
      expect(p99).toBeGreaterThan(49)
      expect(max).toBeLessThan(52)
    }
  })

  test('latencies: of one tree in ten', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 100, clock })
    const { builder } = pair(from.spout, basicBolt({ input: Num, execute() {} }))
    const run = await place.submit(builder.createTopology({ latencySampleEvery: 10, maxSpoutPending: 1 }))
    await clock.until(run.settled())
    const { source: spout, sink } = run.metrics().components
    expect(spout!.completeLatencyMs!.count).toBe(10)
    expect(sink!.executeLatencyMs!.count).toBe(10)
    expect(sink!.processLatencyMs!.count).toBe(10)
  })

  test('latencies: a sampled tree that times out or fails does not end the sampling', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 30, clock })
    const { builder } = pair(
      from.spout,
      rich<N>((tuple, out) => {
        if (tuple.values.n % 3 === 0) out.ack(tuple)
        else if (tuple.values.n % 3 === 1) out.fail(tuple)
      }),
    )
    const run = await place.submit(
      builder.createTopology({ latencySampleEvery: 1, maxSpoutPending: 1, messageTimeoutMs: 100 }),
    )
    await clock.until(run.settled())
    expect(run.metrics().components['source']!.completeLatencyMs!.count).toBe(10)
    expect(run.metrics().components['sink']!.processLatencyMs!.count).toBeGreaterThanOrEqual(10)
  })

  test('user metrics: counters add, gauges hold the last, histograms summarise, over all tasks of a component', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 100, clock })
    const builder = new TopologyBuilder('user')
    const spout = builder.setSpout('source', from.spout)
    builder
      .setBolt(
        'sink',
        basicBolt({
          input: Num,
          create({ metrics }) {
            const seen = metrics.counter('seen')
            const weight = metrics.counter('weight')
            const last = metrics.gauge('last')
            const sizes = metrics.histogram('sizes')
            const odd = metrics.counter('__proto__')
            return ({ values: { n } }) => {
              seen.add()
              weight.add(n)
              last.set(n)
              sizes.record(n)
              odd.add(1)
            }
          },
        }),
        4,
      )
      .shuffleGrouping(spout)
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    const { user } = run.metrics().components['sink']!
    expect(user).toMatchObject({ seen: 100, weight: 4_950, last: 99 })
    expect(Object.entries(user)).toContainEqual(['__proto__', 100])
    expect(user['sizes']).toMatchObject({ count: 100, p50: 49, max: 99 })
    expect(run.metrics().components['source']!.user).toEqual({})
  })

  test('errors(): component, task, message, stack and time', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 2, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        async execute({ values }) {
          await clock.sleep(500)
          if (values.n === 1) throw new RangeError('too far')
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    const startMs = clock.wall()
    await clock.until(run.settled())
    expect(run.errors()).toEqual([
      {
        component: 'sink',
        task: 2,
        message: 'RangeError: too far',
        stack: expect.stringContaining('metrics.test.ts') as string,
        at: expect.any(Number) as number,
      },
    ])
    expect(run.errors()[0]!.at - startMs).toBeGreaterThanOrEqual(1_000)
    expect(run.errors()[0]!.at - startMs).toBeLessThan(1_050)
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk full')
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ] as const)('log: a sink that %s harms nobody', async (_, write) => {
    const { virtualCluster } = await import('storm-ts/testing')
    const { cluster, clock } = virtualCluster({ log: { write: () => write() as unknown as void } })
    const from = source({ count: 20, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        create: ({ log }) => {
          log.info('ready')
          return ({ values }) => {
            log.warn('seen')
            if (values.n % 2 === 0) throw new Error('even')
          }
        },
        outputs: Num,
      }),
    )
    builder.setBolt(
      'unread',
      rich(() => undefined),
    )
    const run = await clock.until(cluster.submit(builder.createTopology()))
    await clock.until(run.settled())
    expect([from.acked().length, from.failed().length, run.errors().length]).toEqual([10, 10, 10])
    await clock.until(cluster.shutdown())
    expect(run.status).toBe('GONE')
  })

  test('log: what a component writes comes with its component and task', async () => {
    const written: unknown[] = []
    const { virtualCluster } = await import('storm-ts/testing')
    const { cluster, clock } = virtualCluster({ log: { write: (...line) => void written.push(line) } })
    const { builder } = pair(
      source({ count: 1 }).spout,
      basicBolt({
        input: Num,
        create: ({ log }) => {
          log.info('ready', { rows: 7, task: 'mine' })
          return () => log.debug('seen')
        },
      }),
    )
    const run = await clock.until(cluster.submit(builder.createTopology()))
    await clock.until(run.settled())
    await clock.until(cluster.shutdown())
    expect(written).toEqual([
      ['info', 'ready', { rows: 7, component: 'sink', task: 2 }],
      ['debug', 'seen', { component: 'sink', task: 2 }],
    ])
  })
})
