// Guards: memory stays flat whatever a bolt does, and no topology stands still for being full.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TopologyBuilder, basicBolt, stream, t, type SpoutCollector } from 'storm-ts'
import { Num, insides, pair, rich, source, world, type N } from '../local/world.js'

let collect = () => {}
beforeAll(() => {
  setFlagsFromString('--expose-gc')
  collect = runInNewContext('gc') as () => void
})
afterAll(() => setFlagsFromString('--no-expose-gc'))

const heapMb = () => {
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

describe('back pressure', () => {
  for (const isTracked of [true, false]) {
    for (const kind of ['basic', 'rich'] as const) {
      test(`a bolt 100 times slower than its spout, for an hour: all is flat (${isTracked ? 'tracked' : 'untracked'}, ${kind})`, async () => {
        await using place = world()
        const { clock } = place
        // A tuple each 10 ms at most, and a bolt that takes a second for each.
        const from = source({ isTracked, clock })
        const spout = from.spout
        const slow =
          kind === 'basic'
            ? basicBolt({ input: Num, execute: () => clock.sleep(1_000) })
            : rich<N>(async (tuple, out) => {
                await clock.sleep(1_000)
                out.ack(tuple)
              })
        const { builder } = pair(() => {
          const inner = spout()
          return {
            ...inner,
            async nextTuple(out) {
              await clock.sleep(10)
              return inner.nextTuple(out)
            },
          }
        }, slow)
        const options = { inboxLimit: 64, maxSpoutPending: 100, messageTimeoutMs: 600_000 }
        const run = await place.submit(builder.createTopology(options))
        const sizes: number[] = []
        const pending: number[] = []
        let heapBefore = 0
        for (let minute = 0; minute < 60; minute++) {
          await clock.advance(60_000)
          sizes.push(insides(run).bolts[0]!.inbox.size)
          pending.push(run.metrics().pending)
          if (minute === 9) {
            from.verdicts.length = 0
            heapBefore = heapMb()
          }
        }
        from.verdicts.length = 0
        expect(Math.max(...sizes)).toBeLessThanOrEqual(64)
        expect(Math.max(...pending)).toBeLessThanOrEqual(isTracked ? 100 : 0)
        expect(run.metrics().components['sink']!.executed).toBeGreaterThanOrEqual(3_590)
        expect(heapMb() - heapBefore).toBeLessThan(2)
        expect(insides(run).ackers[0]!.size).toBeLessThanOrEqual(isTracked ? 100 : 0)
      })
    }
  }

  test('a fast untracked spout, thousands of tuples a call: the inbox overshoots by one call only', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ isTracked: false, perCall: 1_000, clock })
    const { builder } = pair(from.spout, basicBolt({ input: Num, execute: () => clock.sleep(1) }))
    const run = await place.submit(builder.createTopology({ inboxLimit: 10 }))
    let max = 0
    for (let i = 0; i < 500; i++) {
      await clock.advance(7)
      max = Math.max(max, insides(run).bolts[0]!.inbox.size)
    }
    expect(max).toBeLessThanOrEqual(1_010)
    expect(run.metrics().components['sink']!.executed).toBeGreaterThan(3_000)
  })

  test.each([1, 2, 3, 1024])(
    'a chain of five bolts, the last one slow, inbox limit %i: all arrive, in order',
    async (inboxLimit) => {
      await using place = world()
      const { clock } = place
      const from = source({ count: 300, clock })
      const seen: number[] = []
      const builder = new TopologyBuilder('chain')
      builder.setSpout('b0', from.spout)
      for (let i = 1; i <= 4; i++) {
        builder
          .setBolt(
            `b${i}`,
            basicBolt({ input: Num, outputs: Num, execute: ({ values }, out) => void out.emit(values) }),
          )
          .shuffleGrouping(`b${i - 1}`)
      }
      builder
        .setBolt(
          'last',
          basicBolt({
            input: Num,
            async execute({ values }) {
              await clock.sleep(3)
              seen.push(values.n)
            },
          }),
        )
        .shuffleGrouping('b4')
      const run = await place.submit(builder.createTopology({ inboxLimit }))
      const settled = run.settled()
      let max = 0
      for (let i = 0; i < 20; i++) {
        await clock.advance(5)
        max = Math.max(max, ...insides(run).bolts.map(({ inbox }) => inbox.size))
      }
      expect(max).toBeLessThanOrEqual(inboxLimit)
      await clock.until(settled)
      expect(seen).toEqual(Array.from({ length: 300 }, (_, n) => n))
      expect(from.acked()).toEqual(seen)
    },
  )

  const Hop = stream({ left: t.number })
  const hops = (take = 1) => {
    const bolt = basicBolt({
      input: Hop,
      outputs: Hop,
      execute({ values: { left } }, out) {
        if (left > 0) for (let i = 0; i < take; i++) out.emit({ left: left - 1 })
      },
    })
    return bolt
  }
  const hopSource = (count: number, left: number) => {
    const told: number[] = []
    let n = 0
    const spout = () => ({
      outputs: { default: Hop },
      nextTuple(out: SpoutCollector<{ default: typeof Hop }>) {
        if (n === count) out.exhausted()
        else out.emit({ left }, n++)
      },
      ack: (id: number) => void told.push(id),
    })
    return { spout, told }
  }

  for (const inboxLimit of [1, 2, 8]) {
    for (const shape of ['self', 'pair', 'ring with a slow way out'] as const) {
      test(`a cycle, ${shape}, inbox limit ${inboxLimit}: never stands still`, async () => {
        await using place = world()
        const { clock } = place
        const from = hopSource(200, 12)
        const builder = new TopologyBuilder('cycle')
        const spout = builder.setSpout('source', from.spout)
        if (shape === 'self') builder.setBolt('a', hops(), 2).shuffleGrouping(spout).shuffleGrouping('a')
        else {
          builder.setBolt('a', hops(), 2).shuffleGrouping(spout).shuffleGrouping('b')
          builder.setBolt('b', hops(), 2).shuffleGrouping('a')
        }
        if (shape === 'ring with a slow way out') {
          builder.setBolt('out', basicBolt({ input: Hop, execute: () => clock.sleep(1) })).shuffleGrouping('b')
        }
        const run = await place.submit(builder.createTopology({ inboxLimit, maxSpoutPending: 50 }))
        await clock.until(run.settled())
        expect(from.told).toHaveLength(200)
      })
    }
  }

  test('a cycle that multiplies tuples, inbox limit 1: comes to its end, acked', async () => {
    await using place = world()
    const { clock } = place
    const from = hopSource(5, 8)
    const builder = new TopologyBuilder('bomb')
    const spout = builder.setSpout('source', from.spout)
    builder.setBolt('a', hops(2), 3).shuffleGrouping(spout).shuffleGrouping('a')
    const run = await place.submit(builder.createTopology({ inboxLimit: 1 }))
    await clock.until(run.settled())
    expect(from.told).toHaveLength(5)
    expect(run.metrics().components['a']!.executed).toBe(5 * (2 ** 9 - 1))
  })

  test('two readers, one of them stuck: the other gets what was emitted, the spout rests', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ isTracked: false, clock })
    let free = 0
    const builder = new TopologyBuilder('stuck')
    const spout = builder.setSpout('source', from.spout)
    builder.setBolt('free', basicBolt({ input: Num, execute: () => void free++ })).shuffleGrouping(spout)
    builder
      .setBolt('stuck', basicBolt({ input: Num, execute: () => new Promise<void>(() => {}) }))
      .shuffleGrouping(spout)
      .set({ inboxLimit: 20 })
    const run = await place.submit(builder.createTopology())
    await clock.advance(60_000)
    expect(free).toBe(from.state.next)
    expect(free).toBeLessThanOrEqual(21)
    expect(insides(run).bolts.find(({ component }) => component === 'stuck')!.inbox.size).toBeLessThanOrEqual(20)
  })

  test('full and drained: a bolt that emits very many from one input waits for room, and stays small', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 3, clock })
    let fullSeen = 0
    let seen = 0
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        async execute(_, out) {
          await out.drained()
          for (let n = 0; n < 1_000; n++) {
            out.emit({ n })
            if (out.full) {
              fullSeen++
              await out.drained()
            }
          }
        },
      }),
    )
    builder.setBolt('last', basicBolt({ input: Num, execute: () => void seen++ })).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology({ inboxLimit: 10 }))
    const settled = run.settled()
    let max = 0
    const state = { isOver: false }
    void settled.then(() => (state.isOver = true))
    while (!state.isOver) {
      await clock.advance(1)
      max = Math.max(max, ...insides(run).bolts.map(({ inbox }) => inbox.size))
    }
    expect(seen).toBe(3_000)
    expect(fullSeen).toBeGreaterThan(100)
    expect(max).toBeLessThanOrEqual(10)
    expect(from.acked()).toEqual([0, 1, 2])
  })

  test('drained: those who wait are let go at the end', async () => {
    await using place = world()
    const { clock } = place
    let let_go = false
    const { builder } = pair(
      source({ count: 1, clock }).spout,
      rich<N, { default: typeof Num }>(
        async (tuple, out) => {
          for (let n = 0; n < 5; n++) out.emit({ n }, tuple)
          await out.drained()
          let_go = true
        },
        { outputs: { default: Num } },
      ),
    )
    builder
      .setBolt('stuck', basicBolt({ input: Num, execute: () => new Promise<void>(() => {}) }))
      .shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology({ inboxLimit: 2 }))
    await clock.advance(1_000)
    expect(let_go).toBe(false)
    await clock.until(run.kill({ waitMs: 0 }))
    await clock.advance(1)
    expect(let_go).toBe(true)
  })

  test('fairness: a topology with one busy bolt still serves the others, and the verdicts', async () => {
    await using place = world()
    const { clock } = place
    const quick = source({ count: 100, clock })
    const busy = source({ isTracked: false, clock })
    const builder = new TopologyBuilder('busy')
    const a = builder.setSpout('quick', quick.spout)
    const b = builder.setSpout('busy', busy.spout)
    builder.setBolt('one', basicBolt({ input: Num, execute() {} })).shuffleGrouping(a)
    builder.setBolt('other', basicBolt({ input: Num, execute() {} })).shuffleGrouping(b)
    await place.submit(builder.createTopology())
    await clock.advance(200)
    expect(quick.acked()).toHaveLength(100)
    expect(quick.verdicts.at(-1)!.atMs).toBeLessThan(50)
    expect(busy.state.next).toBeGreaterThan(10_000)
  })
})
