// Guards: task hooks are told everything that a task does, once, in order, and can harm nothing.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, stream, t, type TaskHook, type TopologyContext } from 'storm-ts'
import { Num, pair, puppet, rich, source, world, type N } from '../local/world.js'

type Told = [hook: string, info: unknown]

/** A hook that writes everything down. */
function noting(told: Told[]): () => TaskHook {
  return () => {
    let who = ''
    const note = (name: string) => (info?: unknown) => void told.push([`${who} ${name}`, info])
    return {
      prepare: (context: TopologyContext) => {
        who = `${context.component}[${context.task}]`
        note('prepare')()
      },
      cleanup: note('cleanup'),
      emit: note('emit'),
      spoutAck: note('spoutAck'),
      spoutFail: note('spoutFail'),
      boltExecute: note('boltExecute'),
      boltAck: note('boltAck'),
      boltFail: note('boltFail'),
    }
  }
}

const named = (told: readonly Told[], like: string) =>
  told.filter(([name]) => name.endsWith(like)).map(([, info]) => info)

describe('task hooks', () => {
  test('one tree from end to end: every call, with what it is about, in order', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const from = source({ count: 2, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({ input: Num, outputs: Num, execute: ({ values }, out) => void out.emit({ n: values.n * 10 }) }),
    )
    builder
      .setBolt(
        'last',
        basicBolt({
          input: Num,
          execute({ values }) {
            if (values.n === 10) throw new Error('no')
          },
        }),
      )
      .shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology({ taskHooks: [noting(told)], maxSpoutPending: 1 }))
    await clock.until(run.settled())
    await clock.until(run.kill())
    expect(told.map(([name]) => name)).toEqual([
      'last[2] prepare',
      'sink[3] prepare',
      'source[4] prepare',
      ...[0, 1].flatMap((n) => [
        'source[4] emit',
        'sink[3] emit',
        'sink[3] boltAck',
        'sink[3] boltExecute',
        n === 0 ? 'last[2] boltAck' : 'last[2] boltFail',
        'last[2] boltExecute',
        n === 0 ? 'source[4] spoutAck' : 'source[4] spoutFail',
      ]),
      'source[4] cleanup',
      'last[2] cleanup',
      'sink[3] cleanup',
    ])
    expect(named(told, 'source[4] emit')).toEqual([
      { task: 4, stream: 'default', values: { n: 0 }, tasks: [3] },
      { task: 4, stream: 'default', values: { n: 1 }, tasks: [3] },
    ])
    expect(named(told, 'boltExecute')[0]).toMatchObject({
      task: 3,
      tuple: { values: { n: 0 }, component: 'source', stream: 'default', task: 4 },
    })
    expect(named(told, 'boltFail')).toMatchObject([
      { task: 2, tuple: { values: { n: 10 }, component: 'sink', task: 3 } },
    ])
    expect(named(told, 'spoutAck')).toEqual([{ task: 4, id: 0, completeLatencyMs: undefined }])
    expect(named(told, 'spoutFail')).toEqual([{ task: 4, id: 1, reason: 'bolt threw', completeLatencyMs: undefined }])
  })

  test('emit: tells the tasks of every grouping, none for a stream without readers, the one of emitDirect', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const from = source({ count: 1, clock })
    const streams = { default: Num, unread: Num, told: stream({ n: t.number }, { direct: true }) }
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: streams,
        execute(_, out) {
          expect(out.emit({ n: 1 })).toHaveLength(4)
          expect(out.emitTo('unread', { n: 2 })).toEqual([])
          out.emitDirect(3, { n: 3 }, 'told')
        },
      }),
    )
    builder.setBolt('a', puppet().bolt, 3).allGrouping('sink').directGrouping('sink', 'told')
    builder.setBolt('b', puppet().bolt, 2).globalGrouping('sink')
    await place.submit(builder.createTopology({ taskHooks: [noting(told)] }))
    await clock.advance(10)
    expect(named(told, 'sink[7] emit')).toEqual([
      { task: 7, stream: 'default', values: { n: 1 }, tasks: [2, 3, 4, 5] },
      { task: 7, stream: 'unread', values: { n: 2 }, tasks: [] },
      { task: 7, stream: 'told', values: { n: 3 }, tasks: [3] },
    ])
  })

  test('a refused emit is not told', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const from = source({ count: 1, clock })
    const { builder } = pair(
      from.spout,
      rich<N, { default: typeof Num }>(
        (tuple, out) => {
          out.ack(tuple)
          expect(() => out.emit({ n: 1 }, tuple)).toThrow('acked already')
          expect(() => out.emit(null as never)).toThrow('emitted null')
          out.ack(tuple)
        },
        { outputs: { default: Num } },
      ),
    )
    const run = await place.submit(builder.createTopology({ taskHooks: [noting(told)] }))
    await clock.until(run.settled())
    expect(named(told, 'sink[2] emit')).toEqual([])
    expect(named(told, 'boltAck')).toHaveLength(1)
  })

  test('latencies: on every tuple with latencySampleEvery 1, on the clock of the cluster', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const { bolt, task } = puppet()
    const from = source({ count: 3, clock })
    const options = { taskHooks: [noting(told)], latencySampleEvery: 1, maxSpoutPending: 1 }
    await place.submit(pair(from.spout, bolt).builder.createTopology(options))
    for (let n = 0; n < 3; n++) {
      await clock.advance(100)
      if (n < 2) task().out.ack(task().tuples[n]!)
      else task().out.fail(task().tuples[n]!)
    }
    await clock.advance(1)
    const ms = (value: unknown) => expect.closeTo(value as number, -1) as unknown
    expect(named(told, 'boltExecute')).toMatchObject([0, 1, 2].map(() => ({ executeLatencyMs: 0 })))
    expect(named(told, 'boltAck')).toMatchObject([{ processLatencyMs: ms(100) }, { processLatencyMs: ms(100) }])
    expect(named(told, 'boltFail')).toMatchObject([{ processLatencyMs: ms(100) }])
    expect(named(told, 'spoutAck')).toMatchObject([{ completeLatencyMs: ms(100) }, { completeLatencyMs: ms(100) }])
    expect(named(told, 'spoutFail')).toMatchObject([{ completeLatencyMs: ms(100) }])
  })

  test('ackers 0, timeouts and kills: are told as what they are', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const quick = await place.submit(
      pair(source({ count: 2 }).spout, puppet().bolt, 'no ackers').builder.createTopology({
        ackers: 0,
        taskHooks: [noting(told)],
      }),
    )
    await clock.until(quick.settled())
    expect(named(told, 'spoutAck')).toMatchObject([{ id: 0 }, { id: 1 }])
    const slow = await place.submit(
      pair(source({ count: 1 }).spout, puppet().bolt, 'timeout').builder.createTopology({
        messageTimeoutMs: 100,
        taskHooks: [noting(told)],
      }),
    )
    await clock.until(slow.settled())
    const killed = await place.submit(
      pair(source({ count: 1 }).spout, puppet().bolt, 'killed').builder.createTopology({ taskHooks: [noting(told)] }),
    )
    await clock.advance(10)
    await clock.until(killed.kill({ waitMs: 0 }))
    expect(named(told, 'spoutFail')).toMatchObject([{ reason: 'timeout' }, { reason: 'killed' }])
  })

  test('of one component only, several at once, and added by hand: each is told of its own tasks', async () => {
    await using place = world()
    const { clock } = place
    const told: Record<string, Told[]> = { all: [], sink: [], byHand: [] }
    const from = source({ count: 3, clock })
    const { builder, to } = pair(
      from.spout,
      basicBolt({
        input: Num,
        create(context) {
          context.addTaskHook(noting(told['byHand']!)())
          return () => {}
        },
      }),
    )
    to.set({ taskHooks: [noting(told['sink']!)] })
    const run = await place.submit(builder.createTopology({ taskHooks: [noting(told['all']!)] }))
    await clock.until(run.settled())
    for (const name of ['all', 'sink', 'byHand']) expect(named(told[name]!, 'boltAck')).toHaveLength(3)
    expect(named(told['all']!, 'spoutAck')).toHaveLength(3)
    expect(named(told['sink']!, 'spoutAck')).toHaveLength(0)
    expect(told['byHand']!.every(([name]) => name.startsWith('sink'))).toBe(true)
  })

  test('hooks that throw: reported as errors of their task, nothing else changes, other hooks are told', async () => {
    await using place = world()
    const { clock } = place
    const told: Told[] = []
    const from = source({ count: 5, clock })
    const broken = (): TaskHook =>
      Object.fromEntries(
        ['cleanup', 'emit', 'spoutAck', 'spoutFail', 'boltExecute', 'boltAck', 'boltFail'].map((name) => [
          name,
          () => {
            throw new Error(`broken ${name}`)
          },
        ]),
      )
    const { builder } = pair(
      from.spout,
      rich<N>((tuple, out) => (tuple.values.n === 0 ? out.fail(tuple) : out.ack(tuple))),
    )
    const run = await place.submit(builder.createTopology({ taskHooks: [broken, noting(told)] }))
    await clock.until(run.settled())
    await clock.until(run.kill())
    expect(from.acked()).toEqual([1, 2, 3, 4])
    expect(from.failed()).toEqual([0])
    expect(named(told, 'spoutAck')).toHaveLength(4)
    expect(named(told, 'boltExecute')).toHaveLength(5)
    expect(named(told, 'cleanup')).toHaveLength(2)
    expect(new Set(run.errors().map(({ message }) => message))).toEqual(
      new Set(
        ['emit', 'spoutAck', 'spoutFail', 'boltExecute', 'boltAck', 'boltFail', 'cleanup'].map((n) => `broken ${n}`),
      ),
    )
    expect(place.lines.find(({ message }) => message.includes('broken boltAck'))!.message).toBe(
      "the task hook boltAck of component 'sink' threw: broken boltAck",
    )
  })

  test.each([
    [
      'a factory that throws',
      () => {
        throw new Error('no hook')
      },
      'no hook',
    ],
    [
      'a prepare that throws',
      () => ({
        prepare() {
          throw new Error('no prepare')
        },
      }),
      'no prepare',
    ],
    ['a factory that makes nothing', () => undefined as unknown as TaskHook, undefined],
  ] as const)('%s: is reported, and the topology runs without it', async (_, hook, message) => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 2, clock })
    const run = await place.submit(
      pair(from.spout, basicBolt({ input: Num, execute() {} })).builder.createTopology({
        taskHooks: [hook],
      }),
    )
    await clock.until(run.settled())
    expect(from.acked()).toEqual([0, 1])
    const errors = run.errors().map((error) => error.message)
    expect(errors).toHaveLength(2)
    if (message !== undefined) expect(errors).toEqual([message, message])
    expect(run.errors()[0]!.component).toBe('sink')
  })

  test('hooks that return promises: nobody waits, and a rejection is reported', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 1, clock })
    const late = async () => {
      await clock.sleep(10)
      throw new Error('late')
    }
    // oxlint-disable-next-line typescript/no-misused-promises -- what users write
    const hook = (): TaskHook => ({ prepare: late, emit: late, spoutAck: late, boltExecute: late, boltAck: late })
    const { builder } = pair(from.spout, basicBolt({ input: Num, execute() {} }))
    const run = await place.submit(builder.createTopology({ taskHooks: [hook] }))
    await clock.until(run.settled())
    await clock.advance(50)
    expect(
      run
        .errors()
        .map(({ component, message }) => `${component}: ${message}`)
        .toSorted(),
    ).toEqual(['sink: late', 'sink: late', 'sink: late', 'source: late', 'source: late', 'source: late'])
  })

  test('many trees with hooks: the same counts and verdicts as without them', async () => {
    const outcomes = []
    for (const hooks of [[], [noting([])]]) {
      await using place = world(5)
      const { clock } = place
      const from = source({ count: 500, clock })
      const builder = new TopologyBuilder('same')
      const spout = builder.setSpout('source', from.spout, 2)
      builder
        .setBolt(
          'middle',
          basicBolt({
            input: Num,
            outputs: Num,
            execute({ values: { n } }, out) {
              for (let i = 0; i < n % 4; i++) out.emit({ n: n + i })
              if (n % 11 === 3) throw new Error('no')
            },
          }),
          3,
        )
        .shuffleGrouping(spout)
      builder.setBolt('last', basicBolt({ input: Num, execute() {} }), 2).fieldsGrouping('middle', ['n'])
      const run = await place.submit(builder.createTopology({ taskHooks: hooks, workers: 2 }))
      await clock.until(run.settled())
      const { components } = run.metrics()
      outcomes.push({ components, failed: from.failed().toSorted((a, b) => a - b), acked: from.acked().length })
    }
    expect(outcomes[1]).toEqual(outcomes[0])
  })
})
