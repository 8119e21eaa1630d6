import {
  BasicBolt,
  stream,
  t,
  TopologyBuilder,
  type BasicCollector,
  type Spout,
  type SpoutCollector,
  type Topology,
  type Tuple,
} from 'storm-ts'
import type { TopologyName } from './options.js'
import { DATA, SENTENCES } from './sentences.js'
import type { SinkTally, SpoutTally } from './tally.js'

const Const = stream({ str: t.string })
const Sentence = stream({ sentence: t.string })
const Word = stream({ word: t.string })
const WordCount = stream({ word: t.string, count: t.number })

/** The component whose tuples are counted where there are no acks. */
export const sinkOf: Record<TopologyName, string> = { T1: 'null', T2: 'null', T3: 'count' }

/** One spout task, one task of each bolt; written as a user would, with basic bolts. */
export function benchTopology(name: TopologyName, spout: SpoutTally, sink: SinkTally): Topology {
  const builder = new TopologyBuilder(`bench-${name}`)
  if (name === 'T3') {
    const sentences = builder.setSpout('spout', () => new SentenceSpout(spout))
    const words = builder.setBolt('split', () => new SplitBolt()).localOrShuffleGrouping(sentences)
    builder.setBolt('count', () => new CountBolt(sink)).fieldsGrouping(words, ['word'])
  } else {
    const source = builder.setSpout('spout', () => new ConstSpout(spout))
    const last = name === 'T1' ? source : builder.setBolt('id', () => new IdBolt()).localOrShuffleGrouping(source)
    builder.setBolt('null', () => new NullBolt(sink)).localOrShuffleGrouping(last)
  }
  return builder.createTopology()
}

class ConstSpout implements Spout<{ default: typeof Const }, number> {
  readonly outputs = { default: Const }
  readonly #tally: SpoutTally

  constructor(tally: SpoutTally) {
    this.#tally = tally
  }

  nextTuple(out: SpoutCollector<ConstSpout['outputs'], number>): void {
    for (let due = this.#tally.due(out); due > 0; due -= 1) out.emit({ str: DATA }, this.#tally.nextId())
  }

  ack(id: number): void {
    this.#tally.ack(id)
  }

  fail(_id: number, reason: string): void {
    this.#tally.fail(reason)
  }
}

class SentenceSpout implements Spout<{ default: typeof Sentence }, number> {
  readonly outputs = { default: Sentence }
  readonly #tally: SpoutTally
  #at = 0

  constructor(tally: SpoutTally) {
    this.#tally = tally
  }

  nextTuple(out: SpoutCollector<SentenceSpout['outputs'], number>): void {
    for (let due = this.#tally.due(out); due > 0; due -= 1) {
      const sentence = SENTENCES[this.#at] ?? ''
      this.#at = this.#at + 1 === SENTENCES.length ? 0 : this.#at + 1
      out.emit({ sentence }, this.#tally.nextId())
    }
  }

  ack(id: number): void {
    this.#tally.ack(id)
  }

  fail(_id: number, reason: string): void {
    this.#tally.fail(reason)
  }
}

class IdBolt extends BasicBolt<{ str: string }, { default: typeof Const }> {
  override readonly outputs = { default: Const }

  override execute(tuple: Tuple<{ str: string }>, out: BasicCollector<IdBolt['outputs']>): void {
    out.emit({ str: tuple.values.str })
  }
}

class NullBolt extends BasicBolt<{ str: string }> {
  readonly #tally: SinkTally

  constructor(tally: SinkTally) {
    super()
    this.#tally = tally
  }

  override execute(tuple: Tuple<{ str: string }>): void {
    this.#tally.take(tuple.values.str.length)
  }
}

class SplitBolt extends BasicBolt<{ sentence: string }, { default: typeof Word }> {
  override readonly outputs = { default: Word }

  override execute(tuple: Tuple<{ sentence: string }>, out: BasicCollector<SplitBolt['outputs']>): void {
    for (const word of tuple.values.sentence.split(' ')) out.emit({ word })
  }
}

class CountBolt extends BasicBolt<{ word: string }, { default: typeof WordCount }> {
  override readonly outputs = { default: WordCount }
  readonly #tally: SinkTally

  constructor(tally: SinkTally) {
    super()
    this.#tally = tally
  }

  override execute(tuple: Tuple<{ word: string }>, out: BasicCollector<CountBolt['outputs']>): void {
    const { word } = tuple.values
    const { words } = this.#tally
    const count = (words.get(word) ?? 0) + 1
    words.set(word, count)
    out.emit({ word, count })
    this.#tally.take(word.length + count)
  }
}
