import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Work } from './check.js'
import type { Deployment, SinkAnswer, SpoutAnswer } from './deployed.js'
import { DevCluster, type DeployedView } from './dev-cluster.js'
import { arrivedIn, type Measured } from './local-run.js'
import type { Plan } from './options.js'
import type { OnWindow, ProcessShare, Window } from './outcome.js'
import { processesUnder, type ProcessLook } from './processes.js'
import type { Profile } from './profile.js'
import { topologyOptions } from './run.js'
import { Stations, type Answer } from './station.js'
import { sinkOf, spoutOf } from './topologies.js'
import { startWaker } from './waker.js'

/** Heartbeats bring nimbus what it knows once a second. */
const settleMsMax = 45_000
const lookEveryMs = 100
/** For the first answer both workers have to be up. */
const answerMsMax = 30_000

/**
 * Runs a plan on a cluster of its own: Nimbus, one supervisor, two workers, every one a process, all of whose CPU time
 * counts, with that of this process. Placement is Storm's round robin over executors in the order of their tasks, so of
 * T1 the acker and the spout come into one worker and the sink into the other; of T3 the spout and the split into one, the
 * acker and the count into the other; with a split that is far, the spout and the count into one, the acker and the split
 * into the other, so that sentences cross and words cross back. That it is so is checked.
 */
export async function runOnCluster(plan: Plan, onWindow: OnWindow): Promise<Measured> {
  const name = `bench-${plan.topology}`
  const options = topologyOptions(plan)
  await using cluster = await DevCluster.start()
  const deployment: Deployment = { shape: plan, folder: cluster.folder }
  const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)]))
  // Next to this file, in the language that this file is in.
  const module = fileURLToPath(import.meta.url).replace(/cluster-run(\.\w+)$/, 'deployed$1')
  await cluster.deploy(module, [JSON.stringify(deployment)], given)

  const stations = new Stations(cluster.folder, plan.topology === 'T3' ? ['spout', 'sink', 'split'] : ['spout', 'sink'])
  const meter = new Meter(cluster, stations, plan)
  await meter.look()
  await sleep(plan.warmup * 1000)
  if (plan.profile !== undefined) await stations.ask({ profile: 'start' }, answerMsMax)
  const windows: Window[] = []
  for (let number = 1; number <= plan.windows; number += 1) {
    const window = await meter.measure()
    windows.push(window)
    onWindow(window, number)
  }
  const profiles = plan.profile === undefined ? {} : await takeProfiles(stations, cluster.folder)
  return { windows, work: await endOf(plan, name, cluster, stations), options, profiles }
}

/** Of each worker, by the component that it is known by. */
async function takeProfiles(stations: Stations, folder: string): Promise<Record<string, Profile>> {
  const answers = await stations.ask({ profile: 'stop' }, answerMsMax)
  const read = (pid: number) => JSON.parse(readFileSync(join(folder, `${pid}.cpuprofile`), 'utf8')) as Profile
  return Object.fromEntries(workersIn(answers).map(({ name, pid }) => [name, read(pid)]))
}

/** The worker processes, each named after the first station in it. */
function workersIn(
  answers: readonly Answer[],
): { readonly name: string; readonly pid: number; readonly gcMs: number }[] {
  const names = ['spout', 'sink', 'split']
  return answers.flatMap(({ pid, gcMs }, index) =>
    answers.findIndex((answer) => answer.pid === pid) === index ? [{ name: `${names[index]} worker`, pid, gcMs }] : [],
  )
}

interface Look {
  readonly ms: number
  readonly processes: readonly ProcessLook[]
  readonly ownCpuUs: number
  readonly spout: SpoutAnswer & Answer
  readonly sink: SinkAnswer & Answer
  readonly answers: readonly Answer[]
}

/** Takes the measure of a cluster from time to time. */
class Meter {
  readonly #cluster: DevCluster
  readonly #stations: Stations
  readonly #plan: Plan

  constructor(cluster: DevCluster, stations: Stations, plan: Plan) {
    this.#cluster = cluster
    this.#stations = stations
    this.#plan = plan
  }

  async measure(): Promise<Window> {
    const waker = this.#plan.rate === undefined ? undefined : startWaker(this.#plan.seconds)
    const begin = await this.look()
    await sleep(this.#plan.seconds * 1000)
    const end = await this.look()
    const processes = this.#shares(begin, end)
    return {
      seconds: (end.ms - begin.ms) / 1000,
      count: this.#doneAt(end) - this.#doneAt(begin),
      cpuUs: processes.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
      failed: end.spout.failed - begin.spout.failed,
      rssBytes: Math.max(...processes.filter(isWorker).map(({ rssBytes }) => rssBytes)),
      gcMs: gcMsAt(end) - gcMsAt(begin),
      latencyUs: end.spout.latencyUs,
      wakeUs: await waker,
      processes,
    }
  }

  /** The processes are looked at in the moment in which the spout has told what it has counted. */
  async look(): Promise<Look> {
    let seen: Pick<Look, 'ms' | 'processes' | 'ownCpuUs'> | undefined
    const answers = await this.#stations.ask({}, answerMsMax, () => {
      const { user, system } = process.cpuUsage()
      seen = { ms: performance.now(), processes: processesUnder(this.#cluster.pid), ownCpuUs: user + system }
    })
    const [spout, sink] = answers as [SpoutAnswer & Answer, SinkAnswer & Answer]
    return { ...(seen as Pick<Look, 'ms' | 'processes' | 'ownCpuUs'>), spout, sink, answers }
  }

  #doneAt({ spout, sink }: Look): number {
    return this.#plan.acks === 'on' ? spout.acked : arrivedIn(this.#plan, sink.taken)
  }

  #shares(begin: Look, end: Look): ProcessShare[] {
    const before = new Map(begin.processes.map((look) => [look.pid, look]))
    const names = new Map([
      [this.#cluster.pid, 'dev'],
      ...workersIn(end.answers).map(({ pid, name }) => [pid, name] as const),
    ])
    const shares = end.processes.map(({ pid, parent, cpuUs, rssBytes, writtenBytes }) => ({
      name: names.get(pid) ?? (parent === this.#cluster.pid ? 'daemon' : 'other'),
      cpuUs: cpuUs - (before.get(pid)?.cpuUs ?? 0),
      rssBytes,
      writtenBytes: writtenBytes - (before.get(pid)?.writtenBytes ?? 0),
    }))
    const own = {
      name: 'harness',
      cpuUs: end.ownCpuUs - begin.ownCpuUs,
      rssBytes: process.memoryUsage.rss(),
      writtenBytes: 0,
    }
    return [...shares, own]
  }
}

const gcMsAt = ({ answers }: Look) => workersIn(answers).reduce((sum, { gcMs }) => sum + gcMs, 0)
const isWorker = ({ name }: ProcessShare) => name.endsWith(' worker')

/** Stops the spout, lets everything come to its end, and holds what nimbus knows beside what spout and sink have counted. */
async function endOf(plan: Plan, name: string, cluster: DevCluster, stations: Stations): Promise<Work> {
  const [asked] = (await stations.ask({ stop: true }, answerMsMax)) as [SpoutAnswer & Answer]
  const endMs = performance.now() + settleMsMax
  let view: DeployedView
  let spout: SpoutAnswer & Answer = asked
  let sink: (SinkAnswer & Answer) | undefined
  let metrics: Work['metrics']
  do {
    await sleep(lookEveryMs)
    ;[spout, sink] = (await stations.ask({ stop: true }, answerMsMax)) as [SpoutAnswer & Answer, SinkAnswer & Answer]
    view = await cluster.view(name)
    metrics = await metricsOf(plan, cluster, view)
  } while (!isSettled(plan, view, spout, sink, metrics) && performance.now() < endMs)
  const problems = [...(await cluster.errors(name)), ...placementProblems(plan, view, spout, sink)]
  if (!isSettled(plan, view, spout, sink, metrics))
    problems.push(`not settled ${settleMsMax / 1000} s after the spout stopped: ${JSON.stringify(metrics)}`)
  return { shape: plan, spout, sink: { ...sink, words: new Map(sink.words) }, metrics, problems }
}

async function metricsOf(plan: Plan, cluster: DevCluster, { id, pending }: DeployedView): Promise<Work['metrics']> {
  const { spouts, bolts } = await cluster.counts(id)
  const { emitted = 0, acked = 0, failed = 0 } = spouts[0] ?? {}
  const executed = bolts.find(({ boltId }) => boltId === sinkOf(plan.topology))?.executed ?? 0
  return { pending, spout: { emitted, acked, failed }, sinkExecuted: executed }
}

/** Everything has arrived, and the last heartbeat has told nimbus so. */
function isSettled(
  plan: Plan,
  view: DeployedView,
  spout: SpoutAnswer,
  sink: SinkAnswer,
  metrics: Work['metrics'],
): boolean {
  const isDone =
    plan.acks === 'on' ? spout.acked + spout.failed === spout.emitted : arrivedIn(plan, sink.taken) >= spout.emitted
  return isDone && view.exhausted && metrics.spout.emitted === spout.emitted && metrics.sinkExecuted === sink.taken
}

/** Whether the spout and what reads it are in different workers, as nimbus tells the placement and the workers their ids. */
function placementProblems(plan: Plan, { workers }: DeployedView, spout: Answer, sink: Answer): string[] {
  const problems: string[] = []
  // Tasks are numbered in the order of component ids: __acker (if any), then the others.
  const first = plan.acks === 'on' ? 2 : 1
  const source = spoutOf(plan)
  const ids = (plan.topology === 'T3' ? [source, 'split', 'count'] : [source, 'null']).toSorted()
  const hops = hopsOf(plan, source)
  const workerOf = (id: string | undefined) => {
    const task = first + ids.indexOf(id ?? '')
    return workers.findIndex(({ tasks }) => tasks.some(([from, to]) => task >= from && task <= to))
  }
  for (const [from, to] of hops) {
    if (workerOf(from) === workerOf(to))
      problems.push(`tuples from '${from}' to '${to}' do not cross: both are in one worker`)
  }
  if (plan.split !== 'far' && spout.pid === sink.pid) problems.push('spout and sink ran in one process')
  for (const { restarts, pid } of workers) if (restarts > 0) problems.push(`worker process ${pid} was started anew`)
  return problems
}

/** Which component's tuples go from worker to worker, to which other. */
function hopsOf({ topology, split }: Plan, source: string): [from: string, to: string][] {
  if (topology !== 'T3') return [[source, 'null']]
  const words: [string, string] = ['split', 'count']
  return split === 'far' ? [[source, 'split'], words] : [words]
}
