// Guards: every mistake of a topology is told at once, in a sentence that names it and what would be right.
import { describe, expect, test } from 'vitest'
import { InvalidTopologyError, StormError, type Problem } from '../../src/errors.js'
import { TopologyBuilder } from '../../src/topology/builder.js'
import type { BoltHandle, SpoutHandle } from '../../src/topology/handle.js'
import { basicBolt, type Bolt } from '../../src/topology/component.js'
import { stream, t, type Streams } from '../../src/topology/stream.js'
import { specOf } from '../../src/topology/topology.js'
import { bolt, handmade, spout } from './components.js'

const Word = stream({ word: t.string })
const Count = stream({ word: t.string, count: t.number })
const Told = stream({ word: t.string }, { direct: true })

/** A sound topology, 'lines' to 'split' to 'count', with one thing done to it. */
interface Sketch {
  readonly builder: TopologyBuilder
  readonly lines: SpoutHandle<Streams>
  /** Emits words, and more on 'told', which is direct. */
  readonly split: BoltHandle<object, Streams>
  readonly count: BoltHandle<object, Streams>
}

function sketch(change: (sketch: Sketch) => void, options?: unknown): TopologyBuilder['createTopology'] {
  const builder = new TopologyBuilder('words')
  const lines = builder.setSpout('lines', spout<Streams>({ default: handmade(['line']) }))
  const split = builder.setBolt('split', bolt<Streams>({ default: Word, told: Told })).shuffleGrouping('lines')
  const count = builder.setBolt('count', bolt<Streams>({ default: Count })).fieldsGrouping('split', ['word'])
  change({ builder, lines, split, count })
  return () => builder.createTopology(options as object)
}

function problemsOf(create: () => unknown): readonly Problem[] {
  try {
    create()
    return []
  } catch (error) {
    if (!(error instanceof InvalidTopologyError)) throw error
    return error.problems
  }
}

describe('validate', () => {
  test('sound: neither problems nor warnings', () => {
    expect(specOf(sketch(() => undefined)()).warnings).toEqual([])
  })

  const cases: Record<string, readonly [change: (sketch: Sketch) => unknown, ...problems: string[]]> = {
    'unknown component': [
      ({ count }) => count.shuffleGrouping('splt'),
      "Bolt 'count' reads from 'splt', but there is no such component. Did you mean 'split'? There are: 'lines', 'split' and 'count'. (UNKNOWN_COMPONENT)",
    ],
    'unknown component: not even an id': [
      ({ count }) => count.shuffleGrouping(7 as never),
      "Bolt 'count' reads from 7; the handle or the id of a component is expected. (UNKNOWN_COMPONENT)",
    ],
    'unknown component: a handle of another builder': [
      ({ count }) => count.shuffleGrouping(new TopologyBuilder().setSpout('lines', spout({ default: Word }))),
      "Bolt 'count' reads from 'lines', whose handle comes from another builder. (UNKNOWN_COMPONENT)",
    ],
    'unknown stream': [
      ({ count }) => count.shuffleGrouping('split', 'tld'),
      "Bolt 'count' reads stream 'tld' of bolt 'split', which does not declare it. Did you mean 'told'? It declares: 'default' and 'told'. (UNKNOWN_STREAM)",
    ],
    'unknown stream: of a component that emits none': [
      ({ builder, count }) => {
        builder.setBolt('sink', bolt({})).shuffleGrouping('lines')
        count.shuffleGrouping('sink')
      },
      "Bolt 'count' reads stream 'default' of bolt 'sink', which does not declare it. It declares: none. (UNKNOWN_STREAM)",
    ],
    'unknown stream: the ticks': [
      ({ count }) => count.shuffleGrouping('lines', '__tick'),
      "Bolt 'count' reads stream '__tick' of spout 'lines', which does not declare it. Ticks are asked for with .tick(everyMs). It declares: 'default'. (UNKNOWN_STREAM)",
    ],
    'unknown field': [
      ({ builder }) => builder.setBolt('rank', bolt({})).fieldsGrouping('count', ['wrod', 'count']),
      "Bolt 'rank' groups stream 'default' of bolt 'count' by 'wrod', a field that it does not have. Did you mean 'word'? It has: 'word' and 'count'. (UNKNOWN_FIELD)",
    ],
    'duplicate field: of a grouping': [
      ({ builder }) => builder.setBolt('rank', bolt({})).fieldsGrouping('count', ['word', 'word']),
      "Bolt 'rank' groups stream 'default' of bolt 'count' twice by 'word'. (DUPLICATE_FIELD)",
    ],
    'duplicate field: of a stream': [
      ({ builder }) => builder.setSpout('more', spout({ default: handmade(['a', 'b', 'a', 'a']) })),
      "Stream 'default' of spout 'more' has the field 'a' twice. (DUPLICATE_FIELD)",
    ],
    'duplicate id': [
      ({ builder }) => builder.setSpout('split', spout({ default: Word })),
      "Two components have the id 'split', a spout and a bolt. (DUPLICATE_ID)",
    ],
    'reserved id': [
      ({ builder }) => builder.setBolt('__x', bolt({ __y: Word })).shuffleGrouping('lines'),
      "The id of bolt '__x' begins with '__', as only those of the engine do. (RESERVED_ID)",
      "The id of stream '__y' of bolt '__x' begins with '__', as only those of the engine do. (RESERVED_ID)",
    ],
    'empty id': [
      ({ builder }) => builder.setBolt('', bolt({ '': Word })).shuffleGrouping('lines'),
      "The id of bolt '' is empty. (EMPTY_ID)",
      "The id of stream '' of bolt '' is empty. (EMPTY_ID)",
    ],
    'invalid id': [
      ({ builder }) => builder.setBolt(undefined as never, bolt({})).shuffleGrouping('lines'),
      'The id of bolt with the id undefined is not a string of well-formed Unicode. (INVALID_ID)',
    ],
    'direct grouping on a plain stream': [
      ({ builder }) => builder.setBolt('x', bolt({})).directGrouping('split'),
      "Bolt 'x' reads stream 'default' of bolt 'split' by direct grouping, but that stream is not declared with { direct: true }. (DIRECT_MISMATCH)",
    ],
    'another grouping on a direct stream': [
      ({ builder }) => builder.setBolt('x', bolt({})).allGrouping('split', 'told'),
      "Bolt 'x' reads stream 'told' of bolt 'split' by all grouping, but that stream is direct: only directGrouping gets its tuples. (DIRECT_MISMATCH)",
    ],
    'no grouping fields': [
      ({ builder }) =>
        builder
          .setBolt('x', bolt({}))
          .partialKeyGrouping('count', [])
          .fieldsGrouping('split', 'word' as never),
      "Bolt 'x' groups stream 'default' of bolt 'count' by no field; a list of at least one field is expected. (NO_GROUPING_FIELDS)",
      "Bolt 'x' groups stream 'default' of bolt 'split' by 'word'; a list of at least one field is expected. (NO_GROUPING_FIELDS)",
    ],
    'duplicate subscription': [
      ({ count, split }) => count.shuffleGrouping(split),
      "Bolt 'count' subscribes twice to stream 'default' of 'split'; each tuple would come twice. (DUPLICATE_SUBSCRIPTION)",
    ],
    'spout with input': [
      ({ lines }) => (lines as unknown as Sketch['count']).shuffleGrouping('split'),
      "Spout 'lines' subscribes to a stream; only bolts read. (SPOUT_WITH_INPUT)",
    ],
    'not a factory: an instance, a class, nothing': [
      ({ builder }) => {
        builder.setBolt('a', bolt({})() as never).shuffleGrouping('lines')
        builder
          .setBolt(
            'b',
            class {
              execute() {}
            } as never,
          )
          .shuffleGrouping('lines')
        builder.setBolt('c', undefined as never).shuffleGrouping('lines')
      },
      "Bolt 'a' was given as an object of class SilentBolt; a function that makes a new one is expected: () => new It(). (NOT_A_FACTORY)",
      "Bolt 'b' was given as a class; a function that makes a new one is expected: () => new It(). (NOT_A_FACTORY)",
      "Bolt 'c' was given as undefined; a function that makes a new one is expected: () => new It(). (NOT_A_FACTORY)",
    ],
    'shared instance': [
      ({ builder }) => {
        const one = bolt({})()
        builder.setBolt('x', () => one).shuffleGrouping('lines')
      },
      "The factory of bolt 'x' made the same instance twice; each task needs its own. (SHARED_INSTANCE)",
    ],
    'not a component: nothing, the other kind, a promise': [
      ({ builder }) => {
        builder.setBolt('a', (() => undefined) as never).shuffleGrouping('lines')
        builder.setBolt('b', spout({}) as never).shuffleGrouping('lines')
        builder.setSpout('c', bolt({}) as never)
        builder.setBolt('d', (() => Promise.reject(new Error('late'))) as never).shuffleGrouping('lines')
      },
      "The factory of bolt 'a' made undefined; a bolt has a method execute. (NOT_A_COMPONENT)",
      "The factory of bolt 'b' made a spout; setSpout takes those. (NOT_A_COMPONENT)",
      "The factory of spout 'c' made a bolt; setBolt takes those. (NOT_A_COMPONENT)",
      "The factory of bolt 'd' made a promise; a factory returns the instance itself, and what takes time belongs in open or prepare. (NOT_A_COMPONENT)",
    ],
    'factory threw': [
      ({ builder }) => {
        builder
          .setBolt('x', () => {
            throw new RangeError('no room')
          })
          .shuffleGrouping('lines')
      },
      "The factory of bolt 'x' threw when it was tried: RangeError: no room (FACTORY_THREW)",
    ],
    'bad streams': [
      ({ builder }) => {
        builder.setSpout('a', spout(3 as never))
        builder.setSpout('b', spout({ default: Word, side: {} as never }))
      },
      "Spout 'a' has 3 as its outputs; a stream, or an object of streams by id, is expected. (BAD_STREAM)",
      "Stream 'side' of spout 'b' is an object; stream({ field: type }) is expected. (BAD_STREAM)",
    ],
    'bad grouping': [
      ({ builder }) => {
        const x = builder.setBolt('x', bolt({}))
        x.customGrouping('lines', 'mine' as never)
        x.customGrouping('split', () => ({}) as never)
        x.customGrouping('count', () => {
          throw new Error('no')
        })
      },
      "Bolt 'x' reads stream 'default' of spout 'lines' by a custom grouping that is 'mine'; a function that makes an object with chooseTasks is expected. (BAD_GROUPING)",
      "Bolt 'x' reads stream 'default' of bolt 'split' by a custom grouping that made an object; a function that makes an object with chooseTasks is expected. (BAD_GROUPING)",
      "Bolt 'x' reads stream 'default' of bolt 'count' by a custom grouping that threw when it was made (no); a function that makes an object with chooseTasks is expected. (BAD_GROUPING)",
    ],
    'options of a component': [
      ({ lines, split }) => {
        lines.set({ maxSpoutPending: 0 })
        split.tick(0).set({ worker: 1, workers: 2 })
      },
      "The option 'maxSpoutPending' of spout 'lines' is 0; a whole number of 1 to 1000000 is expected. (INVALID_CONFIG)",
      "The option 'tickMs' of bolt 'split' is 0; a whole number of 1 to 2147483647 ms is expected. (INVALID_CONFIG)",
      "There is no option 'worker' (of bolt 'split'). Did you mean 'workers'? A key of your own needs a name less like it. (INVALID_CONFIG)",
      "The option 'workers' of bolt 'split' is for a whole topology: give it to createTopology. (INVALID_CONFIG)",
    ],
  }
  for (const [name, [change, ...sentences]] of Object.entries(cases)) {
    test(`problems: ${name}`, () => {
      const problems = problemsOf(sketch(change))
      expect(problems.map(({ code, message }) => `${message} (${code})`)).toEqual(sentences)
    })
  }

  for (const parallelism of [0, -1, 1.5, Number.NaN, '4', 1e9, 10_001, null, Infinity]) {
    test(`parallelism: refused with the limit, in executors and in tasks: ${String(parallelism)}`, () => {
      const asExecutors = sketch(({ builder }) => builder.setSpout('x', spout({}), parallelism as number))
      const asTasks = sketch(({ split }) => split.tasks(parallelism as number))
      for (const create of [asExecutors, asTasks]) {
        const [problem, ...more] = problemsOf(create)
        expect([problem?.code, more]).toEqual(['INVALID_PARALLELISM', []])
        expect(problem?.message).toContain('a whole number of 1 to 10000 is expected')
      }
    })
  }

  test('parallelism: the most is accepted, and all together have a limit', () => {
    expect(problemsOf(sketch(({ lines }) => lines.tasks(10_000)))).toEqual([])
    const many = sketch(({ builder }) => {
      for (let i = 0; i < 10; i++) builder.setSpout(`s${i}`, spout({ default: Word }), 10_000)
    })
    expect(problemsOf(many)).toEqual([
      {
        code: 'INVALID_PARALLELISM',
        message: 'The components have 100003 tasks together; a topology has at most 100000.',
      },
    ])
  })

  test('empty: no component, no spout', () => {
    expect(problemsOf(() => new TopologyBuilder().createTopology()).map(({ code }) => code)).toEqual(['NO_COMPONENT'])
    const builder = new TopologyBuilder()
    builder.setBolt('a', bolt({ default: Word })).shuffleGrouping('a')
    expect(problemsOf(() => builder.createTopology()).map(({ code }) => code)).toEqual(['NO_SPOUT'])
  })

  test('all at once: name, options, components and subscriptions', () => {
    const builder = new TopologyBuilder('a/b')
    builder.setSpout('__s', spout({ default: Word }), 0)
    builder.setBolt('b', bolt({})).fieldsGrouping('__s', ['wrod']).shuffleGrouping('nobody')
    const problems = problemsOf(() => builder.createTopology({ workers: 0 }))
    expect(problems.map(({ code }) => code)).toEqual([
      'BAD_NAME',
      'INVALID_CONFIG',
      'RESERVED_ID',
      'INVALID_PARALLELISM',
      'UNKNOWN_FIELD',
      'UNKNOWN_COMPONENT',
    ])
    expect(() => builder.createTopology()).toThrow(
      /^The topology has 5 problems:\n {2}- The topology's name is 'a\/b'; 1 to/,
    )
  })

  test('no echo: what hangs on a component that is wrong itself is not told again', () => {
    const problems = problemsOf(
      sketch(({ builder, count }) => {
        builder.setBolt('x', undefined as never).shuffleGrouping('lines')
        count.fieldsGrouping('x', ['a'], 'b')
      }),
    )
    expect(problems.map(({ code }) => code)).toEqual(['NOT_A_FACTORY'])
  })

  const warnings: Record<string, readonly [change: (sketch: Sketch) => unknown, ...warnings: string[]]> = {
    'cycle: of itself': [
      ({ split }) => {
        split.shuffleGrouping('count').shuffleGrouping('split')
      },
      "Tuples go round: 'split' → 'split'. A tree ends only when they no longer do. (CYCLE)",
    ],
    'cycle: of two': [
      ({ split }) => split.shuffleGrouping('count'),
      "Tuples go round: 'split' → 'count' → 'split'. A tree ends only when they no longer do. (CYCLE)",
    ],
    'more executors than tasks': [
      ({ builder }) => builder.setBolt('x', bolt({}), 6).tasks(4).shuffleGrouping('lines'),
      "Bolt 'x' asks for 6 executors but has 4 tasks; it gets one executor a task. (EXCESS_EXECUTORS)",
    ],
    'ids that look alike': [
      ({ builder }) => {
        builder.setBolt('Split', bolt({})).shuffleGrouping('lines')
        builder.setBolt('\u00e9', bolt({ a: Word, Ａ: Word })).shuffleGrouping('lines')
        builder.setBolt('e\u0301', bolt({})).shuffleGrouping('lines')
      },
      "The components 'split' and 'Split' differ only by case or Unicode form. (AMBIGUOUS_ID)",
      "The components '\u00e9' and 'e\u0301' differ only by case or Unicode form. (AMBIGUOUS_ID)",
      "The streams 'a' and 'Ａ' of '\u00e9' differ only by case or Unicode form. (AMBIGUOUS_ID)",
    ],
    'nobody reads': [
      ({ builder }) => builder.setSpout('x', spout({ default: Word, side: Word })),
      "Stream 'default' of spout 'x' has no consumers. (NO_CONSUMERS)",
      "Stream 'side' of spout 'x' has no consumers. (NO_CONSUMERS)",
    ],
    'reads nothing': [
      ({ builder }) => builder.setBolt('x', bolt({})),
      "Bolt 'x' subscribes to no stream and will never be called. (NO_INPUT)",
    ],
    'reads nothing but ticks': [({ builder }) => builder.setBolt('x', bolt({})).tick(1000)],
    'a stream that lacks what the bolt reads': [
      ({ builder }) => {
        const rank = basicBolt({ input: Count, execute() {} }) as () => Bolt<object, Streams>
        builder.setBolt('x', rank).shuffleGrouping('split').shuffleGrouping('count')
      },
      "Bolt 'x' reads stream 'default' of bolt 'split', which lacks 'count' of the bolt's input. (STREAM_MISFIT)",
    ],
  }
  for (const [name, [change, ...sentences]] of Object.entries(warnings)) {
    test(`warnings: ${name}`, () => {
      const spec = specOf(sketch(change)())
      expect(spec.warnings.map(({ code, message }) => `${message} (${code})`)).toEqual(sentences)
    })
  }
})

describe('topology', () => {
  test('spec: what was declared, in its order', () => {
    const create = () => ({ chooseTasks: () => [1] })
    const topology = sketch(
      ({ split, count, builder }) => {
        split.tasks(4).tick(500).set({ concurrency: 2, mine: 1 })
        const ask = builder.setBolt('ask', bolt({}), 2)
        ask.directGrouping(split, 'told').customGrouping(count, create).localOrShuffleGrouping('lines')
      },
      { workers: 2 },
    )()
    expect(topology).toEqual({ name: 'words', '~topology': true })
    const { name, options, components } = specOf(topology)
    expect([name, options, [...components.keys()]]).toEqual([
      'words',
      { workers: 2 },
      ['lines', 'split', 'count', 'ask'],
    ])
    expect(components.get('split')).toMatchObject({
      kind: 'bolt',
      parallelism: 1,
      taskCount: 4,
      outputs: new Map([
        ['default', Word],
        ['told', Told],
      ]),
      subscriptions: [{ component: 'lines', stream: 'default', grouping: { kind: 'shuffle' } }],
      options: { tickMs: 500, concurrency: 2, mine: 1 },
    })
    expect(components.get('ask')?.subscriptions).toEqual([
      { component: 'split', stream: 'told', grouping: { kind: 'direct' } },
      { component: 'count', stream: 'default', grouping: { kind: 'custom', create } },
      { component: 'lines', stream: 'default', grouping: { kind: 'localOrShuffle' } },
    ])
    expect(components.get('lines')).toMatchObject({ kind: 'spout', taskCount: undefined, subscriptions: [] })
  })

  test('spec: a single stream stands for the default one', () => {
    const builder = new TopologyBuilder()
    builder.setSpout('a', spout(Word as never))
    expect(specOf(builder.createTopology()).components.get('a')?.outputs).toEqual(new Map([['default', Word]]))
  })

  test('spec: a topology is as it was, whatever is declared afterwards', () => {
    const builder = new TopologyBuilder()
    const source = builder.setSpout('a', spout({ default: Word }))
    const first = builder.createTopology()
    source.tasks(3).set({ mine: 1 })
    builder.setBolt('b', bolt({})).shuffleGrouping(source)
    expect([...specOf(first).components.values()]).toMatchObject([{ id: 'a', taskCount: undefined, options: {} }])
    expect(specOf(builder.createTopology()).components.size).toBe(2)
  })

  test('name: topology unless told', () => {
    const builder = new TopologyBuilder()
    builder.setSpout('a', spout({ default: Word }))
    expect(builder.createTopology().name).toBe('topology')
  })

  test('specOf: anything else is refused with a code', () => {
    for (const other of [undefined, null, {}, () => 1, 'x', { name: 'a', '~topology': true }]) {
      expect(() => specOf(other as never)).toThrow(StormError)
    }
  })
})
