import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileSpout, TopologyBuilder, type Topology } from 'storm-ts'
import { Count, type OpenOutlet } from './count.js'
import { split } from './split.js'
import { tableFiles } from './table-files.js'

/** Word count: lines → split → count. `inputs` are files, or `-` for standard input. */
export function wordCount(inputs: readonly string[], openOutlet: OpenOutlet): Topology {
  const builder = new TopologyBuilder('word-count')
  const lines = builder.setSpout('lines', fileSpout(inputs))
  const words = builder.setBolt('split', split, 2).shuffleGrouping(lines)
  builder
    .setBolt('count', () => new Count(openOutlet), 4)
    .fieldsGrouping(words, ['word'])
    .tick(1_000)
  return builder.createTopology({ workers: 2 })
}

/**
 * The same for a cluster: `INPUT… [--out DIR]`. There the tasks are in several processes, so each writes a table of its own
 * into `DIR`; without it, each only logs how many words it knows. Paths mean the folder in which the command is typed.
 */
export default function topology(args: string[]): Topology {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { out: { type: 'string' } } })
  if (positionals.length === 0) throw new Error('Word count needs at least one file: INPUT… [--out DIR].')
  const inputs = positionals.map((path) => (path === '-' ? path : resolve(path)))
  return wordCount(inputs, values.out === undefined ? logOnly : tableFiles(resolve(values.out)))
}

const logOnly: OpenOutlet = ({ log }) => ({
  ended: (counts) => log.info('counted', { words: counts.size }),
})
