// Guards the promises of compile time. Every line with an error that the compiler must find is marked.
import {
  BasicBolt,
  LocalCluster,
  TopologyBuilder,
  basicBolt,
  fileSpout,
  listSpout,
  stream,
  t,
  type BasicCollector,
  type Bolt,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type Tuple,
} from 'storm-ts'
import { completeTopology } from 'storm-ts/testing'
import { z } from 'zod'

const Line = stream({ line: t.string })
const Word = stream({ word: t.string })
const WordCount = stream({ word: z.string(), count: z.number().int() })

class Split extends BasicBolt<{ line: string }> {
  override readonly outputs = { default: Word }
  override execute({ values }: Tuple<{ line: string }>, out: BasicCollector<Split['outputs']>) {
    for (const word of values.line.split(/\s+/)) if (word) out.emit({ word })
  }
}
const count = basicBolt({
  input: Word,
  outputs: WordCount,
  create() {
    const counts = new Map<string, number>()
    return ({ values: { word } }, out) => {
      const n = (counts.get(word) ?? 0) + 1
      counts.set(word, n)
      out.emit({ word, count: n })
    }
  },
})
const print = basicBolt({
  input: WordCount,
  execute({ values }) {
    values.count.toFixed()
  },
})

class Numbers implements Spout {
  readonly outputs = { default: Line, odd: Word }
  #n = 0
  nextTuple(out: SpoutCollector<Numbers['outputs'], number>) {
    out.emit({ line: 'x' }, this.#n++)
    out.emitTo('odd', { word: 'y' }, this.#n++)
    if (this.#n > 10) out.exhausted()
  }
  ack(id: number) {
    id.toFixed()
  }
}
class Join implements Bolt<{ word: string }> {
  readonly outputs = { default: WordCount }
  execute(tuple: Tuple<{ word: string }>, out: OutputCollector<Join['outputs']>) {
    out.emit({ word: tuple.values.word, count: 1 }, [tuple])
    out.ack(tuple)
  }
}

export default function wordCount(args: string[]) {
  const builder = new TopologyBuilder('word-count')
  const lines = builder.setSpout('lines', fileSpout(args))
  const numbers = builder.setSpout('numbers', () => new Numbers(), 2)
  const split = builder
    .setBolt('split', () => new Split(), 4)
    .shuffleGrouping(lines)
    .shuffleGrouping(numbers)
  const counts = builder
    .setBolt('count', count, 4)
    .fieldsGrouping(split, ['word'])
    .fieldsGrouping(numbers, ['word'], 'odd')
  builder.setBolt('print', print).globalGrouping(counts)
  builder
    .setBolt('join', () => new Join())
    .shuffleGrouping(counts)
    .allGrouping('split')
  // @ts-expect-error a misspelt field
  builder.setBolt('e1', count).fieldsGrouping(split, ['wrod'])
  // @ts-expect-error a payload that does not fit
  builder.setBolt('e2', count).shuffleGrouping(lines)
  // @ts-expect-error an unknown stream
  builder.setBolt('e3', count).shuffleGrouping(numbers, 'even')
  // @ts-expect-error an unknown component
  builder.setBolt('e4', count).shuffleGrouping(splitt)
  return builder.createTopology({ workers: 2, messageTimeoutMs: 30_000 })
}
class Wrong implements Spout {
  readonly outputs = { default: Line }
  nextTuple(out: SpoutCollector<Wrong['outputs']>) {
    // @ts-expect-error a misspelt field
    out.emit({ lin: 'x' })
    // @ts-expect-error a wrong type
    out.emit({ line: 1 })
    // @ts-expect-error an unknown stream
    out.emitTo('other', { line: 'x' })
  }
}
await using cluster = new LocalCluster()
const run = await cluster.submit(wordCount(['big.txt']))
await run.settled()
const done = await completeTopology(wordCount([]), { mockSpouts: { lines: [{ line: 'a b a' }] } })
done.from('count')
export { Wrong, listSpout }
