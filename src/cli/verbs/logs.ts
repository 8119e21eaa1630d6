import { StormError } from '../../errors.js'
import { hostAndPort } from '../../stdx/host-and-port.js'
import { listed, quoted } from '../../stdx/listed.js'
import { didYouMean } from '../../stdx/nearest.js'
import type { NimbusClient } from '../client.js'
import { connect, type ConnectionOptions } from '../connection.js'
import { LogSource, type LogLine } from '../log-source.js'
import { printable } from '../printable.js'
import { RemoteError } from '../remote-error.js'
import { interruption, pause, type Output, type Terminal } from '../terminal.js'
import { topologyPath, type TopologyView } from '../topology-view.js'

export interface LogsOptions extends ConnectionOptions {
  readonly follow?: boolean
  readonly lines: string
  readonly component?: string
  readonly worker?: string
  readonly json?: boolean
}

interface SourcedLine extends LogLine {
  readonly source: LogSource
}

const askEveryMs = 500
/** Workers come and go while a log is followed. */
const lookEveryMs = 2_000

/** `storm-ts logs TOPOLOGY [-f]`: the logs of its workers as one, by time. */
export async function logs(terminal: Terminal, name: string, options: LogsOptions): Promise<number> {
  const linesMax = Number(options.lines)
  if (!/^\d{1,7}$/.test(options.lines))
    throw new StormError('BAD_USAGE', `--lines is ${quoted(options.lines)}; a whole number from 0 is expected.`)
  const client = await connect(terminal, options)
  const sources = new Map<string, LogSource>()
  const topology = await client.get<TopologyView>(topologyPath(name))
  addSources(sources, topology, options.worker)
  const first = await readAll(client, topology.id, sources, terminal)
  tell(terminal.out, wanted(first, options).slice(linesMax === 0 ? Infinity : -linesMax), options.json === true)
  return options.follow === true ? follow(terminal, client, { id: topology.id, sources, options }) : 0
}

interface Followed {
  readonly id: string
  readonly sources: Map<string, LogSource>
  readonly options: LogsOptions
}

/** Until Ctrl-C, or until the topology is gone. */
async function follow(terminal: Terminal, client: NimbusClient, { id, sources, options }: Followed): Promise<number> {
  const interrupted = interruption(terminal)
  let lookAtMs = terminal.clock.now() + lookEveryMs
  let isCut = false
  while (interrupted.code === undefined) {
    await pause(terminal.clock, askEveryMs, interrupted.happened)
    if (interrupted.code !== undefined) break
    try {
      if (terminal.clock.now() >= lookAtMs) {
        addSources(sources, await client.get<TopologyView>(topologyPath(id)), options.worker)
        lookAtMs = terminal.clock.now() + lookEveryMs
      }
      tell(terminal.out, wanted(await readAll(client, id, sources, terminal), options), options.json === true)
      isCut = false
    } catch (error) {
      if (error instanceof RemoteError && error.status === 404) {
        terminal.err.write(`Topology ${printable(id)} is gone.\n`)
        return 0
      }
      if (!(error instanceof StormError && error.code === 'UNREACHABLE')) throw error
      // Nimbus may be restarted; the topology goes on without it.
      if (!isCut) terminal.err.write(`${error.message} Trying again.\n`)
      isCut = true
    }
  }
  return interrupted.code ?? 0
}

function addSources(sources: Map<string, LogSource>, { name, workers }: TopologyView, only: string | undefined): void {
  const names = workers.map(({ host, port }) => hostAndPort(host, port))
  const isWanted = (supervisor: string, host: string, port: number) =>
    only === undefined || only === hostAndPort(host, port) || only === `${supervisor}:${port}`
  for (const worker of workers) {
    const key = `${worker.supervisor}:${worker.port}`
    if (isWanted(worker.supervisor, worker.host, worker.port) && !sources.has(key))
      sources.set(key, new LogSource(worker))
  }
  if (only === undefined || sources.size > 0) return
  // A worker that is gone has left its log: the supervisor is asked for it by its id.
  const [, supervisor = '', port = ''] = /^(.+):(\d{1,5})$/.exec(only) ?? []
  if (supervisor !== '' && !names.some((known) => known.startsWith(`${supervisor}:`))) {
    sources.set(only, new LogSource({ supervisor, host: supervisor, port: Number(port) }))
    return
  }
  throw new StormError(
    'NOT_FOUND',
    `Topology '${name}' has no worker ${quoted(only)}.${didYouMean(only, names)} There are: ${listed(names)}.`,
  )
}

/** What is new in all logs, by time. */
async function readAll(
  client: NimbusClient,
  id: string,
  sources: ReadonlyMap<string, LogSource>,
  { err }: Terminal,
): Promise<SourcedLine[]> {
  const lines = await Promise.all(
    [...sources.values()].map(async (source) => {
      const found: SourcedLine[] = []
      do {
        const chunk = await readChunk(client, id, source)
        if (typeof chunk === 'string') {
          if (source.at < 0) err.write(`${printable(chunk)}\n`)
          break
        }
        found.push(...source.take(chunk).map((line) => ({ ...line, source })))
      } while (source.isBehind)
      return found
    }),
  )
  // Stable: lines of one worker keep their order; one without a time stays behind the one before it.
  let lastMs = 0
  const timed = lines.flatMap((ofOne) => ofOne.map((line) => ({ line, atMs: (lastMs = line.timeMs || lastMs) })))
  return timed.sort((a, b) => a.atMs - b.atMs).map(({ line }) => line)
}

/** In words, if it cannot be read now. */
async function readChunk(client: NimbusClient, id: string, { supervisor, host, port, at }: LogSource) {
  const query = new URLSearchParams({ supervisor, port: String(port), from: String(at) })
  try {
    const { body, header } = await client.getBytes(`${topologyPath(id, 'logs')}?${query.toString()}`)
    return {
      bytes: body,
      from: Number(header('storm-ts-log-from') ?? 0),
      size: Number(header('storm-ts-log-size') ?? body.length),
    }
  } catch (error) {
    // One supervisor that is gone must not hide the logs of the others.
    if (!(error instanceof RemoteError)) throw error
    // The log is shorter than what was read of it already: it was begun anew.
    if (error.status === 416) return { bytes: new Uint8Array(), from: 0, size: 0 }
    return `The log of the worker at ${hostAndPort(host, port)} cannot be read: ${error.message}`
  }
}

function wanted(lines: readonly SourcedLine[], { component }: LogsOptions): readonly SourcedLine[] {
  return component === undefined ? lines : lines.filter((line) => line.component === component)
}

const levels = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info '],
  [40, 'warn '],
  [50, 'error'],
  [60, 'fatal'],
])

function tell(out: Output, lines: readonly SourcedLine[], json: boolean): void {
  const { dim, red, yellow, bold } = out.colors
  for (const { timeMs, level, component, task, message, fields, source } of lines) {
    const { host, port, supervisor } = source
    if (json) {
      const line = { time: timeMs, level, supervisor, host, port, component, task, msg: message, ...fields }
      out.write(`${JSON.stringify(line)}\n`)
      continue
    }
    const time = timeMs === 0 ? '' : `${new Date(timeMs).toISOString()} `
    const word = levels.get(level) ?? String(level)
    const who = component === undefined ? '' : ` ${bold(printable(`${component}[${task ?? ''}]`))}`
    const more = moreOf(fields)
    const told = `${printable(message, 'lines')}${more === '' ? '' : ` ${dim(more)}`}`
    const colour = level >= 50 ? red : level >= 40 ? yellow : String
    out.write(`${dim(time)}${colour(word)} ${dim(printable(hostAndPort(host, port)))}${who} ${told}\n`)
  }
}

/** Of every line the same: who writes. */
const dull = new Set(['pid', 'hostname', 'name', 'topology', 'port', 'v'])

function moreOf(fields: { readonly [name: string]: unknown }): string {
  const told = Object.entries(fields).filter(([name]) => !dull.has(name))
  return told.length === 0 ? '' : printable(JSON.stringify(Object.fromEntries(told)))
}
