// Guards "placed over several processes, a topology counts exactly as it does in one when nothing dies", with every
// grouping reaching across processes. LINES=200000 for a short run.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster } from './cluster.js'
import { until } from './until.js'

const lineCount = Number(process.env['LINES'] ?? 2_000_000)
const wordsPerLine = 3
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let folder = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-groupings-'))
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 2, slots: 2 })
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

type Table = Map<string, number>

/** Writes lines of words, some of them frequent, most of them not; returns how often each is there. */
function writeText(path: string): Table {
  const table: Table = new Map()
  const file = openSync(path, 'w')
  let text = ''
  let seed = 1
  for (let line = 0; line < lineCount; line++) {
    const words = Array.from({ length: wordsPerLine }, () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      const share = seed / 2 ** 32
      return `w${Math.floor(share ** 4 * 20_000)}`
    })
    for (const word of words) table.set(word, (table.get(word) ?? 0) + 1)
    text += `${words.join(' ')}\n`
    if (text.length > 1_000_000 || line === lineCount - 1) {
      writeSync(file, text)
      text = ''
    }
  }
  closeSync(file)
  return table
}

interface TaskTable {
  readonly crossed: number
  readonly tuples: number
  readonly table: Table
}

/** The tables of a component's tasks. */
function tablesOf(component: string): TaskTable[] {
  const names = readdirSync(join(folder, 'tables')).filter((name) => name.replace(/-\d+$/, '') === component)
  return names.map((name) => {
    const [head = '', ...rows] = readFileSync(join(folder, 'tables', name), 'utf8')
      .trimEnd()
      .split('\n')
    const [crossed = 0, tuples = 0] = head.split(' ').map(Number)
    const table = new Map(rows.map((row): [string, number] => [row.split(' ')[0] ?? '', Number(row.split(' ')[1])]))
    return { crossed, tuples, table }
  })
}

function sum(tables: readonly TaskTable[]): Table {
  const all: Table = new Map()
  for (const { table } of tables) for (const [word, count] of table) all.set(word, (all.get(word) ?? 0) + count)
  return all
}

const sorted = (table: Table) => [...table].sort(([a], [b]) => (a < b ? -1 : 1))

describe.skipIf(process.platform !== 'linux')('groupings', () => {
  test('word count: over four processes every grouping gives the exact table', async () => {
    const text = join(folder, 'text')
    const expected = writeText(text)
    const topology = fileURLToPath(new URL('topologies/every-grouping.ts', import.meta.url))
    const startMs = performance.now()
    await cluster.done('jar', 'deploy', topology, text, join(folder, 'tables'))
    const deployedMs = performance.now()
    const workers = await cluster.workers('every-grouping', 4)
    expect(new Set(workers.map(({ supervisor }) => supervisor)).size).toBe(2)
    const describeNow = async () =>
      JSON.parse(await cluster.done('describe', 'every-grouping', '--json')) as {
        spouts: { emitted: number; acked: number; failed: number }[]
      }
    const limitMs = 60_000 + lineCount
    await until('it is exhausted', limitMs, async () => (await cluster.topology('every-grouping'))?.exhausted, 100)
    const seconds = (performance.now() - deployedMs) / 1_000
    expect((await describeNow()).spouts).toEqual([
      expect.objectContaining({ emitted: lineCount, acked: lineCount, failed: 0 }),
    ])
    expect((await cluster.workers('every-grouping', 4)).map(({ pid }) => pid)).toEqual(workers.map(({ pid }) => pid))
    await cluster.done('kill', 'every-grouping', '-w', '0')
    await until('no worker is left', 20_000, () => cluster.workerProcesses.length === 0)

    const words = lineCount * wordsPerLine
    const crossedShare: Record<string, string> = {}
    let delivered = 0
    for (const [component, tasks, times] of [
      ['shuffle', 4, 1],
      ['local-or-shuffle', 1, 1],
      ['fields', 4, 1],
      ['partial-key', 4, 1],
      ['all', 2, 2],
      ['global', 1, 1],
      ['none', 4, 1],
      ['custom', 4, 1],
      ['direct', 4, 1],
    ] as const) {
      const tables = tablesOf(component)
      const got = sum(tables)
      const tuples = tables.reduce((total, table) => total + table.tuples, 0)
      const crossed = tables.reduce((total, table) => total + table.crossed, 0)
      const inTasks = (word: string) => tables.filter(({ table }) => table.has(word)).length
      expect([component, tables.length, tuples]).toEqual([component, tasks, words * times])
      expect([component, sorted(got)]).toEqual([
        component,
        sorted(new Map([...expected].map(([word, count]) => [word, count * times]))),
      ])
      expect([component, crossed > tuples / 10]).toEqual([component, true])
      if (component === 'all') for (const { table } of tables) expect(sorted(table)).toEqual(sorted(expected))
      if (component === 'fields') expect(Math.max(...[...expected.keys()].map(inTasks))).toBe(1)
      if (component === 'partial-key') expect(Math.max(...[...expected.keys()].map(inTasks))).toBe(2)
      crossedShare[component] = `${Math.round((100 * crossed) / tuples)} %`
      delivered += tuples
    }
    tell(
      `${lineCount} lines, ${delivered} tuples to count in ${seconds.toFixed(1)} s (${Math.round(lineCount / seconds)} lines/s, ${Math.round(delivered / seconds)} tuples/s), deployed in ${((deployedMs - startMs) / 1_000).toFixed(1)} s; from another process: ${JSON.stringify(crossedShare)}`,
    )
  })
})
