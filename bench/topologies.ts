import {
  BasicBolt,
  stream,
  t,
  TopologyBuilder,
  type BasicCollector,
  type Bolt,
  type OutputCollector,
  type Source,
  type Spout,
  type SpoutCollector,
  type Streams,
  type Topology,
  type Tuple,
} from 'storm-ts'
import type { Shape, TopologyName } from './options.js'
import { DATA, keyOf, SENTENCES } from './sentences.js'
import type { SinkTally, SpoutTally } from './tally.js'

const Const = stream({ str: t.string })
const Sentence = stream({ sentence: t.string })
const Word = stream({ word: t.string })
const WordCount = stream({ word: t.string, count: t.number })

/** How often the sink that holds tuples looks whether no more come. */
const holdTickMs = 200
/** Steps of the slow sink for each tuple: some ten times what T1 costs. */
const slowSteps = 2_000

/** The component whose tuples are counted where there are no acks; T0 has none. */
export function sinkOf(topology: TopologyName): string {
  return topology === 'T3' || topology === 'T3w' ? 'count' : 'null'
}

/**
 * The scheduler deals out executors in the order of their components' names. By this name of T3's spout, acker and sink
 * come into one worker and spout and split into the other; as 'spout', it comes to the sink, and the split to the acker.
 */
export function spoutOf({ split }: Pick<Shape, 'split'>): string {
  return split === 'near' ? 'begin' : 'spout'
}

/**
 * Written as a user would, with basic bolts but where a sink holds what it has; as many tasks as executors.
 * `onSplitOpen` is called in the process of T3's split, as the tallies' `onOpen` in those of spout and sink.
 */
export function benchTopology(
  shape: Shape,
  spout: SpoutTally,
  sink: SinkTally,
  onSplitOpen: () => void = () => {},
): Topology {
  const { topology, executors } = shape
  const builder = new TopologyBuilder(`bench-${topology}`)
  if (topology === 'T3') {
    const sentences = builder.setSpout(spoutOf(shape), () => new SentenceSpout(spout), executors)
    const words = builder
      .setBolt('split', () => new SplitBolt(onSplitOpen), executors)
      .localOrShuffleGrouping(sentences)
    builder.setBolt('count', () => new CountBolt(sink), executors).fieldsGrouping(words, ['word'])
  } else if (topology === 'T3w') {
    const keys = Array.from({ length: shape.keys }, (_, index) => keyOf(index))
    const words = builder.setSpout('spout', () => new WordSpout(spout, keys), executors)
    builder.setBolt('count', () => new CountBolt(sink), executors).fieldsGrouping(words, ['word'])
  } else {
    const data = dataOf(shape)
    let last: Source<{ default: typeof Const }> = builder.setSpout(
      'spout',
      () => new ConstSpout(spout, data),
      executors,
    )
    if (topology === 'T0') return builder.createTopology()
    for (const [id, make] of betweenOf(shape)) last = builder.setBolt(id, make, executors).localOrShuffleGrouping(last)
    if (shape.hold !== undefined) {
      const size = shape.hold
      builder
        .setBolt('null', () => new HoldBolt(sink, size), executors)
        .tick(holdTickMs)
        .localOrShuffleGrouping(last)
    } else if (topology === 'T7') {
      builder.setBolt('null', () => new SlowBolt(sink), executors).localOrShuffleGrouping(last)
    } else builder.setBolt('null', () => new NullBolt(sink), executors).localOrShuffleGrouping(last)
  }
  return builder.createTopology()
}

/** What the const spout emits. */
export function dataOf({ payload }: Pick<Shape, 'payload'>): string {
  return payload === undefined ? DATA : DATA.repeat(Math.ceil(payload / DATA.length)).slice(0, payload)
}

function betweenOf({ topology, fanout, depth }: Shape): [string, () => BasicBolt<Data, { default: typeof Const }>][] {
  if (topology === 'T2') return [['id', () => new IdBolt()]]
  if (topology === 'T4') return [['fan', () => new FanBolt(fanout)]]
  if (topology === 'T5') return Array.from({ length: depth }, (_, n) => [`id${n + 1}`, () => new IdBolt()])
  return []
}

type Data = { str: string }

class ConstSpout implements Spout<{ default: typeof Const }, number> {
  readonly outputs = { default: Const }
  readonly #tally: SpoutTally
  readonly #data: string

  constructor(tally: SpoutTally, data: string) {
    this.#tally = tally
    this.#data = data
  }

  open(): void {
    this.#tally.onOpen()
  }

  nextTuple(out: SpoutCollector<ConstSpout['outputs'], number>): void | Promise<void> {
    const due = this.#tally.due(out)
    if (due <= 0) return this.#tally.pause()
    for (let left = due; left > 0; left -= 1) out.emit({ str: this.#data }, this.#tally.nextId())
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

  constructor(tally: SpoutTally) {
    this.#tally = tally
  }

  open(): void {
    this.#tally.onOpen()
  }

  nextTuple(out: SpoutCollector<SentenceSpout['outputs'], number>): void {
    for (let due = this.#tally.due(out); due > 0; due -= 1) {
      out.emit({ sentence: SENTENCES[this.#tally.turn(SENTENCES.length)] ?? '' }, this.#tally.nextId())
    }
  }

  ack(id: number): void {
    this.#tally.ack(id)
  }

  fail(_id: number, reason: string): void {
    this.#tally.fail(reason)
  }
}

/** One of many words at a time, cycled. */
class WordSpout implements Spout<{ default: typeof Word }, number> {
  readonly outputs = { default: Word }
  readonly #tally: SpoutTally
  readonly #keys: readonly string[]

  constructor(tally: SpoutTally, keys: readonly string[]) {
    this.#tally = tally
    this.#keys = keys
  }

  open(): void {
    this.#tally.onOpen()
  }

  nextTuple(out: SpoutCollector<WordSpout['outputs'], number>): void {
    for (let due = this.#tally.due(out); due > 0; due -= 1) {
      out.emit({ word: this.#keys[this.#tally.turn(this.#keys.length)] ?? '' }, this.#tally.nextId())
    }
  }

  ack(id: number): void {
    this.#tally.ack(id)
  }

  fail(_id: number, reason: string): void {
    this.#tally.fail(reason)
  }
}

class IdBolt extends BasicBolt<Data, { default: typeof Const }> {
  override readonly outputs = { default: Const }

  override execute(tuple: Tuple<Data>, out: BasicCollector<IdBolt['outputs']>): void {
    out.emit({ str: tuple.values.str })
  }
}

class FanBolt extends BasicBolt<Data, { default: typeof Const }> {
  override readonly outputs = { default: Const }
  readonly #fanout: number

  constructor(fanout: number) {
    super()
    this.#fanout = fanout
  }

  override execute(tuple: Tuple<Data>, out: BasicCollector<FanBolt['outputs']>): void {
    for (let n = 0; n < this.#fanout; n += 1) out.emit({ str: tuple.values.str })
  }
}

class NullBolt extends BasicBolt<Data> {
  readonly #tally: SinkTally

  constructor(tally: SinkTally) {
    super()
    this.#tally = tally
  }

  override prepare(): void {
    this.#tally.onOpen()
  }

  override execute(tuple: Tuple<Data>): void {
    this.#tally.take(tuple.values.str.length)
  }
}

/** T7: slower than its spout. */
class SlowBolt extends BasicBolt<Data> {
  readonly #tally: SinkTally

  constructor(tally: SinkTally) {
    super()
    this.#tally = tally
  }

  override execute(tuple: Tuple<Data>): void {
    let x = tuple.values.str.length
    for (let step = 0; step < slowSteps; step += 1) x = (Math.imul(x, 1664525) + 1013904223) | 0
    // The loop is not idle as far as the compiler can see.
    this.#tally.take(x === 1 ? x : tuple.values.str.length)
  }
}

/** Acks each tuple when so many more have come: as many trees are open at any time. What it has at the end goes by ticks. */
class HoldBolt implements Bolt<Data> {
  readonly #tally: SinkTally
  readonly #size: number
  #held: Tuple<Data>[] = []
  #at = 0
  #hasTaken = false

  constructor(tally: SinkTally, size: number) {
    this.#tally = tally
    this.#size = size
  }

  execute(tuple: Tuple<Data>, out: OutputCollector<Streams>): void {
    if (tuple.isTick) {
      if (!this.#hasTaken) this.#release(out)
      this.#hasTaken = false
      return
    }
    this.#hasTaken = true
    this.#tally.take(tuple.values.str.length)
    if (this.#size === 0) {
      out.ack(tuple)
      return
    }
    if (this.#held.length < this.#size) {
      this.#held.push(tuple)
      return
    }
    const oldest = this.#held[this.#at] as Tuple<Data>
    this.#held[this.#at] = tuple
    this.#at = this.#at + 1 === this.#size ? 0 : this.#at + 1
    out.ack(oldest)
  }

  #release(out: OutputCollector<Streams>): void {
    const held = this.#held
    this.#held = []
    this.#at = 0
    for (const tuple of held) out.ack(tuple)
  }
}

class SplitBolt extends BasicBolt<{ sentence: string }, { default: typeof Word }> {
  override readonly outputs = { default: Word }
  readonly #onOpen: () => void

  constructor(onOpen: () => void) {
    super()
    this.#onOpen = onOpen
  }

  override prepare(): void {
    this.#onOpen()
  }

  override execute(tuple: Tuple<{ sentence: string }>, out: BasicCollector<SplitBolt['outputs']>): void {
    for (const word of tuple.values.sentence.split(' ')) out.emit({ word })
  }
}

class CountBolt extends BasicBolt<{ word: string }, { default: typeof WordCount }> {
  override readonly outputs = { default: WordCount }
  readonly #tally: SinkTally
  readonly #words: Map<string, number>

  constructor(tally: SinkTally) {
    super()
    this.#tally = tally
    this.#words = tally.newTable()
  }

  override prepare(): void {
    this.#tally.onOpen()
  }

  override execute(tuple: Tuple<{ word: string }>, out: BasicCollector<CountBolt['outputs']>): void {
    const { word } = tuple.values
    const words = this.#words
    const count = (words.get(word) ?? 0) + 1
    words.set(word, count)
    out.emit({ word, count })
    this.#tally.take(word.length + count)
  }
}
