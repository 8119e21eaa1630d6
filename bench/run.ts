import { setTimeout as sleep } from 'node:timers/promises'
import { LocalCluster, type RunningTopology } from 'storm-ts'
import { checkWork, type Work } from './check.js'
import type { Plan } from './options.js'
import { Pace, type LatencyUs } from './pace.js'
import { startProfile, type Profile } from './profile.js'
import { sentencesIn, wordCountOf } from './sentences.js'
import { SinkTally, SpoutTally } from './tally.js'
import { benchTopology, sinkOf } from './topologies.js'

/** Longer than any message timeout lets a tree stay undecided: trees are decided by then or lost. */
const DRAIN_MS_MAX = 40_000
const FOLD_EVERY_MS = 200
const LOOK_EVERY_MS = 5

/** One measuring window, as long as it really was. */
export interface Window {
  readonly seconds: number
  /** Spout tuples done: acked, or arrived at the sink where there are no acks. */
  readonly count: number
  /** User and system time of the whole process. */
  readonly cpuUs: number
  readonly failed: number
  readonly rssBytes: number
  readonly latencyUs: LatencyUs | undefined
}

export interface Outcome {
  readonly windows: readonly Window[]
  /** `ok`, or what is wrong with the work of the whole run, which speaks for every window of it. */
  readonly check: string
  readonly options: Readonly<Record<string, unknown>>
  readonly profile: Profile | undefined
}

/** Runs a plan to its end: warm-up, windows, drain, check. `onWindow` is told of each window as it closes. */
export async function run(plan: Plan, onWindow: (window: Window, number: number) => void): Promise<Outcome> {
  const pace = plan.rate === undefined ? undefined : new Pace(plan.rate, () => performance.now())
  const spout = new SpoutTally(plan.acks === 'on', pace)
  const sink = new SinkTally(plan.acks === 'off' && pace !== undefined ? arrivals(plan, pace) : undefined)
  const options = topologyOptions(plan)

  await using cluster = new LocalCluster()
  const topology = await cluster.submit(benchTopology(plan.topology, spout, sink), options)
  const folding = setInterval(() => fold(spout, sink), FOLD_EVERY_MS)
  try {
    await sleep(plan.warmup * 1000)
    const profiling = plan.profile === undefined ? undefined : await startProfile()
    const windows: Window[] = []
    for (let number = 1; number <= plan.windows; number += 1) {
      const window = await measure(plan, spout, sink, pace)
      windows.push(window)
      onWindow(window, number)
    }
    const profile = await profiling?.stop()
    spout.stopped = true
    const problems = await drain(plan, topology, spout, sink)
    const check = checkWork(workOf(plan, topology, spout, sink, problems))
    await topology.deactivate()
    await topology.kill({ waitMs: 0 })
    const stalled = windows.findIndex(({ count }) => count === 0) + 1
    return {
      windows,
      check: check === 'ok' && stalled > 0 ? `nothing was done in window ${stalled}` : check,
      options: printedOptions(options, profile !== undefined),
      profile,
    }
  } finally {
    clearInterval(folding)
  }
}

function topologyOptions(plan: Plan) {
  return {
    workers: plan.workers,
    ackers: plan.acks === 'on' ? 1 : 0,
    maxSpoutPending: plan.pending,
    inboxLimit: plan.inboxLimit,
    messageTimeoutMs: 30_000,
    freeze: false,
    validate: false,
  }
}

/** The options by the short names that all engines compared use, and what else is needed to repeat the run. */
function printedOptions({ maxSpoutPending, ...options }: ReturnType<typeof topologyOptions>, profile: boolean) {
  return { pending: maxSpoutPending, ...options, parallelism: 1, bolts: 'basic', profile, node: process.versions.node }
}

function fold(spout: SpoutTally, sink: SinkTally): void {
  spout.fold()
  sink.fold()
}

async function measure(plan: Plan, spout: SpoutTally, sink: SinkTally, pace: Pace | undefined): Promise<Window> {
  pace?.take()
  const begin = snapshot(plan, spout, sink)
  await sleep(plan.seconds * 1000)
  const end = snapshot(plan, spout, sink)
  return {
    seconds: (end.ms - begin.ms) / 1000,
    count: end.done - begin.done,
    cpuUs: end.cpuUs - begin.cpuUs,
    failed: end.failed - begin.failed,
    rssBytes: process.memoryUsage.rss(),
    latencyUs: pace?.take(),
  }
}

function snapshot(plan: Plan, spout: SpoutTally, sink: SinkTally) {
  const { user, system } = process.cpuUsage()
  fold(spout, sink)
  return {
    ms: performance.now(),
    cpuUs: user + system,
    done: plan.acks === 'on' ? spout.acked : arrivedIn(plan, sink),
    failed: spout.failed,
  }
}

function arrivedIn(plan: Plan, sink: SinkTally): number {
  return plan.topology === 'T3' ? sentencesIn(sink.taken) : sink.taken
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
  const due = plan.acks === 'on' ? 0 : spout.emitted
  while (arrivedIn(plan, sink) < due && performance.now() < endMs) {
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
    topology: plan.topology,
    acks: plan.acks,
    spout,
    sink,
    metrics: {
      pending,
      spout: {
        emitted: source?.streams['default']?.emitted ?? 0,
        acked: source?.acked ?? 0,
        failed: source?.failed ?? 0,
      },
      sinkExecuted: components[sinkOf[plan.topology]]?.executed ?? 0,
    },
    problems,
  }
}

/**
 * Without acks a tuple is done when it arrives. One task feeds the next in order, so the n-th arrival is the n-th tuple
 * emitted; of T3 it is the last word of the n-th sentence.
 */
function arrivals(plan: Plan, pace: Pace): () => void {
  const partsOf = plan.topology === 'T3' ? wordCountOf : () => 1
  let n = 0
  let partsLeft = partsOf(n)
  return () => {
    partsLeft -= 1
    if (partsLeft > 0) return
    pace.done(n)
    n += 1
    partsLeft = partsOf(n)
  }
}
