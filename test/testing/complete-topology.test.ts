// Guards: a topology is tested in milliseconds, with no port, file or sleep.
import { describe, expect, test } from 'vitest'
import { BasicBolt, TopologyBuilder, basicBolt, listSpout, stream, t, type BasicCollector, type Tuple } from 'storm-ts'
import { capture, completeTopology, feeder, trackedWait, virtualCluster } from 'storm-ts/testing'

const Line = stream({ line: t.string })
const Word = stream({ word: t.string })

class Split extends BasicBolt<{ line: string }> {
  override readonly outputs = { default: Word }
  override execute({ values }: Tuple<{ line: string }>, out: BasicCollector<Split['outputs']>) {
    for (const word of values.line.split(' ')) out.emit({ word })
  }
}

function wordTopology(bolt: () => BasicBolt<{ word: string }> = basicBolt({ input: Word, execute() {} })) {
  const builder = new TopologyBuilder('words')
  const lines = builder.setSpout('lines', listSpout(Line, [{ line: 'from the real spout' }]))
  const words = builder.setBolt('split', () => new Split(), 2).shuffleGrouping(lines)
  builder.setBolt('count', bolt, 2).fieldsGrouping(words, ['word'])
  return builder.createTopology()
}

describe('testing: completeTopology', () => {
  test('mocked spouts: gives what every component emitted, and the verdicts', async () => {
    const done = await completeTopology(wordTopology(), { mockSpouts: { lines: [{ line: 'a b a' }, { line: 'c' }] } })
    expect(done.from('lines').map(({ values }) => values)).toEqual([{ line: 'a b a' }, { line: 'c' }])
    expect(
      done
        .from('split')
        .map(({ values }) => values.word as string)
        .sort(),
    ).toEqual(['a', 'a', 'b', 'c'])
    expect(done.from('split', 'other')).toEqual([])
    expect(new Set(done.acked)).toEqual(new Set([0, 1]))
    expect(done.failed).toEqual([])
  })

  test('mocked spouts: a value that fails is told and not replayed', async () => {
    const refuse = basicBolt({
      input: Word,
      execute({ values }) {
        if (values.word === 'bad') throw new Error('no')
      },
    })
    const done = await completeTopology(wordTopology(refuse), {
      mockSpouts: { lines: [{ line: 'good' }, { line: 'a bad one' }] },
    })
    expect(done.acked).toEqual([0])
    expect(done.failed).toEqual([1])
    expect(done.errors).toMatchObject([{ component: 'count', message: 'no' }])
  })

  test('real spouts: run as they are', async () => {
    const done = await completeTopology(wordTopology())
    expect(done.from('split')).toHaveLength(4)
  })

  test('bad names: a mock of no spout, and a component that is not there', async () => {
    const unknown = completeTopology(wordTopology(), { mockSpouts: { line: [] } })
    await expect(unknown).rejects.toThrow(
      "mockSpouts names 'line', which is no spout of topology 'words'; its spouts are 'lines'. Did you mean 'lines'?",
    )
    const done = await completeTopology(wordTopology())
    expect(() => done.from('splits')).toThrow("Did you mean 'split'?")
  })

  test('never settled: says so after the time given', async () => {
    const stuck = new BasicStuck()
    const hang = completeTopology(
      wordTopology(() => stuck.bolt()),
      { timeoutMs: 1_000 },
    )
    await expect(hang).rejects.toMatchObject({ code: 'NOT_SETTLED' })
  })
})

class BasicStuck {
  bolt(): BasicBolt<{ word: string }> {
    return basicBolt({ input: Word, execute: () => new Promise<void>(() => {}) })()
  }
}

describe('testing: feeder, capture and tracked waiting', () => {
  test('feeder: what is fed comes out, with its verdicts', async () => {
    const { cluster, clock } = virtualCluster({ seed: 1 })
    const words = feeder(Word)
    const sink = capture<{ word: string }>()
    const builder = new TopologyBuilder('fed')
    builder.setBolt('sink', sink.bolt).shuffleGrouping(builder.setSpout('words', words.spout))
    const run = await clock.until(cluster.submit(builder.createTopology()))
    words.feed({ word: 'one' }, 'id 1')
    await clock.advance(0)
    expect(sink.values).toEqual([{ word: 'one' }])
    words.feed({ word: 'two' }, 'id 2')
    words.feed({ word: 'three' })
    await clock.until(run.settled())
    expect(sink.values).toEqual([{ word: 'one' }, { word: 'two' }, { word: 'three' }])
    expect(words.acked).toEqual(['id 1', 'id 2'])
    await trackedWait(run, 3, { clock })
    await expect(trackedWait(run, 4, { clock, timeoutMs: 50 })).rejects.toThrow(
      'have emitted 3 of 4 tuples, and 3 of 3 tuples sent are executed',
    )
    await clock.until(cluster.shutdown())
  })

  test('feeder: on real time too', async () => {
    const { LocalCluster } = await import('storm-ts')
    await using cluster = new LocalCluster()
    const words = feeder(Word)
    const sink = capture<{ word: string }>()
    const builder = new TopologyBuilder('fed')
    builder.setBolt('sink', sink.bolt).shuffleGrouping(builder.setSpout('words', words.spout))
    const run = await cluster.submit(builder.createTopology())
    words.feed({ word: 'one' }, 1)
    await run.settled()
    words.feed({ word: 'two' }, 2)
    await trackedWait(run, 2)
    expect(sink.values).toEqual([{ word: 'one' }, { word: 'two' }])
  })
})
