import type { Plan } from './options.js'
import type { Outcome, Window } from './outcome.js'
import type { LatencyUs } from './pace.js'
import type { SelfTime } from './profile.js'

/** A window as every engine compared prints it, a line of JSON each; and what only we tell. */
export interface Line {
  readonly peer: string
  readonly version: string
  readonly topology: string
  readonly acks: 'on' | 'off'
  readonly window: number
  readonly seconds: number
  readonly count: number
  readonly perSec: number
  /** The primary figure: user and system time of all processes of the run for each spout tuple that is done. */
  readonly cpuUsPerTuple: number | null
  readonly cpuCores: number
  readonly failed: number
  readonly check: string
  readonly options: Readonly<Record<string, unknown>>
  readonly rssMb?: number
  /** Part of the time that garbage collection took. */
  readonly gcShare?: number
  readonly rate?: number
  readonly latencyUs?: LatencyUs
  /** How late a process woke up meanwhile that does nothing else. */
  readonly wakeUs?: LatencyUs
  readonly wireBytesPerTuple?: number
  readonly processes?: readonly { readonly name: string; readonly cores: number; readonly rssMb: number }[]
}

export function lineOf(plan: Plan, version: string, outcome: Outcome, window: Window): Line {
  const { processes, latencyUs, wakeUs } = window
  return {
    peer: 'storm-ts',
    version,
    topology: plan.topology,
    acks: plan.acks,
    window: outcome.windows.indexOf(window) + 1,
    seconds: Number(window.seconds.toFixed(3)),
    count: window.count,
    perSec: Math.round(perSec(window)),
    cpuUsPerTuple: window.count > 0 ? Number(cpuUsPerTuple(window).toPrecision(4)) : null,
    cpuCores: Number(coresOf(window.cpuUs, window).toFixed(4)),
    failed: window.failed,
    rssMb: Math.round(window.rssBytes / 1e6),
    gcShare: Number((window.gcMs / 1e3 / window.seconds).toFixed(4)),
    ...(plan.rate !== undefined && { rate: plan.rate }),
    ...(latencyUs !== undefined && { latencyUs }),
    ...(wakeUs !== undefined && { wakeUs }),
    ...(processes !== undefined && {
      wireBytesPerTuple: Number((wireBytes(window) / Math.max(1, window.count)).toFixed(1)),
      processes: processes.map(({ name, cpuUs, rssBytes }) => ({
        name,
        cores: Number(coresOf(cpuUs, window).toFixed(4)),
        rssMb: Math.round(rssBytes / 1e6),
      })),
    }),
    check: outcome.check,
    options: outcome.options,
  }
}

/** The same for a reader: a row a window, then medians with their spread. */
export function table(plan: Plan, version: string, outcome: Outcome): string {
  const { windows } = outcome
  const paced = plan.rate !== undefined
  const rows = [
    ['window', 'seconds', 'count', 'per s', 'CPU µs/tuple', 'cores', 'GC', 'failed', 'RSS MB', ...latencyTitles(paced)],
    ...windows.map((window, index) => [
      String(index + 1),
      window.seconds.toFixed(2),
      window.count.toLocaleString('en'),
      whole(perSec(window)),
      cpuUsPerTuple(window).toPrecision(3),
      coresOf(window.cpuUs, window).toFixed(2),
      `${((window.gcMs / window.seconds) * 0.1).toFixed(1)} %`,
      String(window.failed),
      whole(window.rssBytes / 1e6),
      ...latencies(window.latencyUs),
      ...(paced ? latencies(window.wakeUs) : []),
    ]),
  ]
  const pace =
    plan.rate !== undefined
      ? `, open loop of ${plan.rate.toLocaleString('en')} a second, latencies in µs, then how late a process wakes that does nothing else`
      : ''
  return [
    `storm-ts ${version}, ${plan.topology}${plan.workers === 2 ? ' with two workers (T6)' : ''}, acks ${plan.acks}${pace}`,
    `options ${JSON.stringify(outcome.options)}`,
    ...aligned(rows),
    `CPU µs/tuple ${spread(windows.map(cpuUsPerTuple), (value) => value.toPrecision(3))}`,
    `per second   ${spread(windows.map(perSec), whole)}`,
    ...processLines(windows),
    `check ${outcome.check}`,
  ].join('\n')
}

/** What each process took of a core, over all windows. */
function processLines(windows: readonly Window[]): string[] {
  const [first] = windows
  if (first?.processes === undefined) return []
  const seconds = windows.reduce((sum, window) => sum + window.seconds, 0)
  const all = windows.flatMap(({ processes = [] }) => processes)
  const names = [...new Set(all.map(({ name }) => name))]
  const shares = names.map((name) => {
    const cpuUs = all.filter((share) => share.name === name).reduce((sum, share) => sum + share.cpuUs, 0)
    return `${name} ${(cpuUs / 1e6 / seconds).toFixed(3)}`
  })
  const bytes = windows.map((window) => wireBytes(window) / Math.max(1, window.count))
  return [`cores by process: ${shares.join(', ')}`, `written by workers: ${median(bytes).toFixed(1)} bytes a tuple`]
}

/** Where the time went, one function a line. */
export function profileTable(times: readonly SelfTime[]): string {
  const rows = times.map(({ name, place, ms, share }) => [`${(share * 100).toFixed(1)} %`, ms.toFixed(0), name, place])
  return aligned([['self', 'ms', 'function', 'where'], ...rows], 2).join('\n')
}

export function perSec({ count, seconds }: Window): number {
  return count / seconds
}

function cpuUsPerTuple({ cpuUs, count }: Window): number {
  return cpuUs / count
}

function coresOf(cpuUs: number, { seconds }: Window): number {
  return cpuUs / 1e6 / seconds
}

function wireBytes({ processes = [] }: Window): number {
  return processes.reduce((sum, { name, writtenBytes }) => sum + (name.endsWith(' worker') ? writtenBytes : 0), 0)
}

function latencyTitles(paced: boolean): string[] {
  return paced ? ['p50', 'p99', 'p99.9', 'max', 'wake p50', 'p99', 'p99.9', 'max'] : []
}

function latencies(latencyUs: LatencyUs | undefined): string[] {
  return latencyUs === undefined ? [] : [latencyUs.p50, latencyUs.p99, latencyUs.p999, latencyUs.max].map(whole)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** The median of some figures, and between which they lie. */
function spread(figures: readonly number[], show: (figure: number) => string): string {
  return `median ${show(median(figures))} (${show(Math.min(...figures))}–${show(Math.max(...figures))})`
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const at = (index: number) => sorted[index] ?? NaN
  return sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
}

/** Columns of equal width: the first `right` flush right, the others flush left. */
export function aligned(rows: readonly (readonly string[])[], right = Infinity): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column < right ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
