// Guards: what a spout may rely on: the order of its calls, its limit of pending trees, and one verdict per message id.
// oxlint-disable unicorn/no-thenable -- what users return
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, type Spout, type SpoutCollector } from 'storm-ts'
import { Num, insides, pair, puppet, rich, source, thrownBy, world } from '../local/world.js'

type Outputs = { default: typeof Num }
type Out = SpoutCollector<Outputs>
const ackAll = rich((tuple, out) => out.ack(tuple))

/** A spout that has nothing is asked a few hundred times a second at most, and some hundred when that has been so for long. */
async function expectSeldomAsked({ clock }: ReturnType<typeof world>, calls: () => number): Promise<void> {
  const before = calls()
  await clock.advance(10_000)
  const early = calls()
  expect(early - before).toBeLessThan(4_000)
  await clock.advance(10_000)
  expect(calls() - early).toBeLessThanOrEqual(2_001)
  expect(calls() - early).toBeGreaterThan(1_000)
}

describe('spout', () => {
  test('life: open, activate, nextTuple, verdicts, deactivate, close, in this order and never two at once', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        open: () => void calls.push('open'),
        activate: () => void calls.push('activate'),
        nextTuple(out: Out) {
          if (calls.includes('nextTuple')) return out.exhausted()
          calls.push('nextTuple')
          out.emit({ n: 1 }, 'id')
        },
        ack: (id: string) => void calls.push(`ack ${id}`),
        deactivate: () => void calls.push('deactivate'),
        close: () => void calls.push('close'),
      }),
      ackAll,
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    await clock.until(run.deactivate())
    await clock.until(run.deactivate())
    await clock.until(run.activate())
    await clock.until(run.kill())
    expect(calls).toEqual(['open', 'activate', 'nextTuple', 'ack id', 'deactivate', 'activate', 'deactivate', 'close'])
  })

  test.each([1, 2, 7, 100])('max spout pending of %i: never passed between calls', async (maxSpoutPending) => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 500, clock })
    const { bolt, task } = puppet()
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ maxSpoutPending }))
    await clock.advance(50)
    expect(run.metrics().pending).toBe(maxSpoutPending)
    for (let done = 0; done < 500; done++) {
      if (task().tuples.length <= done || done % 5 === 0) await clock.advance(1)
      task().out.ack(task().tuples[done]!)
    }
    await clock.until(run.settled())
    expect(from.acked()).toHaveLength(500)
    expect(from.state.pendingMax).toBeLessThan(maxSpoutPending)
    expect(from.state.overshootMax).toBe(Math.min(maxSpoutPending, 500))
  })

  test('max spout pending: a nextTuple that emits ten a call overshoots within that call only', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ perCall: 10, clock })
    const { bolt } = puppet()
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ maxSpoutPending: 25 }))
    await clock.advance(100)
    expect(from.state).toMatchObject({ pendingMax: 20, overshootMax: 30, calls: 3 })
    expect(run.metrics().pending).toBe(30)
  })

  test('max spout pending: a nextTuple that emits tens of thousands in one call has all of them followed', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ perCall: 30_000, count: 60_000, clock })
    const run = await place.submit(pair(from.spout, ackAll).builder.createTopology({ maxSpoutPending: 10 }))
    await clock.until(run.settled())
    expect(from.failed()).toEqual([])
    expect(from.acked()).toHaveLength(60_000)
  })

  test('max spout pending: untracked tuples do not count', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 50, isTracked: false, clock })
    const { bolt, task } = puppet()
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ maxSpoutPending: 1 }))
    await clock.until(run.settled())
    expect(task().tuples).toHaveLength(50)
    expect(from.verdicts).toEqual([])
  })

  test('message ids: whatever they are, each gets its one verdict; undefined and null are none', async () => {
    await using place = world()
    const { clock } = place
    const object = {}
    const ids = [0, '', false, NaN, '0', 0n, 1.5, -1, 2 ** 31, object, Symbol('id'), () => 1, [1], 'x'.repeat(10_000)]
    const waiting: unknown[] = [...ids, undefined, null]
    const acked: unknown[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (waiting.length === 0) out.exhausted()
          else out.emit({ n: 1 }, waiting.shift())
        },
        ack: (id: unknown) => void acked.push(id),
      }),
      ackAll,
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(acked).toEqual(ids)
    expect(run.metrics().components['source']).toMatchObject({ emitted: 16, acked: 14 })
  })

  test('DUPLICATE_MESSAGE_ID: refused while pending, the first attempt unharmed; allowed once it is decided', async () => {
    await using place = world()
    const { clock } = place
    const refusals: unknown[] = []
    const acked: unknown[] = []
    const { bolt, task } = puppet()
    let calls = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          const call = calls++
          if (call === 0) {
            out.emit({ n: 1 }, 'row 7')
            refusals.push(thrownBy(() => out.emit({ n: 2 }, 'row 7')))
            out.emit({ n: 3 }, -0)
            refusals.push(thrownBy(() => out.emit({ n: 4 }, 0)))
          } else if (call === 2) out.emit({ n: 5 }, 'row 7')
          else out.exhausted()
        },
        ack: (id: unknown) => void acked.push(id),
      }),
      bolt,
    )
    const run = await place.submit(builder.createTopology())
    await clock.advance(5)
    expect(refusals).toEqual([
      {
        code: 'DUPLICATE_MESSAGE_ID',
        message:
          "Component 'source' emitted message id 'row 7' again while it is pending; wait for its ack or fail, or use another id.",
      },
      { code: 'DUPLICATE_MESSAGE_ID', message: expect.stringContaining('message id 0 again') as string },
    ])
    expect(task().tuples.map(({ values }) => values)).toEqual([{ n: 1 }, { n: 3 }])
    expect(run.metrics().components['source']).toMatchObject({ emitted: 2, transferred: 2 })
    task().out.ack(task().tuples[0]!)
    task().out.fail(task().tuples[1]!)
    await clock.advance(5)
    expect(acked).toEqual(['row 7'])
    expect(task().tuples).toHaveLength(3)
    task().out.ack(task().tuples[2]!)
    await clock.until(run.settled())
    expect(acked).toEqual(['row 7', 'row 7'])
  })

  test('asynchronous nextTuple: one call at a time, its emits count against the limit, order is kept', async () => {
    await using place = world()
    const { clock } = place
    let open = 0
    let openMax = 0
    let n = 0
    const pendingAtCall: number[] = []
    const seen: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple(out: Out) {
          pendingAtCall.push(out.pending)
          if (n === 30) return out.exhausted()
          openMax = Math.max(openMax, ++open)
          await clock.sleep(3)
          out.emit({ n }, n++)
          await clock.sleep(3)
          out.emit({ n }, n++)
          open--
        },
      }),
      rich<{ n: number }>(async (tuple, out) => {
        seen.push(tuple.values.n)
        await clock.sleep(20)
        out.ack(tuple)
      }),
    )
    const run = await place.submit(builder.createTopology({ maxSpoutPending: 3 }))
    await clock.until(run.settled())
    expect(openMax).toBe(1)
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i))
    expect(Math.max(...pendingAtCall)).toBe(2)
  })

  test('asynchronous nextTuple that is exhausted: a fail before its promise settles takes it back', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const again: number[] = []
    const verdicts: string[] = []
    let isFirst = true
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple(out: Out) {
          const n = isFirst ? 0 : again.shift()
          isFirst = false
          if (n !== undefined) out.emit({ n }, n)
          else {
            out.exhausted()
            await clock.sleep(100)
          }
        },
        ack: (id: number) => void verdicts.push(`ack ${id}`),
        fail(id: number) {
          verdicts.push(`fail ${id}`)
          again.push(id)
        },
      }),
      bolt,
    )
    const run = await place.submit(builder.createTopology())
    const settled = run.settled()
    await clock.advance(20)
    task().out.fail(task().tuples[0]!)
    await clock.advance(300)
    expect(task().tuples).toHaveLength(2)
    task().out.ack(task().tuples[1]!)
    await clock.until(settled)
    expect(verdicts).toEqual(['fail 0', 'ack 0'])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ] as const)(
    'a nextTuple that %s: is asked at most 20 times a second, and given up after ten in a row',
    async (_, fail) => {
      await using place = world()
      const { clock } = place
      const calledAt: number[] = []
      const builder = new TopologyBuilder('two spouts')
      const broken = builder.setSpout('broken', () => ({
        outputs: { default: Num },
        nextTuple() {
          calledAt.push(clock.now())
          return fail()
        },
      }))
      const from = source({ count: 1_000, clock })
      const sound = builder.setSpout('sound', from.spout)
      builder.setBolt('sink', ackAll).shuffleGrouping(broken).shuffleGrouping(sound)
      const run = await place.submit(builder.createTopology())
      const settled = run.settled()
      const error = {
        code: 'SPOUT_FAILED',
        message: "nextTuple of component 'broken', task 2, threw 10 times in a row; the last: broken",
      }
      await expect(clock.until(settled)).rejects.toMatchObject(error)
      await expect(run.settled()).rejects.toMatchObject(error)
      expect(calledAt).toHaveLength(10)
      for (let i = 1; i < calledAt.length; i++) expect(calledAt[i]! - calledAt[i - 1]!).toBeGreaterThanOrEqual(100)
      await clock.advance(60_000)
      expect(calledAt).toHaveLength(10)
      expect(from.acked()).toHaveLength(1_000)
      const errors = run.errors()
      expect(errors).toHaveLength(10)
      expect(errors[0]).toMatchObject({ component: 'broken', task: 2, message: 'broken', at: calledAt[0] })
      expect(errors[9]!.message).toContain('10 times in a row')
    },
  )

  test('a nextTuple that throws nine times, then works: goes on, and the count begins anew', async () => {
    await using place = world()
    const { clock } = place
    let calls = 0
    const acked: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          const call = calls++
          if (call === 40) return out.exhausted()
          if (call % 10 !== 9) throw new Error(`call ${call}`)
          out.emit({ n: call }, call)
        },
        ack: (id: number) => void acked.push(id),
      }),
      ackAll,
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled(), 10 * 60_000)
    expect(acked).toEqual([9, 19, 29, 39])
    expect(run.errors()).toHaveLength(36)
  })

  test('a nextTuple that throws: verdicts go on and the pause is kept whatever comes in', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const calledAt: number[] = []
    const failed: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (calledAt.length === 0) for (let n = 0; n < 100; n++) out.emit({ n }, n)
          calledAt.push(clock.now())
          throw new Error('broken')
        },
        fail: (id: number) => void failed.push(id),
      }),
      bolt,
    )
    await place.submit(builder.createTopology())
    for (let n = 0; n < 100; n++) {
      await clock.advance(1)
      task().out.fail(task().tuples[n]!)
    }
    await clock.advance(1)
    expect(failed).toHaveLength(100)
    expect(calledAt.length).toBeLessThanOrEqual(2)
  })

  test('a nextTuple that never resolves: one warning after 5 s, and verdicts are told meanwhile', async () => {
    await using place = world()
    const { clock } = place
    let calls = 0
    const from: unknown[] = []
    const { bolt, task } = puppet()
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          calls++
          out.emit({ n: 1 }, 'a')
          out.emit({ n: 2 }, 'b')
          return new Promise<void>(() => {})
        },
        ack: (id: unknown) => void from.push(['ack', id]),
        fail: (id: unknown, reason) => void from.push([reason, id]),
      }),
      bolt,
    )
    const run = await place.submit(builder.createTopology())
    await clock.advance(4_999)
    expect(place.warnings('nextTuple')).toEqual([])
    await clock.advance(1)
    expect(place.warnings('nextTuple')).toMatchObject([
      {
        component: 'source',
        task: 3,
        message:
          "nextTuple of component 'source' has returned a promise that is open for 5 s; it is not called again before that settles.",
      },
    ])
    task().out.ack(task().tuples[0]!)
    await clock.advance(1)
    expect(from).toEqual([['ack', 'a']])
    await clock.advance(30_000)
    expect(from).toEqual([
      ['ack', 'a'],
      ['timeout', 'b'],
    ])
    expect(calls).toBe(1)
    expect(place.warnings('nextTuple')).toHaveLength(1)
    await expect(clock.until(run.settled(), 1_000)).rejects.toMatchObject({ code: 'NOT_SETTLED' })
  })

  test('ack and fail that throw: reported, that id is not told again, the spout goes on', async () => {
    await using place = world()
    const { clock } = place
    const told: string[] = []
    const { builder } = pair(
      () => {
        let n = 0
        return {
          outputs: { default: Num },
          nextTuple(out: Out) {
            if (n === 10) out.exhausted()
            else out.emit({ n }, n++)
          },
          ack(id: number) {
            told.push(`ack ${id}`)
            throw new Error(`no ack of ${id}`)
          },
          fail(id: number) {
            told.push(`fail ${id}`)
            throw new Error(`no fail of ${id}`)
          },
        }
      },
      rich<{ n: number }>((tuple, out) => (tuple.values.n % 2 === 0 ? out.ack(tuple) : out.fail(tuple))),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    await clock.advance(60_000)
    expect(told).toEqual(Array.from({ length: 10 }, (_, n) => `${n % 2 === 0 ? 'ack' : 'fail'} ${n}`))
    expect(run.errors().map(({ component, task, message }) => ({ component, task, message }))).toEqual(
      Array.from({ length: 10 }, (_, n) => ({
        component: 'source',
        task: 3,
        message: `no ${n % 2 === 0 ? 'ack' : 'fail'} of ${n}`,
      })),
    )
    expect(run.metrics().components['source']).toMatchObject({ acked: 5, failed: 5 })
  })

  test('ack, fail, activate and deactivate that return promises: nobody waits, and a rejection is reported', async () => {
    await using place = world()
    const { clock } = place
    // What users write although nobody waits for it.
    const late = (name: string) => () =>
      clock.sleep(50).then(() => {
        throw new Error(`late ${name}`)
      }) as unknown as void
    let n = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (n === 4) out.exhausted()
          else out.emit({ n }, n++)
        },
        ack: late('ack'),
        fail: late('fail'),
        activate: late('activate'),
        deactivate: late('deactivate'),
      }),
      rich<{ n: number }>((tuple, out) => (tuple.values.n === 3 ? out.fail(tuple) : out.ack(tuple))),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(clock.now()).toBeLessThan(40)
    await clock.until(run.deactivate())
    await clock.advance(100)
    const counts = new Map<string, number>()
    for (const { message, component } of run.errors()) {
      expect(component).toBe('source')
      counts.set(message, (counts.get(message) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({
      'late activate': 1,
      'late ack': 3,
      'late fail': 1,
      'late deactivate': 1,
    })
    expect(run.metrics().components['source']).toMatchObject({ acked: 3, failed: 1 })
  })

  test('emits in open, activate and deactivate: are sent and tracked', async () => {
    await using place = world()
    const { clock } = place
    const told: string[] = []
    const { builder } = pair(() => {
      let collector: Out
      return {
        outputs: { default: Num },
        async open(_: unknown, out: Out) {
          collector = out
          out.emit({ n: 1 }, 'open')
          await clock.sleep(10)
        },
        activate: () => void collector.emit({ n: 2 }, 'activate'),
        deactivate: () => void collector.emit({ n: 3 }, 'deactivate'),
        close: () => void collector.emit({ n: 4 }, 'close'),
        nextTuple: (out: Out) => out.exhausted(),
        ack: (id: string) => void told.push(id),
      }
    }, ackAll)
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(told).toEqual(['open', 'activate'])
    await clock.until(run.deactivate())
    await clock.until(run.settled())
    expect(told).toEqual(['open', 'activate', 'deactivate'])
    await clock.until(run.kill())
    expect(run.errors()).toMatchObject([
      { component: 'source', message: expect.stringContaining('after its end') as string },
    ])
  })

  test('activate, deactivate, close that throw: reported, nothing else happens', async () => {
    await using place = world()
    const { clock } = place
    const fail = (call: string) => () => {
      throw new Error(`no ${call}`)
    }
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple: (out: Out) => out.exhausted(),
        activate: fail('activate'),
        deactivate: fail('deactivate'),
        close: fail('close'),
      }),
      ackAll,
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    await clock.until(run.deactivate())
    await clock.until(run.kill())
    expect(run.status).toBe('GONE')
    expect(run.errors().map(({ message }) => message)).toEqual(['no activate', 'no deactivate', 'no close'])
  })

  test('emits within ack and fail: are sent and tracked as any other', async () => {
    await using place = world()
    const { clock } = place
    const told: string[] = []
    const { builder } = pair(
      () => {
        let collector: Out
        let isOver = false
        const again = (id: number) => {
          if (id < 9) collector.emit({ n: id + 1 }, id + 1)
        }
        return {
          outputs: { default: Num },
          open: (_: unknown, out: Out) => void (collector = out),
          nextTuple(out: Out) {
            if (!isOver) out.emit({ n: 0 }, 0)
            isOver = true
            out.exhausted()
          },
          ack(id: number) {
            told.push(`ack ${id}`)
            again(id)
          },
          fail(id: number) {
            told.push(`fail ${id}`)
            again(id)
          },
        }
      },
      rich<{ n: number }>((tuple, out) => (tuple.values.n % 2 === 0 ? out.ack(tuple) : out.fail(tuple))),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(told).toEqual(Array.from({ length: 10 }, (_, n) => `${n % 2 === 0 ? 'ack' : 'fail'} ${n}`))
  })

  test('exhausted: said in open does not hold, and after a fail nextTuple is called again', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, replays: true, clock })
    let attempts = 0
    const { builder } = pair(
      () => {
        const spout: Spout<Outputs, number> = from.spout()
        return {
          ...spout,
          open(context, out) {
            out.exhausted()
            return spout.open!(context, out)
          },
        }
      },
      rich((tuple, out) => (++attempts < 5 ? out.fail(tuple) : out.ack(tuple))),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(from.verdicts.map(({ verdict }) => verdict)).toEqual([...Array<string>(4).fill('bolt failed'), 'acked'])
  })

  test('idle: asked a few hundred times a second at most, and reacts within 10 ms', async () => {
    await using place = world()
    const { clock } = place
    const queue: number[] = []
    let calls = 0
    const seenAt: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          calls++
          const n = queue.shift()
          if (n !== undefined) out.emit({ n }, n)
        },
      }),
      rich((tuple, out) => {
        seenAt.push(clock.now())
        out.ack(tuple)
      }),
    )
    await place.submit(builder.createTopology())
    await expectSeldomAsked(place, () => calls)
    const fedAt: number[] = []
    for (let n = 0; n < 20; n++) {
      queue.push(n)
      fedAt.push(clock.now())
      await clock.advance(137.5)
    }
    expect(seenAt).toHaveLength(20)
    for (const [n, atMs] of seenAt.entries()) expect(atMs - fedAt[n]!).toBeLessThanOrEqual(10)
  })

  test('idle, waiting by a promise: asked again at once when it has waited for as long as it would be left alone', async () => {
    await using place = world()
    const { clock } = place
    const queue: number[] = []
    const late: number[] = []
    let calls = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          calls++
          const fedAt = queue.shift()
          if (fedAt === undefined) return clock.sleep(100).then(() => void queue.push(clock.now()))
          late.push(clock.now() - fedAt)
          out.emit({ n: late.length }, late.length)
        },
      }),
      ackAll,
    )
    await place.submit(builder.createTopology())
    await clock.advance(3_050)
    expect(late).toEqual(Array<number>(30).fill(0))
    expect(calls).toBe(61)
  })

  test('idle, with promises that settle at once: asked as often as one without them', async () => {
    await using place = world()
    let calls = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple() {
          calls++
          await Promise.resolve()
        },
      }),
      ackAll,
    )
    await place.submit(builder.createTopology())
    await expectSeldomAsked(place, () => calls)
  })

  test('a nextTuple that returns odd things: no promise is waited for, no promise breaks the loop', async () => {
    await using place = world()
    const { clock } = place
    const hostile = {
      get then(): never {
        throw new Error('do not look at me')
      },
    }
    const odd: unknown[] = [
      5,
      null,
      'text',
      [1],
      {},
      { then: 5 },
      { then: (resolve: () => void) => (resolve(), resolve()) },
      { then: (_: unknown, reject: (error: unknown) => void) => reject(new Error('rejected')) },
      {
        then() {
          throw new Error('threw in then')
        },
      },
      hostile,
    ]
    const acked: number[] = []
    let n = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (n === odd.length) return out.exhausted()
          out.emit({ n }, n)
          return odd[n++] as Promise<void>
        },
        ack: (id: number) => void acked.push(id),
      }),
      ackAll,
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(acked).toEqual(odd.map((_, i) => i))
    expect(run.errors().map(({ message }) => message)).toEqual(['rejected', 'threw in then', 'do not look at me'])
  })

  test('TASK_CLOSED: a collector that is kept beyond the end of its task', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 0, clock })
    const run = await place.submit(pair(from.spout, ackAll).builder.createTopology())
    await clock.until(run.kill())
    const [out] = from.state.collectors
    for (const emit of [
      () => out!.emit({ n: 1 }, 1),
      () => out!.emitTo('default', { n: 1 }),
      () => out!.emitDirect(3, { n: 1 }),
    ]) {
      expect(thrownBy(emit)).toEqual({
        code: 'TASK_CLOSED',
        message: "Task 3 of component 'source' emitted before it was ready or after its end.",
      })
    }
    expect(insides(run).spouts[0]!.pendingCount).toBe(0)
  })

  test('ackers 0: every id is acked right after nextTuple, nothing is pending, fails change nothing', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    let n = 0
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (n === 4) return out.exhausted()
          calls.push('nextTuple')
          out.emit({ n }, n++)
          out.emit({ n }, n++)
          calls.push(`pending ${out.pending}`)
        },
        ack: (id: number) => void calls.push(`ack ${id}`),
        fail: (id: number) => void calls.push(`fail ${id}`),
      }),
      rich((tuple, out) => out.fail(tuple)),
    )
    const run = await place.submit(builder.createTopology({ ackers: 0 }))
    await clock.until(run.settled())
    const call = (first: number) => ['nextTuple', 'pending 0', `ack ${first}`, `ack ${first + 1}`]
    expect(calls).toEqual([...call(0), ...call(2)])
    expect(run.metrics().components['source']).toMatchObject({ emitted: 4, acked: 4, failed: 0 })
    expect(run.metrics().components['sink']).toMatchObject({ failed: 4 })
  })

  test('ackers 0: an asynchronous nextTuple that goes on for ever has its ids acked too', async () => {
    await using place = world()
    const { clock } = place
    const acked: number[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        async nextTuple(out: Out) {
          for (let n = 0; ; n++) {
            await clock.sleep(10)
            out.emit({ n }, n)
          }
        },
        ack: (id: number) => void acked.push(id),
      }),
      ackAll,
    )
    await place.submit(builder.createTopology({ ackers: 0 }))
    await clock.advance(1_000)
    expect(acked.length).toBeGreaterThan(90)
  })

  test('no readers: every id is acked at once', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 100, clock })
    const builder = new TopologyBuilder('alone')
    builder.setSpout('source', from.spout)
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(from.acked()).toHaveLength(100)
    expect(run.metrics().components['source']).toMatchObject({ emitted: 100, transferred: 0, acked: 100 })
  })
})
