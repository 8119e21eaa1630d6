/** The public door of storm-ts. */
export { InvalidTopologyError, StormError, type ErrorCode, type Problem } from './errors.js'
export { TopologyBuilder } from './topology/builder.js'
export {
  BasicBolt,
  basicBolt,
  type BasicCollector,
  type Bolt,
  type CustomGrouping,
  type FailReason,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type TaskHook,
  type TopologyContext,
} from './topology/component.js'
export { stream, t, type FieldType, type Stream, type Streams, type ValuesOf } from './topology/stream.js'
export type { BoltHandle, Source, SpoutHandle } from './topology/handle.js'
export type { Tuple } from './topology/tuple.js'
export type { Topology, TopologyModule } from './topology/topology.js'
export type { TopologyOptions } from './topology/options.js'
export { LocalCluster, type LocalClusterOptions, type SubmitOptions } from './local/local-cluster.js'
export type { RunningTopology } from './local/running-topology.js'
export type { ComponentMetrics, TopologyMetrics } from './local/metrics.js'
export type { LogSink } from './executor/reports.js'
export type { Clock } from './stdx/clock.js'
export { fileSpout } from './spouts/file-spout.js'
export { listSpout } from './spouts/list-spout.js'
