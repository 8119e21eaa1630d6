/** `storm-ts/testing`: topologies under virtual time; no port, file or sleep. */
export { capture, type Capture } from './capture.js'
export { completeTopology, type Completed, type CompleteOptions } from './complete-topology.js'
export { feeder, type Feeder } from './feeder.js'
export { SimulatedCluster, type SimulatedClusterOptions } from './simulated-cluster.js'
export { trackedWait, type TrackedWaitOptions } from './tracked-wait.js'
export { virtualCluster, type VirtualClusterOptions } from './virtual-cluster.js'
export { VirtualClock } from './virtual-clock.js'
