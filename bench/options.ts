import { Command, CommanderError, Option } from 'commander'

/**
 * The topologies by their names in Storm's own benchmarks: T0 a spout that nobody reads, T1 const → null, T2 const → id →
 * null, T3 word count, T3w words straight to the count, T4 fan-out, T5 a chain, T7 a sink slower than its spout. T6 is any
 * of them with two workers, T8 one with a low rate.
 */
export const topologyNames = ['T0', 'T1', 'T2', 'T3', 'T3w', 'T4', 'T5', 'T7'] as const
export type TopologyName = (typeof topologyNames)[number]

/** What is run. */
export interface Shape {
  readonly topology: TopologyName
  readonly acks: 'on' | 'off'
  /** Spout tuples a second, of an open loop; undefined: as fast as the engine takes them. */
  readonly rate: number | undefined
  /** Max spout pending. */
  readonly pending: number
  /** Tuples that may wait for one task. */
  readonly inboxLimit: number
  /** Executors, and tasks, of each component. */
  readonly executors: number
  /** T4: children of each spout tuple. */
  readonly fanout: number
  /** T5: bolts between spout and sink. */
  readonly depth: number
  /** Characters of what T0, T1, T2, T4, T5 and T7 carry; undefined: 'some data'. */
  readonly payload: number | undefined
  /** T3w: different words. */
  readonly keys: number
  /**
   * T3 on two workers: whether the split stands beside the spout, so that words cross to the sink, or alone, so that
   * sentences cross to it and words cross back. Undefined for all else.
   */
  readonly split: 'near' | 'far' | undefined
  /** T1: the sink acks a tuple when so many more have come, so that as many trees are always open; undefined: at once. */
  readonly hold: number | undefined
}

/** What one run of the benchmark does, as the command line says it. */
export interface Plan extends Shape {
  /** Seconds before the first window. */
  readonly warmup: number
  /** Seconds a window lasts at least. */
  readonly seconds: number
  readonly windows: number
  /** 2: two worker processes on a cluster of their own, spout and sink in different ones. */
  readonly workers: 1 | 2
  /** JSON lines instead of a table. */
  readonly json: boolean
  /** File for a CPU profile of the windows; undefined: none is taken. */
  readonly profile: string | undefined
}

/** A mistake of the person at the command line; its message is the whole answer. */
export class UsageError extends Error {}

/** What the command line of a single run asks for: a run, or the text of `--help`. Throws UsageError. */
export function readOptions(args: readonly string[]): Plan | { readonly help: string } {
  const command = new Command('bench')
    .usage('[options] | all | sweep NAME | load | compare REV REV | report | smoke')
    .description('Measures storm-ts: one run of a topology, or what the commands say (see bench/README.md).')
    .option('--topology <name>', topologyNames.join(', '), oneOf('--topology', topologyNames), 'T3')
    .option('--warmup <S>', 'seconds before the first window', number('--warmup', 0, 3_600), 2)
    .option('--seconds <S>', 'seconds of each window', number('--seconds', 0.05, 3_600), 5)
    .option('--windows <N>', 'number of windows', whole('--windows', 1, 1_000), 3)
  for (const option of shapeOptions()) command.addOption(option)
  command
    .option('--json', 'a JSON line for each window instead of a table', false)
    .option('--profile [file]', 'write a CPU profile and a flame graph, and print where the time went')
  const parsed = parse(command, args)
  if ('help' in parsed) return parsed
  const given = command.opts()
  const { topology, acks, workers } = given as Pick<Plan, 'topology' | 'acks' | 'workers'>
  const plan: Plan = {
    topology,
    acks,
    warmup: given.warmup,
    seconds: given.seconds,
    windows: given.windows,
    rate: given.rate,
    pending: given.pending ?? (workers === 2 ? 5_000 : 1_000),
    inboxLimit: given.inboxLimit ?? (workers === 2 ? 32_768 : 1_024),
    executors: given.executors,
    fanout: given.fanout,
    depth: given.depth,
    payload: given.payload,
    keys: given.keys,
    split: workers === 2 && topology === 'T3' ? (given.split ?? 'near') : undefined,
    hold: given.hold,
    workers,
    json: given.json,
    profile: given.profile === true ? `${topology}-acks-${acks}.cpuprofile` : given.profile,
  }
  if (given.split !== undefined && plan.split === undefined)
    throw new UsageError('--split is for --topology T3 with --workers 2.')
  checkTogether(plan)
  return plan
}

/** Those that say what is run, but for its topology. */
export function shapeOptions(): Option[] {
  const near = oneOf('--split', ['near', 'far'] as const)
  return [
    option('--acks <on|off>', 'with one acker, or without', oneOf('--acks', ['on', 'off'] as const), 'on'),
    option('--rate <R>', 'open loop: tuples a second; adds latencies', number('--rate', 0.1, 10_000_000)),
    option('--workers <N>', 'worker processes: 2 makes it T6', whole('--workers', 1, 2), 1),
    option('--split <near|far>', 'T3, two workers: beside the spout, or alone', near),
    option('--pending <N>', 'max spout pending (1,000; 5,000 with two workers)', whole('--pending', 1, 1_000_000)),
    option('--inbox-limit <N>', 'tuples that may wait for one task', whole('--inbox-limit', 1, 1_000_000)),
    option('--executors <N>', 'executors of each component', whole('--executors', 1, 1_000), 1),
    option('--fanout <F>', 'children of a tuple in T4', whole('--fanout', 1, 100_000), 10),
    option('--depth <D>', 'bolts of the chain in T5', whole('--depth', 1, 1_000), 8),
    option('--payload <chars>', 'length of what is carried, but for words', whole('--payload', 1, 1_000_000)),
    option('--keys <N>', 'different words in T3w', whole('--keys', 1, 10_000_000), 1_000),
    option('--hold <N>', 'T1: keep so many trees open at the sink', whole('--hold', 0, 2_000_000)),
  ]
}

function option(flags: string, description: string, read: (text: string) => unknown, byDefault?: unknown): Option {
  return new Option(flags, description).argParser(read).default(byDefault)
}

/** What does not go together. */
function checkTogether({ workers, executors, acks, rate, hold, topology }: Plan): void {
  if (workers === 2 && !['T1', 'T3'].includes(topology))
    throw new UsageError('--workers 2 is measured with --topology T1 or T3: of others not every tuple would cross.')
  if (workers === 2 && executors > 1) throw new UsageError('--workers 2 runs one executor of each component.')
  if (workers === 2 && acks === 'off' && rate !== undefined)
    throw new UsageError('--rate with --workers 2 needs --acks on: latencies are told by acks.')
  if (hold !== undefined && (topology !== 'T1' || acks === 'off' || workers === 2))
    throw new UsageError('--hold is for --topology T1 with --acks on and one worker.')
  if (rate !== undefined && acks === 'off' && (executors > 1 || topology === 'T0' || topology === 'T4'))
    throw new UsageError('--rate without acks needs arrivals in order: one executor, and a sink for each tuple.')
}

/** Has commander read `args`. Returns the text of `--help` if that is asked for. Throws UsageError. */
export function parse(command: Command, args: readonly string[]): { readonly help: string } | { readonly read: true } {
  let text = ''
  command
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: (out) => (text += out), writeErr: () => {} })
  try {
    command.parse(args, { from: 'user' })
    return { read: true }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return { help: text }
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
}

export function oneOf<const T extends string>(option: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice !== undefined) return choice
    const near = choices.find((candidate) => alike(text.toLowerCase(), candidate.toLowerCase()))
    const hint = near === undefined ? '' : ` Did you mean '${near}'?`
    throw new UsageError(`${option} is ${list(choices)}, not '${text}'.${hint}`)
  }
}

function alike(text: string, choice: string): boolean {
  return text !== '' && (text.startsWith(choice) || choice.startsWith(text))
}

function list(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}

export function whole(option: string, min: number, max: number): (text: string) => number {
  return number(option, min, max, Number.isInteger, 'a whole number')
}

export function number(
  option: string,
  min: number,
  max: number,
  fits: (value: number) => boolean = Number.isFinite,
  kind = 'a number',
): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (fits(value) && value >= min && value <= max) return value
    const near = Number.isFinite(value) ? ` The nearest is ${nearest(value, min, max, fits)}.` : ''
    throw new UsageError(`${option} is ${kind} from ${min} to ${max.toLocaleString('en')}, not '${text}'.${near}`)
  }
}

function nearest(value: number, min: number, max: number, fits: (value: number) => boolean): number {
  const clamped = Math.min(max, Math.max(min, value))
  return fits(clamped) ? clamped : Math.round(clamped)
}
