// Guards: "word count of a 200 MB text equals what sort and uniq say", also with failures on the way, each line replayed.
import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Program, summaryOf } from '../wordcount/program.js'
import { Scratch, writeText } from './texts.js'
import type { UnluckyRun } from './unlucky.js'

type Table = ReadonlyMap<string, number>

const scratch = new Scratch()
const wordcount = new Program()
const unlucky = new Program('test/slow/unlucky.ts')
const text = scratch.path('text')
let expected: Table
let lineCount = 0

beforeAll(async () => {
  await Promise.all([wordcount.build(), unlucky.build()])
  writeText(text, { seed: 1, bytes: 200e6, lineBytes: 80, wordLength: 9 })
  expected = pipelineTable(text) ?? (await plainTable(text))
  lineCount = await linesOf(text)
}, 600_000)
afterAll(() => {
  scratch.remove()
  wordcount.remove()
  unlucky.remove()
})

/** What tr, sed, sort and uniq say, where they are there. */
function pipelineTable(path: string): Table | undefined {
  const command = `tr -s ' \\t\\n\\v\\f\\r' '\\n' < '${path}' | sed '/^$/d' | LC_ALL=C sort | LC_ALL=C uniq -c`
  const { status, stdout } = spawnSync('bash', ['-o', 'pipefail', '-c', command], { maxBuffer: 2 ** 30 })
  if (status !== 0) return undefined
  const rows = stdout
    .toString()
    .split('\n')
    .filter((row) => row !== '')
  return new Map(rows.map((row) => /^ *(\d+) (.*)$/su.exec(row)).map((row) => [row?.[2] ?? '', Number(row?.[1])]))
}

/** The same with nothing of ours, for a machine without them. */
async function plainTable(path: string): Promise<Table> {
  const table = new Map<string, number>()
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    for (const word of line.split(/[ \t\n\v\f\r]+/)) if (word !== '') table.set(word, (table.get(word) ?? 0) + 1)
  }
  return table
}

async function linesOf(path: string): Promise<number> {
  let lines = 0
  let last = 10
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of chunk) if (byte === 10) lines++
    last = chunk.at(-1) ?? last
  }
  return last === 10 ? lines : lines + 1
}

/** The first words that differ: two whole tables are nothing to print. */
function differences(actual: Table): string[] {
  const words = new Set([...actual.keys(), ...expected.keys()])
  return [...words].filter((word) => actual.get(word) !== expected.get(word)).slice(0, 10)
}

async function unluckyRun(where: 'before' | 'after', trouble: 'fail' | 'throw'): Promise<UnluckyRun> {
  const { code, stdout, stderr } = await unlucky.run([text, where, trouble])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as UnluckyRun
}

describe('word count of 200 MB', () => {
  test('word count: of 200 MB: the table of sort and uniq', async () => {
    const { code, stdout, stderr } = await wordcount.run([text])
    expect(code).toBe(0)
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'))
    expect(differences(new Map(rows.map(([word = '', count]) => [word, Number(count)])))).toEqual([])
    expect(summaryOf(stderr)).toEqual({ lines: lineCount, acked: lineCount, failed: 0 })
  })

  test.each(['fail', 'throw'] as const)(
    'word count: failures before splitting: by %s: the same table',
    async (trouble) => {
      const { table, emitted, acked, failed, ackedOnce, ackedAgain } = await unluckyRun('before', trouble)
      expect(differences(new Map(table))).toEqual([])
      console.log(`${failed} of ${lineCount} lines failed and were emitted again`)
      const every = { acked: lineCount, ackedOnce: lineCount, ackedAgain: 0 }
      expect({ acked, ackedOnce, ackedAgain, emitted }).toEqual({ ...every, emitted: lineCount + failed })
      expect(failed / lineCount).toBeGreaterThan(0.009)
      expect(failed / lineCount).toBeLessThan(0.0115)
    },
  )

  test('word count: failures after splitting: every line at least once', async () => {
    const { table, acked, failed, ackedOnce, ackedAgain } = await unluckyRun('after', 'fail')
    console.log(`${failed} trees of ${lineCount} lines failed`)
    expect({ acked, ackedOnce, ackedAgain }).toEqual({ acked: lineCount, ackedOnce: lineCount, ackedAgain: 0 })
    expect(failed).toBeGreaterThan(lineCount / 100)
    const counts = new Map(table)
    expect([...expected].filter(([word, count]) => (counts.get(word) ?? 0) < count)).toEqual([])
    expect([...counts.keys()].filter((word) => !expected.has(word))).toEqual([])
  })
})
