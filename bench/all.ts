import { Command } from 'commander'
import { isAbsolute, join, resolve } from 'node:path'
import { linesOf } from './children.js'
import { figures, type Figures, type Verdict } from './figures.js'
import { parse, whole } from './options.js'
import type { Output } from './output.js'
import { pairUp } from './pairs.js'
import { aligned, median, type Line } from './report.js'
import { openResults, type Result } from './results.js'
import { sweepAxis, timeArgs, withTimes, type AxisName, type Times } from './sweep.js'
import { tools, type Tools } from './tools.js'

interface AllOptions extends Times {
  readonly pairs: number
  readonly peers?: string
}

/** Warm-up that a JVM needs, and ours in the same pair. */
const peerWarmup = ['--warmup', '20']
/** Of T8 at ten tuples a second: so long that p99 is not the latest tuple, and that steps of 10 ms, by which the system counts CPU, are small beside it. */
const slowSeconds = 30
/** Before that: at ten tuples a second it takes some time until what they need is compiled and what the start has left is collected. */
const slowWarmup = 20
/** The ends of each slope, and its base. */
const ends: Readonly<Partial<Record<AxisName, readonly number[]>>> = {
  pending: [100, 60_000],
  executors: [1, 128],
  fanout: [1, 10, 1_000],
  depth: [1, 32],
}

/**
 * `all`: measures every figure that there is an aim for and prints it beside the aim. With `--peers DIR`, the folder of
 * the peers' programs, also those that are ratios to a peer. Throws UsageError, and WrongRun when a run's work is wrong.
 */
export async function all(args: readonly string[], output: Output, using: Tools = tools): Promise<number> {
  const command = withTimes(new Command('all'))
    .description('Measures every figure that there is an aim for.')
    .option('--pairs <N>', 'how many runs are paired for a ratio', whole('--pairs', 1, 1_000), 7)
    .option('--peers <dir>', "the folder of the peers' programs; without it they are not run")
  const asked = parse(command, args)
  if ('help' in asked) {
    output.out(asked.help.trimEnd())
    return 0
  }
  const options: AllOptions = command.opts()
  const write = openResults('all')
  const results: Result[] = []
  const save = (result: Result) => {
    results.push(result)
    write(result)
    output.note(`${result.name}: done`)
  }
  await measureOurs(options, using, save)
  if (options.peers !== undefined) await measurePeers(options, options.peers, using, save)
  output.out(figureTable(figures(results)))
  return 0
}

async function measureOurs(options: AllOptions, using: Tools, save: (result: Result) => void): Promise<void> {
  const { runChild, canaryMs, measureLedger } = using
  const times = timeArgs(options)
  const saved = async (name: string, args: string[]) => {
    const before = canaryMs()
    const lines = await runChild(args)
    save({ name, lines, canariesMs: [before, canaryMs()] })
    return lines
  }
  const measured = (name: string, ...args: string[]) => saved(name, [...args, ...times])
  const measuredSlowly = (name: string, ...args: string[]) => {
    const seconds = Math.max(slowSeconds, options.seconds)
    const warmup = Math.max(slowWarmup, options.warmup)
    return saved(name, [...args, ...timeArgs({ ...options, warmup, seconds, windows: 1 })])
  }
  await measured('T1', '--topology', 'T1')
  await measured('T1 off', '--topology', 'T1', '--acks', 'off')
  await measured('T2', '--topology', 'T2')
  const words = await measured('T3', '--topology', 'T3')
  const sides = (acks: string) => () =>
    runChild(['--topology', 'T3', '--acks', acks, ...timeArgs({ ...options, windows: 1 })])
  save({ name: 'T3 off', ...(await pairUp({ a: sides('off'), b: sides('on') }, options.pairs, canaryMs)) })
  await measured('T6 T1', '--topology', 'T1', '--workers', '2')
  const remote = await measured('T6 T3', '--topology', 'T3', '--workers', '2')
  await measured('T6 T3 far', '--topology', 'T3', '--workers', '2', '--split', 'far')
  await measured('latency', '--topology', 'T3', '--rate', half(words))
  await measured('T6 latency', '--topology', 'T3', '--workers', '2', '--rate', half(remote))
  const slow = ['--topology', 'T1', '--rate', '10']
  await measuredSlowly('T8', ...slow)
  await measuredSlowly('T6 T8', ...slow, '--workers', '2')
  await measured('T3 at 5,000', '--topology', 'T3', '--rate', '5000')
  await measured('T7', '--topology', 'T7')
  const held = ['--pending', '60000', '--hold', '59000', '--inbox-limit', '60000']
  await measured('60,000 pending', '--topology', 'T1', ...held)
  for (const [name, points] of Object.entries(ends) as [AxisName, readonly number[]][]) {
    const results = await sweepAxis(name, points, options, using, () => {})
    save({ name: `slope ${name}`, points: results })
  }
  save({ name: 'ledger', ...(await measureLedger()) })
}

const half = (lines: readonly Line[]) => String(Math.max(1, Math.round(median(lines.map(({ perSec }) => perSec)) / 2)))

async function measurePeers(
  options: AllOptions,
  given: string,
  { runChild, canaryMs }: Tools,
  save: (result: Result) => void,
): Promise<void> {
  const run = join(isAbsolute(given) ? given : resolve(given), 'run')
  const window = [...peerWarmup, '--seconds', String(Math.ceil(options.seconds)), '--windows', '1']
  const peer =
    (...args: string[]) =>
    () =>
      linesOf(run, [...args, '--acks', 'on', ...window])
  const ours =
    (...args: string[]) =>
    () =>
      runChild([...args, ...timeArgs({ ...options, windows: 1 })])
  for (const topology of ['T1', 'T2', 'T3']) {
    const preset = await betterPreset((name) => peer('storm', '--topology', topology, '--preset', name)())
    const b = peer('storm', '--topology', topology, '--preset', preset)
    save({
      name: `storm ${topology}`,
      preset,
      ...(await pairUp({ a: ours('--topology', topology), b }, options.pairs, canaryMs)),
    })
  }
  for (const topology of ['T1', 'T3']) {
    const netty = ['storm', '--topology', topology, '--workers', '2', '--netty', 'on']
    const preset = await betterPreset((name) => peer(...netty, '--preset', name)())
    // Storm deals out its executors in the same order: of its word count, too, every tuple crosses.
    const far = topology === 'T3' ? ['--split', 'far'] : []
    const a = ours('--topology', topology, '--workers', '2', ...far)
    const b = peer(...netty, '--preset', preset)
    save({ name: `storm T6 ${topology}`, preset, ...(await pairUp({ a, b }, options.pairs, canaryMs)) })
  }
  const flink = peer('flink', '--topology', 'T3', '--chaining', 'off')
  save({ name: 'flink T3', ...(await pairUp({ a: ours('--topology', 'T3'), b: flink }, options.pairs, canaryMs)) })
}

/** "Tuned Storm" is the better of two presets. */
async function betterPreset(runWith: (preset: string) => Promise<readonly Line[]>): Promise<string> {
  const costs = []
  for (const preset of ['park', 'peak']) {
    const lines = await runWith(preset)
    costs.push({ preset, cost: lines.at(-1)?.cpuUsPerTuple ?? Infinity })
  }
  return costs.toSorted((a, b) => a.cost - b.cost)[0]?.preset ?? 'park'
}

const marks: Readonly<Record<Verdict, string>> = {
  stretch: '++',
  aim: '+',
  missed: 'missed',
  'not run': '',
}

function figureTable(all: Figures): string {
  const rows = [
    ['figure', 'ours', 'aim', 'stretch', ''],
    ...all.map(({ title, value, aim, stretch, verdict }) => [title, value, aim, stretch, marks[verdict]]),
  ]
  return aligned(rows, 0).join('\n')
}
