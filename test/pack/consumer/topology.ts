// A user's first topology for a cluster, deployed through the packed package: counts words over two workers.
import { appendFileSync } from 'node:fs'
import { TopologyBuilder, basicBolt, listSpout, stream, t } from 'storm-ts'

const Line = stream({ line: t.string })
const Word = stream({ word: t.string })

/** `out`: the file in which each task leaves `word count` whenever it has counted one. */
export default ([out = 'counts.txt']: string[]) => {
  const split = basicBolt({
    input: Line,
    outputs: Word,
    execute({ values }, collector) {
      for (const word of values.line.split(' ')) collector.emit({ word })
    },
  })
  const count = basicBolt({
    input: Word,
    create() {
      const counts = new Map<string, number>()
      return ({ values: { word } }) => {
        counts.set(word, (counts.get(word) ?? 0) + 1)
        appendFileSync(out, `${word} ${counts.get(word)}\n`)
      }
    },
  })
  const builder = new TopologyBuilder('first')
  const lines = builder.setSpout('lines', listSpout(Line, [{ line: 'to be or' }, { line: 'not to be' }]))
  const words = builder.setBolt('split', split, 2).shuffleGrouping(lines)
  builder.setBolt('count', count, 2).fieldsGrouping(words, ['word'])
  return builder.createTopology({ workers: 2 })
}
