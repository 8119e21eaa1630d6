// Guards: "words are what stands between the six white-space characters of ASCII", and the tables of a cluster run.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { LocalCluster, type BasicCollector, type TopologyContext, type Tuple } from 'storm-ts'
import { Count, type Counts } from '../../examples/wordcount/count.js'
import { split, type Word } from '../../examples/wordcount/split.js'
import { tableFiles } from '../../examples/wordcount/table-files.js'
import { rowsOf } from '../../examples/wordcount/table.js'
import topology, { wordCount } from '../../examples/wordcount/topology.js'

const folder = mkdtempSync(join(tmpdir(), 'storm-ts-components-'))
afterAll(() => rmSync(folder, { recursive: true }))

const tupleOf = <V extends object>(values: V, isTick = false) => ({ values, isTick }) as Tuple<V>
const contextOf = (task: number) => ({ task }) as TopologyContext

/** The words that the bolt emits of one line, by a collector that is full at every `fullEvery`-th emit. */
async function wordsOf(line: string, fullEvery = 3): Promise<{ words: string[]; waits: number }> {
  const words: string[] = []
  let waits = 0
  const out = {
    get full() {
      return words.length % fullEvery === 0
    },
    drained: () => Promise.resolve(waits++),
    emit: ({ word }: { word: string }) => void words.push(word),
  }
  await split().execute(tupleOf({ line }), out as unknown as BasicCollector<{ default: typeof Word }>)
  return { words, waits }
}

describe('split', () => {
  const parts = fc.array(
    fc.constantFrom(' ', '\t', '\n', '\v', '\f', '\r', '\u00a0', '\u001c', 'a', '😀', 'seventeen letters'),
  )

  test('split: words: what stands between white space, of any line', async () => {
    await fc.assert(
      fc.asyncProperty(parts, async (line) => {
        const text = line.join('')
        expect((await wordsOf(text)).words).toEqual(text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== ''))
      }),
      { numRuns: 10_000 },
    )
  })

  test('split: long lines: the same, but it waits for room', async () => {
    const words = Array.from({ length: 30_000 }, (_, i) => `word-${i}${'-'.repeat(i % 16)}`)
    expect(await wordsOf(words.join('  '))).toEqual({ words, waits: 10_000 })
    expect((await wordsOf(words.slice(0, 3_000).join(' '))).waits).toBe(0)
    expect((await wordsOf('x'.repeat(100_000))).words).toEqual(['x'.repeat(100_000)])
  })
})

describe('count', () => {
  test('count: outlet: told of changes at a tick, and of all at the end', async () => {
    const told: (readonly [string, Record<string, number>])[] = []
    const plain = (counts: Counts) => Object.fromEntries(counts)
    const bolt = new Count(() => ({
      changed: (counts) => void told.push(['changed', plain(counts)]),
      ended: (counts) => void told.push(['ended', plain(counts)]),
    }))
    await bolt.prepare(contextOf(3))
    const tick = () => bolt.execute(tupleOf({ word: '' }, true))
    await tick()
    for (const word of ['a', 'b', 'a']) await bolt.execute(tupleOf({ word }))
    await tick()
    await tick()
    await bolt.execute(tupleOf({ word: 'b' }))
    await bolt.cleanup()
    expect(told).toEqual([
      ['changed', { a: 2, b: 1 }],
      ['ended', { a: 2, b: 2 }],
    ])
  })

  test('count: outlet: a table that could not be written is tried again at the next tick', async () => {
    let tries = 0
    const bolt = new Count(() => ({
      changed: () => (tries++ === 0 ? Promise.reject(new Error('disk full')) : undefined),
      ended: () => undefined,
    }))
    await bolt.prepare(contextOf(3))
    await bolt.execute(tupleOf({ word: 'a' }))
    const tick = async () => bolt.execute(tupleOf({ word: '' }, true))
    await expect(tick()).rejects.toThrow('disk full')
    await tick()
    await tick()
    expect(tries).toBe(2)
  })
})

describe('table files', () => {
  test('table files: a table: written whole, over the one before', async () => {
    const out = join(folder, 'deep', 'out')
    const outlet = await tableFiles(out)(contextOf(7))
    await outlet.changed?.(new Map([['a', 1]]))
    expect(readFileSync(join(out, '7.tsv'), 'utf8')).toBe('a\t1\n')
    const many = new Map(Array.from({ length: 50_000 }, (_, i) => [`word${i}`, i]))
    await outlet.ended(many)
    expect(readFileSync(join(out, '7.tsv'), 'utf8')).toBe([...many].map(([word, n]) => `${word}\t${n}\n`).join(''))
    expect(readdirSync(out)).toEqual(['7.tsv'])
  })

  test('table files: a run: each word in the table of one task', async () => {
    const input = join(folder, 'input')
    const out = join(folder, 'out')
    writeFileSync(input, 'to be or not to be\n__proto__ to\n')
    await using cluster = new LocalCluster()
    const run = await cluster.submit(topology([input, '--out', out]))
    await run.settled()
    await run.kill()
    const tables = readdirSync(out)
    expect(tables).toHaveLength(4)
    const rows = tables.flatMap((name) =>
      readFileSync(join(out, name), 'utf8')
        .split('\n')
        .filter((row) => row !== ''),
    )
    expect(rows.toSorted()).toEqual(['__proto__\t1', 'be\t2', 'not\t1', 'or\t1', 'to\t3'])
  })
})

describe('topology', () => {
  test('topology: arguments: no input, and an unknown option', () => {
    expect(() => topology([])).toThrow('Word count needs at least one file: INPUT… [--out DIR].')
    expect(() => topology(['a', '--otu', 'b'])).toThrow("Unknown option '--otu'")
  })

  test('topology: arguments: without --out it counts all the same', async () => {
    const input = join(folder, 'plain')
    writeFileSync(input, 'a b a')
    await using cluster = new LocalCluster()
    const run = await cluster.submit(topology([input]))
    await run.settled()
    expect(run.metrics().components['count']?.acked).toBe(3)
  })

  test('topology: tables: counts of all tasks come out at the end', async () => {
    const input = join(folder, 'local')
    writeFileSync(input, 'a b a\nc a b\n')
    const tables: Counts[] = []
    await using cluster = new LocalCluster()
    const run = await cluster.submit(wordCount([input], () => ({ ended: (counts) => void tables.push(counts) })))
    await run.settled()
    await run.kill()
    expect([...rowsOf(tables, 2)]).toEqual([
      { word: 'a', count: 3 },
      { word: 'b', count: 2 },
    ])
  })
})
