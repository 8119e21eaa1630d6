import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Command } from 'commander'
import { canaryMs } from './canary.js'
import { linesOf, nodeArguments } from './children.js'
import { number, parse, readOptions, shapeOptions, UsageError, whole } from './options.js'
import type { Output } from './output.js'
import { canaryText, costOf, pairUp, ratioText } from './pairs.js'
import { median, type Line } from './report.js'
import { openResults } from './results.js'
import { timeArgs, withTimes, type Times } from './sweep.js'

const exec = promisify(execFile)
/** What a build of a revision is made of, when it is the working tree as it is. */
const treePaths = ['src', 'bench', 'examples', 'package.json', 'package-lock.json']
const treeFiles = ['tsconfig.base.json', 'tsconfig.build.json', 'tsconfig.examples.json']
/** The working tree, changes and all. */
const workingTree = '.'

interface CompareOptions extends Times {
  readonly pairs: number
  readonly topology: string
  readonly failAbove?: number
}

/**
 * `compare REV REV`: builds both in folders of their own, each with the benchmark of this tree, and runs them in turn, with
 * whatever options a single run has. The ratio is what the first costs over the second; the exit code is 1 for a wrong run
 * and for a ratio above `--fail-above`. Throws UsageError, WrongRun.
 */
export async function compare(args: readonly string[], output: Output): Promise<number> {
  const command = withTimes(new Command('compare'))
    .description('Pairs two revisions, A B B A …; . is the working tree as it is.')
    .argument('<a>', 'revision, the newer one if costs are to be guarded')
    .argument('<b>', 'revision that it is held against')
    .option('--pairs <N>', 'how many', whole('--pairs', 1, 1_000), 7)
    .option('--topology <names>', 'one or more, with commas', 'T1,T3')
    .option('--fail-above <ratio>', 'exit 1 for a median above it', number('--fail-above', 0.01, 100))
  command.setOptionValue('windows', 1)
  const shape = shapeOptions()
  for (const option of shape) command.addOption(option)
  const asked = parse(command, args)
  if ('help' in asked) {
    output.out(asked.help.trimEnd())
    return 0
  }
  const [a, b] = command.processedArgs as [string, string]
  const options: CompareOptions = command.opts()
  const given = shape.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
  const shapeArgs = given.flatMap((option) => [
    option.long ?? '',
    String(command.getOptionValue(option.attributeName())),
  ])
  const runs = options.topology.split(',').map((topology) => ['--topology', topology, ...shapeArgs])
  // What does not go together is told before anything is built.
  for (const run of runs) readOptions(run)
  const folder = mkdtempSync(join(tmpdir(), 'storm-ts-compare-'))
  try {
    const builds = [await build(a, join(folder, 'a'), output), await build(b, join(folder, 'b'), output)] as const
    return await pairAll([a, b], builds, runs, options, output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function pairAll(
  [a, b]: readonly [string, string],
  [buildA, buildB]: readonly [string, string],
  runs: readonly (readonly string[])[],
  options: CompareOptions,
  output: Output,
): Promise<number> {
  const save = openResults('compare')
  let exitCode = 0
  for (const run of runs) {
    const name = run.slice(1).join(' ')
    const args = [...run, ...timeArgs(options), '--json']
    const runIn = (build: string) => () =>
      linesOf(process.execPath, [...nodeArguments, join(build, 'build/bench/main.js'), ...args], build)
    const paired = await pairUp({ a: runIn(buildA), b: runIn(buildB) }, options.pairs, canaryMs, (ratio, number) =>
      output.note(`${name} pair ${number} of ${options.pairs}: ${ratio.toPrecision(3)}`),
    )
    save({ name, revisions: [a, b], ...paired })
    const cost = (lines: typeof paired.a) => `${rounded(median(lines.map(costOf)))} µs${latencyText(lines)}`
    output.out(
      `${name}: ${a} ${cost(paired.a)}, ${b} ${cost(paired.b)}, ratio ${ratioText(paired)}; ${canaryText(paired)}`,
    )
    if (options.failAbove !== undefined && median(paired.ratios) > options.failAbove) {
      output.note(`bench: ${name} costs more than ${options.failAbove} times what it did`)
      exitCode = 1
    }
  }
  return exitCode
}

/** Of an open loop, the medians of its percentiles. */
function latencyText(lines: readonly Line[]): string {
  const latencies = lines.flatMap(({ latencyUs }) => latencyUs ?? [])
  if (latencies.length === 0) return ''
  const ms = (percentile: 'p50' | 'p99') => rounded(median(latencies.map((latency) => latency[percentile])) / 1_000)
  return ` (p50 ${ms('p50')}, p99 ${ms('p99')} ms)`
}

const rounded = (figure: number) => figure.toLocaleString('en', { maximumSignificantDigits: 3 })

/** The folder of a build of the revision. */
async function build(revision: string, folder: string, output: Output): Promise<string> {
  output.note(`building ${revision}`)
  if (revision === workingTree) {
    for (const path of [...treePaths, ...treeFiles]) cpSync(path, join(folder, path), { recursive: true })
  } else {
    await exec('git', ['clone', '--quiet', '--shared', '--no-checkout', '.', folder])
    await exec('git', ['-C', folder, 'checkout', '--quiet', '--detach', await hashOf(revision)])
    // One and the same harness on both sides.
    rmSync(join(folder, 'bench'), { recursive: true, force: true })
    cpSync('bench', join(folder, 'bench'), { recursive: true })
  }
  await bringModules(folder, output)
  try {
    await exec(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.examples.json'], {
      cwd: folder,
    })
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string }
    throw new UsageError(`${revision} cannot be built with the benchmark of this tree:\n${stdout.slice(0, 2_000)}`)
  }
  return folder
}

async function hashOf(revision: string): Promise<string> {
  try {
    return (await exec('git', ['rev-parse', '--verify', `${revision}^{commit}`])).stdout.trim()
  } catch {
    throw new UsageError(`there is no revision '${revision}' in this repository`)
  }
}

/** Packages of another lock file are installed anew. */
async function bringModules(folder: string, output: Output): Promise<void> {
  const { stdout } = await exec('git', [
    'diff',
    '--no-index',
    '--stat',
    'package-lock.json',
    join(folder, 'package-lock.json'),
  ]).catch((error: unknown) => error as { stdout: string })
  if (stdout === '' && existsSync('node_modules')) {
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
    return
  }
  output.note('installing packages of another lock file')
  await exec('npm', ['ci', '--silent', '--ignore-scripts'], { cwd: folder })
}
