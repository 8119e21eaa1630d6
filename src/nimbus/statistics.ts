import { latencyBucketCount } from '../stdx/latency-buckets.js'
import type { ComponentSnapshot, Latency } from '../cluster/records.js'
import { Rolling, type WindowSecs } from './rolling.js'

export type StatisticsWindow = WindowSecs | 'all-time'

/** What a component did within a window, over all its workers. */
export interface ComponentStatistics {
  readonly component: string
  readonly outputs: readonly {
    readonly stream: string
    readonly emitted: number
    readonly transferred: number
    readonly acked: number
    readonly failed: number
  }[]
  readonly inputs: readonly {
    readonly component: string
    readonly stream: string
    readonly executed: number
    readonly acked: number
    readonly failed: number
  }[]
  readonly completeLatency: LatencySum
  readonly executeLatency: LatencySum
  readonly processLatency: LatencySum
  /** What its own code counts, summed over the workers that run now. */
  readonly user: ReadonlyMap<string, number>
}

export interface LatencySum {
  readonly count: number
  readonly sumMs: number
  /** By bucket of `latencyBucketOf`; of all time only, empty else. */
  readonly buckets: readonly number[]
}

/** What one series counts. */
type Kind = 'output' | 'input' | 'latency'

interface Series {
  readonly kind: Kind
  /** Of a latency: its name. Else the stream. */
  readonly name: string
  /** Of an input: who emits it. */
  readonly source: string
  /** Of processes that are gone. */
  readonly retired: Float64Array
  readonly rolling: Rolling
  /** Of a latency: of processes that are gone. */
  readonly retiredBuckets: Float64Array | undefined
}

/** What one process told last: its counts since its start, by series. */
interface Process {
  readonly incarnation: number
  readonly counts: Map<Series, readonly number[]>
  readonly buckets: Map<Series, readonly number[]>
  user: ReadonlyMap<string, ReadonlyMap<string, number>>
}

const widths: Readonly<Record<Kind, number>> = { output: 4, input: 3, latency: 2 }
const seriesMax = 500
const userMax = 100

/**
 * What the components of a topology did, summed over its workers, from the counts that these send: since their start, so
 * that a heartbeat that is lost or told twice changes nothing. Bounded: only components of the topology count, each with
 * so many streams and no more.
 */
export class TopologyStatistics {
  readonly #series = new Map<string, Map<string, Series>>()
  readonly #processes = new Map<string, Process>()

  constructor(components: Iterable<string>) {
    for (const component of components) this.#series.set(component, new Map())
  }

  /**
   * Takes what the process of a slot says. A new incarnation begins to count anew. `isOld`: the process was there before
   * we were, so nobody knows when it did what it counts at first: that is of all time only.
   */
  record(
    slot: string,
    { incarnation, isOld }: { readonly incarnation: number; readonly isOld: boolean },
    snapshots: readonly ComponentSnapshot[],
    nowMs: number,
  ): void {
    let told = this.#processes.get(slot)
    let isKnown = true
    if (told === undefined || told.incarnation !== incarnation) {
      isKnown = !isOld
      this.retire(slot)
      told = { incarnation, counts: new Map(), buckets: new Map(), user: new Map() }
      this.#processes.set(slot, told)
    }
    const user = new Map<string, ReadonlyMap<string, number>>()
    for (const snapshot of snapshots) {
      const all = this.#series.get(snapshot.component)
      if (all === undefined) continue
      for (const { stream, emitted, transferred, acked, failed } of snapshot.outputs)
        this.#take(told, seriesIn(all, 'output', stream), [emitted, transferred, acked, failed], nowMs, isKnown)
      for (const { component, stream, executed, acked, failed } of snapshot.inputs)
        this.#take(told, seriesIn(all, 'input', stream, component), [executed, acked, failed], nowMs, isKnown)
      for (const name of latencies) {
        const latency: Latency | undefined = snapshot[name]
        if (latency === undefined) continue
        const series = seriesIn(all, 'latency', name)
        this.#take(told, series, [latency.count, latency.sumMs], nowMs, isKnown)
        if (series !== undefined && latency.buckets !== undefined) told.buckets.set(series, latency.buckets)
      }
      user.set(snapshot.component, new Map(Object.entries(snapshot.user ?? {}).slice(0, userMax)))
    }
    told.user = user
  }

  /** The process of the slot is gone: what it did stays. */
  retire(slot: string): void {
    const told = this.#processes.get(slot)
    if (told === undefined) return
    for (const [{ retired }, counts] of told.counts) counts.forEach((count, i) => (retired[i]! += count))
    for (const [{ retiredBuckets }, buckets] of told.buckets)
      buckets.forEach((count, i) => retiredBuckets !== undefined && (retiredBuckets[i]! += count))
    this.#processes.delete(slot)
  }

  /** One for each component of the topology, in its order. */
  over(window: StatisticsWindow, nowMs: number): ComponentStatistics[] {
    return [...this.#series].map(([component, all]) => {
      const series = [...all.values()]
      const of = (kind: Kind) => series.filter((one) => one.kind === kind)
      const latency = (name: string): LatencySum => {
        const one = series.find((other) => other.kind === 'latency' && other.name === name)
        if (one === undefined) return { count: 0, sumMs: 0, buckets: [] }
        const [count = 0, sumMs = 0] = this.#sums(one, window, nowMs)
        return { count, sumMs, buckets: window === 'all-time' ? this.#buckets(one) : [] }
      }
      return {
        component,
        outputs: of('output').map((one) => {
          const [emitted = 0, transferred = 0, acked = 0, failed = 0] = this.#sums(one, window, nowMs)
          return { stream: one.name, emitted, transferred, acked, failed }
        }),
        inputs: of('input').map((one) => {
          const [executed = 0, acked = 0, failed = 0] = this.#sums(one, window, nowMs)
          return { component: one.source, stream: one.name, executed, acked, failed }
        }),
        completeLatency: latency('completeLatency'),
        executeLatency: latency('executeLatency'),
        processLatency: latency('processLatency'),
        user: this.#user(component),
      }
    })
  }

  #take(told: Process, series: Series | undefined, counts: readonly number[], nowMs: number, isKnown: boolean): void {
    if (series === undefined) return
    const before = told.counts.get(series)
    told.counts.set(series, counts)
    // A series that a known process names for the first time began to count since its last heartbeat.
    if (!isKnown) return
    // Counts only grow; what is smaller than before is a peer's mistake, which no window shall go below zero for.
    const added = counts.map((count, i) => Math.max(0, count - (before?.[i] ?? 0)))
    if (added.some((count) => count > 0)) series.rolling.add(added, nowMs)
  }

  #sums(series: Series, window: StatisticsWindow, nowMs: number): number[] {
    if (window !== 'all-time') return series.rolling.sums(window, nowMs)
    const total = [...series.retired]
    for (const { counts } of this.#processes.values()) counts.get(series)?.forEach((count, i) => (total[i]! += count))
    return total
  }

  #buckets(series: Series): number[] {
    const total = [...(series.retiredBuckets ?? [])]
    for (const { buckets } of this.#processes.values()) buckets.get(series)?.forEach((count, i) => (total[i]! += count))
    return total
  }

  #user(component: string): ReadonlyMap<string, number> {
    const total = new Map<string, number>()
    for (const { user } of this.#processes.values()) {
      for (const [name, value] of user.get(component) ?? []) {
        if (total.size < userMax || total.has(name)) total.set(name, (total.get(name) ?? 0) + value)
      }
    }
    return total
  }
}

const latencies = ['completeLatency', 'executeLatency', 'processLatency'] as const

/** Undefined: the component has as many as it may. */
function seriesIn(all: Map<string, Series>, kind: Kind, name: string, source = ''): Series | undefined {
  const key = JSON.stringify([kind, name, source])
  let series = all.get(key)
  if (series === undefined && all.size < seriesMax) {
    series = {
      kind,
      name,
      source,
      retired: new Float64Array(widths[kind]),
      rolling: new Rolling(widths[kind]),
      retiredBuckets: kind === 'latency' ? new Float64Array(latencyBucketCount) : undefined,
    }
    all.set(key, series)
  }
  return series
}
