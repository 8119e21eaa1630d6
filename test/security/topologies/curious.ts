import { readFileSync } from 'node:fs'
import {
  listSpout,
  stream,
  t,
  TopologyBuilder,
  type Bolt,
  type OutputCollector,
  type Topology,
  type Tuple,
} from 'storm-ts'

/**
 * Writes into its log whatever it finds out about the process that it is in and about those that started it, and fails
 * on some tuples. Arguments: FILE, of texts to emit, which it keeps to itself.
 */
export default function curious([file = '']: string[]): Topology {
  tell('at import')
  const builder = new TopologyBuilder('curious')
  const values = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text) => [{ text }, { text: `${text} again` }])
  const source = builder.setSpout('texts', listSpout(stream({ text: t.string }), values))
  builder.setBolt('teller', () => new Teller(), 2).shuffleGrouping(source)
  return builder.createTopology({ workers: 2 })
}

class Teller implements Bolt<{ text: string }> {
  prepare(): void {
    tell('in prepare')
  }

  execute(tuple: Tuple<{ text: string }>, out: OutputCollector<{}>): void {
    if (tuple.values.text.endsWith('again')) throw new Error('this one is not taken')
    out.ack(tuple)
  }
}

function tell(where: string): void {
  console.log(where, JSON.stringify(process.env), JSON.stringify([...process.argv, ...process.execArgv]))
  process.stdout.write(`${where} ${JSON.stringify(process.env)}\n`)
  for (const pid of ['self', String(process.ppid)]) {
    try {
      console.log(where, pid, readFileSync(`/proc/${pid}/environ`, 'utf8').replaceAll('\0', ' '))
    } catch {
      // Not ours to read.
    }
  }
}
