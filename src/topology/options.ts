import type { Problem } from '../errors.js'
import { nearest } from '../stdx/nearest.js'
import { describeError, describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import type { TaskHook } from './component.js'

/**
 * What a topology may set. Given to `createTopology`, again at submission, and, for those that a component may have of
 * its own, to a handle's `set`. A key that is not here is the user's own and is read in `context.config`; one that is
 * only nearly here is refused, as a misspelt option would silently not hold.
 */
export interface TopologyOptions {
  /** Worker processes; 1. */
  workers: number
  /** Acker tasks; one a worker. 0: nothing is tracked and every id is acked at once. */
  ackers: number
  /** Time that a tuple tree has, in ms; 30,000. It fails no earlier, and no later than a tenth after. */
  messageTimeoutMs: number
  /** Undecided trees a spout task may have; 1,000. */
  maxSpoutPending: number
  /** Tasks of every component that says nothing of its own with `.tasks(n)`; as many as its parallelism. */
  tasks: number
  /** Caps every component's tasks and executors; none. */
  maxTaskParallelism: number
  /** Sends every bolt a tick every so many ms; none. */
  tickMs: number
  /** `execute`s of one task of an asynchronous bolt that may be open at once; 1. */
  concurrency: number
  /** Whether outputs of an asynchronous basic bolt leave in the order of its inputs, however many are open at once; true. */
  ordered: boolean
  /** Tuples that may wait for one task before those who feed it are held; 1,024. */
  inboxLimit: number
  /** Freezes emitted values so that a mutation throws; false, and true in LocalCluster unless told otherwise. */
  freeze: boolean
  /** Checks emitted values against the stream's field types; false. */
  validate: boolean
  /** One tuple in so many has its latency measured; 1,024. */
  latencySampleEvery: number
  /** Called once a task: each makes a hook that is told what the task does; none. */
  taskHooks: readonly (() => TaskHook)[]
  [userKey: string]: unknown
}

/** Options as they hold, every one filled in, with the user's own keys. Frozen: this is `context.config`. */
export interface ResolvedOptions {
  readonly workers: number
  /** Undefined: one a worker. */
  readonly ackers: number | undefined
  readonly messageTimeoutMs: number
  readonly maxSpoutPending: number
  readonly tasks: number | undefined
  readonly maxTaskParallelism: number | undefined
  readonly tickMs: number | undefined
  readonly concurrency: number
  readonly ordered: boolean
  readonly inboxLimit: number
  readonly freeze: boolean
  readonly validate: boolean
  readonly latencySampleEvery: number
  readonly taskHooks: readonly (() => TaskHook)[]
  readonly [userKey: string]: unknown
}

/** Where options were given: a topology's hold for all of it, a component's for it alone. */
export type OptionsPlace = 'topology' | 'spout' | 'bolt'

interface OptionRule {
  readonly kind: 'whole number' | 'boolean' | 'list of functions'
  /** Smallest and largest, both allowed; of whole numbers. */
  readonly range?: readonly [number, number]
  readonly unit?: string
  readonly default: unknown
  /** The components that may have one of their own, besides the topology. */
  readonly own: readonly ('spout' | 'bolt')[]
  /** Its name in Apache Storm. */
  readonly storm?: string
}

const longestMs = 2 ** 31 - 1
const none: OptionRule['own'] = []
const both: OptionRule['own'] = ['spout', 'bolt']

/** Tasks of one component, and tasks or executors asked for. */
export const taskLimit = 10_000

const optionRules: Readonly<Record<string, OptionRule>> = {
  workers: { kind: 'whole number', range: [1, 1000], default: 1, own: none, storm: 'topology.workers' },
  ackers: { kind: 'whole number', range: [0, 1000], default: undefined, own: none, storm: 'topology.acker.executors' },
  messageTimeoutMs: {
    kind: 'whole number',
    range: [1, longestMs],
    unit: 'ms',
    default: 30_000,
    own: none,
    storm: 'topology.message.timeout.secs',
  },
  maxSpoutPending: {
    kind: 'whole number',
    range: [1, 1_000_000],
    default: 1000,
    own: ['spout'],
    storm: 'topology.max.spout.pending',
  },
  tasks: { kind: 'whole number', range: [1, taskLimit], default: undefined, own: none, storm: 'topology.tasks' },
  maxTaskParallelism: {
    kind: 'whole number',
    range: [1, taskLimit],
    default: undefined,
    own: both,
    storm: 'topology.max.task.parallelism',
  },
  tickMs: {
    kind: 'whole number',
    range: [1, longestMs],
    unit: 'ms',
    default: undefined,
    own: ['bolt'],
    storm: 'topology.tick.tuple.freq.secs',
  },
  concurrency: { kind: 'whole number', range: [1, 10_000], default: 1, own: ['bolt'] },
  ordered: { kind: 'boolean', default: true, own: ['bolt'] },
  inboxLimit: {
    kind: 'whole number',
    range: [1, 1_000_000],
    unit: 'tuples',
    default: 1024,
    own: both,
    storm: 'topology.executor.receive.buffer.size',
  },
  freeze: { kind: 'boolean', default: false, own: none },
  validate: { kind: 'boolean', default: false, own: none },
  latencySampleEvery: {
    kind: 'whole number',
    range: [1, 1_000_000_000],
    unit: 'tuples',
    default: 1024,
    own: none,
    storm: 'topology.stats.sample.rate',
  },
  taskHooks: { kind: 'list of functions', default: Object.freeze([]), own: both, storm: 'topology.auto.task.hooks' },
}

/**
 * All that is wrong with options from an untyped caller, each an INVALID_CONFIG that names key, what was got and what is
 * allowed. `where` stands in the sentence: "of bolt 'count'", "given at submission".
 */
export function checkOptions(options: unknown, where: string, place: OptionsPlace = 'topology'): Problem[] {
  const entries = entriesOf(options)
  if (typeof entries === 'string')
    return [invalid(`The options ${where} are ${entries}; an object { name: value } is expected.`)]
  const problems: Problem[] = []
  for (const [key, value] of entries) {
    if (value === undefined) continue
    const rule = Object.hasOwn(optionRules, key) ? optionRules[key] : undefined
    const sentence = rule === undefined ? refusedKey(key, where) : refusedValue(key, rule, value, where, place)
    if (sentence !== undefined) problems.push(invalid(sentence))
  }
  return problems
}

const invalid = (message: string): Problem => ({ code: 'INVALID_CONFIG', message })

/** Own entries, or in words what was got instead of options. */
function entriesOf(options: unknown): [string, unknown][] | string {
  if (options === undefined) return []
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return describeValue(options)
  try {
    return Object.entries(options)
  } catch (error) {
    return `an object that cannot be read (${describeError(error).message})`
  }
}

function refusedKey(key: string, where: string): string | undefined {
  if (key.startsWith('topology.')) {
    const ours = Object.keys(optionRules).find((name) => optionRules[name]?.storm === key)
    return ours === undefined
      ? `The option ${quoted(key)} ${where} is Storm's and has no counterpart here.`
      : `The option ${quoted(key)} ${where} is Storm's name; here it is '${ours}'${ours.endsWith('Ms') ? ', in milliseconds' : ''}.`
  }
  const near = nearest(key, Object.keys(optionRules))
  if (near === undefined) return undefined
  return `There is no option ${quoted(key)} (${where}). Did you mean '${near}'? A key of your own needs a name less like it.`
}

function refusedValue(
  key: string,
  rule: OptionRule,
  value: unknown,
  where: string,
  place: OptionsPlace,
): string | undefined {
  if (place !== 'topology' && !rule.own.includes(place)) {
    const owner =
      rule.own.length === 0 ? 'a whole topology: give it to createTopology' : `a ${rule.own[0]} or a whole topology`
    return `The option '${key}' ${where} is for ${owner}.`
  }
  switch (rule.kind) {
    case 'whole number': {
      const [min, max] = rule.range as readonly [number, number]
      if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return undefined
      const unit = rule.unit === undefined ? '' : ` ${rule.unit}`
      return `The option '${key}' ${where} is ${describeValue(value)}; a whole number of ${min} to ${max}${unit} is expected.`
    }
    case 'boolean':
      return typeof value === 'boolean'
        ? undefined
        : `The option '${key}' ${where} is ${describeValue(value)}; true or false is expected.`
    case 'list of functions':
      return Array.isArray(value) && value.every((item) => typeof item === 'function')
        ? undefined
        : `The option '${key}' ${where} is ${describeValue(value)}; a list of functions is expected.`
  }
}

/**
 * The options that hold, out of layers that `checkOptions` found sound: a later layer wins, an undefined value says
 * nothing. For a component: those of the cluster, the topology, the submission, and its own, in this order.
 */
export function resolveOptions(...layers: readonly Partial<TopologyOptions>[]): ResolvedOptions {
  const defaults = Object.fromEntries(Object.entries(optionRules).map(([key, rule]) => [key, rule.default]))
  return Object.freeze({ ...defaults, ...mergeOptions(layers) }) as unknown as ResolvedOptions
}

/** One layer out of several, found sound: a later one wins, an undefined value says nothing. */
export function mergeOptions(layers: readonly (Partial<TopologyOptions> | undefined)[]): Partial<TopologyOptions> {
  const entries = layers.flatMap((layer) => Object.entries(layer ?? {}))
  return Object.freeze(Object.fromEntries(entries.filter(([, value]) => value !== undefined)))
}
