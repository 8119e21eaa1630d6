import { checkWork } from './check.js'
import { runOnCluster } from './cluster-run.js'
import { runHere } from './local-run.js'
import type { Plan } from './options.js'
import type { OnWindow, Outcome } from './outcome.js'

/** Runs a plan to its end: warm-up, windows, drain, check. */
export async function run(plan: Plan, onWindow: OnWindow): Promise<Outcome> {
  const { work, options, ...measured } = await (plan.workers === 2 ? runOnCluster : runHere)(plan, onWindow)
  const check = checkWork(work)
  const stalled = measured.windows.findIndex(({ count }) => count === 0) + 1
  return {
    ...measured,
    check: check === 'ok' && stalled > 0 ? `nothing was done in window ${stalled}` : check,
    options: printedOptions(plan, options, Object.keys(measured.profiles).length > 0),
  }
}

/** The options by the short names that all engines compared use, and what else is needed to repeat the run. */
function printedOptions(plan: Plan, options: TopologySettings, profile: boolean) {
  const { executors, fanout, depth, payload, keys, hold, topology } = plan
  const { maxSpoutPending, ...rest } = options
  return {
    pending: maxSpoutPending,
    ...rest,
    workers: plan.workers,
    parallelism: executors,
    bolts: 'basic',
    ...(topology === 'T4' && { fanout }),
    ...(topology === 'T5' && { depth }),
    ...(topology === 'T3w' && { keys }),
    ...(payload !== undefined && { payload }),
    ...(hold !== undefined && { hold }),
    profile,
    node: process.versions.node,
  }
}

export type TopologySettings = ReturnType<typeof topologyOptions>

/** What the topology is run with: nothing that users do not have, and nothing switched off but what a worker has off. */
export function topologyOptions(plan: Plan) {
  return {
    ackers: plan.acks === 'on' ? 1 : 0,
    maxSpoutPending: plan.pending,
    inboxLimit: plan.inboxLimit,
    messageTimeoutMs: 30_000,
    freeze: false,
    validate: false,
  }
}
