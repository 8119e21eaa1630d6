import { Command } from 'commander'
import { number, oneOf, parse, whole } from './options.js'
import type { Output } from './output.js'
import { aligned, median, type Line } from './report.js'
import { openResults } from './results.js'
import { tools, type Tools } from './tools.js'

/** One axis along which a cost may grow: everything else stays. */
export interface Axis {
  readonly title: string
  readonly unit: string
  /** From the point that the others are held against. */
  readonly points: readonly number[]
  /** What the benchmark is run with at a point. */
  args(point: number): readonly string[]
  /** By what CPU-µs a spout tuple is divided for the figure: what the cost should be in proportion to. */
  per(point: number): number
}

const one = () => 1

const optionsOf = (options: Readonly<Record<string, number>>) =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`])

export const axes = {
  pending: {
    title: 'T1',
    unit: 'max spout pending',
    points: [100, 1, 1_000, 5_000, 20_000, 60_000, 500_000],
    args: (n) => ['--topology', 'T1', ...optionsOf({ pending: n, 'inbox-limit': Math.max(1_024, n) })],
    per: one,
  },
  open: {
    title: 'T1 with trees kept open',
    unit: 'trees that the sink keeps open all the time',
    points: [100, 1, 1_000, 5_000, 20_000, 60_000, 500_000],
    args: (n) => {
      // Room for what is on its way.
      const limits = { pending: n + 1_000, hold: n, 'inbox-limit': Math.max(1_024, n) }
      return ['--topology', 'T1', ...optionsOf(limits)]
    },
    per: one,
  },
  executors: {
    title: 'T3',
    unit: 'executors of each component, in one worker; 1,024 trees open at most in all',
    points: [1, 2, 8, 32, 128, 512],
    args: (n) => ['--topology', 'T3', ...optionsOf({ executors: n, pending: Math.max(2, Math.floor(1_024 / n)) })],
    per: one,
  },
  fanout: {
    title: 'T4, for each child',
    unit: 'children of a spout tuple',
    points: [1, 10, 100, 1_000],
    args: (n) => ['--topology', 'T4', '--fanout', `${n}`],
    // The tuple itself is executed, too.
    per: (n) => n + 1,
  },
  depth: {
    title: 'T5, for each hop',
    unit: 'bolts between spout and sink',
    points: [1, 2, 4, 8, 16, 32],
    args: (n) => ['--topology', 'T5', '--depth', `${n}`],
    per: (n) => n + 1,
  },
  payload: {
    title: 'T6, T1 over WebSocket',
    unit: 'characters in a tuple',
    points: [8, 64, 256, 1_024, 16_384, 262_144],
    args: (n) => {
      // As many long ones as have room in some 32 MiB.
      const most = Math.max(64, Math.floor(2 ** 25 / n))
      const limits = n > 1_024 ? { pending: most, 'inbox-limit': most } : {}
      return ['--topology', 'T1', ...optionsOf({ workers: 2, payload: n, ...limits })]
    },
    per: one,
  },
  keys: {
    title: 'T3w, words straight to the count',
    unit: 'different words, cycled',
    points: [10, 1_000, 100_000, 1_000_000],
    args: (n) => ['--topology', 'T3w', '--keys', `${n}`],
    per: one,
  },
} as const satisfies Record<string, Axis>

export type AxisName = keyof typeof axes
export const axisNames = Object.keys(axes) as AxisName[]

export interface Times {
  readonly warmup: number
  readonly seconds: number
  readonly windows: number
}

/** A point of an axis as it was measured. */
export interface PointResult {
  readonly name: AxisName
  readonly point: number
  readonly lines: readonly Line[]
  readonly canaryMs: number
}

/** `sweep NAME`. Returns the exit code. Throws UsageError, WrongRun. */
export async function sweep(args: readonly string[], output: Output, using: Tools = tools): Promise<number> {
  const command = new Command('sweep')
    .description(`Measures how a cost grows along one axis: ${axisNames.join(', ')}.`)
    .argument('<name>', axisNames.join(', '), oneOf('the axis', axisNames))
  const asked = parse(withTimes(command), args)
  if ('help' in asked) {
    output.out(asked.help.trimEnd())
    return 0
  }
  const name = command.processedArgs[0] as AxisName
  const save = openResults(`sweep-${name}`)
  const results = await sweepAxis(name, axes[name].points, command.opts(), using, (result) => {
    save({ ...result })
    output.note(`${name} ${result.point}: ${figureOf(result).toPrecision(3)} µs`)
  })
  output.out(sweepTable(name, results))
  return 0
}

export function withTimes(command: Command): Command {
  return command
    .option('--warmup <S>', 'seconds before the first window', number('--warmup', 0, 3_600), 2)
    .option('--seconds <S>', 'seconds of each window', number('--seconds', 0.05, 3_600), 3)
    .option('--windows <N>', 'number of windows', whole('--windows', 1, 1_000), 3)
}

export function timeArgs({ warmup, seconds, windows }: Times): string[] {
  return ['--warmup', `${warmup}`, '--seconds', `${seconds}`, '--windows', `${windows}`]
}

export async function sweepAxis(
  name: AxisName,
  points: readonly number[],
  times: Times,
  using: Tools,
  onPoint: (result: PointResult) => void,
): Promise<PointResult[]> {
  const results: PointResult[] = []
  for (const point of points) {
    const lines = await using.runChild([...axes[name].args(point), ...timeArgs(times)])
    const result = { name, point, lines, canaryMs: using.canaryMs() }
    results.push(result)
    onPoint(result)
  }
  return results
}

/** CPU-µs in the axis' own terms, the median of the windows. */
export function figureOf({ name, point, lines }: PointResult): number {
  return median(lines.map(({ cpuUsPerTuple }) => cpuUsPerTuple ?? NaN)) / axes[name].per(point)
}

function sweepTable(name: AxisName, results: readonly PointResult[]): string {
  const { title, unit } = axes[name]
  const [base] = results
  const sorted = results.toSorted((a, b) => a.point - b.point)
  const rows = [
    [unit, 'CPU µs', 'of the base', 'tuples/s', 'RSS MB', 'canary ms'],
    ...sorted.map((result) => [
      result.point.toLocaleString('en'),
      figureOf(result).toPrecision(3),
      base === undefined ? '' : `${(figureOf(result) / figureOf(base)).toFixed(2)}×`,
      Math.round(median(result.lines.map(({ perSec }) => perSec))).toLocaleString('en'),
      String(Math.max(...result.lines.map(({ rssMb = 0 }) => rssMb))),
      result.canaryMs.toFixed(0),
    ]),
  ]
  return [`${title}; base ${base?.point.toLocaleString('en')}`, ...aligned(rows)].join('\n')
}
