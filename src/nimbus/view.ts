import type { WorkerHeartbeat } from '../cluster/messages.js'
import { slotKey, type RunningWorker, type TopologyRecord, type WorkerAssignment } from '../cluster/records.js'
import { layoutOf } from '../cluster/layout.js'
import { ackerId } from '../topology/tasks.js'
import type { WorkerSession } from './machines.js'
import type { Nimbus } from './nimbus.js'
import { executorsOf, unplacedOf } from './placement.js'

/** What answers are made of: the coordinator, and the time at which it is looked at. */
export interface Look {
  readonly nimbus: Nimbus
  readonly nowMs: number
  readonly wallMs: number
  /** Of the package. */
  readonly version: string
}

/** A worker of an assignment, with what its supervisor and it itself tell of it. */
export interface SeenWorker {
  readonly worker: WorkerAssignment
  readonly running: RunningWorker | undefined
  readonly session: WorkerSession | undefined
  readonly heartbeat: WorkerHeartbeat | undefined
  readonly isSupervisorAlive: boolean
}

export function workersOf({ nimbus, nowMs }: Look, { id, assignment }: TopologyRecord): SeenWorker[] {
  return (assignment?.workers ?? []).map((worker) => {
    const { slot, since } = worker
    const running = nimbus.sessions.supervisors
      .get(slot.supervisor)
      ?.running.find((one) => one.port === slot.port && one.topology === id && one.since === since)
    const session = nimbus.sessions.workers.get(slotKey(slot))
    const own = session?.worker.topology === id && session.worker.since === since ? session : undefined
    return {
      worker,
      running,
      session: own,
      heartbeat: own?.link === undefined ? undefined : own.heartbeat,
      isSupervisorAlive: nimbus.sessions.isSupervisorAlive(slot.supervisor, nowMs),
    }
  })
}

/** Every spout is at its end and nothing is pending, as far as every worker tells. */
export function isExhausted(record: TopologyRecord, workers: readonly SeenWorker[]): boolean {
  return (
    workers.length > 0 &&
    unplacedOf(record) === 0 &&
    workers.every(({ heartbeat }) => heartbeat?.isReady === true && heartbeat.isExhausted && heartbeat.pending === 0)
  )
}

export function pendingOf(workers: readonly SeenWorker[]): number {
  return workers.reduce((sum, { heartbeat }) => sum + (heartbeat?.pending ?? 0), 0)
}

/** Tasks and executors by component, the ackers' too. */
export function sizesOf(
  record: TopologyRecord,
): ReadonlyMap<string, { readonly tasks: number; readonly executors: number }> {
  const { tasks, ackers, life } = record
  const { tasksOf, componentOf } = layoutOf({ tasks, ackers, executors: life.executors })
  const executors = new Map<string, number>()
  for (const { first } of executorsOf(record)) {
    const component = componentOf[first] as string
    executors.set(component, (executors.get(component) ?? 0) + 1)
  }
  return new Map([...tasksOf].map(([id, list]) => [id, { tasks: list.length, executors: executors.get(id) ?? 0 }]))
}

export function totalsOf(record: TopologyRecord) {
  let tasks = 0
  for (const size of sizesOf(record).values()) tasks += size.tasks
  return { tasks, executors: executorsOf(record).length, workers: record.assignment?.workers.length ?? 0 }
}

/** The component that a task belongs to. */
export function componentOfTask(record: TopologyRecord, task: number): string {
  const { tasks, ackers, life } = record
  return layoutOf({ tasks, ackers, executors: life.executors }).componentOf[task] ?? ackerId
}

/** `1d 2h 3m 4s`, as Storm writes it. */
export function prettyUptime(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const from = parts.findIndex(([count]) => count > 0)
  return (from < 0 ? parts.slice(-1) : parts.slice(from)).map(([count, unit]) => `${count}${unit}`).join(' ')
}

export function secondsSince(fromMs: number, toMs: number): number {
  return Math.max(0, Math.floor((toMs - fromMs) / 1_000))
}
