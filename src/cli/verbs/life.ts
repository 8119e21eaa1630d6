import { connect, type ConnectionOptions } from '../connection.js'
import { StormError } from '../../errors.js'
import { quoted } from '../../stdx/listed.js'
import { readDuration } from '../duration.js'
import { printable } from '../printable.js'
import type { Terminal } from '../terminal.js'
import { topologyPath, type TopologySummary } from '../topology-view.js'

interface LifeOptions extends ConnectionOptions {
  readonly json?: boolean
  readonly wait?: string
}

/** `storm-ts kill TOPOLOGY [-w 30s]`: stops its spouts, waits for what is pending, and removes it. */
export async function kill(terminal: Terminal, name: string, options: LifeOptions): Promise<number> {
  return change(terminal, options, topologyPath(name, 'kill'), waitOf(options), 'is being killed')
}

/** `storm-ts activate TOPOLOGY`: lets its spouts emit. */
export async function activate(terminal: Terminal, name: string, options: LifeOptions): Promise<number> {
  return change(terminal, options, topologyPath(name, 'activate'), {}, 'is active')
}

/** `storm-ts deactivate TOPOLOGY`: stops its spouts; what is pending is worked on. */
export async function deactivate(terminal: Terminal, name: string, options: LifeOptions): Promise<number> {
  return change(terminal, options, topologyPath(name, 'deactivate'), {}, 'is inactive')
}

interface RebalanceOptions extends LifeOptions {
  readonly workers?: string
  readonly executor: readonly string[]
}

/** `storm-ts rebalance TOPOLOGY [-w 30s] [-n 4] [-e count=8]`: spreads it anew, over other numbers if told. */
export async function rebalance(terminal: Terminal, name: string, options: RebalanceOptions): Promise<number> {
  const workers = options.workers === undefined ? {} : { workers: countOf(options.workers, '-n') }
  const executors = Object.fromEntries(options.executor.map(executorsOf))
  const body = { ...waitOf(options), ...workers, ...(options.executor.length === 0 ? {} : { executors }) }
  return change(terminal, options, topologyPath(name, 'rebalance'), body, 'is being rebalanced')
}

async function change(
  terminal: Terminal,
  options: LifeOptions,
  path: string,
  body: object,
  done: string,
): Promise<number> {
  const client = await connect(terminal, options)
  const topology = await client.post<TopologySummary>(path, body)
  if (options.json === true) terminal.out.write(`${JSON.stringify(topology)}\n`)
  else terminal.err.write(`${printable(`Topology '${topology.name}' (${topology.id}) ${done}`)}.\n`)
  return 0
}

function waitOf({ wait }: LifeOptions): { readonly waitMs?: number } {
  return wait === undefined ? {} : { waitMs: readDuration(wait, '-w') }
}

/** `count=8`, as typed: nimbus knows the components, and what numbers they take. */
function executorsOf(text: string): [string, number] {
  const at = text.lastIndexOf('=')
  if (at < 1)
    throw new StormError('BAD_USAGE', `-e got ${quoted(text)}; component=number is expected, such as count=8.`)
  return [text.slice(0, at), countOf(text.slice(at + 1), '-e')]
}

/** A number that may be out of range: nimbus tells that, with the same words as at a submission. */
function countOf(text: string, option: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  throw new StormError('BAD_USAGE', `${option} got ${quoted(text)}; a whole number is expected.`)
}
