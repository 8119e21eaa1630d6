// Guards: the same table and the same order per word, whatever the parallelism.
import { expect, test } from 'vitest'
import { LocalCluster, TopologyBuilder, basicBolt, listSpout, stream, t } from 'storm-ts'

const lines = [
  'NE Scala 2016 Apache',
  'Apache Spark Storm',
  'Apache Trident Flink',
  'Streaming Samza Scala',
  '2016 Streaming',
]
const table = {
  Apache: 3,
  Streaming: 2,
  Scala: 2,
  '2016': 2,
  NE: 1,
  Spark: 1,
  Storm: 1,
  Trident: 1,
  Flink: 1,
  Samza: 1,
}

const Sentence = stream({ sentence: t.string })
const Word = stream({ word: t.string })
const Counted = stream({ word: t.string, count: t.number })

test.each([
  [1, 1, 1],
  [5, 8, 12],
])('local: word count of the five lines: at parallelism %i/%i/%i', async (spouts, splits, counts) => {
  const seen: [string, number][] = []
  const split = basicBolt({
    input: Sentence,
    outputs: Word,
    execute({ values }, out) {
      for (const word of values.sentence.split(' ')) out.emit({ word })
    },
  })
  const count = basicBolt({
    input: Word,
    outputs: Counted,
    create() {
      const byWord = new Map<string, number>()
      return ({ values: { word } }, out) => {
        const n = (byWord.get(word) ?? 0) + 1
        byWord.set(word, n)
        seen.push([word, n])
        out.emit({ word, count: n })
      }
    },
  })
  const builder = new TopologyBuilder('word-count')
  const sentences = builder.setSpout(
    'spout',
    listSpout(
      Sentence,
      lines.map((sentence) => ({ sentence })),
    ),
    spouts,
  )
  const words = builder.setBolt('split', split, splits).shuffleGrouping(sentences)
  builder.setBolt('count', count, counts).fieldsGrouping(words, ['word'])
  await using cluster = new LocalCluster()
  const run = await cluster.submit(builder.createTopology({ workers: 3 }))
  await run.settled()

  expect(Object.fromEntries(seen)).toEqual(table)
  for (const [word, times] of Object.entries(table)) {
    expect(seen.filter(([seenWord]) => seenWord === word).map(([, n]) => n)).toEqual(
      Array.from({ length: times }, (_, i) => i + 1),
    )
  }
  expect(run.metrics()).toMatchObject({
    pending: 0,
    components: {
      spout: { emitted: 5, acked: 5, failed: 0 },
      split: { executed: 5, acked: 5, emitted: 15, transferred: 15 },
      count: { executed: 15, acked: 15, emitted: 15, transferred: 0 },
    },
  })
})
