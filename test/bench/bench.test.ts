// The benchmark says what it promises: a line of the agreed form for each window, and a figure only for right work.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bench } from '../../bench/bench.js'
import { topologyNames } from '../../bench/options.js'

async function benched(...args: string[]) {
  const out: string[] = []
  const notes: string[] = []
  const code = await bench(args, { out: (line) => out.push(line), note: (line) => notes.push(line) })
  return { code, out, notes }
}

const short = ['--warmup', '0', '--seconds', '0.2', '--json']
const cases = topologyNames.flatMap((topology) => (['on', 'off'] as const).map((acks) => ({ topology, acks })))

test.each(cases)('bench: line of a window: $topology with acks $acks', async ({ topology, acks }) => {
  const { code, out } = await benched('--topology', topology, '--acks', acks, '--windows', '2', ...short)
  const lines = out.map((line) => JSON.parse(line))
  expect(lines.map(({ check }) => check)).toEqual(['ok', 'ok'])
  expect(code).toBe(0)
  for (const [index, line] of lines.entries()) {
    expect(line).toEqual({
      peer: 'storm-ts',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      topology,
      acks,
      window: index + 1,
      seconds: expect.any(Number),
      count: expect.any(Number),
      perSec: expect.any(Number),
      cpuUsPerTuple: expect.any(Number),
      cpuCores: expect.any(Number),
      failed: 0,
      rssMb: expect.any(Number),
      gcShare: expect.any(Number),
      check: 'ok',
      options: expect.objectContaining({ freeze: false, pending: 1_000, inboxLimit: 1_024, bolts: 'basic' }),
    })
    expect(line.seconds).toBeGreaterThanOrEqual(0.199)
    expect(line.count).toBeGreaterThan(0)
  }
})

const inOrder = cases.filter(({ topology, acks }) => acks === 'on' || !['T0', 'T4'].includes(topology))
test.each(inOrder)('bench: open loop: $topology with acks $acks', async ({ topology, acks }) => {
  const rate = ['--rate', '500', '--windows', '1']
  const { code, out } = await benched('--topology', topology, '--acks', acks, ...rate, ...short)
  const [line] = out.map((text) => JSON.parse(text))
  expect(line).toMatchObject({ check: 'ok', rate: 500 })
  expect(line.wakeUs.p50).toBeGreaterThan(0)
  const { p50, p99, p999, max } = line.latencyUs
  expect([p50, p99, p999, max]).toEqual([p50, p99, p999, max].toSorted((a, b) => a - b))
  expect(p50).toBeGreaterThan(0)
  expect(code).toBe(0)
})

test('bench: table: windows, medians, check and canary', async () => {
  const { code, out } = await benched('--topology', 'T1', '--warmup', '0', '--seconds', '0.2', '--windows', '1')
  expect(out.join('\n')).toMatch(
    /T1, acks on\n[^]*CPU µs\/tuple median .*\n[^]*check ok\ncanary \d+ ms CPU before, \d+ ms after$/,
  )
  expect(code).toBe(0)
})

test('bench: wrong run: is told and exits 1', async () => {
  // One tuple in ten seconds: it is done before the window begins.
  const { code, out, notes } = await benched(
    '--topology',
    'T1',
    '--rate',
    '0.1',
    '--windows',
    '1',
    '--warmup',
    '0.2',
    ...short.slice(2),
  )
  const check = 'nothing was done in window 1'
  expect(JSON.parse(out.join())).toMatchObject({ count: 0, cpuUsPerTuple: null, check })
  expect(notes.at(-1)).toBe(`bench: the work of this run is wrong, it has no figure: ${check}`)
  expect(code).toBe(1)
})

test('bench: profile: written to the file, with the dearest functions on the side', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const file = join(folder, 'T1.cpuprofile')
    const { code, out, notes } = await benched('--topology', 'T1', '--windows', '1', ...short, '--profile', file)
    expect(JSON.parse(readFileSync(file, 'utf8')).nodes.length).toBeGreaterThan(1)
    expect(out.map((line) => JSON.parse(line).options.profile)).toEqual([true])
    expect(notes.join('\n')).toMatch(/self +ms +function +where\n *\d+\.\d %/)
    expect(code).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each([
  [['--topology', 't3'], "--topology is T0, T1, T2, T3, T3w, T4, T5 or T7, not 't3'. Did you mean 'T3'?"],
  [['--topology', 'words'], "--topology is T0, T1, T2, T3, T3w, T4, T5 or T7, not 'words'."],
  [['--acks', 'o'], "--acks is on or off, not 'o'. Did you mean 'on'?"],
  [['--windows', '0'], "--windows is a whole number from 1 to 1,000, not '0'. The nearest is 1."],
  [['--windows', '2.5'], "--windows is a whole number from 1 to 1,000, not '2.5'. The nearest is 3."],
  [['--seconds', 'ten'], "--seconds is a number from 0.05 to 3,600, not 'ten'."],
  [['--workers', '3'], "--workers is a whole number from 1 to 2, not '3'. The nearest is 2."],
  [['--split', 'far'], '--split is for --topology T3 with --workers 2.'],
  [['--workers', '2', '--topology', 'T1', '--split', 'near'], '--split is for --topology T3 with --workers 2.'],
  [
    ['--workers', '2', '--topology', 'T2'],
    '--workers 2 is measured with --topology T1 or T3: of others not every tuple would cross.',
  ],
  [['--hold', '5'], '--hold is for --topology T1 with --acks on and one worker.'],
  [['--topolgy', 'T1'], "unknown option '--topolgy' (Did you mean --topology?)"],
  [['--rate'], "option '--rate <R>' argument missing"],
])('bench: bad option: %j', async (args, message) => {
  expect(await benched(...args)).toEqual({ code: 2, out: [], notes: [`bench: ${message}`] })
})

test('bench: help: names every option', async () => {
  const { code, out } = await benched('--help')
  for (const name of [
    'topology',
    'acks',
    'warmup',
    'seconds',
    'windows',
    'rate',
    'pending',
    'workers',
    'split',
    'json',
    'profile',
  ]) {
    expect(out.join('\n')).toContain(`--${name}`)
  }
  expect(code).toBe(0)
})
