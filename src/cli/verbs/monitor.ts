import { StormError } from '../../errors.js'
import { listed, quoted } from '../../stdx/listed.js'
import { didYouMean } from '../../stdx/nearest.js'
import { connect, type ConnectionOptions } from '../connection.js'
import type { NimbusClient } from '../client.js'
import { readDuration } from '../duration.js'
import type { StormComponentDetail, StormDetail } from '../storm-views.js'
import { table } from '../table.js'
import { interruption, pause, type Terminal } from '../terminal.js'
import { topologyPath, type TopologySummary } from '../topology-view.js'

export interface MonitorOptions extends ConnectionOptions {
  readonly interval: string
  readonly component?: string
  readonly stream?: string
  readonly json?: boolean
}

/** What one line tells: of one component, or of one stream of it, since the topology was submitted. */
interface Reading {
  readonly component: string
  readonly stream?: string
  readonly executors: number
  readonly tasks: number
  readonly emitted: number
  readonly transferred: number
  readonly acked?: number
  readonly failed?: number
}

/** `storm-ts monitor TOPOLOGY [-i 4s] [-m component] [-s stream]`: its throughput, a block of lines each interval. */
export async function monitor(terminal: Terminal, name: string, options: MonitorOptions): Promise<number> {
  const intervalMs = readDuration(options.interval, '-i')
  if (intervalMs < 100)
    throw new StormError('INVALID_DURATION', `-i is ${quoted(options.interval)}; 100ms is the shortest.`)
  if (options.stream !== undefined && options.component === undefined)
    throw new StormError('BAD_USAGE', 'A stream (-s) is one of a component: -m is expected, too.')
  const client = await connect(terminal, options)
  const { id } = await client.get<TopologySummary>(topologyPath(name))
  const interrupted = interruption(terminal)
  const { clock, out } = terminal
  let before = await read(client, id, options)
  let beforeMs = clock.now()
  while (interrupted.code === undefined) {
    await pause(clock, intervalMs, interrupted.happened)
    if (interrupted.code !== undefined) break
    const now = await read(client, id, options)
    const nowMs = clock.now()
    out.write(
      options.json === true
        ? jsonLines(now, before, nowMs - beforeMs, clock.wall())
        : lines(now, before, nowMs - beforeMs),
    )
    before = now
    beforeMs = nowMs
  }
  return interrupted.code ?? 0
}

async function read(client: NimbusClient, id: string, options: MonitorOptions): Promise<readonly Reading[]> {
  const path = `/api/v1/topology/${encodeURIComponent(id)}`
  const { spouts, bolts } = await client.get<StormDetail>(path)
  const all: Reading[] = [
    ...spouts.map((spout) => ({ ...spout, component: spout.spoutId })),
    ...bolts.map((bolt) => ({ ...bolt, component: bolt.boltId })),
  ]
  const { component, stream } = options
  if (component === undefined) return all
  const found = all.find((reading) => reading.component === component)
  if (found === undefined)
    throw unknown(
      'UNKNOWN_COMPONENT',
      'component',
      component,
      all.map((each) => each.component),
    )
  if (stream === undefined) return [found]
  const { outputStats } = await client.get<StormComponentDetail>(`${path}/component/${encodeURIComponent(component)}`)
  const counts = outputStats.find((each) => each.stream === stream)
  if (counts === undefined)
    throw unknown(
      'UNKNOWN_STREAM',
      'stream',
      stream,
      outputStats.map((each) => each.stream),
    )
  const { executors, tasks } = found
  return [{ component, stream, executors, tasks, emitted: counts.emitted, transferred: counts.transferred }]
}

function unknown(code: 'UNKNOWN_COMPONENT' | 'UNKNOWN_STREAM', what: string, word: string, known: readonly string[]) {
  return new StormError(
    code,
    `There is no ${what} ${quoted(word)}.${didYouMean(word, known)} There are: ${listed(known)}.`,
  )
}

interface Rates extends Reading {
  readonly emittedPerSecond: number
  readonly ackedPerSecond: number | undefined
  readonly failedPerSecond: number | undefined
}

function ratesOf(now: readonly Reading[], before: readonly Reading[], elapsedMs: number): Rates[] {
  return now.map((reading) => {
    const last = before.find((each) => each.component === reading.component)
    // A worker that died takes its counts with it: a rate is never negative.
    const rate = (count = 0, earlier = 0) => Math.max(0, ((count - earlier) / elapsedMs) * 1_000)
    const { emitted, acked, failed } = reading
    return {
      ...reading,
      emittedPerSecond: rate(emitted, last?.emitted),
      ackedPerSecond: acked === undefined ? undefined : rate(acked, last?.acked),
      failedPerSecond: failed === undefined ? undefined : rate(failed, last?.failed),
    }
  })
}

function lines(now: readonly Reading[], before: readonly Reading[], elapsedMs: number): string {
  const rows = ratesOf(now, before, elapsedMs).map((rates) => [
    rates.stream === undefined ? rates.component : `${rates.component}/${rates.stream}`,
    String(rates.executors),
    String(rates.tasks),
    String(rates.emitted),
    rates.emittedPerSecond.toFixed(1),
    rates.ackedPerSecond?.toFixed(1) ?? '',
    rates.failedPerSecond?.toFixed(1) ?? '',
  ])
  return `${table(['component', 'executors', 'tasks', 'emitted', 'emitted/s', 'acked/s', 'failed/s'], rows)}\n`
}

function jsonLines(now: readonly Reading[], before: readonly Reading[], elapsedMs: number, wallMs: number): string {
  return ratesOf(now, before, elapsedMs)
    .map(
      ({
        component,
        stream,
        executors,
        tasks,
        emitted,
        transferred,
        emittedPerSecond,
        ackedPerSecond,
        failedPerSecond,
      }) =>
        `${JSON.stringify({ atMs: wallMs, component, stream, executors, tasks, emitted, transferred, emittedPerSecond, ackedPerSecond, failedPerSecond })}\n`,
    )
    .join('')
}
