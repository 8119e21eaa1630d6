// A user's first program: word count through the packed package, in a project that holds nothing else.
import {
  BasicBolt,
  LocalCluster,
  TopologyBuilder,
  basicBolt,
  listSpout,
  stream,
  t,
  type BasicCollector,
  type Tuple,
} from 'storm-ts'
import { completeTopology } from 'storm-ts/testing'

declare const console: { log(text: string): void }

const Line = stream({ line: t.string })
const Word = stream({ word: t.string })
const WordCount = stream({ word: t.string, count: t.number })

class Split extends BasicBolt<{ line: string }> {
  override readonly outputs = { default: Word }
  override execute({ values }: Tuple<{ line: string }>, out: BasicCollector<Split['outputs']>) {
    for (const word of values.line.split(' ')) out.emit({ word })
  }
}

const table = new Map<string, number>()
const count = basicBolt({
  input: Word,
  outputs: WordCount,
  create() {
    const counts = new Map<string, number>()
    return ({ values: { word } }, out) => {
      const n = (counts.get(word) ?? 0) + 1
      counts.set(word, n)
      table.set(word, n)
      out.emit({ word, count: n })
    }
  },
})

function wordCount(lines: string[]) {
  const builder = new TopologyBuilder('word-count')
  const source = builder.setSpout(
    'lines',
    listSpout(
      Line,
      lines.map((line) => ({ line })),
    ),
  )
  const split = builder.setBolt('split', () => new Split(), 2).shuffleGrouping(source)
  builder.setBolt('count', count, 3).fieldsGrouping(split, ['word'])
  return builder.createTopology()
}

await using cluster = new LocalCluster()
const run = await cluster.submit(wordCount(['the cow jumped over the moon', 'the moon']))
await run.settled()
for (const [word, n] of [...table].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))) console.log(`${word}\t${n}`)

const done = await completeTopology(wordCount([]), { mockSpouts: { lines: [{ line: 'a b a' }] } })
console.log(`tested: ${done.from('count').length} counts, ${done.failed.length} failed`)
