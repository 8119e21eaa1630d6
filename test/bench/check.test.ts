// A run whose work is wrong has no figure: every way in which it can be wrong is found.
import { expect, test } from 'vitest'
import { checkWork, type Work } from '../../bench/check.js'
import { SinkTally } from '../../bench/tally.js'
import { keyTotals, sentencesIn, wordCountOf, wordTotals } from '../../bench/sentences.js'

const shape = { topology: 'T1', acks: 'on', fanout: 10, payload: undefined, keys: 3 } as const

const consts: Work = {
  shape,
  spout: { emitted: 3, acked: 3, failed: 0, emittedIds: 3, ackedIds: 3 },
  sink: { taken: 3, checksum: 27, words: new Map() },
  metrics: { pending: 0, spout: { emitted: 3, acked: 3, failed: 0 }, sinkExecuted: 3 },
  problems: [],
}

/** Of two sentences: 'the cow jumped over the moon', 'an apple a day keeps the doctor away'. */
const words: Work = {
  ...consts,
  shape: { ...shape, topology: 'T3' },
  spout: { emitted: 2, acked: 2, failed: 0, emittedIds: 1, ackedIds: 1 },
  sink: { taken: 14, checksum: 23 + 29 + 14 + 3, words: wordTotals(2) },
  metrics: { pending: 0, spout: { emitted: 2, acked: 2, failed: 0 }, sinkExecuted: 14 },
}

test.each<[string, Work]>([
  ['T1', consts],
  [
    'T2 without acks',
    { ...consts, shape: { ...shape, topology: 'T2', acks: 'off' }, spout: { ...consts.spout, acked: 0 } },
  ],
  ['T3', words],
  [
    'T0',
    {
      ...consts,
      shape: { ...shape, topology: 'T0' },
      sink: { ...consts.sink, taken: 0 },
      metrics: { ...consts.metrics, sinkExecuted: 0 },
    },
  ],
  ['T1 with a payload of 4', { ...consts, shape: { ...shape, payload: 4 }, sink: { ...consts.sink, checksum: 12 } }],
  [
    'T4',
    {
      ...consts,
      shape: { ...shape, topology: 'T4' },
      sink: { ...consts.sink, taken: 30, checksum: 270 },
      metrics: { ...consts.metrics, sinkExecuted: 30 },
    },
  ],
  [
    'T3w: one more than each of three words',
    {
      ...consts,
      shape: { ...shape, topology: 'T3w' },
      spout: { ...consts.spout, emitted: 4, acked: 4 },
      sink: { taken: 4, checksum: 4 * 5 + 5, words: keyTotals(4, 3) },
      metrics: { pending: 0, spout: { emitted: 4, acked: 4, failed: 0 }, sinkExecuted: 4 },
    },
  ],
])('bench: work check: %s is right', (_, work) => {
  expect(checkWork(work)).toBe('ok')
})

const { spout, sink, metrics } = consts
const wrong: [string, Work, string][] = [
  ['lost tree', { ...consts, spout: { ...spout, acked: 2 } }, 'acked 2 of 3 emitted with 0 pending'],
  [
    'undecided tree',
    { ...consts, spout: { ...spout, acked: 2 }, metrics: { ...metrics, pending: 1 } },
    '1 trees undecided after the end',
  ],
  ['foreign id', { ...consts, spout: { ...spout, ackedIds: 4 } }, 'the ids acked are not the ids emitted'],
  [
    'failed tuple',
    { ...consts, spout: { ...spout, acked: 2, failed: 1, failReason: 'timeout' } },
    "1 tuples failed, the last with 'timeout'",
  ],
  ['lost arrival', { ...consts, sink: { ...sink, taken: 2 } }, 'the sink took 2 tuples instead of 3'],
  ['other payload', { ...consts, sink: { ...sink, checksum: 26 } }, 'checksum 26 instead of 27'],
  [
    'metrics of acks',
    { ...consts, metrics: { ...metrics, spout: { ...metrics.spout, acked: 2 } } },
    'the engine counted 2 acked, the spout 3',
  ],
  [
    'metrics of emits',
    { ...consts, metrics: { ...metrics, spout: { ...metrics.spout, emitted: 4 } } },
    'the engine counted 4 emitted, the spout 3',
  ],
  [
    'metrics of fails',
    { ...consts, metrics: { ...metrics, spout: { ...metrics.spout, failed: 1 } } },
    'the engine counted 1 failed, the spout none',
  ],
  [
    'metrics of the sink',
    { ...consts, metrics: { ...metrics, sinkExecuted: 2 } },
    'the engine counted 2 executes instead of 3',
  ],
  ['error of a component', { ...consts, problems: ["error of 'null': boom"] }, "error of 'null': boom"],
  ['nothing done', { ...consts, spout: { ...spout, emitted: 0, acked: 0 } }, 'nothing was emitted'],
  [
    'lost word',
    { ...words, sink: { ...words.sink, words: new Map(words.sink.words).set('the', 2) } },
    "'the' was counted 2 times instead of 3",
  ],
  [
    'word from nowhere',
    { ...words, sink: { ...words.sink, words: new Map(words.sink.words).set('thee', 1) } },
    '13 different words instead of 12',
  ],
  ['running count off', { ...words, sink: { ...words.sink, checksum: 68 } }, 'checksum 68 instead of 69'],
]

test('bench: work check: a word at two tasks shows', () => {
  const sink = new SinkTally()
  for (const table of [sink.newTable(), sink.newTable()]) table.set('the', 2)
  expect(sink.words).toEqual(new Map([['the', 2]]))
})

test.each(wrong)('bench: work check: %s', (_, work, sentence) => {
  expect(checkWork(work)).toBe(sentence)
})

function total(sentences: number): number {
  return [...wordTotals(sentences).values()].reduce((sum, count) => sum + count, 0)
}

test('bench: sentences: 6.4 words each, and totals that add up', () => {
  const lengths = Array.from({ length: 1_000 }, (_, n) => wordCountOf(n))
  expect(total(1_000)).toBe(6_400)
  let sum = 0
  for (const [n, length] of lengths.entries()) {
    expect(sentencesIn(sum)).toBe(n)
    expect(sentencesIn(sum + length - 1)).toBe(n)
    expect(total(n)).toBe(sum)
    sum += length
  }
})
