// Guards what the compiler refuses, one promise after another: a marked line that compiled would be an error itself.
import {
  basicBolt,
  stream,
  t,
  type BasicCollector,
  type CustomGrouping,
  type OutputCollector,
  type SpoutCollector,
  type Spout,
  type TopologyBuilder,
  type Tuple,
} from 'storm-ts'
import { z } from 'zod'

const Line = stream({ line: t.string, at: t.date })
const Word = stream({ word: t.string, size: z.number().int() })
const Told = stream({ word: t.string }, { direct: true })
const outputs = { default: Line, told: Told }

// ---- declarations ----

// @ts-expect-error a field's type is a schema, not a word
stream({ word: 'string' })
// @ts-expect-error an unknown option of a stream
stream({ word: t.string }, { directly: true })
// @ts-expect-error a stream declared twice
// oxlint-disable-next-line no-dupe-keys -- the compiler says it first
void { default: Line, told: Told, default: Word }

// ---- emits ----

export function spoutEmits(out: SpoutCollector<typeof outputs, number>, at: Date) {
  out.emit({ line: 'x', at }, 1)
  out.emitTo('told', { word: 'x' }, 1)
  out.emitDirect(1, { word: 'x' }, 1, 'told')
  // @ts-expect-error a misspelt field
  out.emit({ lin: 'x', at })
  // @ts-expect-error a field too many
  out.emit({ line: 'x', at, more: 1 })
  // @ts-expect-error a field is missing
  out.emit({ line: 'x' })
  // @ts-expect-error a wrong type
  out.emit({ line: 'x', at: 1 })
  // @ts-expect-error the values of another stream
  out.emitTo('told', { line: 'x', at })
  // @ts-expect-error an unknown stream
  out.emitTo('tld', { word: 'x' })
  // @ts-expect-error an unknown stream
  out.emitDirect(1, { word: 'x' }, 1, 'tld')
  // @ts-expect-error a message id of another type
  out.emit({ line: 'x', at }, 'one')
  // @ts-expect-error a spout has nothing to ack
  out.ack(1)
}

export function boltEmits(out: OutputCollector<typeof outputs>, tuple: Tuple<{ word: string }>, at: Date) {
  out.emit({ line: 'x', at }, tuple)
  out.emit({ line: 'x', at }, [tuple, tuple])
  // @ts-expect-error a wrong type
  out.emit({ line: 1, at }, tuple)
  // @ts-expect-error an anchor that is no tuple
  out.emit({ line: 'x', at }, 1)
  // @ts-expect-error an unknown stream
  out.emitTo('tld', { word: 'x' }, tuple)
  // @ts-expect-error a misspelt field
  out.emitDirect(1, { wrod: 'x' }, tuple, 'told')
  // @ts-expect-error values are read only under their names
  out.emit({ line: tuple.values.wrod, at })
}

export function basicEmits(out: BasicCollector<{ readonly side: typeof Word }>, at: Date) {
  out.emitTo('side', { word: 'x', size: 1 })
  // @ts-expect-error there is no default stream
  out.emit({ word: 'x', size: 1 })
  // @ts-expect-error basic bolts anchor by themselves
  out.emitTo('side', { word: 'x', size: 1 }, [])
  // @ts-expect-error the type that the schema puts out
  out.emitTo('side', { word: 'x', size: at })
}

// ---- bolts as values ----

const count = basicBolt({
  input: [Word, Told],
  outputs: { default: Word, told: Told },
  create(context) {
    context.task.toFixed()
    return ({ values }, out) => {
      out.emit({ word: values.word, size: 1 })
      // @ts-expect-error only some of its inputs have it
      values.size.toFixed()
      // @ts-expect-error a misspelt field
      out.emit({ wrod: values.word, size: 1 })
      // @ts-expect-error an unknown stream
      out.emitTo('tld', { word: values.word })
    }
  },
})
const sink = basicBolt({
  input: Word,
  execute({ values }, out) {
    values.size.toFixed()
    // @ts-expect-error a misspelt field
    void values.sise
    // @ts-expect-error it declares no stream
    out.emit({ word: 'x' })
  },
})
const single = basicBolt({
  input: Word,
  outputs: Told,
  execute(_, out) {
    out.emit({ word: 'x' })
    // @ts-expect-error a wrong type
    out.emit({ word: 1 })
  },
})

// ---- wiring ----

const source = (): Spout<typeof outputs> => ({ outputs, nextTuple() {} })
const byLine: () => CustomGrouping<{ line: string }> = () => ({ chooseTasks: (_, values) => [values.line.length] })

export function wiring(builder: TopologyBuilder) {
  const lines = builder.setSpout('lines', source)
  const words = builder.setBolt('words', single).shuffleGrouping('lines')
  const counts = builder.setBolt('counts', count).directGrouping(lines, 'told').fieldsGrouping(words, ['word'])
  builder.setBolt('sink', sink).allGrouping(counts).tasks(2).tick(1000).set({ concurrency: 4, mine: 'x' })
  builder.setBolt('rule', () => ({ execute() {} })).customGrouping(lines, byLine)

  const bolt = () => builder.setBolt('x', count)
  // @ts-expect-error a payload that does not fit
  bolt().shuffleGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().localOrShuffleGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().allGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().globalGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().noneGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().directGrouping(lines)
  // @ts-expect-error a payload that does not fit
  bolt().fieldsGrouping(lines, ['line'])
  // @ts-expect-error a payload that does not fit
  bolt().partialKeyGrouping(lines, ['line'])
  // @ts-expect-error a payload that does not fit
  builder.setBolt('y', sink).shuffleGrouping(words)
  // @ts-expect-error a misspelt field
  bolt().fieldsGrouping(words, ['wrod'])
  // @ts-expect-error a field of another stream
  bolt().partialKeyGrouping(lines, ['line'], 'told')
  // @ts-expect-error an unknown stream
  bolt().shuffleGrouping(words, 'side')
  // @ts-expect-error an unknown stream
  bolt().fieldsGrouping(lines, ['word'], 'tld')
  // @ts-expect-error an unknown component
  bolt().shuffleGrouping(wrods)
  // @ts-expect-error a grouping that reads other values
  builder.setBolt('z', () => ({ execute() {} })).customGrouping(words, byLine)
  // @ts-expect-error spouts read nothing
  lines.shuffleGrouping(words)
  // @ts-expect-error spouts get no ticks
  lines.tick(1000)
  // @ts-expect-error an option of another type
  builder.createTopology({ workers: 'two' })
  // @ts-expect-error an instance in place of a factory
  builder.setBolt('w', count())
  // @ts-expect-error a spout in place of a bolt
  builder.setBolt('v', source)
}
