import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BasicBolt,
  fileSpout,
  stream,
  t,
  TopologyBuilder,
  type BasicCollector,
  type BoltHandle,
  type CustomGrouping,
  type Streams,
  type Topology,
  type TopologyContext,
  type Tuple,
} from 'storm-ts'

/**
 * Word count nine times over, each time behind another grouping. Each task writes its own table: `FOLDER/<component>-<task>`,
 * a line `word count` for each word, and before that `crossed tuples`: how many came from another process, and how many in
 * all. Arguments: INPUT FOLDER.
 */
export default function everyGrouping([input = '', folder = '']: string[]): Topology {
  const builder = new TopologyBuilder('every-grouping')
  const lines = builder.setSpout('lines', fileSpout([input]), 2)
  const words = builder.setBolt('split', () => new Split(), 4).shuffleGrouping(lines)
  const count = (id: string, tasks = 4) =>
    builder
      .setBolt(id, () => new Count(folder), tasks)
      .tick(1_000)
      .set({ inboxLimit: 4_096 }) as BoltHandle<Word, Streams>
  count('shuffle').shuffleGrouping(words)
  // In as many places as it has tasks, so that it has to be reached from the others.
  count('local-or-shuffle', 1).localOrShuffleGrouping(words)
  count('fields').fieldsGrouping(words, ['word'])
  count('partial-key').partialKeyGrouping(words, ['word'])
  count('all', 2).allGrouping(words)
  count('global', 2).globalGrouping(words)
  count('none').noneGrouping(words)
  count('custom').customGrouping(words, () => new ByLength())
  count(direct).directGrouping(words, 'chosen')
  return builder.createTopology({ workers: 4 })
}

/** The bolt that is reached by direct grouping. */
const direct = 'direct'
/** `pid`: of the process that emits. */
const Word = stream({ word: t.string, pid: t.number })
const Chosen = stream({ word: t.string, pid: t.number }, { direct: true })
interface Word {
  readonly word: string
  readonly pid: number
}
type Out = { default: typeof Word; chosen: typeof Chosen }

class Split extends BasicBolt<{ line: string }, Out> {
  override readonly outputs = { default: Word, chosen: Chosen }
  #targets: readonly number[] = []
  #turn = 0

  override prepare(context: TopologyContext): void {
    this.#targets = context.tasksOf(direct)
  }

  override execute({ values: { line } }: Tuple<{ line: string }>, out: BasicCollector<Out>): void {
    for (const word of line.split(' ')) {
      const values = { word, pid: process.pid }
      out.emit(values)
      out.emitDirect(this.#targets[this.#turn++ % this.#targets.length] as number, values, 'chosen')
    }
  }
}

class ByLength implements CustomGrouping<Word> {
  #targets: readonly number[] = []

  prepare(_: TopologyContext, targets: readonly number[]): void {
    this.#targets = targets
  }

  chooseTasks(_: number, { word }: Word): readonly number[] {
    return [this.#targets[word.length % this.#targets.length] as number]
  }
}

class Count extends BasicBolt<Word> {
  readonly #counts = new Map<string, number>()
  readonly #folder: string
  #path = ''
  #crossed = 0
  #tuples = 0
  #written = 0

  constructor(folder: string) {
    super()
    this.#folder = folder
  }

  override prepare({ component, task }: TopologyContext): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#path = join(this.#folder, `${component}-${task}`)
  }

  override execute({ isTick, values: { word, pid } }: Tuple<Word>): void {
    if (isTick) return this.#write()
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1)
    this.#tuples++
    if (pid !== process.pid) this.#crossed++
  }

  override cleanup(): void {
    this.#write()
  }

  #write(): void {
    if (this.#written === this.#tuples) return
    this.#written = this.#tuples
    const rows = [...this.#counts].map(([word, count]) => `${word} ${count}\n`)
    writeFileSync(`${this.#path}.new`, `${this.#crossed} ${this.#tuples}\n${rows.join('')}`)
    renameSync(`${this.#path}.new`, this.#path)
  }
}
