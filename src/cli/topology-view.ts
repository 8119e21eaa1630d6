/** A topology as nimbus tells it in a list. */
export interface TopologySummary {
  readonly id: string
  readonly name: string
  readonly status: string
  /** Of one that cannot run: its record is damaged. */
  readonly problem?: string
}

/** As `/api/v2/topologies/:topology` has it. */
export interface TopologyView extends TopologySummary {
  /** Every spout is at its end, and nothing is pending. */
  readonly exhausted: boolean
  readonly pending: number
  readonly owner: string
  readonly workers: readonly WorkerView[]
  /** Executors that have no slot. */
  readonly unplaced: number
  readonly components: readonly ComponentView[]
}

/** Latencies are null as long as nothing was measured; a spout's is that of its trees, a bolt's that from `execute` to `ack`. */
export interface ComponentView {
  readonly id: string
  readonly completeLatency?: LatencyView | null
  readonly processLatency?: LatencyView | null
}

export interface LatencyView {
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export interface WorkerView {
  readonly supervisor: string
  readonly host: string
  readonly port: number
  readonly state: string
  readonly reason?: string
  readonly isReady: boolean
  readonly pid?: number
  readonly restarts: number
  readonly executors: number
  readonly uptimeMs?: number
  readonly rssBytes?: number
}

/** Those that are not there yet. Of a topology that is not active it is enough that they run: its components are opened later. */
export function lateWorkers({ status, workers }: TopologyView): readonly WorkerView[] {
  return workers.filter(({ isReady, state }) => !isReady && !(status === 'INACTIVE' && state === 'running'))
}

/** Of a topology by its name or id. */
export function topologyPath(nameOrId: string, verb = ''): string {
  return `/api/v2/topologies/${encodeURIComponent(nameOrId)}${verb === '' ? '' : `/${verb}`}`
}
