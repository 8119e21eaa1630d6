import { Command, CommanderError } from 'commander'

export const topologyNames = ['T1', 'T2', 'T3'] as const
export type TopologyName = (typeof topologyNames)[number]

/** What one run of the benchmark does, as the command line says it. */
export interface Plan {
  readonly topology: TopologyName
  readonly acks: 'on' | 'off'
  /** Seconds before the first window. */
  readonly warmup: number
  /** Seconds a window lasts at least. */
  readonly seconds: number
  readonly windows: number
  /** Spout tuples a second, of an open loop; undefined: as fast as the engine takes them. */
  readonly rate: number | undefined
  /** Max spout pending. */
  readonly pending: number
  /** Tuples that may wait for one task. */
  readonly inboxLimit: number
  readonly workers: 1
  /** JSON lines instead of a table. */
  readonly json: boolean
  /** File for a CPU profile of the windows; undefined: none is taken. */
  readonly profile: string | undefined
}

/** A mistake of the person at the command line; its message is the whole answer. */
export class UsageError extends Error {}

/** What the command line asks for: a run, or the text of `--help`. Throws UsageError. */
export function readOptions(args: readonly string[]): Plan | { readonly help: string } {
  let text = ''
  const command = new Command('bench')
    .usage('[options]')
    .description('Measures storm-ts on T1 const→null, T2 const→id→null or T3 word count.')
    .option('--topology <name>', 'T1, T2 or T3', oneOf('--topology', topologyNames), 'T3')
    .option('--acks <on|off>', 'with one acker, or without', oneOf('--acks', ['on', 'off'] as const), 'on')
    .option('--warmup <S>', 'seconds before the first window', number('--warmup', 0, 3_600), 2)
    .option('--seconds <S>', 'seconds of each window', number('--seconds', 0.05, 3_600), 5)
    .option('--windows <N>', 'number of windows', whole('--windows', 1, 1_000), 3)
    .option('--rate <R>', 'open loop: tuples a second; adds latencies', number('--rate', 0.1, 10_000_000))
    .option('--pending <N>', 'max spout pending', whole('--pending', 1, 1_000_000), 1_000)
    .option('--inbox-limit <N>', 'tuples that may wait for one task', whole('--inbox-limit', 1, 1_000_000), 1_024)
    .option('--workers <N>', 'only 1 so far', whole('--workers', 1, 1), 1)
    .option('--json', 'a JSON line for each window instead of a table', false)
    .option('--profile [file]', 'write a CPU profile of the windows and print where the time went')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: (out) => (text += out), writeErr: () => {} })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return { help: text }
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
  const given = command.opts()
  const { topology, acks } = given as Pick<Plan, 'topology' | 'acks'>
  return {
    topology,
    acks,
    warmup: given.warmup,
    seconds: given.seconds,
    windows: given.windows,
    rate: given.rate,
    pending: given.pending,
    inboxLimit: given.inboxLimit,
    workers: 1,
    json: given.json,
    profile: given.profile === true ? `${topology}-acks-${acks}.cpuprofile` : given.profile,
  }
}

function oneOf<const T extends string>(option: string, choices: readonly T[]): (text: string) => T {
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

function whole(option: string, min: number, max: number): (text: string) => number {
  return number(option, min, max, Number.isInteger, 'a whole number')
}

function number(
  option: string,
  min: number,
  max: number,
  fits: (value: number) => boolean = Number.isFinite,
  kind = 'a number',
): (text: string) => number {
  const range = min === max ? `only ${min} so far` : `${kind} from ${min} to ${max.toLocaleString('en')}`
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (fits(value) && value >= min && value <= max) return value
    const near = Number.isFinite(value) ? ` The nearest is ${nearest(value, min, max, fits)}.` : ''
    throw new UsageError(`${option} is ${range}, not '${text}'.${near}`)
  }
}

function nearest(value: number, min: number, max: number, fits: (value: number) => boolean): number {
  const clamped = Math.min(max, Math.max(min, value))
  return fits(clamped) ? clamped : Math.round(clamped)
}
