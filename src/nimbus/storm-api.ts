import type { TopologyRecord } from '../cluster/records.js'
import type { SupervisorSession } from './machines.js'
import { executorsOf, unplacedOf } from './placement.js'
import { windowsSecs } from './rolling.js'
import type { StatisticsWindow } from './statistics.js'
import { componentOfTask, prettyUptime, secondsSince, totalsOf, workersOf, type Look } from './view.js'

/**
 * Answers of `/api/v1`: the paths, the names and the meanings of Storm UI's REST API, as far as there is data here, so
 * that exporters and dashboards made for it can be used. What Storm has and we have not (memory and CPU that were asked
 * for, replicas) is 0 or 1, as these tools read the fields without asking whether they are there.
 */

/** A window as it is asked for: `:all-time`, or seconds. Undefined: it is none. */
export function windowOf(text: string | undefined): StatisticsWindow | undefined {
  if (text === undefined || text === '' || text === ':all-time') return 'all-time'
  // Any number of seconds is taken for the shortest window that is as long, as in Storm.
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  return Number.isNaN(seconds) ? undefined : (windowsSecs.find((window) => window >= seconds) ?? 'all-time')
}

export const windowText = (window: StatisticsWindow) => (window === 'all-time' ? ':all-time' : String(window))
export const windowPretty = (window: StatisticsWindow) => (window === 'all-time' ? 'All time' : prettyUptime(window))
export const noMemory = {
  requestedMemOnHeap: 0,
  requestedMemOffHeap: 0,
  requestedTotalMem: 0,
  requestedCpu: 0,
  requestedGenericResources: '',
  assignedMemOnHeap: 0,
  assignedMemOffHeap: 0,
  assignedTotalMem: 0,
  assignedCpu: 0,
  assignedGenericResources: '',
}

export function clusterSummary(look: Look) {
  const supervisors = liveSupervisors(look)
  const slotsTotal = supervisors.reduce((sum, { hello }) => sum + hello.slots.length, 0)
  const records = [...look.nimbus.topologies.values()]
  const totals = records.map(totalsOf)
  const sum = (of: (total: (typeof totals)[number]) => number) => totals.reduce((all, total) => all + of(total), 0)
  const slotsUsed = sum(({ workers }) => workers)
  return {
    stormVersion: look.version,
    supervisors: supervisors.length,
    topologies: records.length,
    slotsTotal,
    slotsUsed,
    slotsFree: Math.max(0, slotsTotal - slotsUsed),
    executorsTotal: sum(({ executors }) => executors),
    tasksTotal: sum(({ tasks }) => tasks),
    schedulerDisplayResource: false,
    totalMem: 0,
    totalCpu: 0,
    availMem: 0,
    availCpu: 0,
    memAssignedPercentUtil: '0.0',
    cpuAssignedPercentUtil: '0.0',
  }
}

export interface NimbusAddress {
  readonly host: string
  readonly port: number
}

export function nimbusSummary(look: Look, { host, port }: NimbusAddress) {
  const upSeconds = secondsSince(look.nimbus.startedAtMs, look.nowMs)
  return {
    nimbuses: [
      {
        host,
        port,
        status: 'Leader',
        version: look.version,
        nimbusUpTime: prettyUptime(upSeconds),
        nimbusUpTimeSeconds: upSeconds,
      },
    ],
  }
}

export function supervisorSummary(look: Look) {
  return { schedulerDisplayResource: false, supervisors: liveSupervisors(look).map((one) => supervisorOf(look, one)) }
}

/** One by its id, or those on a host, with their workers. */
export function supervisorPage(look: Look, { id, host }: { readonly id?: string; readonly host?: string }) {
  const found = liveSupervisors(look).filter((one) => one.id === id || one.hello.host === host)
  const ids = new Set(found.map((one) => one.id))
  const workers = [...look.nimbus.topologies.values()].flatMap((record) =>
    workerRows(look, record).filter(({ supervisorId }) => ids.has(supervisorId)),
  )
  return { schedulerDisplayResource: false, supervisors: found.map((one) => supervisorOf(look, one)), workers }
}

function liveSupervisors({ nimbus, nowMs }: Look): SupervisorSession[] {
  return [...nimbus.sessions.supervisors.values()]
    .filter(({ id }) => nimbus.sessions.isSupervisorAlive(id, nowMs))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

function supervisorOf({ nimbus, nowMs }: Look, { id, hello, registeredAtMs }: SupervisorSession) {
  const upSeconds = secondsSince(registeredAtMs, nowMs)
  let used = 0
  for (const { assignment } of nimbus.topologies.values())
    for (const { slot } of assignment?.workers ?? []) if (slot.supervisor === id) used++
  return {
    id,
    host: hello.host,
    version: hello.version,
    uptime: prettyUptime(upSeconds),
    uptimeSeconds: upSeconds,
    slotsTotal: hello.slots.length,
    slotsUsed: used,
    slotsFree: Math.max(0, hello.slots.length - used),
    schedulerDisplayResource: false,
    totalMem: 0,
    totalCpu: 0,
    usedMem: 0,
    usedCpu: 0,
    availMem: 0,
    availCpu: 0,
    blacklisted: false,
  }
}

export function topologySummary(look: Look) {
  const invalid = look.nimbus.invalid.map(({ id, name, problem }) => ({
    id,
    encodedId: encodeURIComponent(id),
    name,
    status: 'INVALID',
    owner: '',
    uptime: '0s',
    uptimeSeconds: 0,
    tasksTotal: 0,
    workersTotal: 0,
    executorsTotal: 0,
    replicationCount: 1,
    ...noMemory,
    schedulerInfo: problem,
    stormVersion: look.version,
    topologyVersion: '',
  }))
  const topologies = [...look.nimbus.topologies.values()].map((record) => headOf(look, record))
  return { schedulerDisplayResource: false, topologies: [...topologies, ...invalid] }
}

export function historySummary({ nimbus }: Look) {
  return { 'topo-history': [...nimbus.history.map(({ id }) => id), ...nimbus.topologies.keys()] }
}

export function headOf(look: Look, record: TopologyRecord) {
  const { tasks, executors, workers } = totalsOf(record)
  const upSeconds = secondsSince(record.submittedAtMs, look.wallMs)
  return {
    id: record.id,
    encodedId: encodeURIComponent(record.id),
    name: record.name,
    status: record.life.status,
    owner: record.owner,
    uptime: prettyUptime(upSeconds),
    uptimeSeconds: upSeconds,
    tasksTotal: tasks,
    workersTotal: workers,
    executorsTotal: executors,
    replicationCount: 1,
    ...noMemory,
    schedulerInfo: schedulerInfo(record),
    stormVersion: look.version,
    topologyVersion: record.artefact.slice(0, 12),
  }
}

/** Null when all is placed, as in Storm. */
export function schedulerInfo(record: TopologyRecord): string | null {
  const have = record.assignment?.workers.length ?? 0
  const wanted = Math.min(record.life.workers, executorsOf(record).length)
  if (unplacedOf(record) === 0 && have >= wanted) return null
  return `WAITING_FOR_SLOTS: ${have} of ${wanted} workers have one`
}

export function workerRows(look: Look, record: TopologyRecord) {
  return workersOf(look, record).map(({ worker, heartbeat }) => {
    const upSeconds = Math.floor((heartbeat?.uptimeMs ?? 0) / 1_000)
    const components: Record<string, number> = {}
    for (const [first] of worker.executors) {
      const component = componentOfTask(record, first)
      components[component] = (components[component] ?? 0) + 1
    }
    return {
      supervisorId: worker.slot.supervisor,
      host: worker.host,
      port: worker.slot.port,
      topologyId: record.id,
      topologyName: record.name,
      executorsTotal: worker.executors.length,
      componentNumTasks: components,
      uptime: prettyUptime(upSeconds),
      uptimeSeconds: upSeconds,
      assignedMemOnHeap: 0,
      assignedMemOffHeap: 0,
      assignedCpu: 0,
      owner: record.owner,
      workerLogLink: '',
    }
  })
}

export function topologyWorkers(record: TopologyRecord) {
  return { hostPortList: (record.assignment?.workers ?? []).map(({ host, slot }) => ({ host, port: slot.port })) }
}
