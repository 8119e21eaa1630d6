// Guards: every tuple goes to the tasks that its grouping says, wherever those tasks are.
import { describe, expect, test } from 'vitest'
import {
  TopologyBuilder,
  basicBolt,
  stream,
  t,
  type BoltHandle,
  type CustomGrouping,
  type TopologyContext,
  type TopologyOptions,
} from 'storm-ts'
import { Num, insides, pair, source, world, type N } from '../local/world.js'

interface Seen {
  readonly task: number
  readonly port: number
  readonly from: number
  readonly n: number
}

/** Runs numbers from two spout tasks through one grouping to four tasks, and tells who saw what. */
async function spread(
  subscribe: (bolt: BoltHandle<N, {}>) => unknown,
  options: Partial<TopologyOptions> = {},
  count = 400,
) {
  await using place = world()
  const { clock } = place
  const seen: Seen[] = []
  const ports = new Map<number, number>()
  const emitted: (readonly number[])[] = []
  const from = source({ count, clock })
  const builder = new TopologyBuilder('spread')
  builder.setSpout(
    'source',
    () => {
      const spout = from.spout()
      return {
        ...spout,
        open: (context) => void ports.set(context.task, context.workerPort),
        nextTuple(out) {
          const before = from.state.next
          if (before === count) return out.exhausted()
          from.state.next++
          emitted[before] = out.emit({ n: before }, before)
        },
      }
    },
    2,
  )
  const bolt = builder.setBolt(
    'sink',
    basicBolt({
      input: Num,
      create(context) {
        ports.set(context.task, context.workerPort)
        return ({ values, task }) =>
          void seen.push({ task: context.task, port: context.workerPort, from: task, n: values.n })
      },
    }),
    4,
  )
  subscribe(bolt)
  const run = await place.submit(builder.createTopology(options))
  await clock.until(run.settled())
  expect(from.acked()).toHaveLength(count)
  // What emit answered is where the tuple went.
  for (const [n, tasks] of emitted.entries()) {
    expect(
      seen
        .filter((one) => one.n === n)
        .map(({ task }) => task)
        .toSorted(ascending),
    ).toEqual([...tasks].toSorted(ascending))
  }
  const byTask = new Map<number, Seen[]>()
  for (const one of seen) byTask.set(one.task, [...(byTask.get(one.task) ?? []), one])
  return { seen, byTask, ports, counts: [...byTask.values()].map(({ length }) => length), metrics: run.metrics() }
}

const ascending = (a: number, b: number) => a - b
const emitters = (seen: readonly Seen[]) => [...new Set(seen.map(({ from }) => from))]

describe('groupings', () => {
  for (const workers of [1, 3]) {
    const options = { workers }

    test(`shuffle, ${workers} workers: exactly even from each emitter`, async () => {
      const { seen, byTask } = await spread((bolt) => bolt.shuffleGrouping('source'), options)
      expect(byTask.size).toBe(4)
      for (const from of emitters(seen)) {
        const counts = [...byTask.values()].map((all) => all.filter((one) => one.from === from).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }
    })

    test(`none, ${workers} workers: every tuple to one task, all tasks get some`, async () => {
      const { seen, byTask } = await spread((bolt) => bolt.noneGrouping('source'), options)
      expect(seen).toHaveLength(400)
      expect(byTask.size).toBe(4)
    })

    test(`all, ${workers} workers: every tuple to every task`, async () => {
      const { counts, metrics } = await spread((bolt) => bolt.allGrouping('source'), options)
      expect(counts).toEqual([400, 400, 400, 400])
      expect(metrics.components['source']).toMatchObject({ emitted: 400, transferred: 1_600 })
    })

    test(`global, ${workers} workers: every tuple to the task with the lowest id`, async () => {
      const { byTask } = await spread((bolt) => bolt.globalGrouping('source'), options)
      const first = workers === 1 ? 2 : 4
      expect([...byTask].map(([task, { length }]) => [task, length])).toEqual([[first, 400]])
    })

    test(`custom, ${workers} workers: where it says, none or several; one instance an emitter`, async () => {
      const prepared: [number, readonly number[]][] = []
      class ByDigit implements CustomGrouping<N> {
        #targets: readonly number[] = []
        prepare(context: TopologyContext, targets: readonly number[]) {
          this.#targets = targets
          prepared.push([context.task, targets])
        }
        chooseTasks(sourceTask: number, { n }: N) {
          expect(prepared.some(([task]) => task === sourceTask)).toBe(true)
          if (n % 10 === 0) return []
          if (n % 10 === 9) return this.#targets
          return [this.#targets[n % 4]!]
        }
      }
      const { seen, byTask } = await spread((bolt) => bolt.customGrouping('source', () => new ByDigit()), options)
      expect(prepared).toHaveLength(2)
      expect(new Set(prepared.map(([, targets]) => targets.join()))).toHaveLength(1)
      const targets = prepared[0]![1]
      for (const [task, all] of byTask) {
        for (const { n } of all) {
          expect(n % 10).not.toBe(0)
          if (n % 10 !== 9) expect(task).toBe(targets[n % 4])
        }
      }
      expect(seen).toHaveLength(320 + 4 * 40)
    })
  }

  test('localOrShuffle, 3 workers: stays in the emitter’s worker where the bolt has a task there', async () => {
    const { seen, ports, byTask } = await spread((bolt) => bolt.localOrShuffleGrouping('source'), { workers: 3 })
    const local = [...byTask.keys()].map((task) => ports.get(task))
    for (const { from, port } of seen) {
      if (local.includes(ports.get(from))) expect(port).toBe(ports.get(from))
    }
    expect(new Set(seen.map(({ port }) => port)).size).toBeGreaterThan(1)
  })

  test('localOrShuffle, 12 workers, more than executors: shuffles where nobody is near', async () => {
    const { byTask, counts } = await spread((bolt) => bolt.localOrShuffleGrouping('source'), { workers: 12, ackers: 1 })
    expect(byTask.size).toBe(4)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2)
  })

  test('fields and partialKey, on any number of workers: one task a key, at most two, the same from every emitter', async () => {
    const Key = stream({ key: t.string, n: t.number })
    const tasksByRun: string[] = []
    for (const workers of [1, 2, 5]) {
      await using place = world(workers)
      const { clock } = place
      const tasks = { fields: new Map<string, Set<number>>(), partial: new Map<string, Set<number>>() }
      const order = new Map<string, number[]>()
      const noting = (kind: 'fields' | 'partial') =>
        basicBolt({
          input: Key,
          create: (context) => (tuple) => {
            const { key, n } = tuple.values
            const known = tasks[kind].get(key) ?? new Set()
            tasks[kind].set(key, known.add(context.taskIndex))
            if (kind === 'fields') {
              const from = `${key} from ${tuple.task}`
              order.set(from, [...(order.get(from) ?? []), n])
            }
          },
        })
      const builder = new TopologyBuilder('keys')
      const from = source({ count: 600, clock })
      const spout = builder.setSpout('source', from.spout, 3)
      const keys = builder
        .setBolt(
          'keys',
          basicBolt({
            input: Num,
            outputs: Key,
            execute: ({ values: { n } }, out) => void out.emit({ key: `key ${n % 37}`, n }),
          }),
          2,
        )
        .shuffleGrouping(spout)
      builder.setBolt('fields', noting('fields'), 5).fieldsGrouping(keys, ['key'])
      builder.setBolt('partial', noting('partial'), 5).partialKeyGrouping(keys, ['key'])
      const run = await place.submit(builder.createTopology({ workers }))
      await clock.until(run.settled())
      expect(tasks.fields.size).toBe(37)
      for (const of of tasks.fields.values()) expect(of.size).toBe(1)
      for (const of of tasks.partial.values()) expect(of.size).toBeLessThanOrEqual(2)
      expect(new Set([...tasks.fields.values()].flatMap((of) => [...of])).size).toBe(5)
      tasksByRun.push(
        [...tasks.fields]
          .map(([key, of]) => `${key}: ${[...of].join()}`)
          .toSorted()
          .join(),
      )
    }
    expect(new Set(tasksByRun).size).toBe(1)
  })

  test('direct: to the task that is named, from spout and bolt, with all its tasks known by id', async () => {
    await using place = world()
    const { clock } = place
    const Told = stream({ n: t.number }, { direct: true })
    const seen = new Map<number, number[]>()
    let tasks: readonly number[] = []
    let n = 0
    const acked: number[] = []
    const builder = new TopologyBuilder('direct')
    const spout = builder.setSpout('source', () => ({
      outputs: { default: Told },
      open: (context) => void (tasks = context.tasksOf('relay')),
      nextTuple(out) {
        if (n === 30) return out.exhausted()
        out.emitDirect(tasks[n % 3]!, { n }, n)
        n++
      },
      ack: (id: number) => void acked.push(id),
    }))
    const relay = builder
      .setBolt(
        'relay',
        basicBolt({
          input: Told,
          outputs: { told: Told },
          create(context) {
            const sinks = context.tasksOf('sink')
            return ({ values: { n } }, out) => out.emitDirect(sinks[n % 4]!, { n }, 'told')
          },
        }),
        3,
      )
      .directGrouping(spout)
    builder
      .setBolt(
        'sink',
        basicBolt({
          input: Told,
          create: (context) => (tuple) =>
            void seen.set(context.taskIndex, [...(seen.get(context.taskIndex) ?? []), tuple.values.n]),
        }),
        4,
      )
      .directGrouping(relay, 'told')
    const run = await place.submit(builder.createTopology({ workers: 2 }))
    await clock.until(run.settled())
    expect(acked).toHaveLength(30)
    for (const [index, numbers] of seen) for (const number of numbers) expect(number % 4).toBe(index)
    expect([...seen.values()].flat()).toHaveLength(30)
  })

  test('several streams and readers: each gets its own copy, and the tree waits for all of them', async () => {
    await using place = world()
    const { clock } = place
    const counts: Record<string, number> = {}
    const counting = (name: string) =>
      basicBolt({
        input: Num,
        execute: (tuple) => void (counts[`${name} ${tuple.stream}`] = (counts[`${name} ${tuple.stream}`] ?? 0) + 1),
      })
    const acked: number[] = []
    let n = 0
    const builder = new TopologyBuilder('streams')
    const spout = builder.setSpout('source', () => ({
      outputs: { default: Num, even: Num, odd: Num },
      nextTuple(out) {
        if (n === 20) return out.exhausted()
        if (n % 2 === 0) out.emitTo('even', { n }, n)
        else out.emitTo('odd', { n }, n)
        n++
      },
      ack: (id: number) => void acked.push(id),
    }))
    // The same bolt on two streams, and another on one of them.
    builder.setBolt('both', counting('both'), 2).shuffleGrouping(spout, 'even').allGrouping(spout, 'odd')
    builder.setBolt('even only', counting('even only'), 3).fieldsGrouping(spout, ['n'], 'even')
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(counts).toEqual({ 'both even': 10, 'both odd': 20, 'even only even': 10 })
    expect(acked).toHaveLength(20)
    expect(run.metrics()).toMatchObject({
      components: {
        source: {
          emitted: 20,
          transferred: 40,
          acked: 20,
          streams: {
            default: { emitted: 0 },
            even: { emitted: 10, transferred: 20, acked: 10 },
            odd: { emitted: 10, transferred: 20, acked: 10 },
          },
        },
        both: { executed: 30, acked: 30, streams: { even: { executed: 10 }, odd: { executed: 20 } } },
      },
    })
  })

  test('order: tuples from one task to another arrive as they were emitted, on any number of workers', async () => {
    for (const workers of [1, 4]) {
      await using place = world()
      const { clock } = place
      const last = new Map<string, number>()
      const { builder } = pair(
        source({ count: 3_000, clock }).spout,
        basicBolt({ input: Num, outputs: Num, execute: ({ values }, out) => void out.emit(values) }),
      )
      builder
        .setBolt(
          'last',
          basicBolt({
            input: Num,
            create: (context) => (tuple) => {
              const lane = `${tuple.task} ${context.task}`
              expect(tuple.values.n).toBeGreaterThan(last.get(lane) ?? -1)
              last.set(lane, tuple.values.n)
            },
          }),
          3,
        )
        .fieldsGrouping('sink', ['n'])
      const run = await place.submit(builder.createTopology({ workers, inboxLimit: 5 }))
      await clock.until(run.settled())
      expect(run.errors()).toEqual([])
      expect(last.size).toBe(3)
    }
  })
})

describe('workers', () => {
  test('ackers: one a worker, and each tree is followed in its spout’s own worker', async () => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 100, clock })
    const builder = new TopologyBuilder('near')
    const spout = builder.setSpout('source', from.spout, 4)
    builder.setBolt('sink', basicBolt({ input: Num, execute() {} }), 4).shuffleGrouping(spout)
    const run = await place.submit(builder.createTopology({ workers: 4 }))
    await clock.until(run.settled())
    const { workers } = insides(run)
    expect(workers).toHaveLength(4)
    for (const worker of workers) {
      expect(worker.ackers).toHaveLength(1)
      const emitted = worker.spouts.flatMap(({ router }) => [...router.streams.values()].map(({ emitted }) => emitted))
      // An init and an ack for each tree of the spouts that are here.
      expect(worker.ackers[0]!.executed).toBe(2 * emitted.reduce((sum, n) => sum + n, 0))
    }
  })

  test.each([
    [7, 1],
    [2, 5],
    [1, 3],
  ])('%i workers and %i ackers: every tree is followed to its end', async (workers, ackers) => {
    await using place = world()
    const { clock } = place
    const from = source({ count: 500, clock })
    const builder = new TopologyBuilder('far')
    const spout = builder.setSpout('source', from.spout, 3)
    builder
      .setBolt(
        'sink',
        basicBolt({
          input: Num,
          execute({ values }) {
            if (values.n % 5 === 0) throw new Error('no')
          },
        }),
        4,
      )
      .shuffleGrouping(spout)
    const run = await place.submit(builder.createTopology({ workers, ackers }))
    await clock.until(run.settled())
    expect(from.acked()).toHaveLength(400)
    expect(from.failed()).toHaveLength(100)
    expect(run.metrics().ackers).toEqual({ executed: 1_000, roots: 0 })
  })

  test('more workers than executors: those that would be empty are left out', async () => {
    await using place = world()
    const { clock } = place
    const ports = new Set<number>()
    const from = source({ count: 10, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({ input: Num, create: (context) => () => void ports.add(context.workerPort) }),
    )
    const run = await place.submit(builder.createTopology({ workers: 50, ackers: 1 }))
    await clock.until(run.settled())
    expect(from.acked()).toHaveLength(10)
    expect([...ports].every((port) => port >= 6_700 && port < 6_703)).toBe(true)
  })

  test('context: says who and where a task is, and who the others are', async () => {
    await using place = world()
    const contexts: TopologyContext[] = []
    const { builder, to } = pair(
      source({ count: 0 }).spout,
      basicBolt({
        input: Num,
        create(context) {
          contexts.push(context)
          return () => {}
        },
      }),
      'where',
    )
    to.tasks(3).set({ mine: 'own', inboxLimit: 7 })
    await place.submit(builder.createTopology({ mine: 'topology', yours: [1], workers: 2 }), {
      name: 'named',
      late: true,
    })
    expect(contexts.map(({ task, taskIndex, taskCount }) => [task, taskIndex, taskCount])).toEqual([
      [3, 0, 3],
      [4, 1, 3],
      [5, 2, 3],
    ])
    const [context] = contexts
    expect(context).toMatchObject({ topology: 'named', component: 'sink' })
    expect(context!.config).toMatchObject({
      mine: 'own',
      yours: [1],
      late: true,
      inboxLimit: 7,
      maxSpoutPending: 1_000,
    })
    expect(context!.tasksOf('source')).toEqual([6])
    expect(() => context!.tasksOf('sinks')).toThrow(
      expect.objectContaining({
        code: 'UNKNOWN_COMPONENT',
        message:
          "There is no component 'sinks' in this topology; it has '__acker', 'sink' and 'source'. Did you mean 'sink'?",
      }),
    )
  })
})
