// Guards: the life of a topology in LocalCluster: submit, settle, activate, deactivate, kill with its wait, shutdown.
import { describe, expect, test } from 'vitest'
import {
  LocalCluster,
  TopologyBuilder,
  basicBolt,
  stream,
  t,
  type Bolt,
  type Clock,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type Topology,
  type Tuple,
} from 'storm-ts'
import { VirtualClock, feeder } from 'storm-ts/testing'
import { Num, insides, pair, puppet, rich, source, world, type N } from '../local/world.js'

type Out = SpoutCollector<{ default: typeof Num }>
const ackAll = rich((tuple, out) => out.ack(tuple))
const never = () => new Promise<void>(() => {})

/** A topology whose calls are written down; each may take its time or throw. */
function recorded(calls: string[], parts: { [call in 'prepare' | 'open' | 'cleanup' | 'close']?: () => unknown } = {}) {
  const call = (name: 'prepare' | 'open' | 'cleanup' | 'close') => () => {
    calls.push(name)
    return parts[name]?.() as Promise<void>
  }
  const { builder } = pair(
    (): Spout<{ default: typeof Num }> => ({
      outputs: { default: Num },
      open: call('open'),
      nextTuple(out) {
        calls.push('nextTuple')
        out.exhausted()
      },
      close: call('close'),
    }),
    () => ({ prepare: call('prepare'), execute: () => undefined, cleanup: call('cleanup') }),
    'recorded',
  )
  return builder.createTopology()
}

describe('local: submit', () => {
  test('order: bolts are prepared before spouts are opened, all of it before nextTuple', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    await place.submit(
      recorded(calls, {
        prepare: async () => {
          await clock.sleep(1_000)
          calls.push('prepared')
        },
        open: async () => {
          await clock.sleep(1_000)
          calls.push('opened')
        },
      }),
    )
    await clock.advance(10)
    expect(calls).toEqual(['prepare', 'prepared', 'open', 'opened', 'nextTuple'])
  })

  test('inactive: nothing is prepared, opened or called before it is activated', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const run = await place.submit(recorded(calls), { inactive: true })
    await clock.advance(120_000)
    expect(calls).toEqual([])
    expect(run.status).toBe('INACTIVE')
    expect(run.metrics()).toMatchObject({ pending: 0, components: { source: { emitted: 0 }, sink: { executed: 0 } } })
    const settled = run.settled()
    await Promise.all([clock.until(run.activate()), clock.until(run.activate())])
    expect(run.status).toBe('ACTIVE')
    await clock.until(settled)
    expect(calls).toEqual(['prepare', 'open', 'nextTuple'])
  })

  test('inactive, killed without ever running: nothing that was not opened is closed', async () => {
    await using place = world()
    const calls: string[] = []
    const run = await place.submit(recorded(calls), { inactive: true })
    await place.clock.until(run.kill())
    expect(calls).toEqual([])
    expect(run.status).toBe('GONE')
  })

  test('same name twice: refused while it runs or ends, free when it is gone; another name is another topology', async () => {
    await using place = world()
    const { clock, cluster } = place
    const topology = () => pair(source({ count: 1 }).spout, puppet().bolt, 'twin').builder.createTopology()
    const run = await place.submit(topology())
    const refused = {
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining("A topology 'twin' is running") as string,
    }
    await expect(place.submit(topology())).rejects.toMatchObject(refused)
    const other = await place.submit(topology(), { name: 'other' })
    expect(cluster.topology('twin')).toBe(run)
    expect(cluster.topology('other')).toBe(other)
    expect(cluster.topology('nobody')).toBeUndefined()
    await clock.advance(10)
    const killed = run.kill({ waitMs: 5_000 })
    await expect(place.submit(topology())).rejects.toMatchObject(refused)
    await clock.until(killed)
    expect(cluster.topology('twin')).toBeUndefined()
    const again = await place.submit(topology())
    expect(again.status).toBe('ACTIVE')
    expect(run.status).toBe('GONE')
  })

  test('the same topology object, twice at once under two names: shares nothing', async () => {
    await using place = world()
    const { clock } = place
    const counts = basicBolt({
      input: Num,
      create(context) {
        let n = 0
        return () => context.metrics.gauge('seen').set(++n)
      },
    })
    const topology = pair(() => source({ count: 5 }).spout(), counts).builder.createTopology()
    const runs = [await place.submit(topology, { name: 'a' }), await place.submit(topology, { name: 'b' })]
    for (const run of runs) {
      await clock.until(run.settled())
      expect(run.metrics().components['sink']).toMatchObject({ executed: 5, user: { seen: 5 } })
    }
  })

  test('bad input: no topology, bad options, bad name, each told', async () => {
    await using place = world()
    const topology = pair(source({ count: 1 }).spout, ackAll).builder.createTopology()
    for (const wrong of [undefined, null, {}, 'word-count', () => topology, { name: 'x', '~topology': true }]) {
      await expect(place.submit(wrong as Topology)).rejects.toMatchObject({ code: 'NOT_A_TOPOLOGY' })
    }
    await expect(
      place.submit(topology, { messageTimeoutMS: 5, maxSpoutPending: 0, name: 'a/b' }),
    ).rejects.toMatchObject({
      code: 'INVALID_TOPOLOGY',
      problems: [
        { code: 'INVALID_CONFIG', message: expect.stringContaining("Did you mean 'messageTimeoutMs'?") as string },
        {
          code: 'INVALID_CONFIG',
          message: expect.stringContaining("'maxSpoutPending' given at submission is 0") as string,
        },
        { code: 'BAD_NAME' },
      ],
    })
    expect(place.cluster.topology('a/b')).toBeUndefined()
  })
})

describe('local: begin and end of components', () => {
  const broken = () => {
    throw new Error('no connection')
  }
  const rejected = () => Promise.reject(new Error('no connection'))

  for (const call of ['prepare', 'open'] as const) {
    test.each([
      ['throws', broken],
      ['rejects', rejected],
    ])(`PREPARE_FAILED: ${call} that %s: submit says who and why, and the name is free again`, async (_, fail) => {
      await using place = world()
      const calls: string[] = []
      const component = call === 'prepare' ? "'sink', task 2," : "'source', task 3,"
      await expect(place.submit(recorded(calls, { [call]: fail }))).rejects.toMatchObject({
        code: 'PREPARE_FAILED',
        message: `${call} of component ${component} threw: no connection`,
        cause: { message: 'no connection' },
      })
      // What was not opened is not closed; what was is.
      expect(calls).toEqual(call === 'prepare' ? ['prepare'] : ['prepare', 'open', 'cleanup'])
      expect(place.cluster.topology('recorded')).toBeUndefined()
      await place.submit(recorded([]))
    })

    test(`PREPARE_TIMEOUT: ${call} that never ends: after 60 s`, async () => {
      await using place = world()
      const { clock } = place
      const submitted = place.cluster.submit(recorded([], { [call]: never }))
      let outcome = 'open'
      submitted.then(
        () => (outcome = 'submitted'),
        (error: { code: string }) => (outcome = error.code),
      )
      await clock.until(clock.sleep(59_900))
      expect(outcome).toBe('open')
      await expect(clock.until(submitted)).rejects.toMatchObject({
        code: 'PREPARE_TIMEOUT',
        message: expect.stringContaining('did not end within 60 s') as string,
      })
      expect(clock.now()).toBeLessThan(61_000)
    })

    test(`${call} that returns no promise but something: is taken as done`, async () => {
      await using place = world()
      for (const value of [5, null, 'text', {}, [1]]) {
        const run = await place.submit(recorded([], { [call]: () => value }))
        await place.clock.until(run.kill())
      }
    })
  }

  test.each(['cleanup', 'close'] as const)(
    '%s that throws or hangs: reported, the end comes after 3 s at most',
    async (call) => {
      await using place = world()
      const { clock } = place
      for (const [fail, message] of [
        [broken, 'no connection'],
        [rejected, 'no connection'],
        [never, 'did not end within 3 s'],
      ] as const) {
        const calls: string[] = []
        const run = await place.submit(recorded(calls, { [call]: fail }))
        await clock.advance(10)
        const startMs = clock.now()
        await clock.until(run.kill())
        expect(clock.now() - startMs).toBeLessThanOrEqual(3_000)
        expect(run.status).toBe('GONE')
        expect(run.errors()).toHaveLength(1)
        expect(run.errors()[0]!.component).toBe(call === 'cleanup' ? 'sink' : 'source')
        expect(run.errors()[0]!.message).toContain(message)
        expect(calls).toContain('cleanup')
        expect(calls).toContain('close')
      }
    },
  )

  test.each([
    ['FACTORY_THREW', "The factory of component 'sink' threw when it was to make task 2: out of sockets"],
    ['NOT_A_COMPONENT', "The factory of component 'sink' made an object as task 2; a bolt has a method execute."],
  ])('%s: a factory that worked when it was tried, and not for a task', async (code, message) => {
    await using place = world()
    let made = 0
    const { builder } = pair(source({ count: 1 }).spout, () => {
      // Twice to be tried, then once a task.
      if (++made <= 2) return { execute: () => undefined }
      if (code === 'FACTORY_THREW') throw new Error('out of sockets')
      return {} as Bolt
    })
    await expect(place.submit(builder.createTopology())).rejects.toMatchObject({ code, message })
    expect(place.cluster.topology('pair')).toBeUndefined()
  })

  test('killed while it is prepared: submit says so, nothing is opened, what becomes ready later is cleaned up', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const submitted = place.cluster.submit(recorded(calls, { prepare: () => clock.sleep(10_000) }))
    const outcome = submitted.then(
      () => 'submitted',
      (error: { code: string }) => error.code,
    )
    await clock.until(clock.sleep(5_000))
    expect(calls).toEqual(['prepare'])
    await clock.until(place.cluster.topology('recorded')!.kill())
    expect(await clock.until(outcome, 1_000)).toBe('TOPOLOGY_GONE')
    expect(place.cluster.topology('recorded')).toBeUndefined()
    await clock.advance(60_000)
    expect(calls).toEqual(['prepare', 'cleanup'])
  })

  test('shut down while it is opened: the same', async () => {
    const place = world()
    const { clock, cluster } = place
    const calls: string[] = []
    const submitted = cluster.submit(recorded(calls, { open: () => clock.sleep(10_000) }))
    const outcome = submitted.then(
      () => 'submitted',
      (error: { code: string }) => error.code,
    )
    await clock.until(clock.sleep(5_000))
    await clock.until(cluster.shutdown())
    expect(await clock.until(outcome, 1_000)).toBe('TOPOLOGY_GONE')
    await clock.advance(60_000)
    expect(calls).toEqual(['prepare', 'open', 'cleanup', 'close'])
  })

  test('one of several fails to prepare: those that were ready are cleaned up once, the others never run', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const from = source({ count: 10, clock })
    const builder = new TopologyBuilder('mixed')
    const spout = builder.setSpout('source', from.spout)
    for (const [id, prepareMs] of [
      ['quick', 0],
      ['slow', 500],
      ['broken', 100],
    ] as const) {
      builder
        .setBolt(id, () => ({
          async prepare() {
            if (prepareMs > 0) await clock.sleep(prepareMs)
            if (id === 'broken') throw new Error('no')
            calls.push(`${id} prepared`)
          },
          execute: () => void calls.push(`${id} executes`),
          cleanup: () => void calls.push(`${id} cleaned up`),
        }))
        .shuffleGrouping(spout)
    }
    await expect(place.submit(builder.createTopology())).rejects.toMatchObject({ code: 'PREPARE_FAILED' })
    await clock.advance(10_000)
    expect(calls.toSorted()).toEqual(['quick cleaned up', 'quick prepared', 'slow cleaned up', 'slow prepared'])
    expect(from.state.next).toBe(0)
  })
})

describe('local: settled', () => {
  test('resolves when every spout is exhausted and every tree decided, for all who wait', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 2, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology())
    let settled = 0
    for (let i = 0; i < 3; i++) void run.settled().then(() => settled++)
    await clock.advance(1_000)
    task().out.ack(task().tuples[0]!)
    await clock.advance(1_000)
    expect(settled).toBe(0)
    task().out.fail(task().tuples[1]!)
    await clock.advance(1_000)
    expect(settled).toBe(3)
    await clock.until(run.settled())
  })

  test('waits for untracked tuples and for open calls too', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 3, isTracked: false, clock })
    let done = 0
    const run = await place.submit(
      pair(
        from.spout,
        basicBolt({
          input: Num,
          async execute() {
            await clock.sleep(5_000)
            done++
          },
        }),
      ).builder.createTopology(),
    )
    await clock.until(run.settled())
    expect(done).toBe(3)
  })

  test('rejects when it is killed before, and afterwards', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const run = await place.submit(pair(from.spout, puppet().bolt).builder.createTopology())
    const outcome = run.settled().catch((error: unknown) => error)
    await clock.advance(10)
    await clock.until(run.kill({ waitMs: 100 }))
    const gone = { code: 'TOPOLOGY_GONE', message: "Topology 'pair' was killed before it settled." }
    expect(await outcome).toMatchObject(gone)
    await expect(run.settled()).rejects.toMatchObject({ code: 'TOPOLOGY_GONE' })
  })

  test('a second input after it has settled: is waited for again', async () => {
    await using place = world()
    const { clock } = place
    const fed = feeder(Num)
    const run = await place.submit(pair(fed.spout, ackAll).builder.createTopology())
    await clock.until(run.settled())
    fed.feed({ n: 1 }, 1)
    await clock.until(run.settled())
    expect(fed.acked).toEqual([1])
  })
})

describe('local: activate and deactivate', () => {
  test('deactivated: no nextTuple, verdicts go on; activated again: goes on where it was', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 10, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ maxSpoutPending: 3 }))
    await clock.advance(100)
    await clock.until(run.deactivate())
    expect(run.status).toBe('INACTIVE')
    for (const tuple of task().tuples) task().out.ack(tuple)
    const calls = from.state.calls
    await clock.advance(10_000)
    expect(from.acked()).toEqual([0, 1, 2])
    expect(from.state.calls).toBe(calls)
    await clock.until(run.activate())
    expect(run.status).toBe('ACTIVE')
    await clock.advance(100)
    expect(task().tuples).toHaveLength(6)
  })

  test('again and again, and at once: ends as the last one says', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ clock })
    const run = await place.submit(pair(from.spout, ackAll).builder.createTopology())
    for (let i = 0; i < 20; i++) void (i % 2 === 0 ? run.deactivate() : run.activate())
    await clock.advance(10)
    expect(run.status).toBe('ACTIVE')
    const last = run.deactivate()
    await clock.until(last)
    const before = from.state.next
    await clock.advance(1_000)
    expect(from.state.next).toBe(before)
    expect(run.status).toBe('INACTIVE')
  })

  test('of a topology that is gone: says so', async () => {
    await using place = world()
    const run = await place.submit(pair(source({ count: 0 }).spout, ackAll).builder.createTopology())
    await place.clock.until(run.kill())
    const message = expect.stringMatching(/^Topology 'pair' is GONE: it cannot be (de)?activated any more\.$/) as string
    await expect(run.activate()).rejects.toMatchObject({ code: 'TOPOLOGY_GONE', message })
    await expect(run.deactivate()).rejects.toMatchObject({ code: 'TOPOLOGY_GONE', message })
  })
})

describe('local: kill', () => {
  test('wait: no nextTuple any more, what is pending is acked in it, and it ends when nothing is', async () => {
    await using place = world()
    const { clock } = place
    const { bolt, task } = puppet()
    const from = source({ count: 10, clock })
    const run = await place.submit(pair(from.spout, bolt).builder.createTopology({ maxSpoutPending: 4 }))
    await clock.advance(100)
    const calls = from.state.calls
    const startMs = clock.now()
    const killed = run.kill({ waitMs: 10_000 })
    expect(run.status).toBe('KILLED')
    await clock.advance(2_000)
    for (const tuple of task().tuples) task().out.ack(tuple)
    await clock.until(killed)
    expect(clock.now() - startMs).toBeLessThan(2_100)
    expect(from.verdicts.map(({ id, verdict }) => [id, verdict])).toEqual([0, 1, 2, 3].map((n) => [n, 'acked']))
    expect(from.state.calls).toBe(calls)
    expect(run.status).toBe('GONE')
  })

  test('wait that ends: what is left fails as killed, once, and the bolts are cleaned up after', async () => {
    await using place = world()
    const { clock } = place
    const order: string[] = []
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: Out) {
          if (out.pending === 0) for (let n = 0; n < 3; n++) out.emit({ n }, n)
        },
        fail: (id: number, reason) => void order.push(`${reason} ${id}`),
        close: () => void order.push('close'),
      }),
      rich(() => undefined, { cleanup: () => void order.push('cleanup') }),
    )
    const run = await place.submit(builder.createTopology())
    await clock.advance(10)
    const startMs = clock.now()
    await clock.until(run.kill({ waitMs: 1_500 }))
    expect(clock.now() - startMs).toBe(1_500)
    expect(order).toEqual(['killed 0', 'killed 1', 'killed 2', 'close', 'cleanup'])
    expect(run.metrics()).toMatchObject({ pending: 0, components: { source: { failed: 3 } } })
  })

  test('no wait given: the message timeout', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const run = await place.submit(pair(from.spout, puppet().bolt).builder.createTopology({ messageTimeoutMs: 4_000 }))
    await clock.advance(3_000)
    const startMs = clock.now()
    await clock.until(run.kill())
    expect(from.verdicts).toMatchObject([{ verdict: 'timeout' }])
    expect(clock.now() - startMs).toBeLessThan(4_001)
  })

  test('a second kill: sets the new wait, longer or shorter, and both promises end together', async () => {
    await using place = world()
    const { clock } = place
    for (const [first, second, endsAfter] of [
      [1_000, 5_000, 5_500],
      [10_000, 1_000, 1_500],
      [10_000, 0, 500],
    ] as const) {
      const from = source({ count: 1, clock })
      const run = await place.submit(pair(from.spout, puppet().bolt).builder.createTopology())
      await clock.advance(10)
      const startMs = clock.now()
      const ended: number[] = []
      const one = run.kill({ waitMs: first }).then(() => ended.push(clock.now() - startMs))
      await clock.advance(500)
      const two = run.kill({ waitMs: second }).then(() => ended.push(clock.now() - startMs))
      await clock.until(Promise.all([one, two]))
      expect(ended).toEqual([endsAfter, endsAfter])
    }
  })

  test.each([
    ['ends soon', 500, ['execute', 'executed', 'cleanup'], 500],
    ['never ends', undefined, ['execute', 'cleanup'], 1_000],
  ] as const)('while a call of execute is open that %s: it has a second to end', async (_, takesMs, order, endsMs) => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const slow = rich(
      async () => {
        calls.push('execute')
        await (takesMs === undefined ? new Promise(() => {}) : clock.sleep(takesMs))
        calls.push('executed')
      },
      { cleanup: () => void calls.push('cleanup') },
    )
    const run = await place.submit(pair(source({ count: 1, clock }).spout, slow).builder.createTopology())
    await clock.advance(10)
    expect(calls).toEqual(['execute'])
    const startMs = clock.now()
    await clock.until(run.kill({ waitMs: 0 }))
    expect(calls).toEqual(order)
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(endsMs - 10)
    expect(clock.now() - startMs).toBeLessThanOrEqual(endsMs + 10)
  })

  test('while a call of nextTuple is open: close comes after it', async () => {
    await using place = world()
    const { clock } = place
    const calls: string[] = []
    const builder = new TopologyBuilder('slow')
    builder.setSpout('slow', () => ({
      outputs: { default: Num },
      async nextTuple() {
        calls.push('nextTuple')
        await clock.sleep(500)
        calls.push('over')
      },
      close: () => void calls.push('close'),
    }))
    const run = await place.submit(builder.createTopology())
    await clock.advance(10)
    await clock.until(run.kill({ waitMs: 0 }))
    expect(calls).toEqual(['nextTuple', 'over', 'close'])
  })

  test('while it is being cleaned up: waits for the same end', async () => {
    await using place = world()
    const { clock } = place
    let isCleanedUp = false
    const { builder } = pair(
      source({ count: 0, clock }).spout,
      rich(() => undefined, {
        async cleanup() {
          await clock.sleep(2_000)
          isCleanedUp = true
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    const first = run.kill({ waitMs: 0 })
    await clock.advance(100)
    expect(isCleanedUp).toBe(false)
    await clock.until(run.kill())
    expect(isCleanedUp).toBe(true)
    await clock.until(first)
  })

  test.each([-1, NaN, '5', null, {}, -Infinity])('a wait of %s: is refused, and it runs on', async (waitMs) => {
    await using place = world()
    const run = await place.submit(pair(source({ clock: place.clock }).spout, ackAll).builder.createTopology())
    await expect(run.kill({ waitMs: waitMs as number })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining("kill of topology 'pair' got waitMs") as string,
    })
    expect(run.status).toBe('ACTIVE')
  })

  test.each([2 ** 31, 1e15, Infinity])(
    'a wait of %d ms: does not end at once on the machine’s clock',
    async (waitMs) => {
      await using cluster = new LocalCluster()
      const { bolt, task } = puppet()
      const run = await cluster.submit(pair(source({ count: 1 }).spout, bolt).builder.createTopology())
      while (task().tuples.length === 0) await new Promise((resolve) => setImmediate(resolve))
      const outcome = run.kill({ waitMs }).then(
        () => 'ended',
        (error: { code: string }) => error.code,
      )
      const first = await Promise.race([outcome, new Promise((resolve) => setTimeout(resolve, 20, 'waits'))])
      expect(['waits', 'INVALID_CONFIG']).toContain(first)
    },
  )

  for (const [where, waitMs] of [
    ['execute', 0],
    ['execute', 100],
    ['nextTuple', 0],
    ['nextTuple', 100],
    ['ack', 0],
    ['fail', 0],
  ] as const) {
    test(`from within ${where}, wait ${waitMs}: no call of user code overlaps or comes after the last one`, async () => {
      await using place = world()
      const { clock } = place
      const calls: string[] = []
      let inside = ''
      const during = (name: string, run: () => unknown) => {
        if (inside !== '') calls.push(`${name} within ${inside}`)
        inside = name
        calls.push(name)
        const result = run()
        inside = ''
        return result
      }
      let killed: Promise<void> | undefined
      const kill = (name: string) => {
        if (name === where) killed ??= place.cluster.topology('pair')!.kill({ waitMs })
      }
      const { builder } = pair(
        () => ({
          outputs: { default: Num },
          nextTuple: (out: Out) =>
            void during('nextTuple', () => {
              for (let i = 0; i < 300; i++) out.emit({ n: i }, out.pending)
              kill('nextTuple')
            }),
          ack: () => void during('ack', () => kill('ack')),
          fail: () => void during('fail', () => kill('fail')),
          close: () => void during('close', () => undefined),
        }),
        rich<N>(
          (tuple, out) =>
            void during('execute', () => {
              if (tuple.values.n === 5) kill('execute')
              if (tuple.values.n === 7) out.fail(tuple)
              else if (tuple.values.n < 10) out.ack(tuple)
            }),
          { cleanup: () => void during('cleanup', () => undefined) },
        ),
      )
      await place.submit(builder.createTopology())
      await clock.advance(50)
      await clock.until(killed!)
      await clock.advance(1_000)
      expect(calls.filter((call) => call.includes('within'))).toEqual([])
      expect(calls.filter((call) => call === 'cleanup' || call === 'close')).toHaveLength(2)
      expect(calls.slice(calls.indexOf('cleanup')).filter((call) => call === 'execute')).toEqual([])
      expect(calls.slice(calls.indexOf('close')).filter((call) => !['close', 'cleanup'].includes(call))).toEqual([])
    })
  }

  test('an open nextTuple and an open execute at the end: what they do afterwards is refused to them and told to nobody', async () => {
    await using place = world()
    const { clock } = place
    const refusals: string[] = []
    const told: string[] = []
    const tries = async (name: string, emit: () => unknown) => {
      await clock.sleep(5_000)
      try {
        emit()
        refusals.push(`${name} emitted`)
      } catch (error) {
        refusals.push(`${name} ${(error as { code: string }).code}`)
        throw error
      }
    }
    let calls = 0
    const builder = new TopologyBuilder('open')
    const spout = builder.setSpout('source', () => ({
      outputs: { default: Num },
      nextTuple(out: Out) {
        calls++
        out.emit({ n: 1 }, 'id')
        return tries('nextTuple', () => out.emit({ n: 2 }, 'late'))
      },
      ack: (id: string) => void told.push(`ack ${id}`),
      fail: (id: string, reason) => void told.push(`${reason} ${id}`),
    }))
    builder
      .setBolt(
        'basic',
        basicBolt({ input: Num, outputs: Num, execute: (_, out) => tries('basic', () => out.emit({ n: 3 })) }),
      )
      .shuffleGrouping(spout)
    builder
      .setBolt('rich', () => ({
        outputs: { default: Num },
        execute: (tuple: Tuple, out: OutputCollector<{ default: typeof Num }>) =>
          tries('rich', () => out.emit({ n: 3 }, tuple)),
      }))
      .shuffleGrouping(spout)
    builder.setBolt('last', ackAll).shuffleGrouping('basic').shuffleGrouping('rich')
    const run = await place.submit(builder.createTopology())
    await clock.advance(100)
    await clock.until(run.kill({ waitMs: 1_000 }))
    const errors = run.errors().length
    await clock.advance(30_000)
    expect(refusals.toSorted()).toEqual(['basic TASK_CLOSED', 'nextTuple TASK_CLOSED', 'rich TASK_CLOSED'])
    expect(told).toEqual(['killed id'])
    expect(calls).toBe(1)
    expect(run.errors()).toHaveLength(errors)
    expect(errors).toBe(0)
  })

  test('leaves no timer behind', async () => {
    const timers = new Set<object>()
    class CountingClock extends VirtualClock {
      override after(delayMs: number, callback: () => void): () => void {
        const timer = {}
        timers.add(timer)
        const cancel = super.after(delayMs, () => {
          timers.delete(timer)
          callback()
        })
        return () => {
          timers.delete(timer)
          cancel()
        }
      }
    }
    const clock: VirtualClock & Clock = new CountingClock()
    const cluster = new LocalCluster({ clock, seed: 0, log: { write() {} } })
    const { builder, to } = pair(
      source({ clock }).spout,
      basicBolt({ input: Num, execute: ({ values }) => (values.n % 3 === 0 ? clock.sleep(5) : undefined) }),
    )
    to.tick(50)
    const topology = builder.createTopology()
    const run = await clock.until(cluster.submit(topology))
    await clock.advance(100)
    await clock.until(run.kill({ waitMs: 10_000 }))
    await clock.advance(10)
    expect(timers.size).toBe(0)

    const hangs = cluster.submit(recorded([], { prepare: never })).catch((error: { code: string }) => error.code)
    await clock.until(clock.sleep(10))
    await clock.until(cluster.shutdown())
    expect(await clock.until(hangs)).toBe('TOPOLOGY_GONE')
    expect(timers.size).toBe(0)
  })
})

describe('local: cluster', () => {
  test('several topologies at once: each has its own names, metrics, errors and end', async () => {
    await using place = world()
    const { clock } = place
    const runs = []
    const froms = []
    for (let i = 0; i < 5; i++) {
      const from = source({ count: 100 * (i + 1), clock })
      froms.push(from)
      const bolt = basicBolt({
        input: Num,
        execute() {
          if (i === 2) throw new Error('only here')
        },
      })
      runs.push(await place.submit(pair(from.spout, bolt, `number ${i}`).builder.createTopology({ workers: i + 1 })))
    }
    await clock.until(runs[3]!.kill({ waitMs: 0 }))
    for (const [i, run] of runs.entries()) {
      if (i === 3) continue
      await clock.until(run.settled())
      expect(run.metrics().components['source']!.emitted).toBe(100 * (i + 1))
      expect(run.errors()).toHaveLength(i === 2 ? 100 : 0)
      expect(froms[i]!.verdicts).toHaveLength(100 * (i + 1))
    }
  })

  test('shutdown: ends all, at once; afterwards nothing can be submitted; a second one is fine', async () => {
    const place = world()
    const { clock, cluster } = place
    const runs = []
    for (const name of ['a', 'b', 'c']) {
      runs.push(await place.submit(pair(source({ count: 1 }).spout, puppet().bolt, name).builder.createTopology()))
    }
    void runs[0]!.kill({ waitMs: 100_000 })
    const startMs = clock.now()
    await clock.until(Promise.all([cluster.shutdown(), cluster.shutdown()]))
    expect(clock.now() - startMs).toBeLessThan(10)
    expect(runs.map(({ status }) => status)).toEqual(['GONE', 'GONE', 'GONE'])
    await clock.until(cluster.shutdown())
    await expect(
      place.submit(pair(source({ count: 1 }).spout, ackAll, 'late').builder.createTopology()),
    ).rejects.toMatchObject({ code: 'CLUSTER_CLOSED', message: expect.stringContaining("'late'") as string })
  })

  test('on the machine’s clock: the same code settles, and is disposed of at the end of its scope', async () => {
    const from = source({ count: 2_000, replays: true })
    let status: () => string
    {
      await using cluster = new LocalCluster({ log: { write() {} } })
      const Word = stream({ word: t.string })
      const builder = new TopologyBuilder('real time')
      const spout = builder.setSpout('source', from.spout, 2)
      const words = builder
        .setBolt(
          'words',
          basicBolt({
            input: Num,
            outputs: Word,
            async execute({ values: { n } }, out) {
              if (n % 100 === 0 && Math.sin(n + from.verdicts.length) > 0) throw new Error('now and then')
              if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
              out.emit({ word: `w${n % 7}` })
            },
          }),
          3,
        )
        .shuffleGrouping(spout)
        .set({ concurrency: 4 })
      builder.setBolt('last', basicBolt({ input: Word, execute() {} }), 2).fieldsGrouping(words, ['word'])
      const run = await cluster.submit(builder.createTopology({ freeze: false }))
      await run.settled()
      expect(new Set(from.acked()).size).toBe(2_000)
      expect(insides(run).ackers[0]!.size).toBe(0)
      status = () => run.status
    }
    expect(status()).toBe('GONE')
  })
})
