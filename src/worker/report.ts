import type { ComponentSnapshot, InputCounts, Latency, OutputCounts } from '../cluster/records.js'
import type { BoltTask } from '../executor/bolt-task.js'
import type { SpoutTask } from '../executor/spout-task.js'
import { bucketsOf, summarise, type LatencyRecorder } from '../executor/stats.js'
import type { UserMetrics } from '../executor/task-context.js'
import type { Worker } from './worker.js'

/** What the components of a worker did since the process started, as its heartbeat tells it. */
export function componentSnapshots(
  worker: Worker,
  userMetrics: (component: string) => UserMetrics,
): ComponentSnapshot[] {
  const components = new Set([...worker.spouts, ...worker.bolts].map((task) => task.component))
  return [...components].map((component) => {
    const spouts = worker.spouts.filter((task) => task.component === component)
    const bolts = worker.bolts.filter((task) => task.component === component)
    return {
      component,
      outputs: outputsOf([...spouts, ...bolts]),
      inputs: inputsOf(bolts),
      ...latency(
        'completeLatency',
        spouts.map((spout) => spout.completeLatency),
      ),
      ...latency(
        'executeLatency',
        bolts.map((bolt) => bolt.executeLatency),
      ),
      ...latency(
        'processLatency',
        bolts.map((bolt) => bolt.processLatency),
      ),
      user: numbersOf(userMetrics(component)),
    }
  })
}

function outputsOf(tasks: readonly (SpoutTask | BoltTask)[]): OutputCounts[] {
  const streams = new Map<string, OutputCounts>()
  for (const task of tasks) {
    for (const { id, emitted, transferred, acked, failed } of task.router.streams.values()) {
      const sum = streams.get(id) ?? { emitted: 0, transferred: 0, acked: 0, failed: 0 }
      streams.set(id, {
        stream: id,
        emitted: sum.emitted + emitted,
        transferred: sum.transferred + transferred,
        acked: sum.acked + acked,
        failed: sum.failed + failed,
      })
    }
  }
  return [...streams.values()]
}

/** Ticks are left out: the engine's own, no stream of the topology carries them. */
function inputsOf(bolts: readonly BoltTask[]): InputCounts[] {
  const inputs = new Map<string, InputCounts>()
  for (const bolt of bolts) {
    for (const [key, { component, stream, executed, acked, failed }] of bolt.inputs) {
      if (component === '__system') continue
      const sum = inputs.get(key) ?? { executed: 0, acked: 0, failed: 0 }
      inputs.set(key, {
        component,
        stream,
        executed: sum.executed + executed,
        acked: sum.acked + acked,
        failed: sum.failed + failed,
      })
    }
  }
  return [...inputs.values()]
}

function latency<K extends string>(name: K, recorders: readonly LatencyRecorder[]): { [key in K]?: Latency } {
  const summary = summarise(recorders)
  if (summary === undefined) return {}
  const told: Latency = { count: summary.count, sumMs: summary.mean * summary.count, buckets: bucketsOf(recorders) }
  return { [name]: told } as { [key in K]: Latency }
}

function numbersOf(metrics: UserMetrics): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics.snapshot()).map(([name, value]) => [name, typeof value === 'number' ? value : value.count]),
  )
}
