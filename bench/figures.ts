import { ratioText, type Paired } from './pairs.js'
import { median, type Line } from './report.js'
import type { Result } from './results.js'
import { figureOf, type AxisName, type PointResult } from './sweep.js'
import type { LedgerFigures } from './ledger.js'

export type Verdict = 'stretch' | 'aim' | 'missed' | 'not run'

/** A figure beside what it is to be. */
export interface Figure {
  readonly title: string
  readonly value: string
  readonly aim: string
  readonly stretch: string
  readonly verdict: Verdict
}
export type Figures = readonly Figure[]

/** A figure that was measured, as text, and the number that is held against the aim: at most that. */
interface Measured {
  readonly text: string
  readonly figure: number
}

interface Aim {
  readonly title: string
  readonly aim: number
  /** Undefined: there is none beyond the aim. */
  readonly stretch?: number
  readonly unit: string
  measured(results: Source): Measured | undefined
}

/** Every figure that there is an aim for, out of the results of `all`. */
export function figures(results: readonly Result[]): Figures {
  const source = new Source(results)
  return aims.map(({ title, aim, stretch, unit, measured }) => {
    const found = measured(source)
    const limit = (figure: number | undefined) => (figure === undefined ? '' : `≤ ${figure}${unit}`)
    return {
      title,
      value: found?.text ?? 'not run',
      aim: limit(aim),
      stretch: limit(stretch),
      verdict: found === undefined ? 'not run' : verdictOn(found.figure, aim, stretch),
    }
  })
}

function verdictOn(figure: number, aim: number, stretch: number | undefined): Verdict {
  if (stretch !== undefined && figure <= stretch) return 'stretch'
  return figure <= aim ? 'aim' : 'missed'
}

/** Results by name, and the ways in which figures are read from them. */
class Source {
  readonly #byName: ReadonlyMap<string, Result>

  constructor(results: readonly Result[]) {
    this.#byName = new Map(results.map((result) => [result.name, result]))
  }

  lines(name: string): readonly Line[] | undefined {
    return this.#byName.get(name)?.['lines'] as readonly Line[] | undefined
  }

  paired(name: string): Paired | undefined {
    return this.#byName.get(name) as unknown as Paired | undefined
  }

  points(axis: AxisName): readonly PointResult[] | undefined {
    return this.#byName.get(`slope ${axis}`)?.['points'] as readonly PointResult[] | undefined
  }

  get ledger(): LedgerFigures | undefined {
    return this.#byName.get('ledger') as unknown as LedgerFigures | undefined
  }
}

/** CPU-µs a spout tuple, and how many a second a whole core makes of that. */
function cost(name: string) {
  return (source: Source): Measured | undefined => {
    const costs = source.lines(name)?.map(({ cpuUsPerTuple }) => cpuUsPerTuple ?? NaN)
    if (costs === undefined) return undefined
    const middle = median(costs)
    const spread = `${Math.min(...costs).toPrecision(3)}–${Math.max(...costs).toPrecision(3)}`
    return {
      text: `${middle.toPrecision(3)} µs (${spread}), ${(1 / middle).toPrecision(2)} M/s a core`,
      figure: middle,
    }
  }
}

/** Of the windows' latencies at a percentile, in ms, beside that of a process that only wakes up. */
function latency(name: string, percentile: 'p50' | 'p99') {
  return (source: Source): Measured | undefined => {
    const lines = source.lines(name)
    if (lines === undefined) return undefined
    const ms = median(lines.map(({ latencyUs }) => latencyUs?.[percentile] ?? NaN)) / 1000
    const wakeMs = median(lines.map(({ wakeUs }) => wakeUs?.p99 ?? NaN)) / 1000
    const rate = lines[0]?.rate?.toLocaleString('en')
    return { text: `${ms.toPrecision(3)} ms at ${rate}/s; wake-up p99 ${wakeMs.toPrecision(3)} ms`, figure: ms }
  }
}

/** The dearer end of an axis, of its base. */
function slope(axis: AxisName) {
  return (source: Source): Measured | undefined => {
    const [base, ...others] = source.points(axis) ?? []
    if (base === undefined) return undefined
    const ratios = others.map((other) => ({ point: other.point, ratio: figureOf(other) / figureOf(base) }))
    const shown = ratios.map(({ point, ratio }) => `${ratio.toFixed(2)}× at ${point.toLocaleString('en')}`)
    const text = `${shown.join(', ')} (${base.point.toLocaleString('en')}: ${figureOf(base).toPrecision(3)} µs)`
    return { text, figure: Math.max(...ratios.map(({ ratio }) => ratio)) }
  }
}

function ratio(name: string) {
  return (source: Source): Measured | undefined => {
    const paired = source.paired(name)
    return paired === undefined ? undefined : { text: ratioText(paired), figure: median(paired.ratios) }
  }
}

const us = ' µs'
const aims: readonly Aim[] = [
  { title: 'T1 const → null', aim: 0.2, stretch: 0.083, unit: us, measured: cost('T1') },
  { title: 'T2 const → id → null', aim: 0.333, stretch: 0.143, unit: us, measured: cost('T2') },
  { title: 'T3 word count, a sentence', aim: 1, stretch: 0.625, unit: us, measured: cost('T3') },
  { title: 'T6 T1 over WebSocket, all processes', aim: 0.67, stretch: 0.25, unit: us, measured: cost('T6 T1') },
  {
    title: 'T6 T3 over WebSocket, spout and sink apart, all processes',
    aim: 2.5,
    stretch: 1,
    unit: us,
    measured: cost('T6 T3'),
  },
  { title: 'T6 T3, every tuple crosses, all processes', aim: 2.5, stretch: 1, unit: us, measured: cost('T6 T3 far') },
  {
    title: 'T3, acks off',
    aim: 0.8,
    stretch: 0.55,
    unit: us,
    measured(source) {
      const costs = source.paired('T3 off')?.a.map(({ cpuUsPerTuple }) => cpuUsPerTuple ?? NaN)
      if (costs === undefined) return undefined
      return { text: `${median(costs).toPrecision(3)} µs`, figure: median(costs) }
    },
  },
  {
    title: 'T3, cost with acks on over acks off',
    aim: 1.25,
    stretch: 1.11,
    unit: '',
    measured(source) {
      const paired = source.paired('T3 off')
      if (paired === undefined) return undefined
      const ratios = paired.ratios.map((ratioOfOff) => 1 / ratioOfOff)
      const share = `acks on reach ${Math.round(100 / median(ratios))} %`
      return { text: `${ratioText({ ratios })}; ${share}`, figure: median(ratios) }
    },
  },
  { title: 'T3 at half peak, p50', aim: 0.1, unit: ' ms', measured: latency('latency', 'p50') },
  { title: 'T3 at half peak, p99', aim: 1, unit: ' ms', measured: latency('latency', 'p99') },
  { title: 'T6 T3 at half peak, p50', aim: 0.15, unit: ' ms', measured: latency('T6 latency', 'p50') },
  { title: 'T6 T3 at half peak, p99', aim: 2, unit: ' ms', measured: latency('T6 latency', 'p99') },
  { title: 'T8 at 10 tuples/s, p99', aim: 3, unit: ' ms', measured: latency('T8', 'p99') },
  { title: 'T8 over WebSocket, p99', aim: 3, unit: ' ms', measured: latency('T6 T8', 'p99') },
  {
    title: 'T8 over WebSocket, CPU of a worker',
    aim: 2,
    stretch: 0.5,
    unit: ' %',
    measured(source) {
      const workers = source.lines('T6 T8')?.map(({ processes = [] }) => {
        return Math.max(...processes.filter(({ name }) => name.endsWith(' worker')).map(({ cores }) => cores))
      })
      if (workers === undefined) return undefined
      const percent = median(workers) * 100
      return { text: `${percent.toPrecision(2)} % of a core`, figure: percent }
    },
  },
  { title: 'slope: pending 100 → 60,000', aim: 1.2, unit: '×', measured: slope('pending') },
  { title: 'slope: executors 1 → 128', aim: 1.3, unit: '×', measured: slope('executors') },
  { title: 'slope: fan-out 1 → 1,000, for each child', aim: 1.25, unit: '×', measured: slope('fanout') },
  { title: 'slope: depth 1 → 32, for each hop', aim: 1.25, unit: '×', measured: slope('depth') },
  {
    title: 'RSS with 60,000 trees open',
    aim: 150,
    stretch: 100,
    unit: ' MB',
    measured(source) {
      const sizes = source.lines('60,000 pending')?.map(({ rssMb = NaN }) => rssMb)
      return sizes === undefined ? undefined : { text: `${Math.max(...sizes)} MB`, figure: Math.max(...sizes) }
    },
  },
  {
    title: 'ledger: a million open roots',
    aim: 64,
    unit: ' MiB',
    measured({ ledger }) {
      if (ledger === undefined) return undefined
      const mib = ledger.bytes / 2 ** 20
      return { text: `${mib.toFixed(1)} MiB`, figure: mib }
    },
  },
  {
    title: 'ledger: an update',
    aim: 10,
    unit: ' ns',
    measured({ ledger }) {
      if (ledger === undefined) return undefined
      const { nsFew, nsMany } = ledger
      return {
        text: `${nsFew.toFixed(1)} ns with a thousand roots, ${nsMany.toFixed(1)} with a million`,
        figure: nsFew,
      }
    },
  },
  {
    title: 'T3 at 5,000 sentences/s, of a core',
    aim: 0.03,
    stretch: 0.015,
    unit: '',
    measured(source) {
      const cores = source.lines('T3 at 5,000')?.map(({ cpuCores }) => cpuCores)
      return cores === undefined ? undefined : { text: median(cores).toFixed(4), figure: median(cores) }
    },
  },
  { title: 'T1 to tuned Storm', aim: 0.18, stretch: 0.1, unit: '', measured: ratio('storm T1') },
  { title: 'T2 to tuned Storm', aim: 0.22, stretch: 0.1, unit: '', measured: ratio('storm T2') },
  { title: 'T3 to tuned Storm', aim: 0.18, stretch: 0.1, unit: '', measured: ratio('storm T3') },
  { title: 'T6 T1 to tuned Storm over Netty', aim: 0.35, stretch: 0.15, unit: '', measured: ratio('storm T6 T1') },
  {
    title: 'T6 T3, every tuple crosses, to tuned Storm over Netty',
    aim: 0.2,
    stretch: 0.1,
    unit: '',
    measured: ratio('storm T6 T3'),
  },
  { title: 'T3 to Flink, each operator a hop', aim: 0.7, stretch: 0.45, unit: '', measured: ratio('flink T3') },
]
