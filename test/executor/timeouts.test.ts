// Guards: a timeout of T fires within T and 1.1 T, on whatever the spout does meanwhile, and never after an ack.
import { describe, expect, test } from 'vitest'
import type { SpoutCollector } from 'storm-ts'
import { feeder } from 'storm-ts/testing'
import { Num, pair, puppet, source, world } from '../local/world.js'

type Out = SpoutCollector<{ default: typeof Num }>

describe('timeouts', () => {
  test('one that nobody acks: 30 s fire between 30 and 33 s, whatever else happens', async () => {
    await using place = world()
    const { clock } = place
    const { bolt } = puppet()
    const from = source({ count: 1, clock })
    await place.submit(pair(from.spout, bolt).builder.createTopology())
    await clock.advance(29_999)
    expect(from.verdicts).toEqual([])
    await clock.advance(3_001)
    expect(from.verdicts).toMatchObject([{ id: 0, verdict: 'timeout' }])
    expect(from.verdicts[0]!.atMs).toBeGreaterThanOrEqual(30_000)
    expect(from.verdicts[0]!.atMs).toBeLessThanOrEqual(33_000)
  })

  test('many, emitted one by one over a minute: each fires within T and 1.1 T of its own emit', async () => {
    await using place = world()
    const { clock } = place
    const { bolt } = puppet()
    const emittedAt: number[] = []
    const verdicts: { id: number; reason: string; atMs: number }[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple(out) {
          const n = emittedAt.length
          if (n === 200) return out.exhausted()
          await clock.sleep(1 + ((n * 7919) % 600))
          emittedAt.push(clock.now())
          out.emit({ n }, n)
        },
        fail: (id: number, reason) => void verdicts.push({ id, reason, atMs: clock.now() }),
      }),
      bolt,
    )
    const run = await place.submit(builder.createTopology({ messageTimeoutMs: 5_000 }))
    await clock.until(run.settled())
    expect(verdicts).toHaveLength(200)
    for (const { id, reason, atMs } of verdicts) {
      expect(reason).toBe('timeout')
      expect(atMs - emittedAt[id]!).toBeGreaterThanOrEqual(5_000)
      expect(atMs - emittedAt[id]!).toBeLessThanOrEqual(5_500)
    }
  })

  test.each([0, 1, 3])('acked at 29.9 s: never fails (%i further trees pending)', async (others) => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 1 + others, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology())
    await clock.advance(29_900)
    const late = task().tuples.find(({ values }) => (values as { n: number }).n === 0)!
    task().out.ack(late)
    await clock.advance(100_000)
    expect(from.acked()).toEqual([0])
    expect(from.failed()).toHaveLength(others)
    expect(run.metrics()).toMatchObject({ pending: 0, components: { source: { acked: 1, failed: others } } })
  })

  test('an ack after the timeout: changes nothing, and the next attempt at the id is one of its own', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 1, replays: true, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ messageTimeoutMs: 1_000 }))
    await clock.advance(1_200)
    expect(from.verdicts).toMatchObject([{ id: 0, verdict: 'timeout' }])
    expect(task().tuples).toHaveLength(2)
    task().out.ack(task().tuples[0]!)
    await clock.advance(500)
    expect(from.verdicts).toHaveLength(1)
    expect(run.metrics().pending).toBe(1)
    task().out.ack(task().tuples[1]!)
    await clock.until(run.settled())
    expect(from.verdicts).toMatchObject([{ verdict: 'timeout' }, { id: 0, verdict: 'acked' }])
  })

  test('resetTimeout: gives the whole time again, each time, to a spout that sleeps', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 2, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ messageTimeoutMs: 10_000 }))
    await clock.advance(1_000)
    const [kept, left] = task().tuples
    let resetAtMs = 0
    for (let i = 0; i < 10; i++) {
      await clock.advance(8_000)
      task().out.resetTimeout(kept!)
      resetAtMs = clock.now()
    }
    expect(from.verdicts).toMatchObject([{ id: (left!.values as { n: number }).n, verdict: 'timeout' }])
    expect(from.verdicts[0]!.atMs).toBeLessThanOrEqual(11_000)
    await clock.advance(20_000)
    expect(from.verdicts).toHaveLength(2)
    expect(from.verdicts[1]!.atMs - resetAtMs).toBeGreaterThanOrEqual(10_000)
    expect(from.verdicts[1]!.atMs - resetAtMs).toBeLessThanOrEqual(11_000)
    expect(run.metrics().pending).toBe(0)
  })

  test('resetTimeout: of a tuple that is acked already still serves the rest of its tree', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet({ default: Num })
    const last = puppet()
    const from = source({ count: 1, clock })
    const { builder } = pair(from.spout, bolt)
    builder.setBolt('last', last.bolt).shuffleGrouping('sink')
    await place.submit(builder.createTopology({ messageTimeoutMs: 10_000 }))
    await clock.advance(10)
    const [tuple] = task().tuples
    task().out.emit({ n: 1 }, tuple)
    task().out.ack(tuple!)
    await clock.advance(8_000)
    task().out.resetTimeout(tuple!)
    await clock.advance(8_000)
    last.task().out.ack(last.task().tuples[0]!)
    await clock.advance(1)
    expect(from.acked()).toEqual([0])
  })

  test('a spout that is deactivated: its timeouts go on', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const run = await place.submit(pair(from.spout, puppet().bolt).builder.createTopology({ messageTimeoutMs: 1_000 }))
    await clock.advance(5)
    await clock.until(run.deactivate())
    await clock.advance(1_200)
    expect(from.verdicts).toMatchObject([{ id: 0, verdict: 'timeout' }])
  })

  test('a spout that is held by a full reader: its timeouts go on', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ clock })
    const { builder } = pair(from.spout, () => ({ execute: () => new Promise<void>(() => {}) }))
    const run = await place.submit(builder.createTopology({ messageTimeoutMs: 1_000, inboxLimit: 4 }))
    await clock.advance(1_150)
    expect(from.failed().length).toBeGreaterThanOrEqual(4)
    expect(run.metrics().components['source']!.failed).toBe(from.failed().length)
  })

  test('a spout whose nextTuple never ends: what it emitted between steps times out in time', async () => {
    await using place = world()
    const { clock } = place
    const emittedAt: number[] = []
    const failedAt: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple(out: Out) {
          for (let n = 0; ; n++) {
            await clock.sleep(7_000)
            emittedAt.push(clock.now())
            out.emit({ n }, n)
          }
        },
        fail: (id: number) => void (failedAt[id] = clock.now()),
      }),
      puppet().bolt,
    )
    await place.submit(builder.createTopology({ messageTimeoutMs: 10_000 }))
    await clock.advance(60_000)
    expect(failedAt.length).toBeGreaterThan(5)
    for (const [id, atMs] of failedAt.entries()) {
      expect(atMs - emittedAt[id]!).toBeGreaterThanOrEqual(10_000)
      expect(atMs - emittedAt[id]!).toBeLessThanOrEqual(11_000)
    }
  })

  test.each([1, 10, 100])(
    'a timeout of %i ms: fires in time too, give or take a turn of the loop',
    async (timeoutMs) => {
      await using place = world()
      const { clock } = place
      const from = source({ count: 20, clock })
      const run = await place.submit(
        pair(from.spout, puppet().bolt).builder.createTopology({ messageTimeoutMs: timeoutMs }),
      )
      await clock.until(run.settled())
      expect(from.failed()).toHaveLength(20)
      for (const { atMs } of from.verdicts) expect(atMs).toBeLessThanOrEqual(timeoutMs * 1.1 + 2)
    },
  )

  test('the longest timeout there is: no alarm goes off early', async () => {
    await using place = world()
    const { clock } = place
    const words = feeder(Num)
    const { builder } = pair(words.spout, puppet().bolt)
    const run = await place.submit(builder.createTopology({ messageTimeoutMs: 2 ** 31 - 1 }))
    words.feed({ n: 1 }, 1)
    await clock.advance(2 ** 31 - 2)
    expect(words.failed).toEqual([])
    await clock.advance(0.1 * 2 ** 31)
    expect(words.failed).toEqual([1])
    await clock.until(run.settled())
  })
})
