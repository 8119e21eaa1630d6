import type { Plan } from './options.js'
import type { SelfTime } from './profile.js'
import type { Outcome, Window } from './run.js'

/** The line of a window, in the form that every engine compared prints. */
export function jsonLine(plan: Plan, version: string, outcome: Outcome, window: Window): string {
  return JSON.stringify({
    peer: 'storm-ts',
    version,
    topology: plan.topology,
    acks: plan.acks,
    window: outcome.windows.indexOf(window) + 1,
    seconds: Number(window.seconds.toFixed(3)),
    count: window.count,
    perSec: Math.round(perSec(window)),
    cpuUsPerTuple: window.count > 0 ? Number(cpuUsPerTuple(window).toPrecision(4)) : null,
    cpuCores: Number((window.cpuUs / 1e6 / window.seconds).toFixed(3)),
    failed: window.failed,
    rssMb: Math.round(window.rssBytes / 1e6),
    ...(window.latencyUs !== undefined && { rate: plan.rate, latencyUs: window.latencyUs }),
    check: outcome.check,
    options: outcome.options,
  })
}

/** The same for a reader: a row a window, then medians with their spread. */
export function table(plan: Plan, version: string, outcome: Outcome): string {
  const { windows } = outcome
  const paced = plan.rate !== undefined
  const rows = [
    ['window', 'seconds', 'count', 'per s', 'CPU µs/tuple', 'cores', 'failed', 'RSS MB', ...latencyTitles(paced)],
    ...windows.map((window, index) => [
      String(index + 1),
      window.seconds.toFixed(2),
      window.count.toLocaleString('en'),
      whole(perSec(window)),
      cpuUsPerTuple(window).toPrecision(3),
      (window.cpuUs / 1e6 / window.seconds).toFixed(2),
      String(window.failed),
      whole(window.rssBytes / 1e6),
      ...latencies(window),
    ]),
  ]
  const pace =
    plan.rate !== undefined ? `, open loop of ${plan.rate.toLocaleString('en')} a second, latencies in µs` : ''
  return [
    `storm-ts ${version}, ${plan.topology}, acks ${plan.acks}${pace}`,
    `options ${JSON.stringify(outcome.options)}`,
    ...aligned(rows),
    `CPU µs/tuple ${spread(windows.map(cpuUsPerTuple), (value) => value.toPrecision(3))}`,
    `per second   ${spread(windows.map(perSec), whole)}`,
    `check ${outcome.check}`,
  ].join('\n')
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

function latencyTitles(paced: boolean): string[] {
  return paced ? ['p50', 'p99', 'p99.9', 'max'] : []
}

function latencies({ latencyUs }: Window): string[] {
  return latencyUs === undefined ? [] : [latencyUs.p50, latencyUs.p99, latencyUs.p999, latencyUs.max].map(whole)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** The median of some figures, and between which they lie. */
function spread(figures: readonly number[], show: (figure: number) => string): string {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const at = (index: number) => sorted[index] ?? NaN
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  return `median ${show(median)} (${show(at(0))}–${show(at(sorted.length - 1))})`
}

/** Columns of equal width: the first `right` flush right, the others flush left. */
function aligned(rows: readonly (readonly string[])[], right = Infinity): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column < right ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
