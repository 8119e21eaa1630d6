// Guards: a tree is done when every tuple of it is, over any number of anchors, roots, ackers and workers.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, type Tuple } from 'storm-ts'
import { Num, insides, pair, puppet, source, world, type N } from '../local/world.js'

/** Two spouts, a puppet that joins them, a puppet that reads what it emits. */
async function joined(options: Record<string, unknown> = {}, count = 4) {
  const place = world()
  const { clock } = place
  const left = source({ count, clock })
  const right = source({ count, clock })
  const join = puppet({ default: Num, other: Num, unread: Num })
  const last = puppet()
  const builder = new TopologyBuilder('joined')
  const a = builder.setSpout('left', left.spout)
  const b = builder.setSpout('right', right.spout)
  builder.setBolt('join', join.bolt).shuffleGrouping(a).shuffleGrouping(b)
  builder.setBolt('last', last.bolt, 2).shuffleGrouping('join').allGrouping('join', 'other')
  const run = await place.submit(builder.createTopology(options))
  await clock.advance(5)
  const { out, tuples } = join.task()
  const from = (component: string, n: number) =>
    tuples.find((tuple) => tuple.component === component && (tuple.values as N).n === n) as Tuple
  return {
    [Symbol.asyncDispose]: place[Symbol.asyncDispose],
    clock,
    run,
    left,
    right,
    out,
    from,
    last,
    step: () => clock.advance(1),
    told: () => [left.verdicts, right.verdicts].map((all) => all.map(({ id, verdict }) => `${String(id)} ${verdict}`)),
  }
}

for (const options of [{ workers: 1 }, { workers: 3 }, { workers: 2, ackers: 5 }]) {
  describe(`anchoring: ${JSON.stringify(options)}`, () => {
    test('two roots: acked only when the child of both is', async () => {
      await using s = await joined(options)
      const anchors = [s.from('left', 0), s.from('right', 0)]
      s.out.emit({ n: 0 }, anchors)
      for (const anchor of anchors) s.out.ack(anchor)
      await s.step()
      expect(s.told()).toEqual([[], []])
      const task = s.last.tasks.find(({ tuples }) => tuples.length > 0)!
      task.out.ack(task.tuples[0]!)
      await s.step()
      expect(s.told()).toEqual([['0 acked'], ['0 acked']])
    })

    test('two roots: one fail of the child fails both, once', async () => {
      await using s = await joined(options)
      const anchors = [s.from('left', 0), s.from('right', 0)]
      s.out.emitTo('other', { n: 0 }, anchors)
      await s.step()
      s.last.tasks[1]!.out.fail(s.last.tasks[1]!.tuples[0]!)
      await s.step()
      expect(s.told()).toEqual([['0 bolt failed'], ['0 bolt failed']])
      s.last.tasks[0]!.out.ack(s.last.tasks[0]!.tuples[0]!)
      for (const anchor of anchors) s.out.ack(anchor)
      await s.step()
      expect(s.told()).toEqual([['0 bolt failed'], ['0 bolt failed']])
    })

    test('two roots: failing one anchor fails its own root only', async () => {
      await using s = await joined(options)
      const [l, r] = [s.from('left', 0), s.from('right', 0)]
      s.out.emit({ n: 0 }, [l, r])
      s.out.fail(l)
      s.out.ack(r)
      await s.step()
      expect(s.told()).toEqual([['0 bolt failed'], []])
      const task = s.last.tasks.find(({ tuples }) => tuples.length > 0)!
      task.out.ack(task.tuples[0]!)
      await s.step()
      expect(s.told()).toEqual([['0 bolt failed'], ['0 acked']])
    })

    test('resetTimeout of a child of two roots: serves both', async () => {
      await using s = await joined({ ...options, messageTimeoutMs: 10_000 })
      s.out.emit({ n: 0 }, [s.from('left', 0), s.from('right', 0)])
      await s.step()
      const task = s.last.tasks.find(({ tuples }) => tuples.length > 0)!
      await s.clock.advance(8_000)
      task.out.resetTimeout(task.tuples[0]!)
      await s.clock.advance(8_000)
      for (const all of s.told()) expect(all.toSorted()).toEqual(['1 timeout', '2 timeout', '3 timeout'])
      for (const name of ['left', 'right']) s.out.ack(s.from(name, 0))
      task.out.ack(task.tuples[0]!)
      await s.step()
      expect(s.told().every((all) => all.includes('0 acked'))).toBe(true)
    })

    test('the same anchor twice, and thrice: counts as one tree', async () => {
      for (const times of [2, 3, 4]) {
        await using s = await joined(options)
        const anchor = s.from('left', 0)
        s.out.emit({ n: 0 }, Array<Tuple>(times).fill(anchor))
        s.out.ack(anchor)
        await s.step()
        expect(s.told()).toEqual([[], []])
        const task = s.last.tasks.find(({ tuples }) => tuples.length > 0)!
        task.out.ack(task.tuples[0]!)
        await s.step()
        expect(s.told()).toEqual([['0 acked'], []])
      }
    })

    test('an untracked anchor among tracked ones: adds nothing', async () => {
      await using s = await joined(options)
      const anchor = s.from('left', 0)
      s.out.emitTo('other', { n: 7 })
      await s.step()
      s.out.emit({ n: 0 }, anchor)
      await s.step()
      // The readers join what is untracked with what is tracked, in vain: they emit to nobody.
      for (const task of s.last.tasks) for (const tuple of task.tuples) task.out.ack(tuple)
      s.out.ack(anchor)
      await s.step()
      expect(s.told()).toEqual([['0 acked'], []])
    })

    test('a stream that nobody reads: its child is done as soon as it is made', async () => {
      await using s = await joined(options)
      const anchors = [s.from('left', 0), s.from('right', 0)]
      expect(s.out.emitTo('unread', { n: 0 }, anchors)).toEqual([])
      for (const anchor of anchors) s.out.ack(anchor)
      await s.step()
      expect(s.told()).toEqual([['0 acked'], ['0 acked']])
    })

    test('forty roots at once: each waits for the child, each is told', async () => {
      await using s = await joined(options, 20)
      const anchors = ['left', 'right'].flatMap((name) => Array.from({ length: 20 }, (_, n) => s.from(name, n)))
      s.out.emitTo('other', { n: 0 }, anchors)
      for (const anchor of anchors.slice(1)) s.out.ack(anchor)
      await s.step()
      expect(s.told()).toEqual([[], []])
      for (const task of s.last.tasks) task.out.ack(task.tuples[0]!)
      await s.step()
      expect(s.told().flat()).toHaveLength(39)
      s.out.ack(anchors[0]!)
      await s.step()
      expect(s.told().map((all) => all.length)).toEqual([20, 20])
      expect(s.run.metrics()).toMatchObject({ pending: 0, ackers: { roots: 0 } })
    })

    test('grandchildren of many roots: a join of joins', async () => {
      await using place = world()
      const { clock } = place
      const from = source({ count: 64, clock })
      const joins = [0, 1, 2].map(() => puppet({ default: Num }))
      const { builder } = pair(from.spout, joins[0]!.bolt)
      builder.setBolt('join 1', joins[1]!.bolt).shuffleGrouping('sink')
      builder.setBolt('join 2', joins[2]!.bolt).shuffleGrouping('join 1')
      const run = await place.submit(builder.createTopology(options))
      await clock.advance(5)
      for (const [level, join] of joins.entries()) {
        const { out, tuples } = join.task()
        expect(tuples).toHaveLength([64, 16, 4][level]!)
        for (let i = 0; i < tuples.length; i += 4) out.emit({ n: i }, tuples.slice(i, i + 4))
        for (const tuple of tuples) if (level < 2 || tuple !== tuples[0]) out.ack(tuple)
        await clock.advance(1)
      }
      // The last join has one tuple of four, and each of them stands for sixteen roots.
      expect(from.acked()).toHaveLength(48)
      const last = joins[2]!.task()
      last.out.ack(last.tuples[0]!)
      await clock.until(run.settled())
      expect(from.acked()).toHaveLength(64)
    })
  })
}

describe('anchoring: ids', () => {
  test('tens of thousands of trees of three tuples: none is mistaken for another', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 30_000, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        execute({ values: { n } }, out) {
          out.emit({ n })
          out.emit({ n: -n })
        },
      }),
    )
    builder
      .setBolt(
        'last',
        basicBolt({
          input: Num,
          execute({ values: { n } }) {
            if (n < 0 && n % 10 === 0) throw new Error('one in ten')
          },
        }),
        3,
      )
      .shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology({ workers: 2, maxSpoutPending: 5_000 }))
    await clock.until(run.settled())
    expect(from.failed()).toHaveLength(2_999)
    expect(from.failed().every((n) => n % 10 === 0)).toBe(true)
    expect(from.acked()).toHaveLength(27_001)
    // What came late for a tree that had failed is forgotten after three rotations.
    await clock.advance(120_000)
    for (const acker of insides(run).ackers) expect(acker.size).toBe(0)
  })
})
