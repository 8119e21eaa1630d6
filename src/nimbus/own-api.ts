import type { TopologyRecord } from '../cluster/records.js'
import { latencyQuantileMs } from '../stdx/latency-buckets.js'
import { unplacedOf } from './placement.js'
import type { LatencySum } from './statistics.js'
import { schedulerInfo } from './storm-api.js'
import { isExhausted, pendingOf, sizesOf, workersOf, type Look, type SeenWorker } from './view.js'

/** Answers of `/api/v2`: what there is to know here, in our own words. Times in ms since 1970, durations in ms. */

export function topologyList(look: Look) {
  return {
    topologies: [
      ...[...look.nimbus.topologies.values()].map((record) => headOf(look, record)),
      ...look.nimbus.invalid.map(({ id, name, problem }) => ({ id, name, status: 'INVALID', problem })),
    ],
  }
}

export function topologyView(look: Look, record: TopologyRecord) {
  const { nimbus, nowMs } = look
  const workers = workersOf(look, record)
  const sizes = sizesOf(record)
  const statistics = new Map(
    nimbus
      .statisticsOf(record)
      .over('all-time', nowMs)
      .map((one) => [one.component, one]),
  )
  return {
    ...headOf(look, record),
    artefact: record.artefact,
    args: record.args,
    cwd: record.cwd,
    ackers: record.ackers,
    messageTimeoutMs: record.life.messageTimeoutMs,
    workers: workers.map(workerView),
    warnings: record.graph.warnings,
    components: record.graph.components.map(({ id, kind, subscriptions, streams }) => {
      const own = statistics.get(id)
      return {
        id,
        kind,
        ...(sizes.get(id) ?? { tasks: 0, executors: 0 }),
        streams,
        subscriptions,
        ...(kind === 'spout' ? { completeLatency: latencyView(own?.completeLatency) } : {}),
        ...(kind === 'bolt'
          ? { executeLatency: latencyView(own?.executeLatency), processLatency: latencyView(own?.processLatency) }
          : {}),
        user: Object.fromEntries(own?.user ?? []),
      }
    }),
  }
}

function headOf(look: Look, record: TopologyRecord) {
  const workers = workersOf(look, record)
  const { life } = record
  const dueAtMs = look.nimbus.dueAtMs(record.id)
  return {
    id: record.id,
    number: record.number,
    name: record.name,
    status: life.status,
    owner: record.owner,
    submittedAtMs: record.submittedAtMs,
    exhausted: isExhausted(record, workers),
    ready:
      unplacedOf(record) === 0 && workers.length > 0 && workers.every(({ heartbeat }) => heartbeat?.isReady === true),
    pending: pendingOf(workers),
    unplaced: unplacedOf(record),
    wantedWorkers: life.workers,
    generation: record.assignment?.generation ?? 0,
    scheduling: schedulerInfo(record),
    ...(dueAtMs === undefined ? {} : { waitLeftMs: Math.max(0, dueAtMs - look.nowMs) }),
  }
}

function workerView({ worker, running, session, heartbeat, isSupervisorAlive }: SeenWorker) {
  const isReady = heartbeat?.isReady === true
  const { pid = session?.pid, state = isReady ? 'running' : 'unknown', reason, code, restarts = 0 } = running ?? {}
  const rssBytes = heartbeat?.rssBytes ?? running?.rssBytes
  return {
    supervisor: worker.slot.supervisor,
    host: worker.host,
    port: worker.slot.port,
    since: worker.since,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
    isReady,
    isSupervisorAlive,
    ...(pid === undefined ? {} : { pid }),
    restarts,
    executors: worker.executors.length,
    tasks: worker.executors,
    ...(running === undefined && session === undefined
      ? {}
      : { incarnation: running?.incarnation ?? session?.worker.incarnation }),
    ...(rssBytes === undefined ? {} : { rssBytes }),
    ...(heartbeat === undefined
      ? {}
      : {
          uptimeMs: heartbeat.uptimeMs,
          heapBytes: heartbeat.heapBytes,
          loopLagMs: heartbeat.loopLagMs,
          pending: heartbeat.pending,
          isActive: heartbeat.isActive,
          isExhausted: heartbeat.isExhausted,
        }),
  }
}

function latencyView(latency: LatencySum | undefined) {
  if (latency === undefined || latency.count === 0) return null
  const { count, sumMs, buckets } = latency
  const quantile = (share: number) => latencyQuantileMs(buckets, share) ?? null
  return { samples: count, meanMs: sumMs / count, p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1) }
}

export function topologyErrors({ nimbus }: Look, record: TopologyRecord) {
  return {
    errors: nimbus.errorsOf(record.id).map(({ slot, ...error }) => {
      const host = nimbus.sessions.supervisors.get(slot.supervisor)?.hello.host
      return { ...error, supervisor: slot.supervisor, port: slot.port, ...(host === undefined ? {} : { host }) }
    }),
  }
}

/** Supervisors with what runs on them, as they themselves tell it. */
export function supervisorList({ nimbus, nowMs }: Look) {
  return {
    supervisors: [...nimbus.sessions.supervisors.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, hello, link, heardAtMs, running }) => ({
        id,
        host: hello.host,
        version: hello.version,
        slots: hello.slots,
        incarnation: hello.incarnation,
        isConnected: link !== undefined,
        isAlive: nimbus.sessions.isSupervisorAlive(id, nowMs),
        heardAgoMs: Math.round(nowMs - heardAtMs),
        running,
      })),
  }
}

/** Topologies that were killed, the newest last, and whether any process of them still runs. */
export function historyList({ nimbus }: Look) {
  const running = [...nimbus.sessions.supervisors.values()].flatMap((session) => session.running)
  return {
    topologies: nimbus.history.map(({ id, name, owner, submittedAtMs, endedAtMs }) => {
      const runningWorkers = running.filter(({ topology }) => topology === id).length
      return { id, name, owner, submittedAtMs, endedAtMs, runningWorkers }
    }),
  }
}
