import {
  LocalCluster,
  TopologyBuilder,
  fileSpout,
  type Bolt,
  type OutputCollector,
  type Stream,
  type TaskHook,
  type Tuple,
} from 'storm-ts'
import { Count, type Counts } from '../../examples/wordcount/count.js'
import { Line, split, Word } from '../../examples/wordcount/split.js'
import { seededRng } from '../../src/stdx/rng.js'

/** Hands tuples on, but for one in a hundred, by chance, which it fails or throws at. */
class Unlucky<V extends object> implements Bolt<V, { default: Stream<V> }> {
  readonly outputs: { readonly default: Stream<V> }
  readonly #trouble: string
  readonly #rng = seededRng(7)

  constructor(stream: Stream<V>, trouble: string) {
    this.outputs = { default: stream }
    this.#trouble = trouble
  }

  execute(tuple: Tuple<V>, out: OutputCollector<{ default: Stream<V> }>): void {
    if (this.#rng.below(100) === 0) {
      if (this.#trouble === 'throw') throw new Error('out of luck')
      out.fail(tuple)
      return
    }
    out.emit(tuple.values, tuple)
    out.ack(tuple)
  }
}

/** What the program prints, as JSON. */
export interface UnluckyRun {
  readonly table: readonly (readonly [word: string, count: number])[]
  readonly emitted: number
  readonly acked: number
  readonly failed: number
  /** Lines that were acked once, and lines that were acked more often, which must not be. */
  readonly ackedOnce: number
  readonly ackedAgain: number
}

/** Word count of a text with an unlucky bolt before the bolt that splits, or after it. */
async function run(text: string, where: string, trouble: string): Promise<UnluckyRun> {
  const acksByLine: number[] = []
  const hook: TaskHook = {
    spoutAck({ id }) {
      acksByLine[id as number] = (acksByLine[id as number] ?? 0) + 1
    },
  }
  const tables: Counts[] = []
  const builder = new TopologyBuilder('word-count')
  const lines = builder.setSpout('lines', fileSpout([text])).set({ taskHooks: [() => hook] })
  const checked =
    where === 'before' ? builder.setBolt('unlucky', () => new Unlucky(Line, trouble)).shuffleGrouping(lines) : lines
  const words = builder.setBolt('split', split, 2).shuffleGrouping(checked)
  const kept =
    where === 'after' ? builder.setBolt('unlucky', () => new Unlucky(Word, trouble)).shuffleGrouping(words) : words
  const count = () => new Count(() => ({ ended: (counts) => void tables.push(counts) }))
  builder.setBolt('count', count, 4).fieldsGrouping(kept, ['word'])
  // Each of many thousand throws is an error, and no news.
  await using cluster = new LocalCluster({ seed: 3, log: { write: () => undefined } })
  const running = await cluster.submit(builder.createTopology({ freeze: false, messageTimeoutMs: 3_600_000 }))
  await running.settled()
  const { emitted = 0, acked = 0, failed = 0 } = running.metrics().components['lines'] ?? {}
  await running.kill()
  const ackedOnce = acksByLine.filter((acks) => acks === 1).length
  const ackedAgain = acksByLine.filter((acks) => acks > 1).length
  return { table: tables.flatMap((counts) => [...counts]), emitted, acked, failed, ackedOnce, ackedAgain }
}

const [text = '', where = '', trouble = ''] = process.argv.slice(2)
console.log(JSON.stringify(await run(text, where, trouble)))
