// Guards: on request, every tuple of a test goes through the codec that stands between worker processes.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt, listSpout, stream, t, type Bolt, type OutputCollector, type Tuple } from 'storm-ts'
import { completeTopology, feeder, virtualCluster } from 'storm-ts/testing'

const Any = stream({ v: t.of<unknown>() })
type V = { v: unknown }

class Money {
  readonly cents = 5
}

/** Emits what `make` makes, and keeps what it gets. */
function topologyOf(make: () => unknown, got: unknown[], options = {}) {
  const builder = new TopologyBuilder('values')
  const numbers = builder.setSpout('numbers', listSpout(Any, [{ v: 1 }]))
  const makers = builder
    .setBolt('make', basicBolt({ input: Any, outputs: Any, execute: (_, out) => void out.emit({ v: make() }) }))
    .shuffleGrouping(numbers)
  const keep = basicBolt({ input: Any, execute: ({ values }) => void got.push(values.v) })
  builder.setBolt('keep', keep, 2).shuffleGrouping(makers)
  return builder.createTopology(options)
}

describe('serialize', () => {
  const values: readonly (readonly [name: string, value: unknown])[] = [
    ['a text', 'häh 🦀 \ud800'],
    ['numbers', [0, -0, NaN, 2 ** 53, 1n << 80n]],
    ['nothing', [null, undefined]],
    ['containers', { map: new Map([[1, new Set(['a'])]]), date: new Date(5), bytes: new Uint8Array([1, 2]) }],
    ['a Buffer', Buffer.from('abc')],
  ]
  test.each(values)('%s: arrives deep-equal, and as another object', async (_, value) => {
    const got: unknown[] = []
    const done = await completeTopology(
      topologyOf(() => value, got),
      { serialize: true },
    )
    expect([done.acked.length, done.errors]).toEqual([1, []])
    expect(got).toStrictEqual([value])
    if (typeof value === 'object') expect(got[0]).not.toBe(value)
  })

  test('an instance of a class: is refused where it is emitted; without serialize it is handed on as it is', async () => {
    const money = new Money()
    const got: unknown[] = []
    const plain = await completeTopology(topologyOf(() => money, got))
    expect(got[0]).toBe(money)
    expect(plain.failed).toEqual([])
    const done = await completeTopology(
      topologyOf(() => money, got),
      {
        serialize: true,
        mockSpouts: { numbers: [{ v: 1 }] },
      },
    )
    expect([got.length, done.failed]).toEqual([1, [0]])
    expect(done.errors[0]?.component).toBe('make')
    expect(done.errors[0]?.message).toMatch(/Money/)
  })

  test('what arrives: is frozen, unless the topology says otherwise', async () => {
    for (const freeze of [true, false]) {
      const got: unknown[] = []
      await completeTopology(
        topologyOf(() => ({ list: [1] }), got, { freeze }),
        { serialize: true },
      )
      expect(Object.isFrozen(got[0])).toBe(freeze)
    }
  })

  test('trees, joins of several and acks: as ever', async () => {
    class Join implements Bolt<V> {
      readonly outputs = { default: Any }
      readonly #kept: Tuple<V>[] = []
      execute(tuple: Tuple<V>, out: OutputCollector<Join['outputs']>): void {
        this.#kept.push(tuple)
        if (this.#kept.length < 3) return
        out.emit({ v: this.#kept.map(({ values }) => values.v) }, this.#kept)
        for (const kept of this.#kept.splice(0)) out.ack(kept)
      }
    }
    const { cluster, clock } = virtualCluster({ serialize: true })
    const input = feeder(Any)
    const got: unknown[] = []
    const builder = new TopologyBuilder('joins')
    const join = builder.setBolt('join', () => new Join()).shuffleGrouping(builder.setSpout('input', input.spout))
    builder
      .setBolt('keep', basicBolt({ input: Any, execute: ({ values }) => void got.push(values.v) }))
      .shuffleGrouping(join)
    await clock.until(cluster.submit(builder.createTopology({ messageTimeoutMs: 1_000 })))
    for (let n = 0; n < 5; n++) input.feed({ v: n }, n)
    await clock.advance(500)
    expect(got).toEqual([[0, 1, 2]])
    expect(new Set(input.acked)).toEqual(new Set([0, 1, 2]))
    await clock.advance(1_000)
    expect(new Set(input.failed)).toEqual(new Set([3, 4]))
    await clock.until(cluster.shutdown())
  })
})
