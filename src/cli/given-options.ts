import { durationMs } from '../cluster/settings.js'
import { InvalidTopologyError, StormError, type Problem } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import { checkOptions, type TopologyOptions } from '../topology/options.js'

/** Options by Storm's names: what each is here, and what its value is worth. */
const stormOptions: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  'topology.workers': ['workers', 1],
  'topology.acker.executors': ['ackers', 1],
  'topology.message.timeout.secs': ['messageTimeoutMs', 1_000],
  'topology.max.spout.pending': ['maxSpoutPending', 1],
  'topology.tasks': ['tasks', 1],
  'topology.max.task.parallelism': ['maxTaskParallelism', 1],
  'topology.tick.tuple.freq.secs': ['tickMs', 1_000],
  'topology.executor.receive.buffer.size': ['inboxLimit', 1],
}

export interface Given {
  /** Each `-c key=value`, as typed. */
  readonly config: readonly string[]
  /** `-n`, as typed. */
  readonly workers: string | undefined
}

/**
 * The options that the command line gives to a topology, under our names and with types. Throws BAD_USAGE for what is no
 * `key=value`, and InvalidTopologyError for names and values that are not allowed.
 */
export function readGivenOptions({ config, workers }: Given): Partial<TopologyOptions> {
  const pairs = config.map(readPair)
  if (workers !== undefined) pairs.push(['workers', valueOf('workers', workers)])
  const problems: Problem[] = pairs.some(([key]) => key === '__proto__')
    ? [{ code: 'INVALID_CONFIG', message: "The option '__proto__' is nobody's." }]
    : checkOptions(Object.fromEntries(pairs), 'given on the command line')
  if (problems.length > 0) throw new InvalidTopologyError(problems)
  return Object.fromEntries(pairs)
}

function readPair(text: string): [string, unknown] {
  const at = text.indexOf('=')
  if (at < 1)
    throw new StormError('BAD_USAGE', `-c got ${quoted(text)}; key=value is expected, such as messageTimeoutMs=30000.`)
  const key = text.slice(0, at).trim()
  const value = text.slice(at + 1).trim()
  const known = Object.hasOwn(stormOptions, key) ? stormOptions[key] : undefined
  if (known === undefined) return [key, valueOf(key, value)]
  const [name, factor] = known
  const read = valueOf(name, value)
  return [name, typeof read === 'number' ? read * factor : read]
}

/** Numbers, true, false, null, lists and objects as JSON writes them; durations of ours; anything else is a text. */
function valueOf(key: string, text: string): unknown {
  if (key.endsWith('Ms') && /[a-z]$/.test(text)) return durationMs(text, 'ms') ?? text
  try {
    const value: unknown = JSON.parse(text)
    // A long row of digits is more likely a name than a number that cannot hold it.
    return typeof value === 'number' && /^-?\d{16,}$/.test(text) && !Number.isSafeInteger(value) ? text : value
  } catch {
    // No JSON: a text, as most values of a user's own are.
    return text
  }
}
