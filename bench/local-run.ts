import { setTimeout as sleep } from 'node:timers/promises'
import { LocalCluster, type RunningTopology } from 'storm-ts'
import { partsOf, type Work } from './check.js'
import { GcTime } from './gc-time.js'
import type { Plan } from './options.js'
import type { OnWindow, Outcome, Window } from './outcome.js'
import { Pace } from './pace.js'
import { startProfile } from './profile.js'
import { topologyOptions, type TopologySettings } from './run.js'
import { sentencesIn, wordCountOf } from './sentences.js'
import { SinkTally, SpoutTally } from './tally.js'
import { benchTopology, sinkOf } from './topologies.js'
import { startWaker } from './waker.js'

/** Longer than any message timeout lets a tree stay undecided: trees are decided by then or lost. */
const DRAIN_MS_MAX = 40_000
const FOLD_EVERY_MS = 200
const LOOK_EVERY_MS = 5

/** What a run has measured, and what it says of its own work. */
export type Measured = Pick<Outcome, 'windows' | 'profiles'> & {
  readonly work: Work
  readonly options: TopologySettings
}

/** Runs a plan in this process, on LocalCluster. */
export async function runHere(plan: Plan, onWindow: OnWindow): Promise<Measured> {
  const pace = plan.rate === undefined ? undefined : new Pace(plan.rate, () => performance.now())
  const spout = new SpoutTally(plan.acks === 'on', pace)
  const sink = new SinkTally(plan.acks === 'off' && pace !== undefined ? arrivals(plan, pace) : undefined)
  const options = topologyOptions(plan)
  const gc = new GcTime()

  await using cluster = new LocalCluster()
  const topology = await cluster.submit(benchTopology(plan, spout, sink), { ...options, workers: plan.workers })
  const folding = setInterval(() => fold(spout, sink), FOLD_EVERY_MS)
  try {
    await sleep(plan.warmup * 1000)
    const profiling = plan.profile === undefined ? undefined : await startProfile()
    const windows: Window[] = []
    for (let number = 1; number <= plan.windows; number += 1) {
      const window = await measure(plan, spout, sink, pace, gc)
      windows.push(window)
      onWindow(window, number)
    }
    const profile = await profiling?.stop()
    spout.stopped = true
    const problems = await drain(plan, topology, spout, sink)
    const work = workOf(plan, topology, spout, sink, problems)
    await topology.deactivate()
    await topology.kill({ waitMs: 0 })
    return { windows, work, options, profiles: profile === undefined ? {} : { process: profile } }
  } finally {
    clearInterval(folding)
    gc.stop()
  }
}

function fold(spout: SpoutTally, sink: SinkTally): void {
  spout.fold()
  sink.fold()
}

async function measure(
  plan: Plan,
  spout: SpoutTally,
  sink: SinkTally,
  pace: Pace | undefined,
  gc: GcTime,
): Promise<Window> {
  pace?.take()
  const waker = pace === undefined ? undefined : startWaker(plan.seconds)
  const begin = snapshot(plan, spout, sink, gc)
  await sleep(plan.seconds * 1000)
  const end = snapshot(plan, spout, sink, gc)
  return {
    seconds: (end.ms - begin.ms) / 1000,
    count: end.done - begin.done,
    cpuUs: end.cpuUs - begin.cpuUs,
    failed: end.failed - begin.failed,
    rssBytes: process.memoryUsage.rss(),
    gcMs: end.gcMs - begin.gcMs,
    latencyUs: pace?.take(),
    wakeUs: await waker,
    processes: undefined,
  }
}

function snapshot(plan: Plan, spout: SpoutTally, sink: SinkTally, gc: GcTime) {
  const { user, system } = process.cpuUsage()
  fold(spout, sink)
  return {
    ms: performance.now(),
    cpuUs: user + system,
    done: plan.acks === 'on' ? spout.acked : doneWithoutAcks(plan, spout, sink),
    failed: spout.failed,
    gcMs: gc.ms,
  }
}

/** Without acks a tuple is done when all that comes of it has arrived; of T0 when it is emitted. */
function doneWithoutAcks(plan: Plan, spout: SpoutTally, sink: SinkTally): number {
  return plan.topology === 'T0' ? spout.emitted : arrivedIn(plan, sink.taken)
}

/** Spout tuples of which all has arrived when the sink has taken so many. */
export function arrivedIn(plan: Pick<Plan, 'topology' | 'fanout'>, taken: number): number {
  return plan.topology === 'T3' ? sentencesIn(taken) : Math.floor(taken / partsOf(plan))
}

/** Lets everything that was emitted come to its end. Returns what stood in the way. */
async function drain(plan: Plan, topology: RunningTopology, spout: SpoutTally, sink: SinkTally): Promise<string[]> {
  const endMs = performance.now() + DRAIN_MS_MAX
  const limit = new AbortController()
  const settled = await Promise.race([
    topology.settled().then(() => true),
    sleep(DRAIN_MS_MAX, false, { signal: limit.signal }),
  ])
  limit.abort()
  fold(spout, sink)
  // Tuples without a message id are nobody's to wait for; only their number says whether they have arrived.
  const due = plan.acks === 'on' || plan.topology === 'T0' ? 0 : spout.emitted
  while (arrivedIn(plan, sink.taken) < due && performance.now() < endMs) {
    await sleep(LOOK_EVERY_MS)
    fold(spout, sink)
  }
  const errors = topology.errors().map(({ component, message }) => `error of '${component}': ${message}`)
  return settled ? errors : [...errors, `not settled ${DRAIN_MS_MAX / 1000} s after the spout stopped`]
}

function workOf(
  plan: Plan,
  running: RunningTopology,
  spout: SpoutTally,
  sink: SinkTally,
  problems: readonly string[],
): Work {
  const { components, pending } = running.metrics()
  const source = components['spout']
  return {
    shape: plan,
    spout,
    sink,
    metrics: {
      pending,
      spout: {
        emitted: source?.streams['default']?.emitted ?? 0,
        acked: source?.acked ?? 0,
        failed: source?.failed ?? 0,
      },
      sinkExecuted: ticksLeftOut(components[sinkOf(plan.topology)]),
    },
    problems,
  }
}

/** Executes of tuples on streams of the topology. */
function ticksLeftOut(sink: { readonly streams: Readonly<Record<string, { readonly executed: number }>> } | undefined) {
  return Object.values(sink?.streams ?? {}).reduce((sum, { executed }) => sum + executed, 0)
}

/**
 * Without acks a tuple is done when it arrives. One task feeds the next in order, so the n-th arrival is the n-th tuple
 * emitted; of T3 it is the last word of the n-th sentence.
 */
function arrivals(plan: Plan, pace: Pace): () => void {
  const wordsOf = plan.topology === 'T3' ? wordCountOf : () => 1
  let n = 0
  let partsLeft = wordsOf(n)
  return () => {
    partsLeft -= 1
    if (partsLeft > 0) return
    pace.done(n)
    n += 1
    partsLeft = wordsOf(n)
  }
}
