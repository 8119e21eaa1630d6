/** What of `/api/v1` the verbs show; fields are Storm UI's, with the same meanings. */
export interface StormSummary {
  readonly topologies: readonly StormTopology[]
}

export interface StormTopology {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly owner: string
  readonly uptime: string
  readonly uptimeSeconds: number
  readonly tasksTotal: number
  readonly workersTotal: number
  readonly executorsTotal: number
}

export interface StormDetail extends StormTopology {
  readonly spouts: readonly StormSpout[]
  readonly bolts: readonly StormBolt[]
  readonly workers: readonly { readonly host: string; readonly port: number }[]
}

interface StormComponent {
  readonly executors: number
  readonly tasks: number
  readonly emitted: number
  readonly transferred: number
  readonly acked: number
  readonly failed: number
  readonly lastError?: string
}

export interface StormSpout extends StormComponent {
  readonly spoutId: string
  readonly completeLatency: string | number
}

export interface StormBolt extends StormComponent {
  readonly boltId: string
  readonly executed: number
  readonly executeLatency: string | number
  readonly processLatency: string | number
  readonly capacity: string | number
}

/** A component's page. */
export interface StormComponentDetail {
  readonly outputStats: readonly { readonly stream: string; readonly emitted: number; readonly transferred: number }[]
}
