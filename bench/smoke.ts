import { topologyNames, UsageError } from './options.js'
import type { Output } from './output.js'
import { tools, type Tools } from './tools.js'

/** Long enough for a tuple to be done, too short for a figure. */
const short = ['--warmup', '0.2', '--seconds', '0.3', '--windows', '1', '--depth', '2', '--keys', '10']

/** `smoke`: whether the benchmark itself works: every topology, with and without acks, two workers, an open loop, held trees. */
export async function smoke(args: readonly string[], output: Output, { runChild }: Tools = tools): Promise<number> {
  if (args.length > 0) throw new UsageError('smoke takes no options')
  const runs = [
    ...topologyNames.flatMap((topology) => [
      ['--topology', topology, '--acks', 'on'],
      ['--topology', topology, '--acks', 'off'],
    ]),
    ['--topology', 'T3', '--rate', '500'],
    ['--topology', 'T1', '--pending', '5000', '--hold', '4000', '--inbox-limit', '5000'],
    ['--topology', 'T3', '--executors', '3'],
    ...(process.platform === 'linux'
      ? [
          ['--topology', 'T1', '--workers', '2'],
          ['--topology', 'T3', '--workers', '2', '--rate', '200'],
          ['--topology', 'T3', '--workers', '2', '--split', 'far'],
          // More than a link keeps before its other end is there.
          ['--topology', 'T1', '--workers', '2', '--payload', '16384', '--pending', '2048', '--inbox-limit', '2048'],
        ]
      : []),
  ]
  for (const run of runs) {
    const [line] = await runChild([...run, ...short])
    output.out(`${run.join(' ')}: ${line?.check}`)
  }
  return 0
}
