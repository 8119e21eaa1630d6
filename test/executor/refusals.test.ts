// Guards: whatever a component does wrong is refused with a code and a sentence, and harms no tree and nobody else.
import { describe, expect, test } from 'vitest'
import {
  TopologyBuilder,
  basicBolt,
  stream,
  t,
  type BasicCollector,
  type OutputCollector,
  type SpoutCollector,
  type Tuple,
} from 'storm-ts'
import { capture } from 'storm-ts/testing'
import { Num, insides, pair, puppet, rich, source, thrownBy, world, type N } from '../local/world.js'

const Direct = stream({ n: t.number }, { direct: true })
const streams = { default: Num, words: stream({ word: t.string }), told: Direct, 'told-nobody': Direct, unread: Num }
type Streams = typeof streams

/** A puppet with tuples at hand, whose streams are read by two further puppets of two tasks each. */
async function stage(count = 3, options: Record<string, unknown> = {}) {
  const place = world()
  const from = source({ count, clock: place.clock })
  const middle = puppet(streams)
  const reader = puppet()
  const { builder } = pair(from.spout, middle.bolt)
  builder
    .setBolt('reader', reader.bolt, 2)
    .shuffleGrouping('sink')
    .shuffleGrouping('sink', 'words')
    .directGrouping('sink', 'told')
  const run = await place.submit(builder.createTopology(options))
  await place.clock.advance(10)
  const { out, tuples } = middle.task()
  return {
    ...place,
    [Symbol.asyncDispose]: place[Symbol.asyncDispose],
    from,
    run,
    out,
    tuples,
    reader,
    /** Acks everything that is left, and tells whether every tree comes out acked. */
    async finish() {
      await place.clock.advance(1)
      for (const task of reader.tasks) for (const tuple of task.tuples) task.out.ack(tuple)
      for (const tuple of tuples) out.ack(tuple)
      await place.clock.until(run.settled())
    },
  }
}

describe('refusals: foreign tuples', () => {
  test.each([
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a text', 'tuple', "'tuple'"],
    [
      'an object like a tuple',
      { values: { n: 1 }, component: 'source', stream: 'default', task: 3, isTick: false },
      'an object',
    ],
    ['an array', [1], 'an array of 1'],
  ])('FOREIGN_TUPLE: ack, fail and resetTimeout of %s', async (_, fake, described) => {
    await using s = await stage()
    for (const verb of ['ack', 'fail', 'resetTimeout'] as const) {
      expect(thrownBy(() => s.out[verb](fake as unknown as Tuple))).toEqual({
        code: 'FOREIGN_TUPLE',
        message: `Component 'sink', task 4, called ${verb} with ${described}; a task decides only on tuples that it was given.`,
      })
    }
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test('FOREIGN_TUPLE: a tuple of another task, of the sender, of another run', async () => {
    await using s = await stage()
    await using other = await stage()
    s.out.emit({ n: 1 }, s.tuples[0])
    await s.clock.advance(1)
    const theirs = s.reader.tasks.find(({ tuples }) => tuples.length > 0)!
    const idle = s.reader.tasks.find(({ tuples }) => tuples.length === 0)!
    for (const verb of ['ack', 'fail', 'resetTimeout'] as const) {
      expect(thrownBy(() => s.out[verb](theirs.tuples[0]!))).toEqual({
        code: 'FOREIGN_TUPLE',
        message: `Component 'sink', task 4, called ${verb} with a tuple that was given to task ${theirs.context.task}; a task decides only on tuples that it was given.`,
      })
      expect(thrownBy(() => idle.out[verb](theirs.tuples[0]!)).code).toBe('FOREIGN_TUPLE')
      expect(thrownBy(() => theirs.out[verb](s.tuples[0]!)).code).toBe('FOREIGN_TUPLE')
      expect(thrownBy(() => s.out[verb](other.tuples[0]!)).code).toBe('FOREIGN_TUPLE')
    }
    expect(thrownBy(() => s.out.emit({ n: 1 }, theirs.tuples[0])).code).toBe('FOREIGN_TUPLE')
    expect(thrownBy(() => s.out.emit({ n: 1 }, [s.tuples[0]!, other.tuples[0]!])).code).toBe('FOREIGN_TUPLE')
    await s.finish()
    await other.finish()
    expect([s.from.acked(), other.from.acked()]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
  })
})

describe('refusals: anchors', () => {
  test.each([
    ['null', null, 'null'],
    ['a text', 'tuple', "'tuple'"],
    ['a number', 7, '7'],
    ['values of a tuple', { n: 1 }, 'an object'],
    ['a list with one that is none', 'list', 'undefined'],
  ])('BAD_ANCHOR: %s', async (_, anchor, described) => {
    await using s = await stage()
    const anchors = anchor === 'list' ? [s.tuples[0], undefined, s.tuples[1]] : anchor
    for (const emit of [
      () => s.out.emit({ n: 1 }, anchors as unknown as Tuple),
      () => s.out.emitTo('words', { word: '' }, anchors as unknown as Tuple),
      () => s.out.emitDirect(2, { n: 1 }, anchors as unknown as Tuple, 'told'),
    ]) {
      expect(thrownBy(emit)).toEqual({
        code: 'BAD_ANCHOR',
        message: `Component 'sink' anchored an emit to ${described}; an anchor is a tuple that this task was given.`,
      })
    }
    expect(s.run.metrics().components['sink']!.emitted).toBe(0)
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test('BAD_ANCHOR: a list with a hole in it', async () => {
    await using s = await stage()
    // oxlint-disable-next-line no-sparse-arrays -- what is refused
    expect(thrownBy(() => s.out.emit({ n: 1 }, [s.tuples[0]!, , s.tuples[1]!] as Tuple[])).code).toBe('BAD_ANCHOR')
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test.each(['ack', 'fail'] as const)(
    'ANCHOR_ALREADY_DONE: after an %s, also in a list, and the others are not touched',
    async (verb) => {
      await using s = await stage()
      const [done, ...others] = s.tuples
      s.out[verb](done!)
      for (const anchors of [done!, [done!], [...others, done!], [done!, ...others]]) {
        expect(thrownBy(() => s.out.emit({ n: 1 }, anchors))).toEqual({
          code: 'ANCHOR_ALREADY_DONE',
          message: `Component 'sink' anchored an emit to a tuple from 'source' that it has ${verb}ed already; emit first, then ack.`,
        })
      }
      expect(s.run.metrics().components['sink']!.emitted).toBe(0)
      for (const tuple of others) s.out.ack(tuple)
      await s.clock.until(s.run.settled())
      expect(s.from.acked()).toEqual(verb === 'ack' ? [0, 1, 2] : [1, 2])
    },
  )

  test('TOO_MANY_ANCHORS: 1,000 are fine and followed, more are refused', async () => {
    await using s = await stage(1_001, { maxSpoutPending: 2_000 })
    const out = s.out
    for (const count of [1_001, 10_000]) {
      const anchors = Array.from({ length: count }, (_, i) => s.tuples[i % 1_001]!)
      expect(thrownBy(() => out.emit({ n: 1 }, anchors))).toEqual({
        code: 'TOO_MANY_ANCHORS',
        message: `Component 'sink' anchored an emit to ${count} tuples; at most 1000 are allowed.`,
      })
    }
    out.emit({ n: 1 }, s.tuples.slice(0, 1_000))
    for (const tuple of s.tuples) out.ack(tuple)
    await s.clock.advance(1)
    expect(s.from.acked()).toEqual([1_000])
    await s.finish()
    expect(s.from.acked()).toHaveLength(1_001)
  })

  test('no anchors: an empty list, and none given, are untracked', async () => {
    await using s = await stage()
    s.out.emit({ n: 1 })
    s.out.emit({ n: 2 }, [])
    for (const tuple of s.tuples) s.out.ack(tuple)
    await s.clock.until(s.run.settled())
    expect(s.from.acked()).toEqual([0, 1, 2])
    expect(s.reader.tasks.flatMap(({ tuples }) => tuples)).toHaveLength(2)
  })
})

describe('refusals: streams and tasks', () => {
  test.each([
    ['word', "'word'", " Did you mean 'words'?"],
    ['Words', "'Words'", " Did you mean 'words'?"],
    ['defualt', "'defualt'", " Did you mean 'default'?"],
    ['something else', "'something else'", ''],
    ['__proto__', "'__proto__'", ''],
    ['', "''", ''],
    [undefined, 'undefined', ''],
    [7, '7', ''],
    [{}, 'an object', ''],
  ])('UNKNOWN_STREAM: %s', async (name, described, nearest) => {
    await using s = await stage()
    const message = `Component 'sink' has no stream ${described}; it declares 'default', 'words', 'told', 'told-nobody' and 'unread'.${nearest}`
    const id = name as 'words'
    expect(thrownBy(() => s.out.emitTo(id, { word: '' }, s.tuples[0]))).toEqual({ code: 'UNKNOWN_STREAM', message })
    if (name !== undefined) {
      expect(thrownBy(() => s.out.emitDirect(1, { n: 1 } as never, s.tuples[0], id))).toEqual({
        code: 'UNKNOWN_STREAM',
        message,
      })
    }
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test('UNKNOWN_STREAM: emit of a component that declares no stream, from spout, rich and basic bolt', async () => {
    await using place = world()
    const { clock } = place
    const codes: unknown[] = []
    const tell = (emit: () => unknown) => void codes.push(thrownBy(emit))
    let isOver = false
    const other = stream({ n: t.number })
    const builder = new TopologyBuilder('mute')
    const spout = builder.setSpout('source', () => ({
      outputs: { other },
      nextTuple(out: SpoutCollector<{ other: typeof other }>) {
        if (isOver) return out.exhausted()
        isOver = true
        tell(() => (out as unknown as SpoutCollector<{ default: typeof Num }>).emit({ n: 1 }, 1))
        out.emitTo('other', { n: 1 }, 1)
      },
    }))
    builder
      .setBolt(
        'rich',
        rich((tuple, out) => (tell(() => out.emit({} as never, tuple)), out.ack(tuple))),
      )
      .shuffleGrouping(spout, 'other')
    builder
      .setBolt('basic', basicBolt({ input: other, execute: (_, out) => tell(() => out.emit({} as never)) }))
      .shuffleGrouping(spout, 'other')
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    const told = (component: string, streams: string) => ({
      code: 'UNKNOWN_STREAM',
      message: `Component '${component}' has no stream 'default'; it declares ${streams}.`,
    })
    expect(codes).toEqual([told('source', "'other'"), told('rich', 'none'), told('basic', 'none')])
    expect(run.metrics().components['source']).toMatchObject({ emitted: 1, acked: 1 })
  })

  test('DIRECT_STREAM: a plain emit on a direct stream, read or not, from spout, rich and basic bolt', async () => {
    await using s = await stage()
    const told = (component: string, id: string) => ({
      code: 'DIRECT_STREAM',
      message: `Stream '${id}' of component '${component}' is direct: name the task with emitDirect.`,
    })
    expect(thrownBy(() => s.out.emitTo('told', { n: 1 }, s.tuples[0]))).toEqual(told('sink', 'told'))
    expect(thrownBy(() => s.out.emitTo('told-nobody', { n: 1 }, s.tuples))).toEqual(told('sink', 'told-nobody'))
    expect(thrownBy(() => s.out.emitTo('told-nobody', { n: 1 }))).toEqual(told('sink', 'told-nobody'))
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])

    await using place = world()
    const seen: unknown[] = []
    let isOver = false
    const { builder } = pair(
      () => ({
        outputs: { default: Num, told: Direct },
        nextTuple(out: SpoutCollector<{ default: typeof Num; told: typeof Direct }>) {
          if (!isOver) {
            seen.push(thrownBy(() => out.emitTo('told', { n: 1 }, 1)))
            out.emit({ n: 1 }, 1)
          }
          isOver = true
          out.exhausted()
        },
      }),
      basicBolt({
        input: Num,
        outputs: { told: Direct },
        execute: (_, out) => void seen.push(thrownBy(() => out.emitTo('told', { n: 1 }))),
      }),
    )
    const run = await place.submit(builder.createTopology())
    await place.clock.until(run.settled())
    expect(seen).toEqual([told('source', 'told'), told('sink', 'told')])
  })

  test('NOT_DIRECT: emitDirect on a plain stream', async () => {
    await using s = await stage()
    expect(thrownBy(() => s.out.emitDirect(2, { n: 1 }, s.tuples[0]))).toEqual({
      code: 'NOT_DIRECT',
      message:
        "Stream 'default' of component 'sink' is not direct: emitDirect to task 2 needs stream(…, { direct: true }).",
    })
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test.each([
    [4, '4'],
    [0, '0'],
    [-1, '-1'],
    [99, '99'],
    [2.5, '2.5'],
    [NaN, 'NaN'],
    ['2', "'2'"],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('UNKNOWN_TASK: emitDirect to %s', async (task, described) => {
    await using s = await stage()
    expect(thrownBy(() => s.out.emitDirect(task as number, { n: 1 }, s.tuples[0], 'told'))).toEqual({
      code: 'UNKNOWN_TASK',
      message: `Task ${described} does not read stream 'told' of component 'sink'; tasks 2, 3 do.`,
    })
    expect(thrownBy(() => s.out.emitDirect(task as number, { n: 1 }, undefined, 'told-nobody'))).toEqual({
      code: 'UNKNOWN_TASK',
      message: `Task ${described} does not read stream 'told-nobody' of component 'sink'; nobody does.`,
    })
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })
})

describe('refusals: values', () => {
  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'word', "'word'"],
    ['a number', 5, '5'],
    ['a function', () => 1, 'a function'],
    ['a list, as in Storm', ['word', 1], 'an array of 2'],
  ])('BAD_VALUES: %s', async (_, values, described) => {
    await using s = await stage()
    const told = (id: string) => ({
      code: 'BAD_VALUES',
      message: `Component 'sink' emitted ${described} on its stream '${id}'; values are an object with the stream's fields.`,
    })
    expect(thrownBy(() => s.out.emit(values as never, s.tuples[0]))).toEqual(told('default'))
    expect(thrownBy(() => s.out.emit(values as never, s.tuples))).toEqual(told('default'))
    expect(thrownBy(() => s.out.emitTo('unread', values as never))).toEqual(told('unread'))
    expect(thrownBy(() => s.out.emitDirect(2, values as never, s.tuples[0], 'told'))).toEqual(told('told'))
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test.each([
    [{ n: 'one' }, "the field 'n' does not fit: a number is expected, got 'one'"],
    [{}, "the field 'n' is missing"],
    [{ N: 1 }, "the field 'n' is missing; the stream has no field 'N' (did you mean 'n'?)"],
    [{ n: 1, word: 2 }, "the stream has no field 'word'"],
  ])('BAD_VALUES with validate: %j', async (values, sentence) => {
    await using s = await stage(3, { validate: true })
    expect(thrownBy(() => s.out.emit(values as never, s.tuples[0]))).toEqual({
      code: 'BAD_VALUES',
      message: `Component 'sink' emitted on its stream 'default': ${sentence}`,
    })
    await s.finish()
    expect(s.from.acked()).toEqual([0, 1, 2])
  })

  test('without validate: any object is taken as it is', async () => {
    await using s = await stage(3, { validate: false })
    const odd = { n: 'one' } as never
    s.out.emit(odd, s.tuples[0])
    await s.clock.advance(1)
    expect(s.reader.tasks.flatMap(({ tuples }) => tuples)[0]!.values).toBe(odd)
    await s.finish()
  })

  test('UNENCODABLE_KEY and BAD_GROUPING: the emit is refused, nothing is sent anywhere', async () => {
    await using place = world()
    const { clock } = place
    const Key = stream({ key: t.of<unknown>() })
    const others = capture()
    const codes: unknown[] = []
    let answer: unknown
    const from = source({ count: 1, clock })
    const { builder } = pair(
      from.spout,
      rich<N, { default: typeof Key }>(
        (tuple, out) => {
          for (const key of [() => 1, Symbol('s'), new WeakMap(), { deep: [() => 1] }]) {
            codes.push(thrownBy(() => out.emit({ key }, tuple)).code)
          }
          for (answer of [99, [99], undefined, 'all', [1.5], [null]]) {
            codes.push(thrownBy(() => out.emit({ key: 1 }, tuple)).code)
          }
          out.ack(tuple)
        },
        { outputs: { default: Key } },
      ),
    )
    builder.setBolt('by key', others.bolt, 2).fieldsGrouping('sink', ['key'])
    builder.setBolt('all', others.bolt, 2).allGrouping('sink')
    builder.setBolt('custom', others.bolt, 2).customGrouping('sink', () => ({ chooseTasks: () => answer as number[] }))
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(codes).toEqual([...Array<string>(4).fill('UNENCODABLE_KEY'), ...Array<string>(6).fill('BAD_GROUPING')])
    expect(others.tuples).toEqual([])
    expect(from.acked()).toEqual([0])
    expect(run.metrics().components['sink']).toMatchObject({ emitted: 0, transferred: 0 })
  })
})

describe('refusals: after the end of a call or task', () => {
  const tuplClosed = (component: string, task: number) => ({
    code: 'TUPLE_CLOSED',
    message: `Component '${component}', task ${task}, emitted after its execute was over: the tuple is acked. Return the promise of what still goes on, or use a bolt that acks by itself.`,
  })

  test('TUPLE_CLOSED: a floating promise of a basic bolt', async () => {
    await using place = world()
    const { clock } = place
    const seen: unknown[] = []
    const sink = capture<N>()
    const from = source({ count: 3, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: { default: Num, told: Direct },
        execute({ values: { n } }, out) {
          if (n === 0) {
            void Promise.resolve().then(() => seen.push(thrownBy(() => out.emit({ n }))))
            void clock.sleep(10).then(() => {
              seen.push(thrownBy(() => out.emit({ n })))
              seen.push(thrownBy(() => out.emitTo('default', { n })))
              seen.push(thrownBy(() => out.emitDirect(1, { n }, 'told')))
            })
          }
        },
      }),
    )
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology())
    await clock.advance(100)
    await clock.until(run.settled())
    expect(seen).toEqual(Array(4).fill(tuplClosed('sink', 3)))
    expect(sink.values).toEqual([])
    expect(from.acked()).toEqual([0, 1, 2])
  })

  test('TUPLE_CLOSED: also while a later call of the same task is open, which it must not emit for', async () => {
    await using place = world()
    const { clock } = place
    const seen: unknown[] = []
    const sink = capture<N>()
    const from = source({ count: 8, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        execute({ values: { n } }, out) {
          // Even ones return with a promise afloat, odd ones take their time.
          if (n % 2 === 1) return clock.sleep(50)
          if (n > 0) void clock.sleep(20).then(() => seen.push(thrownBy(() => out.emit({ n }))))
          return undefined
        },
      }),
    )
    builder.setBolt('last', sink.bolt).shuffleGrouping('sink')
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(seen).toEqual(Array(3).fill(tuplClosed('sink', 3)))
    expect(sink.values).toEqual([])
  })

  test('TUPLE_CLOSED: after a throw and after a promise has settled', async () => {
    await using place = world()
    const { clock } = place
    const seen: unknown[] = []
    const from = source({ count: 2, clock })
    const { builder } = pair(
      from.spout,
      basicBolt({
        input: Num,
        outputs: Num,
        execute({ values: { n } }, out) {
          void clock.sleep(20).then(() => seen.push(thrownBy(() => out.emit({ n }))))
          if (n === 0) throw new Error('no')
          return clock.sleep(10)
        },
      }),
    )
    const run = await place.submit(builder.createTopology())
    await clock.advance(100)
    await clock.until(run.settled())
    expect(seen).toEqual(Array(2).fill(tuplClosed('sink', 2)))
  })

  test('TASK_CLOSED: bolts of both kinds before they are prepared and after their end', async () => {
    await using place = world()
    const { clock } = place
    const seen: unknown[] = []
    const from = source({ count: 1, clock })
    let kept: OutputCollector<Streams> | undefined
    let basic: BasicCollector<{ default: typeof Num }> | undefined
    const emits = (out: OutputCollector<Streams>) => [
      () => out.emit({ n: 1 }),
      () => out.emitTo('words', { word: '' }),
      () => out.emitDirect(1, { n: 1 }, [], 'told'),
    ]
    const builder = new TopologyBuilder('closed')
    const spout = builder.setSpout('source', from.spout)
    builder
      .setBolt(
        'rich',
        rich<N, Streams>((tuple, out) => out.ack(tuple), {
          outputs: streams,
          prepare(_, out) {
            kept = out
            for (const emit of emits(out)) seen.push(thrownBy(emit))
          },
        }),
      )
      .shuffleGrouping(spout)
    builder
      .setBolt(
        'basic',
        basicBolt({
          input: Num,
          outputs: Num,
          execute(_, out) {
            basic = out
            return clock.sleep(1e6)
          },
        }),
      )
      .shuffleGrouping(spout)
    const run = await place.submit(builder.createTopology())
    await clock.advance(10)
    const refused = (component: string, task: number) => ({
      code: 'TASK_CLOSED',
      message: `Task ${task} of component '${component}' emitted before it was ready or after its end.`,
    })
    expect(seen).toEqual(Array(3).fill(refused('rich', 3)))
    await clock.until(run.kill({ waitMs: 0 }))
    for (const emit of emits(kept!)) expect(thrownBy(emit)).toEqual(refused('rich', 3))
    expect(thrownBy(() => basic!.emit({ n: 1 }))).toEqual(refused('basic', 2))
    expect(thrownBy(() => basic!.emitTo('default', { n: 1 }))).toEqual(refused('basic', 2))
  })
})

describe('refusals: verdicts on what is decided', () => {
  const twice = ['ack', 'fail'] as const
  for (const first of twice) {
    for (const second of twice) {
      test(`${second} after ${first}: ignored, counted, warned of once a minute; the first one holds`, async () => {
        await using s = await stage()
        for (let i = 0; i < 5; i++) {
          if (i === 0) s.out[first](s.tuples[0]!)
          else s.out[second](s.tuples[0]!)
        }
        const warnings = () => s.warnings('already: ignored, the first verdict holds')
        expect(warnings()).toMatchObject([
          {
            component: 'sink',
            task: 4,
            message: `component 'sink' called ${second} on a tuple from 'source' that it has ${first}ed already: ignored, the first verdict holds.`,
          },
        ])
        expect(insides(s.run).bolts.find(({ component }) => component === 'sink')!.misuses).toBe(4)
        expect(s.run.metrics().components['sink']).toMatchObject({ misuses: 4 })
        expect(s.run.metrics().components['reader']).toMatchObject({ misuses: 0 })
        await s.clock.advance(59_000)
        s.out[second](s.tuples[0]!)
        expect(warnings()).toHaveLength(1)
        await s.clock.advance(2_000)
        s.out[second](s.tuples[0]!)
        expect(warnings()).toHaveLength(2)
        await s.clock.until(s.run.settled())
        const verdict = s.from.verdicts.find(({ id }) => id === (s.tuples[0]!.values as N).n)!
        expect(verdict.verdict).toBe(first === 'ack' ? 'acked' : 'bolt failed')
      })
    }
  }

  test('fail with a reason: is logged, whatever it is, and the tuple fails', async () => {
    const reasons: [unknown, string][] = [
      ['no such row', 'no such row'],
      ['x'.repeat(100_000), `${'x'.repeat(8_192)}… (100000 characters)`],
      [new Error('an error'), 'an error'],
      [Object.create(null), 'threw an object'],
      [Symbol('s'), 'threw Symbol(s)'],
    ]
    for (const [reason, told] of reasons) {
      await using s = await stage(1)
      s.out.fail(s.tuples[0]!, reason as string)
      await s.clock.until(s.run.settled())
      expect(s.from.verdicts).toMatchObject([{ verdict: 'bolt failed' }])
      expect(s.warnings('failed a tuple')[0]!.message).toBe(`component 'sink' failed a tuple: ${told}`)
    }
  })
})

describe('refusals: what must not be changed', () => {
  test('input values: a bolt that changes them fails its tuple; a sibling sees what was emitted', async () => {
    await using place = world()
    const { clock } = place
    const Order = stream({ order: t.of<{ lines: { sku: string }[]; total: number }>() })
    const seen: unknown[] = []
    const verdicts: string[] = []
    let isOver = false
    const builder = new TopologyBuilder('orders')
    const spout = builder.setSpout('orders', () => ({
      outputs: { default: Order },
      nextTuple(out: SpoutCollector<{ default: typeof Order }>) {
        if (!isOver) out.emit({ order: { lines: [{ sku: 'a' }], total: 1 } }, 1)
        isOver = true
        out.exhausted()
      },
      fail: (_: number, reason: string) => void verdicts.push(reason),
    }))
    const changes: ((values: { order: { lines: { sku: string }[]; total: number } }) => void)[] = [
      (values) => (values.order = { lines: [], total: 0 }),
      ({ order }) => (order.total = 2),
      ({ order }) => order.lines.push({ sku: 'b' }),
      ({ order }) => (order.lines[0]!.sku = 'c'),
      (values) => Reflect.deleteProperty(values, 'order') || values.order.lines.pop(),
    ]
    for (const [i, change] of changes.entries()) {
      builder
        .setBolt(`bad ${i}`, basicBolt({ input: Order, execute: ({ values }) => change(values) }))
        .shuffleGrouping(spout)
    }
    builder
      .setBolt('sibling', basicBolt({ input: Order, execute: ({ values }) => void seen.push(structuredClone(values)) }))
      .shuffleGrouping(spout)
    const run = await place.submit(builder.createTopology())
    await clock.until(run.settled())
    expect(verdicts).toEqual(['bolt threw'])
    expect(run.errors()).toHaveLength(5)
    for (const { message } of run.errors()) expect(message).toMatch(/^TypeError: Cannot (assign|add|delete)/)
    expect(seen).toEqual([{ order: { lines: [{ sku: 'a' }], total: 1 } }])
  })

  test('freeze: false: the values are the very object that was emitted, and left as they are', async () => {
    await using place = world()
    const { clock } = place
    const values = { n: 1 }
    const sink = capture<N>()
    let isOver = false
    const { builder } = pair(
      () => ({
        outputs: { default: Num },
        nextTuple(out: SpoutCollector<{ default: typeof Num }>) {
          if (!isOver) out.emit(values, 1)
          isOver = true
          out.exhausted()
        },
      }),
      sink.bolt,
    )
    const topology = builder.createTopology()
    for (const freeze of [false, true]) {
      isOver = false
      const run = await place.submit(topology, { freeze, name: `freeze ${freeze}` })
      await clock.until(run.settled())
      expect(sink.values.at(-1)).toBe(values)
      expect(Object.isFrozen(values)).toBe(freeze)
    }
  })

  test('config, context and lists of tasks: writing to them throws, and nobody else is affected', async () => {
    await using place = world()
    const { clock } = place
    const seen: unknown[] = []
    const from = source({ count: 1, clock })
    const builder = new TopologyBuilder('config')
    const spout = builder.setSpout('source', from.spout)
    builder
      .setBolt(
        'vandal',
        basicBolt({
          input: Num,
          create(context) {
            const config = context.config as Record<string, unknown> & { database: { host: string; ports: number[] } }
            const attempts: (() => unknown)[] = [
              () => (config['messageTimeoutMs'] = 1),
              () => (config['new'] = 1),
              () => Reflect.deleteProperty(config, 'database') || config.database.ports.pop(),
              () => (config.database.host = 'elsewhere'),
              () => config.database.ports.push(1),
              () => ((context as { task: number }).task = 99),
              () => (context.tasksOf('reader') as number[]).push(99),
              () => (context.tasksOf('reader') as number[]).reverse(),
            ]
            return () => void seen.push(...attempts.map((attempt) => thrownBy(attempt).message))
          },
        }),
      )
      .shuffleGrouping(spout)
    let siblings: unknown
    builder
      .setBolt(
        'reader',
        basicBolt({
          input: Num,
          create: (context) => () => void (siblings = [context.config['database'], context.tasksOf('reader')]),
        }),
        3,
      )
      .allGrouping(spout)
    const run = await place.submit(builder.createTopology({ database: { host: 'here', ports: [1, 2] } }))
    await clock.until(run.settled())
    expect(seen).toHaveLength(8)
    for (const message of seen) expect(message).toMatch(/^Cannot (assign|add|delete)/)
    expect(siblings).toEqual([{ host: 'here', ports: [1, 2] }, [2, 3, 4]])
  })

  test('what emit returns: is the caller’s to change, or frozen, but never the engine’s own list', async () => {
    await using s = await stage()
    for (let i = 0; i < 4; i++) {
      try {
        ;(s.out.emit({ n: i }) as number[]).length = 0
        ;(s.out.emit({ n: i }) as number[]).push(99)
      } catch {
        // Frozen.
      }
      expect(s.out.emit({ n: i })).toHaveLength(1)
    }
    await s.finish()
  })
})
