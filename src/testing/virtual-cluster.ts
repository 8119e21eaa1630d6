import type { LogSink } from '../executor/reports.js'
import { LocalCluster } from '../local/local-cluster.js'
import { VirtualClock } from './virtual-clock.js'

export interface VirtualClusterOptions {
  /** Of every random choice; 0. */
  readonly seed?: number
  /** Where warnings and errors go; the console. */
  readonly log?: LogSink
}

/** A cluster on virtual time: nothing runs but while its clock is moved. */
export function virtualCluster(options: VirtualClusterOptions = {}): { cluster: LocalCluster; clock: VirtualClock } {
  const { seed = 0, log } = options
  const clock = new VirtualClock()
  return { cluster: new LocalCluster({ clock, seed, ...(log === undefined ? {} : { log }) }), clock }
}
