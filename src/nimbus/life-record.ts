import type { LifeRecord } from '../cluster/records.js'
import type { Change, TopologyLife } from './status.js'

/** A life as the table of `status.ts` takes it. */
export function lifeOf(record: LifeRecord): TopologyLife {
  const { status, workers, messageTimeoutMs, waitMs = 0, back = 'ACTIVE', change = {} } = record
  const shape = { workers, messageTimeoutMs, executors: new Map(Object.entries(record.executors)) }
  switch (status) {
    case 'ACTIVE':
    case 'INACTIVE':
      return { ...shape, status }
    case 'KILLED':
      return { ...shape, status, waitMs }
    case 'REBALANCING':
      return { ...shape, status, back, waitMs, change: changeOf(change) }
  }
}

/** A life as it is stored. */
export function recordOf(life: TopologyLife): LifeRecord {
  const { status, workers, messageTimeoutMs } = life
  const record = { status, workers, messageTimeoutMs, executors: Object.fromEntries(life.executors) }
  if (life.status === 'KILLED') return { ...record, waitMs: life.waitMs }
  if (life.status !== 'REBALANCING') return record
  const { workers: newWorkers, executors } = life.change
  const change = {
    ...(newWorkers === undefined ? {} : { workers: newWorkers }),
    ...(executors === undefined ? {} : { executors: Object.fromEntries(executors) }),
  }
  return { ...record, waitMs: life.waitMs, back: life.back, change }
}

function changeOf({ workers, executors }: NonNullable<LifeRecord['change']>): Change {
  return { workers, executors: executors === undefined ? undefined : new Map(Object.entries(executors)) }
}
