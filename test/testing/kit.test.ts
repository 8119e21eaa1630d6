// Guards: the testing kit shows what a topology did, divides mocked input, and ends what it began.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, listSpout, stream, t, type SpoutCollector } from 'storm-ts'
import { capture, completeTopology, feeder, trackedWait } from 'storm-ts/testing'
import { Num, pair, puppet, world, type N } from '../local/world.js'

const double = basicBolt({
  input: Num,
  outputs: { default: Num, odd: Num },
  execute({ values: { n } }, out) {
    if (n % 2 === 0) out.emit({ n: 2 * n })
    else out.emitTo('odd', { n })
  },
})

describe('testing: completeTopology', () => {
  test('mocked spouts with several tasks: each value once, ids are positions, order is kept per task', async () => {
    const builder = new TopologyBuilder('mocked')
    const spout = builder.setSpout('numbers', listSpout(Num, []), 3)
    builder.setBolt('double', double, 2).shuffleGrouping(spout)
    const values = Array.from({ length: 20 }, (_, n) => ({ n }))
    const done = await completeTopology(builder.createTopology(), { mockSpouts: { numbers: values } })
    const emitted = done.from('numbers')
    expect(emitted.map(({ values }) => (values as N).n).toSorted((a, b) => a - b)).toEqual(values.map(({ n }) => n))
    for (const task of new Set(emitted.map(({ task }) => task))) {
      const own = emitted.filter((tuple) => tuple.task === task).map(({ values }) => (values as N).n)
      expect(own).toEqual(own.toSorted((a, b) => a - b))
    }
    expect(done.acked.toSorted((a, b) => Number(a) - Number(b))).toEqual(values.map(({ n }) => n))
    expect(done.from('double', 'odd')).toHaveLength(10)
    expect(done.from('double', 'default')).toHaveLength(10)
    expect(done.from('double')).toHaveLength(20)
    expect(emitted[0]).toMatchObject({ component: 'numbers', stream: 'default', isTick: false })
  })

  test('the values of a test: are left as they are, and may be given again', async () => {
    const { builder } = pair(listSpout(Num, []), double)
    const topology = builder.createTopology()
    const values = [{ n: 1 }, { n: 2 }]
    for (let i = 0; i < 2; i++) {
      const done = await completeTopology(topology, { mockSpouts: { source: values } })
      expect(done.acked).toEqual([0, 1])
    }
    expect(values.some((value) => Object.isFrozen(value))).toBe(false)
  })

  test('the same seed: the same tuples in the same order at the same tasks; another seed: another', async () => {
    const builder = new TopologyBuilder('seeded')
    const spout = builder.setSpout('numbers', listSpout(Num, []), 2)
    const middle = builder.setBolt('double', double, 5).noneGrouping(spout)
    builder.setBolt('last', double, 5).shuffleGrouping(middle).noneGrouping(middle, 'odd')
    const topology = builder.createTopology({ workers: 3 })
    const mockSpouts = { numbers: Array.from({ length: 200 }, (_, n) => ({ n })) }
    const traces: string[] = []
    for (const seed of [1, 1, 2]) {
      const done = await completeTopology(topology, { seed, mockSpouts })
      traces.push(JSON.stringify(['numbers', 'double', 'last'].map((id) => done.from(id))))
    }
    expect(traces[0]).toBe(traces[1])
    expect(traces[0]).not.toBe(traces[2])
  })

  test('what goes wrong: comes out of it, with the code of the engine', async () => {
    const failing = pair(
      () => ({
        outputs: { default: Num },
        nextTuple() {
          throw new Error('no source')
        },
      }),
      double,
    ).builder.createTopology()
    await expect(completeTopology(failing)).rejects.toMatchObject({ code: 'SPOUT_FAILED' })
    const unprepared = pair(
      listSpout(Num, []),
      basicBolt({
        input: Num,
        create() {
          throw new Error('no prepare')
        },
      }),
    ).builder.createTopology()
    await expect(completeTopology(unprepared)).rejects.toMatchObject({ code: 'PREPARE_FAILED' })
    await expect(completeTopology({} as never)).rejects.toMatchObject({ code: 'NOT_A_TOPOLOGY' })
  })

  test('tuples that a bolt never acks: fail by the timeout, which takes no time', async () => {
    const { builder } = pair(listSpout(Num, []), puppet().bolt)
    const done = await completeTopology(builder.createTopology({ messageTimeoutMs: 60_000 }), {
      mockSpouts: { source: [{ n: 1 }, { n: 2 }] },
    })
    expect(done.failed).toEqual([0, 1])
    expect(done.acked).toEqual([])
  })

  test('a spout that reads direct and named streams of its own: runs as it is', async () => {
    const Told = stream({ n: t.number }, { direct: true })
    let isOver = false
    const builder = new TopologyBuilder('real')
    const spout = builder.setSpout('source', () => ({
      outputs: { told: Told },
      nextTuple(out: SpoutCollector<{ told: typeof Told }>) {
        if (!isOver) out.emitDirect(2, { n: 1 }, 'id', 'told')
        isOver = true
        out.exhausted()
      },
    }))
    builder.setBolt('sink', capture<N>().bolt).directGrouping(spout, 'told')
    const done = await completeTopology(builder.createTopology())
    expect(done.from('source', 'told').map(({ values }) => values as unknown)).toEqual([{ n: 1 }])
    expect(done.acked).toEqual(['id'])
  })
})

describe('testing: feeder', () => {
  test('fed to several tasks and topologies: each value is emitted once, verdicts come together', async () => {
    await using place = world()
    const { clock } = place
    const fed = feeder(Num)
    const sink = capture<N>()
    for (const name of ['a', 'b']) {
      const builder = new TopologyBuilder(name)
      const spout = builder.setSpout('fed', fed.spout, 3)
      builder.setBolt('sink', sink.bolt, 2).shuffleGrouping(spout)
      await place.submit(builder.createTopology())
    }
    for (let n = 0; n < 50; n++) fed.feed({ n }, n)
    await clock.advance(10)
    expect(sink.values.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect(fed.acked).toHaveLength(50)
  })

  test('fed before the topology runs and while it is deactivated: waits', async () => {
    await using place = world()
    const { clock } = place
    const fed = feeder(Num)
    const sink = capture<N>()
    fed.feed({ n: 1 }, 1)
    const run = await place.submit(pair(fed.spout, sink.bolt).builder.createTopology())
    await clock.until(run.settled())
    await clock.until(run.deactivate())
    fed.feed({ n: 2 }, 2)
    await clock.advance(10_000)
    expect(sink.values).toEqual([{ n: 1 }])
    await clock.until(run.activate())
    await clock.until(run.settled())
    expect(sink.values).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('what fails: is told, and not emitted again', async () => {
    await using place = world()
    const { clock } = place
    const fed = feeder(Num)
    const { builder } = pair(
      fed.spout,
      basicBolt({
        input: Num,
        execute() {
          throw new Error('no')
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    fed.feed({ n: 1 }, 'id')
    await clock.until(run.settled())
    expect(fed.failed).toEqual(['id'])
    expect(run.metrics().components['source']!.emitted).toBe(1)
  })
})

describe('testing: trackedWait', () => {
  test('a spout that is never exhausted: waits for so many tuples, and for all that came of them', async () => {
    await using place = world()
    const { clock } = place
    const sink = capture<N>()
    let n = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: SpoutCollector<{ default: typeof Num }>) {
          if (n < 100) out.emit({ n: n++ })
        },
      }),
      basicBolt({
        input: Num,
        outputs: Num,
        async execute({ values }, out) {
          await clock.sleep(5)
          out.emit(values)
        },
      }),
    )
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology({ inboxLimit: 4 }))
    await trackedWait(run, 100, { clock })
    expect(sink.values).toHaveLength(100)
    await expect(trackedWait(run, 101, { clock, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'NOT_SETTLED',
      message:
        "After 100 ms the spouts of 'pair' have emitted 100 of 101 tuples, and 200 of 200 tuples sent are executed.",
    })
  })
})
