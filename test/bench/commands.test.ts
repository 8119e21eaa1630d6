// The benchmark's commands: every figure beside its aim, slopes, pairs in turn, a page from raw results; and no figure of a
// run whose work is wrong.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { all } from '../../bench/all.js'
import { bench } from '../../bench/bench.js'
import { linesOf, WrongRun, type RunChild } from '../../bench/children.js'
import { load } from '../../bench/load.js'
import { writePage } from '../../bench/page.js'
import { pairUp } from '../../bench/pairs.js'
import type { Line } from '../../bench/report.js'
import { newestResults, openResults, type Machine } from '../../bench/results.js'
import { smoke } from '../../bench/smoke.js'
import { axisNames, sweep } from '../../bench/sweep.js'
import type { Tools } from '../../bench/tools.js'

let folder = ''
const before = process.cwd()
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-'))
  // Results go where the command is given.
  process.chdir(folder)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

const latencyUs = { p50: 80, p99: 900, p999: 2_000, max: 5_000 }

function lineOf(args: readonly string[], cpuUsPerTuple = 0.1): Line {
  const at = (name: string, usual: string) => (args.includes(name) ? (args[args.indexOf(name) + 1] ?? '') : usual)
  return {
    peer: 'storm-ts',
    version: '0.1.0',
    topology: at('--topology', 'T3'),
    acks: at('--acks', 'on') === 'on' ? 'on' : 'off',
    window: 1,
    seconds: 1,
    count: 1_000,
    perSec: 1_000,
    cpuUsPerTuple,
    cpuCores: 0.01,
    failed: 0,
    check: 'ok',
    options: {},
    rssMb: 80,
    ...(args.includes('--rate') && { rate: Number(at('--rate', '')), latencyUs, wakeUs: latencyUs }),
    ...(at('--workers', '1') === '2' && { processes: [{ name: 'sink worker', cores: 0.004, rssMb: 80 }] }),
  }
}

/** A run that costs more the more there is to do. */
const pretended: RunChild = (args) => Promise.resolve([lineOf(args), lineOf(args, 0.12), lineOf(args)])

const using = (runChild: RunChild): Tools => ({
  runChild,
  canaryMs: () => 170,
  measureLedger: () => Promise.resolve({ roots: 1_000_000, bytes: 48 * 2 ** 20, nsFew: 8, nsMany: 90 }),
})

function listening() {
  const out: string[] = []
  const notes: string[] = []
  return { out, notes, output: { out: (line: string) => out.push(line), note: (line: string) => notes.push(line) } }
}

test('bench: all: a row for every figure, those of peers not run, and raw results kept', async () => {
  const { out, output } = listening()
  const farIsDear: RunChild = (args) => (args.includes('far') ? Promise.resolve([lineOf(args, 3)]) : pretended(args))
  expect(await all(['--pairs', '1', '--seconds', '0.1'], output, using(farIsDear))).toBe(0)
  const [text = ''] = out
  expect(text.split('\n')).toHaveLength(30)
  expect(text).toMatch(/^T1 const → null +0\.100 µs \(0\.100–0\.120\), 10 M\/s a core +≤ 0\.2 µs +≤ 0\.083 µs +\+$/m)
  expect(text).toMatch(/^T3 at half peak, p99 +0\.900 ms at 500\/s; wake-up p99 0\.900 ms +≤ 1 ms +\+$/m)
  expect(text).toMatch(/^T6 T3 over WebSocket, spout and sink apart, all processes +0\.100 µs .*\+\+$/m)
  expect(text).toMatch(/^T6 T3, every tuple crosses, all processes +3\.00 µs .*missed$/m)
  expect(text).toMatch(/^T8 over WebSocket, CPU of a worker +0\.40 % of a core .*\+\+$/m)
  expect(text).toMatch(/^ledger: a million open roots +48\.0 MiB/m)
  expect(text).toMatch(/^T1 to tuned Storm +not run +≤ 0\.18 +≤ 0\.1$/m)
  const kept = newestResults('all')
  expect(kept?.results.map(({ name }) => name)).toContain('T6 T3')
  expect(kept?.machine).toEqual(expect.objectContaining({ node: process.versions.node } satisfies Partial<Machine>))
})

test('bench: all: ends with 1 at the first wrong run', async () => {
  const wrong = () => Promise.reject(new WrongRun('T1: lost'))
  await expect(all([], listening().output, using(wrong))).rejects.toThrow('T1: lost')
})

test.each(axisNames)('bench: sweep: %s: a row a point, held against the first', async (name) => {
  const { out, output } = listening()
  expect(await sweep([name, '--seconds', '0.1'], output, using(pretended))).toBe(0)
  const rows = (out[0] ?? '').split('\n').slice(2)
  expect(rows.length).toBeGreaterThan(3)
  expect(rows.join('\n')).toContain('1.00×')
  expect(newestResults(`sweep-${name}`)?.results).toHaveLength(rows.length)
})

test('bench: load: latencies at parts of the peak, beside those of waking up', async () => {
  const { out, output } = listening()
  expect(await load([], output, using(pretended))).toBe(0)
  expect(out[0]).toMatch(/^ *T6 T3 +50 % +500 +0\.08 +0\.90 +2\.00 +0\.90$/m)
})

test('bench: pairs: in turn, and who goes first changes', async () => {
  const order: string[] = []
  const side = (name: string, cost: number) => () => {
    order.push(name)
    return Promise.resolve([lineOf([], cost)])
  }
  const { ratios, canariesMs } = await pairUp({ a: side('a', 0.1), b: side('b', 0.2) }, 3, () => 170)
  expect(order.join('')).toBe('abbaab')
  expect(ratios).toEqual([0.5, 0.5, 0.5])
  expect(canariesMs).toHaveLength(7)
})

test('bench: smoke: every topology with acks and without', async () => {
  const runs: string[] = []
  const run: RunChild = (args) => {
    runs.push(args.join(' '))
    return pretended(args)
  }
  expect(await smoke([], listening().output, using(run))).toBe(0)
  expect(runs.filter((line) => line.includes('--acks off'))).toHaveLength(8)
  expect(runs.some((line) => line.includes('--workers 2'))).toBe(process.platform === 'linux')
})

test.each([
  ['a line that is not ok', { check: 'checksum 1 instead of 2', failed: 0 }, 0],
  ['failed tuples', { check: 'ok', failed: 3 }, 0],
  ['an exit code', { check: 'ok', failed: 0 }, 1],
])('bench: runs: %s has no figure', async (_, line, code) => {
  const program = `console.log('${JSON.stringify(line)}'); process.exit(${code})`
  await expect(linesOf(process.execPath, ['-e', program])).rejects.toThrow(WrongRun)
})

test('bench: report: a page with tables and pictures out of the newest results', async () => {
  const at = { results: 'results', page: 'page.md', pictures: 'pictures', notes: 'notes.md' }
  const save = openResults('all', at.results)
  save({ name: 'T1', lines: [lineOf([], 0.3)] })
  save({
    name: 'storm T1',
    preset: 'park',
    ...(await pairUp({ a: () => pretended([]), b: () => pretended([]) }, 1, () => 170)),
  })
  openResults('sweep-depth', at.results)({ name: 'depth', point: 1, lines: [lineOf([])], canaryMs: 1 })
  openResults('load', at.results)({ name: 'T3', share: 0.5, rate: 500, lines: [lineOf(['--rate', '500'])] })
  writeFileSync(at.notes, 'What people know.\n')
  const { out, output } = listening()
  expect(await writePage([], output, at)).toBe(0)
  expect(out).toEqual(['wrote page.md'])
  const page = readFileSync(at.page, 'utf8')
  expect(page).toContain(
    '| T1 const → null | 0.300 µs (0.300–0.300), 3.3 M/s a core | ≤ 0.2 µs | ≤ 0.083 µs | **missed** |',
  )
  expect(page).toContain('storm-ts 0.1.0, park: 0.100 µs | 1.00 (1.00–1.00 over 1 pairs)')
  expect(page).toContain('- T1 const → null: 0.300 µs')
  expect(page.trimEnd().endsWith('What people know.')).toBe(true)
  for (const name of ['depth', 'load']) expect(readFileSync(`pictures/${name}.svg`, 'utf8')).toContain('<circle')
})

test('bench: report: says what is to be run first', async () => {
  const nothing = { results: 'nothing', page: 'p.md', pictures: 'p', notes: 'n' }
  expect(() => writePage([], listening().output, nothing)).toThrow("run 'npm run bench -- all' first")
  expect(existsSync('p.md')).toBe(false)
})

test('bench: commands: an unknown one is answered with those that there are', async () => {
  const { notes, output } = listening()
  expect(await bench(['al'], output)).toBe(2)
  expect(notes).toEqual(["bench: there is no command 'al'; there are all, sweep, load, idle, compare, smoke, report"])
  expect(await bench(['sweep', 'pendin'], output)).toBe(2)
  expect(notes.at(-1)).toContain("Did you mean 'pending'?")
})

test('bench: compare: an unknown revision is told', async () => {
  const { notes, output } = listening()
  process.chdir(before)
  expect(await bench(['compare', 'no-such-revision', '.'], output)).toBe(2)
  process.chdir(folder)
  expect(notes.at(-1)).toBe("bench: there is no revision 'no-such-revision' in this repository")
})

test('bench: compare: options of a single run are read as there, before anything is built', async () => {
  for (const [args, problem] of [
    [['--topology', 'T3,T9'], '--topology is T0, T1, T2, T3, T3w, T4, T5 or T7'],
    [['--topology', 'T3', '--split', 'far'], '--split is for --topology T3 with --workers 2.'],
    [['--topology', 'T3', '--workers', '2', '--split', 'afar'], "--split is near or far, not 'afar'."],
    [['--topology', 'T3', '--hold', '10'], '--hold is for --topology T1'],
  ] as const) {
    const { notes, output } = listening()
    expect(await bench(['compare', '.', '.', ...args], output)).toBe(2)
    expect(notes).toHaveLength(1)
    expect(notes[0]).toContain(problem)
  }
})

test('idle: a spout that has nothing is asked, and its share of a core told beside that of a timer', async () => {
  const { out, output } = listening()
  expect(await bench(['idle', '--warmup', '0', '--seconds', '0.1', '--windows', '2'], output)).toBe(0)
  const text = out.join('\n')
  expect(text).toMatch(/idle topology +[\d.]+ \([\d., ]+\) +[1-9]\d*/)
  expect(text).toMatch(/timer alone +[\d.]+ \([\d., ]+\) +[1-9]\d*/)
})
