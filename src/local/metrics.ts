import type { BoltTask } from '../executor/bolt-task.js'
import type { SpoutTask } from '../executor/spout-task.js'
import { noCounts, summarise, type Counts, type LatencySummary } from '../executor/stats.js'
import type { UserMetrics, UserMetricValue } from '../executor/task-context.js'
import type { Worker } from '../worker/worker.js'

/** What one component did since the topology was submitted, over all its tasks. */
export interface ComponentMetrics extends Counts {
  readonly isSpout: boolean
  /**
   * By stream id: what was emitted on the component's own stream of that id; and, of a bolt, what was executed, acked
   * and failed of the tuples that came to it on a stream of that id.
   */
  readonly streams: Record<string, Counts>
  /** From emit to ack of a spout's tree; of sampled trees. */
  readonly completeLatencyMs?: LatencySummary
  /** A bolt's time within `execute`; of sampled tuples. */
  readonly executeLatencyMs?: LatencySummary
  /** From the beginning of `execute` to the ack; of sampled tuples. */
  readonly processLatencyMs?: LatencySummary
  /** Tuples that wait in the inboxes of a bolt now. */
  readonly waiting: number
  /** Calls of an asynchronous bolt that are open now. */
  readonly open: number
  /** Acks and fails of tuples that were decided already: a bolt that acks what it has acked or failed. */
  readonly misuses: number
  /** Verdicts on a spout's trees that came after their timeout. */
  readonly lateVerdicts: number
  /** What the component's own code counts, by name. */
  readonly user: Record<string, UserMetricValue>
}

/** A plain snapshot: nothing in it changes any more. */
export interface TopologyMetrics {
  readonly components: Record<string, ComponentMetrics>
  /** Trees that are not decided. */
  readonly pending: number
  /** Ack tuples that the ackers took, and roots that they remember now. */
  readonly ackers: { readonly executed: number; readonly roots: number }
}

/** A snapshot over all workers of a topology. */
export function snapshot(
  components: Iterable<string>,
  workers: readonly Worker[],
  userMetrics: (component: string) => UserMetrics,
): TopologyMetrics {
  const spouts = workers.flatMap((worker) => worker.spouts)
  const bolts = workers.flatMap((worker) => worker.bolts)
  const ackers = workers.flatMap((worker) => worker.ackers)
  return {
    components: Object.fromEntries(
      [...components].map((id) => {
        const own = {
          spouts: spouts.filter((task) => task.component === id),
          bolts: bolts.filter((task) => task.component === id),
        }
        return [id, componentMetrics(own.spouts, own.bolts, userMetrics(id))]
      }),
    ),
    pending: sum(spouts, (spout) => spout.pendingCount),
    ackers: { executed: sum(ackers, (acker) => acker.executed), roots: sum(ackers, (acker) => acker.size) },
  }
}

function componentMetrics(
  spouts: readonly SpoutTask[],
  bolts: readonly BoltTask[],
  userMetrics: UserMetrics,
): ComponentMetrics {
  const streams = new Map<string, Counts>()
  const add = (stream: string, counts: Partial<Counts>) => addTo(counted(streams, stream), counts)
  for (const task of [...spouts, ...bolts]) {
    for (const { id, emitted, transferred, acked, failed } of task.router.streams.values())
      add(id, { emitted, transferred, acked, failed })
  }
  for (const bolt of bolts) {
    // Ticks are the engine's own: they are executed, but no stream of the topology carries them.
    for (const { component, stream, executed, acked, failed } of bolt.inputs.values()) {
      if (component !== '__system') add(stream, { executed, acked, failed })
    }
  }
  const total = noCounts()
  for (const counts of streams.values()) addTo(total, counts)
  return {
    isSpout: spouts.length > 0,
    ...total,
    streams: Object.fromEntries(streams),
    ...latency(
      'completeLatencyMs',
      spouts.map((spout) => spout.completeLatency),
    ),
    ...latency(
      'executeLatencyMs',
      bolts.map((bolt) => bolt.executeLatency),
    ),
    ...latency(
      'processLatencyMs',
      bolts.map((bolt) => bolt.processLatency),
    ),
    waiting: sum(bolts, (bolt) => bolt.inbox.size),
    open: sum(bolts, (bolt) => bolt.openCalls),
    misuses: sum(bolts, (bolt) => bolt.misuses),
    lateVerdicts: sum(spouts, (spout) => spout.lateVerdicts),
    user: userMetrics.snapshot(),
  }
}

function latency<K extends string>(
  name: K,
  recorders: Parameters<typeof summarise>[0],
): { [key in K]?: LatencySummary } {
  const summary = summarise(recorders)
  return summary === undefined ? {} : ({ [name]: summary } as { [key in K]: LatencySummary })
}

function counted(streams: Map<string, Counts>, stream: string): Counts {
  let counts = streams.get(stream)
  if (counts === undefined) streams.set(stream, (counts = noCounts()))
  return counts
}

function addTo(sum: Counts, counts: Partial<Counts>): void {
  sum.emitted += counts.emitted ?? 0
  sum.transferred += counts.transferred ?? 0
  sum.executed += counts.executed ?? 0
  sum.acked += counts.acked ?? 0
  sum.failed += counts.failed ?? 0
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0)
}
