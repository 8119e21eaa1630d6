import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figures, type Figure } from './figures.js'
import type { LoadResult } from './load.js'
import { UsageError } from './options.js'
import type { Output } from './output.js'
import { canaryText, costOf, ratioText, type Paired } from './pairs.js'
import { plotSvg, type Plot } from './plot.js'
import { median, type Line } from './report.js'
import { newestResults, resultsFolder, type ResultFile } from './results.js'
import { axes, axisNames, figureOf, type AxisName, type PointResult } from './sweep.js'

/** Where the page and its pictures go, and what people have written about the figures. */
interface Places {
  readonly results: string
  readonly page: string
  readonly pictures: string
  readonly notes: string
}

const places: Places = {
  results: resultsFolder,
  page: 'docs/performance.md',
  pictures: 'docs/performance',
  notes: 'docs/performance/notes.md',
}

/** `report`: writes docs/performance.md and its pictures from the newest raw results of each command. Throws UsageError. */
export function writePage(args: readonly string[], output: Output, at: Places = places): Promise<number> {
  if (args.length > 0) throw new UsageError('report takes no options')
  const all = newestResults('all', at.results)
  if (all === undefined) throw new UsageError(`there are no results in ${at.results}: run 'npm run bench -- all' first`)
  mkdirSync(at.pictures, { recursive: true })
  const parts = [
    head(all),
    figureSection(all),
    peerSection(all),
    ...sweepSections(at),
    loadSection(at),
    missedSection(figures(all.results)),
    existsSync(at.notes) ? readFileSync(at.notes, 'utf8').trim() : '',
  ]
  writeFileSync(at.page, `${parts.filter((part) => part !== '').join('\n\n')}\n`)
  output.out(`wrote ${at.page}`)
  return Promise.resolve(0)
}

function head({ at, revision, machine }: ResultFile): string {
  return `# Performance

Written by \`npm run bench -- report\` from raw results; not by hand.

What is counted first is CPU-µs for each spout tuple that is done: user and system time of **all** processes of a run. Tuples a second follow from it, but also from how much of the machine others left. Acks, timeouts, metrics, back pressure
and max pending are on; everything goes through the public API. What is run, and how, is told in [bench/README.md](../bench/README.md).

- measured: ${at.slice(0, 16).replace('T', ' ')} UTC, revision \`${revision}\`
- machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}
- figures are medians, with the lowest and the highest of all windows in parentheses`
}

function figureSection({ results }: ResultFile): string {
  const verdicts = { stretch: 'beyond', aim: 'reached', missed: '**missed**', 'not run': '' } as const
  const rows = figures(results).map(({ title, value, aim, stretch, verdict }) =>
    [title, value, aim, stretch, verdicts[verdict]].join(' | '),
  )
  return [
    '## Figures',
    '',
    '| figure | ours | aim | stretch | |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n')
}

/** Whatever was paired with somebody else. */
function peerSection({ results }: ResultFile): string {
  const rows = results
    .filter(({ name }) => /^(storm|flink) /.test(name))
    .map((result) => {
      const paired = result as unknown as Paired & { readonly preset?: string }
      const side = (lines: readonly Line[]) => `${median(lines.map(costOf)).toPrecision(3)} µs`
      const [peer] = paired.b
      const name = `${peer?.peer} ${peer?.version}${paired.preset === undefined ? '' : `, ${paired.preset}`}`
      return `| ${result.name.split(' ').slice(1).join(' ')} | ${side(paired.a)} | ${name}: ${side(paired.b)} | ${ratioText(paired)} | ${canaryText(paired)} |`
    })
  if (rows.length === 0) return '## Peers\n\nNot run.'
  return [
    '## Peers',
    '',
    'Run in turn with ours, pair by pair, on the same machine in the same run; only the ratios can be quoted.',
    '',
    '| | ours | peer | ratio | |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function sweepSections(at: Places): string[] {
  const sections = axisNames.flatMap((name) => {
    const file = newestResults(`sweep-${name}`, at.results)
    return file === undefined ? [] : [sweepSection(name, file, at)]
  })
  return sections.length === 0 ? [] : ['## How costs grow', ...sections]
}

function sweepSection(name: AxisName, { at: date, revision, results }: ResultFile, at: Places): string {
  const { title, unit, per } = axes[name]
  const points = (results as unknown as readonly PointResult[]).toSorted((a, b) => a.point - b.point)
  picture(at, name, {
    title: `${title}: CPU-µs`,
    x: unit,
    y: 'CPU-µs',
    series: [
      {
        name,
        points: points.map((result) => {
          const costs = result.lines.map(({ cpuUsPerTuple }) => (cpuUsPerTuple ?? NaN) / per(result.point))
          return { x: result.point, y: figureOf(result), low: Math.min(...costs), high: Math.max(...costs) }
        }),
      },
    ],
  })
  const shown = points.map((result) => `${result.point.toLocaleString('en')}: ${figureOf(result).toPrecision(3)}`)
  return [
    `### ${name}`,
    '',
    `![${title} by ${unit}](performance/${name}.svg)`,
    '',
    `${title}, CPU-µs by ${unit}: ${shown.join(' · ')}. (${date.slice(0, 10)}, \`${revision}\`)`,
  ].join('\n')
}

function loadSection(at: Places): string {
  const file = newestResults('load', at.results)
  if (file === undefined) return ''
  const results = file.results as unknown as readonly LoadResult[]
  const names = [...new Set(results.map(({ name }) => name))]
  const series = names.flatMap((name) =>
    (['p50', 'p99'] as const).map((percentile) => ({
      name: `${name === 'T3' ? 'in one process' : 'over WebSocket'}, ${percentile}`,
      points: results
        .filter((result) => result.name === name)
        .map(({ rate, lines }) => ({ x: rate, y: msOf(lines, percentile) }))
        .toSorted((a, b) => a.x - b.x),
    })),
  )
  picture(at, 'load', {
    title: 'T3: complete latency against load',
    x: 'sentences a second',
    y: 'ms',
    isLogY: true,
    series,
  })
  const wake = median(results.flatMap(({ lines }) => lines.map(({ wakeUs }) => (wakeUs?.p99 ?? NaN) / 1000)))
  return [
    '## Latency against load',
    '',
    '![complete latency against load](performance/load.svg)',
    '',
    `An open loop: the n-th sentence is due at t0 + n/rate, and its latency runs from there, whenever it was emitted. Meanwhile a process that only sleeps and wakes was ${wake.toPrecision(3)} ms late at p99 (median of all runs): that much of any tail is the machine. (${file.at.slice(0, 10)}, \`${file.revision}\`)`,
  ].join('\n')
}

function msOf(lines: readonly Line[], percentile: 'p50' | 'p99'): number {
  return median(lines.map(({ latencyUs }) => (latencyUs?.[percentile] ?? NaN) / 1000))
}

function picture(at: Places, name: string, plot: Plot): void {
  writeFileSync(join(at.pictures, `${name}.svg`), plotSvg(plot))
}

function missedSection(all: readonly Figure[]): string {
  const missed = all.filter(({ verdict }) => verdict === 'missed')
  if (missed.length === 0) return ''
  return [
    '## What is not good yet',
    '',
    ...missed.map(({ title, value, aim }) => `- ${title}: ${value}; the aim is ${aim}.`),
  ].join('\n')
}
