// Guards: what a bolt may rely on: its calls, their concurrency and order, ticks, and what becomes of what it throws.
// oxlint-disable unicorn/no-thenable -- what users return
import { describe, expect, test } from 'vitest'
import { BasicBolt, TopologyBuilder, basicBolt, type BasicCollector, type Tuple } from 'storm-ts'
import { capture } from 'storm-ts/testing'
import { Num, insides, pair, puppet, rich, source, world, type N } from '../local/world.js'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const count = 60

/** How long the call for a number takes: so that later ones overtake earlier ones. */
const tookMs = (n: number) => [7, 1, 30, 3, 12][n % 5]!

describe('bolt: asynchronous execute', () => {
  for (const [concurrency, ordered] of [
    [1, true],
    [1, false],
    [8, true],
    [8, false],
  ] as const) {
    test(`basic bolt, concurrency ${concurrency}, ordered ${ordered}: calls, outputs and acks`, async () => {
      await using place = world()
      const { clock } = place
      const from = source({ count, clock })
      const sink = capture<N>()
      const started: number[] = []
      let open = 0
      let openMax = 0
      const { builder, to } = pair(
        from.spout,
        basicBolt({
          input: Num,
          outputs: Num,
          async execute({ values }, out) {
            started.push(values.n)
            openMax = Math.max(openMax, ++open)
            out.emit({ n: values.n * 10 })
            await clock.sleep(tookMs(values.n))
            out.emit({ n: values.n * 10 + 1 })
            open--
          },
        }),
      )
      to.set({ concurrency, ordered })
      builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
      const run = await place.submit(builder.createTopology())
      await clock.until(run.settled())

      expect(started).toEqual(numbers(count))
      expect(openMax).toBe(concurrency)
      const outputs = sink.values.map(({ n }) => n)
      const inOrder = numbers(count).flatMap((n) => [n * 10, n * 10 + 1])
      if (concurrency === 1 || ordered) {
        expect(outputs).toEqual(inOrder)
        expect(from.acked()).toEqual(numbers(count))
      } else {
        expect(outputs).not.toEqual(inOrder)
        expect(outputs.toSorted((a, b) => a - b)).toEqual(inOrder)
        expect(from.acked()).not.toEqual(numbers(count))
        expect(from.acked().toSorted((a, b) => a - b)).toEqual(numbers(count))
      }
      expect(run.metrics().components['sink']).toMatchObject({ executed: count, acked: count, emitted: 2 * count })
    })

    test(`rejections, concurrency ${concurrency}, ordered ${ordered}: fail their own tuples only`, async () => {
      await using place = world()
      const { clock } = place
      const from = source({ count, clock })
      const { builder, to } = pair(
        from.spout,
        basicBolt({
          input: Num,
          async execute({ values: { n } }) {
            if (n % 6 === 5) throw new Error(`at once ${n}`)
            await clock.sleep(tookMs(n))
            if (n % 3 === 0) throw new Error(`late ${n}`)
          },
        }),
      )
      to.set({ concurrency, ordered })
      const run = await place.submit(builder.createTopology())
      await clock.until(run.settled())
      const bad = (n: number) => n % 6 === 5 || n % 3 === 0
      expect(from.failed().toSorted((a, b) => a - b)).toEqual(numbers(count).filter(bad))
      expect(new Set(from.verdicts.map(({ verdict }) => verdict))).toEqual(new Set(['acked', 'bolt threw']))
      if (ordered || concurrency === 1) expect(from.verdicts.map(({ id }) => id)).toEqual(numbers(count))
      expect(
        run
          .errors()
          .map(({ message }) => message)
          .toSorted(),
      ).toEqual(
        numbers(count)
          .filter(bad)
          .map((n) => (n % 6 === 5 ? `at once ${n}` : `late ${n}`))
          .toSorted(),
      )
    })
  }

  test('ordered, some calls return at once: their outputs and acks wait for their turn', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count, clock })
    const sink = capture<N>()
    class Mixed extends BasicBolt<N, { default: typeof Num }> {
      override readonly outputs = { default: Num }
      override execute({ values: { n } }: Tuple<N>, out: BasicCollector<Mixed['outputs']>) {
        out.emit({ n })
        if (n % 7 === 3) throw new Error(`sync ${n}`)
        if (n % 4 === 0) return clock.sleep(20)
        return undefined
      }
    }
    const { builder, to } = pair(from.spout, () => new Mixed())
    to.set({ concurrency: 8 })
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(sink.values.map(({ n }) => n)).toEqual(numbers(count))
    // A tree whose tuple threw fails at once, the others are done when the last bolt has acked: each kind keeps its order.
    expect(from.acked()).toEqual(numbers(count).filter((n) => n % 7 !== 3))
    expect(from.failed()).toEqual(numbers(count).filter((n) => n % 7 === 3))
  })

  test.each([true, false])(
    'ordered %s, one call never ends: no more than `concurrency` calls are kept behind it',
    async (ordered) => {
      await using place = world()
      const { clock } = place
      const from = source({ isTracked: false, clock })
      let started = 0
      let unordered = 0
      const { builder, to } = pair(
        from.spout,
        basicBolt({
          input: Num,
          execute({ values: { n } }) {
            started++
            if (n === 0) return new Promise<void>(() => {})
            if (n > 8) unordered++
            return n % 2 === 0 ? undefined : clock.sleep(1)
          },
        }),
      )
      to.set({ concurrency: 8, ordered, inboxLimit: 16 })
      const run = await place.submit(builder.createTopology())
      await clock.advance(1_000)
      if (ordered) {
        expect(started).toBe(8)
        expect(from.state.next).toBeLessThanOrEqual(8 + 16)
      } else expect(unordered).toBeGreaterThan(1_000)
      expect(insides(run).bolts[0]!.inbox.size).toBeLessThanOrEqual(16)
    },
  )

  test('rich bolt, concurrency 4: calls overlap up to it, and acks within or after the call count', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count, clock })
    let open = 0
    let openMax = 0
    const { builder, to } = pair(
      from.spout,
      rich<N>(async (tuple, out) => {
        openMax = Math.max(openMax, ++open)
        await clock.sleep(tookMs(tuple.values.n))
        open--
        if (tuple.values.n % 2 === 0) out.ack(tuple)
        else void clock.sleep(50).then(() => out.ack(tuple))
      }),
    )
    to.set({ concurrency: 4 })
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(openMax).toBe(4)
    expect(from.acked().toSorted((a, b) => a - b)).toEqual(numbers(count))
    expect(place.warnings()).toEqual([])
  })

  test('rich bolt: a rejection after its ack is reported and fails nothing', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const { builder } = pair(
      from.spout,
      rich(async (tuple, out) => {
        out.ack(tuple)
        throw new Error('too late')
      }),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(from.acked()).toEqual([0])
    expect(run.errors()).toMatchObject([{ component: 'sink', message: 'too late' }])
    expect(run.metrics().components['sink']).toMatchObject({ acked: 1, failed: 0 })
  })

  test('execute that returns odd things: no promise is waited for, no promise breaks the loop', async () => {
    await using place = world()
    const { clock } = place
    const odd: unknown[] = [
      5,
      null,
      'text',
      [1],
      { then: 5 },
      { then: (resolve: () => void) => (resolve(), resolve()) },
      { then: (_: unknown, reject: (error: unknown) => void) => (reject(new Error('rejected')), reject(1)) },
      {
        then() {
          throw new Error('threw in then')
        },
      },
      {
        get then(): never {
          throw new Error('do not look at me')
        },
      },
    ]
    for (const isBasic of [true, false]) {
      const from = source({ count: odd.length, clock })
      const bolt = isBasic
        ? basicBolt({ input: Num, execute: ({ values }) => odd[values.n] as Promise<void> })
        : rich<N>((tuple, out) => {
            if (tuple.values.n < 6) out.ack(tuple)
            return odd[tuple.values.n] as Promise<void>
          })
      const run = await place.submit(pair(from.spout, bolt, `odd ${isBasic}`).builder.createTopology())
      await clock.until(run.settled())
      expect(from.acked()).toEqual([0, 1, 2, 3, 4, 5])
      expect(from.failed()).toEqual([6, 7, 8])
      expect(run.errors().map(({ message }) => message)).toEqual(['rejected', 'threw in then', 'do not look at me'])
      expect(insides(run).bolts[0]!.isIdle).toBe(true)
    }
  })
})

describe('bolt: what it throws', () => {
  const hostile = new Error('hidden')
  Object.defineProperty(hostile, 'message', {
    get() {
      throw new Error('no message for you')
    },
  })
  const stackless = new Error('no stack')
  Object.defineProperty(stackless, 'stack', {
    get() {
      throw new Error('no stack for you')
    },
  })
  const cases: [string, unknown, string | RegExp][] = [
    ['an error', new TypeError('wrong'), 'TypeError: wrong'],
    ['a string', 'just text', "threw 'just text'"],
    ['null', null, 'threw null'],
    ['undefined', undefined, 'threw undefined'],
    ['a number', 0, 'threw 0'],
    ['a symbol', Symbol('s'), 'threw Symbol(s)'],
    ['a frozen object', Object.freeze({ code: 1 }), 'threw an object'],
    ['an object without prototype', Object.create(null), 'threw an object'],
    ['an error whose message throws', hostile, 'threw something that cannot be described'],
    ['an error whose stack throws', stackless, 'no stack'],
    [
      'an object whose toString throws',
      {
        toString() {
          throw new Error('no')
        },
      },
      'threw an object',
    ],
    ['an error of 100 MB', new Error('x'.repeat(100_000_000)), /^x{8192}… \(100000000 characters\)$/],
    ['a frozen error', Object.freeze(new Error('frozen')), 'frozen'],
    ['an error with a symbol as its name', Object.assign(new Error('odd'), { name: Symbol('n') }), 'odd'],
    [
      'a proxy that throws at everything',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('p')
          },
          getPrototypeOf: () => {
            throw new Error('p')
          },
        },
      ),
      'threw something that cannot be described',
    ],
  ]

  test.each(cases)('%s: fails its tuple at once, is reported, and the task goes on', async (_, thrown, message) => {
    await using place = world()
    const { clock } = place
    for (const how of ['throws', 'rejects'] as const) {
      const from = source({ count: 2, clock })
      const { builder } = pair(
        from.spout,
        basicBolt({
          input: Num,
          execute({ values }) {
            if (values.n === 1) return undefined
            // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what users throw
            if (how === 'rejects') return Promise.reject(thrown)
            throw thrown as Error
          },
        }),
        how,
      )
      const run = await place.submit(builder.createTopology())
      await clock.until(run.settled())
      expect(from.verdicts).toMatchObject([
        { id: 0, verdict: 'bolt threw' },
        { id: 1, verdict: 'acked' },
      ])
      expect(from.verdicts[0]!.atMs).toBeLessThan(100)
      const errors = run.errors()
      expect(errors).toHaveLength(1)
      expect(errors[0]).toMatchObject({ component: 'sink', task: 2 })
      if (typeof message === 'string') expect(errors[0]!.message).toBe(message)
      else expect(errors[0]!.message).toMatch(message)
      expect((errors[0]!.stack ?? '').length).toBeLessThan(9_000)
      expect(place.lines.at(-1)).toMatchObject({ level: 'error', component: 'sink', task: 2 })
      expect(place.lines.at(-1)!.message).toContain("execute of component 'sink' threw on a tuple from 'source'")
    }
  })

  test('what it emitted before it threw: is out, and its tree fails', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 3, clock })
    const sink = capture<N>()
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        execute({ values: { n } }, out) {
          out.emit({ n })
          if (n === 1) throw new Error('after the emit')
        },
      }),
    )
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(sink.values).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
    expect(from.acked()).toEqual([0, 2])
    expect(from.failed()).toEqual([1])
  })

  test('errors(): the newest hundred, oldest first, a list of its own', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 250, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        execute({ values }) {
          throw new Error(`error ${values.n}`)
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    const errors = run.errors()
    expect(errors.map(({ message }) => message)).toEqual(numbers(100).map((n) => `error ${n + 150}`))
    ;(errors as unknown[]).length = 0
    expect(run.errors()).toHaveLength(100)
    expect(from.failed()).toHaveLength(250)
  })

  test('reportError: whatever is given is listed, and the task goes on', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        create: (context) => () => {
          context.reportError(new Error('told'))
          context.reportError('in words')
          context.reportError(undefined)
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(from.acked()).toEqual([0])
    expect(run.errors().map(({ message }) => message)).toEqual(['told', "threw 'in words'", 'threw undefined'])
  })
})

describe('bolt: tuples that it keeps', () => {
  test('never acked: one warning names the component after 0.8 T, then the tree fails by its timeout', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 3, clock })
    const { bolt } = puppet()
    await place.submit(pair(from.spout, bolt).builder.createTopology({ messageTimeoutMs: 10_000 }))
    await clock.advance(7_900)
    expect(place.warnings()).toEqual([])
    await clock.advance(200)
    expect(place.warnings()).toMatchObject([
      {
        component: 'sink',
        task: 2,
        message:
          "component 'sink', task 2, has neither acked nor failed a tuple from 'source' for 8 s (3 in all); its tree fails at the message timeout.",
      },
    ])
    await clock.advance(3_000)
    expect(from.verdicts.map(({ verdict }) => verdict)).toEqual(['timeout', 'timeout', 'timeout'])
    expect(place.warnings()).toHaveLength(1)
  })

  test('never acked, for hours: warned of once a minute at most, and nothing is remembered for ever', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ clock })
    const { builder } = pair(
      from.spout,
      rich(() => undefined),
    )
    const run = await place.submit(builder.createTopology({ messageTimeoutMs: 5_000, maxSpoutPending: 20 }))
    await clock.advance(3_600_000)
    expect(from.failed().length).toBeGreaterThan(20 * 600)
    expect(place.warnings('neither acked nor failed').length).toBeLessThanOrEqual(60)
    expect(place.warnings('neither acked nor failed').length).toBeGreaterThan(50)
    expect(insides(run).bolts[0]!.keptCount).toBeLessThanOrEqual(60)
    expect(insides(run).ackers[0]!.size).toBeLessThanOrEqual(100)
  })

  test('untracked tuples: need no ack, and none is remembered or warned of', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 5_000, isTracked: false, clock })
    const { builder } = pair(
      from.spout,
      rich(() => undefined),
    )
    const run = await place.submit(builder.createTopology({ messageTimeoutMs: 1_000 }))
    await clock.until(run.settled())
    await clock.advance(10_000)
    expect(place.warnings()).toEqual([])
    expect(insides(run).bolts[0]!.keptCount).toBe(0)
  })

  test('a call that never ends: warned of too', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 3, clock })
    const { builder } = pair(from.spout, basicBolt({ input: Num, execute: () => new Promise<void>(() => {}) }))
    await place.submit(builder.createTopology({ messageTimeoutMs: 10_000 }))
    await clock.advance(12_000)
    expect(place.warnings('neither acked nor failed')).toHaveLength(1)
    expect(from.verdicts.map(({ verdict }) => verdict)).toEqual(['timeout', 'timeout', 'timeout'])
  })
})

describe('bolt: ticks', () => {
  test('every so many ms, to every task: empty values, from __system, and not counted among its tuples', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 0, clock })
    const ticks = new Map<number, number[]>()
    const seen: Tuple[] = []
    const builder = new TopologyBuilder('ticks')
    const spout = builder.setSpout('source', from.spout)
    builder
      .setBolt(
        'timer',
        basicBolt({
          input: Num,
          create(context) {
            const atMs: number[] = []
            ticks.set(context.task, atMs)
            return (tuple) => {
              seen.push(tuple)
              atMs.push(clock.now())
            }
          },
        }),
        3,
      )
      .shuffleGrouping(spout)
      .tick(250)
    const run = await place.submit(builder.createTopology())
    const startMs = clock.now()
    await clock.advance(2_600)
    expect([...ticks.values()]).toEqual(Array(3).fill(Array.from({ length: 10 }, (_, i) => startMs + (i + 1) * 250)))
    expect(seen[0]).toMatchObject({ component: '__system', stream: '__tick', task: -1, isTick: true, values: {} })
    expect(run.metrics().components['timer']).toMatchObject({ executed: 0, acked: 0 })
    await clock.until(run.settled())
  })

  test('a task that is behind: one waits at most', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 0, clock })
    const tickedAt: number[] = []
    let sizeMax = 0
    const { builder, to } = pair(
      from.spout,
      rich(async (tuple) => {
        if (!tuple.isTick) return
        tickedAt.push(clock.now())
        await clock.sleep(1_050)
      }),
    )
    to.tick(100)
    const run = await place.submit(builder.createTopology())
    for (let i = 0; i < 10_000; i += 50) {
      await clock.advance(50)
      sizeMax = Math.max(sizeMax, insides(run).bolts[0]!.inbox.size)
    }
    expect(sizeMax).toBe(1)
    expect(tickedAt.length).toBeGreaterThanOrEqual(9)
    expect(tickedAt.length).toBeLessThanOrEqual(10)
  })

  test('a bolt that is held by a full reader: gets one tick when it goes on', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ clock })
    let ticks = 0
    const { builder, to } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        execute(tuple, out) {
          if (tuple.isTick) ticks++
          else out.emit(tuple.values)
        },
      }),
    )
    to.tick(10).set({ inboxLimit: 2 })
    builder
      .setBolt('stuck', basicBolt({ input: Num, execute: () => clock.sleep(1_000) }))
      .shuffleGrouping('sink')
      .set({ inboxLimit: 1 })
    await place.submit(builder.createTopology())
    await clock.advance(20_000)
    expect(ticks).toBeGreaterThan(5)
    expect(ticks).toBeLessThanOrEqual(40)
  })

  test('acked, failed, anchored to: all of it is fine and touches no tree', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 0, clock })
    const sink = capture<N>()
    const { builder, to } = pair(
      from.spout,
      rich<object, { default: typeof Num }>(
        (tuple, out) => {
          out.emit({ n: 1 }, tuple)
          out.ack(tuple)
          out.ack(tuple)
        },
        { outputs: { default: Num } },
      ),
    )
    to.tick(100)
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology())
    await clock.advance(1_050)
    expect(sink.values).toHaveLength(10)
    expect(insides(run).ackers[0]!.size).toBe(0)
  })

  test('the topology option tickMs: serves every bolt, and a bolt may have its own', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 0, clock })
    const counts = { slow: 0, fast: 0 }
    const builder = new TopologyBuilder('ticks')
    const spout = builder.setSpout('source', from.spout)
    builder
      .setBolt(
        'slow',
        rich(() => void counts.slow++),
      )
      .shuffleGrouping(spout)
    builder
      .setBolt(
        'fast',
        rich(() => void counts.fast++),
      )
      .shuffleGrouping(spout)
      .tick(10)
    const run = await place.submit(builder.createTopology({ tickMs: 100 }))
    await clock.advance(1_005)
    expect(counts).toEqual({ slow: 10, fast: 100 })
    await clock.until(run.kill())
    await clock.advance(1_000)
    expect(counts).toEqual({ slow: 10, fast: 100 })
  })
})
