import { Command } from 'commander'
import { parse } from './options.js'
import type { Output } from './output.js'
import { aligned, median, type Line } from './report.js'
import { openResults } from './results.js'
import { timeArgs, withTimes, type Times } from './sweep.js'
import { tools, type Tools } from './tools.js'

/** Of the peak measured just before. */
const shares = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9]

/** Latencies of T3 as an open loop at one rate. */
export interface LoadResult {
  readonly name: 'T3' | 'T6 T3'
  readonly share: number
  readonly rate: number
  readonly lines: readonly Line[]
}

/** `load`: T3's latency against its load, in one process and over WebSocket. Throws UsageError, WrongRun. */
export async function load(args: readonly string[], output: Output, { runChild }: Tools = tools): Promise<number> {
  const command = withTimes(new Command('load')).description('Measures the latency of T3 against its load.')
  const asked = parse(command, args)
  if ('help' in asked) {
    output.out(asked.help.trimEnd())
    return 0
  }
  const times: Times = command.opts()
  const save = openResults('load')
  const rows = [['load', 'of the peak', 'a second', 'p50 ms', 'p99 ms', 'p99.9 ms', 'wake-up p99 ms']]
  for (const [name, workers] of [
    ['T3', '1'],
    ['T6 T3', '2'],
  ] as const) {
    const run = ['--topology', 'T3', '--workers', workers, ...timeArgs(times)]
    const peak = median((await runChild(run)).map(({ perSec }) => perSec))
    for (const share of shares) {
      const rate = Math.max(1, Math.round(peak * share))
      const lines = await runChild([...run, '--rate', String(rate)])
      save({ name, share, rate, lines } satisfies LoadResult)
      output.note(`${name} at ${Math.round(share * 100)} %: done`)
      const ms = (of: (line: Line) => number | undefined) =>
        (median(lines.map((line) => of(line) ?? NaN)) / 1000).toFixed(2)
      const latencies = (['p50', 'p99', 'p999'] as const).map((at) => ms(({ latencyUs }) => latencyUs?.[at]))
      const percent = `${Math.round(share * 100)} %`
      rows.push([name, percent, rate.toLocaleString('en'), ...latencies, ms(({ wakeUs }) => wakeUs?.p99)])
    }
  }
  output.out(aligned(rows).join('\n'))
  return 0
}
