import { Command } from 'commander'
import { LocalCluster, stream, t, TopologyBuilder } from 'storm-ts'
import { WrongRun } from './children.js'
import { parse } from './options.js'
import type { Output } from './output.js'
import { aligned, median } from './report.js'
import { withTimes, type Times } from './sweep.js'

/** What is called a hundred times a second is compiled late, and that is no cost of being idle. */
const warmupSeconds = 30

/**
 * `idle`: what a topology costs in this process while it has nothing to do, beside a timer that wakes as often and does
 * nothing. Throws UsageError, WrongRun.
 */
export async function idle(args: readonly string[], output: Output): Promise<number> {
  const command = withTimes(new Command('idle')).description('Measures the CPU of a topology that has nothing to do.')
  command.setOptionValue('warmup', warmupSeconds)
  const asked = parse(command, args)
  if ('help' in asked) {
    output.out(asked.help.trimEnd())
    return 0
  }
  const times: Times = command.opts()
  let calls = 0
  const builder = new TopologyBuilder('idle')
  builder.setSpout('nothing', () => ({ outputs: { default: Nothing }, nextTuple: () => void calls++ }))
  await using cluster = new LocalCluster()
  await cluster.submit(builder.createTopology())
  const topology = await sharesOf(times, () => calls)
  await cluster.shutdown()

  let wakes = 0
  const timer = setInterval(() => wakes++, 1_000 / topology.aSecond)
  const alone = await sharesOf({ ...times, warmup: Math.min(1, times.warmup) }, () => wakes)
  clearInterval(timer)
  const row = (name: string, { percents, aSecond }: Shares) => [
    name,
    `${median(percents).toPrecision(3)} (${percents.map((percent) => percent.toPrecision(3)).join(', ')})`,
    aSecond.toFixed(0),
  ]
  const rows = [['', '% of a core', 'times a second'], row('idle topology', topology), row('timer alone', alone)]
  output.out(aligned(rows).join('\n'))
  return 0
}

interface Shares {
  readonly percents: readonly number[]
  readonly aSecond: number
}

async function sharesOf({ warmup, seconds, windows }: Times, counted: () => number): Promise<Shares> {
  await sleep(warmup)
  const countBefore = counted()
  const beginMs = performance.now()
  const percents: number[] = []
  for (let window = 0; window < windows; window++) {
    const fromMs = performance.now()
    const before = process.cpuUsage()
    await sleep(seconds)
    const { user, system } = process.cpuUsage(before)
    percents.push((user + system) / (performance.now() - fromMs) / 10)
  }
  const aSecond = ((counted() - countBefore) / (performance.now() - beginMs)) * 1_000
  if (aSecond === 0) throw new WrongRun('the spout was not asked once')
  return { percents, aSecond }
}

const Nothing = stream({ nothing: t.number })

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
}
