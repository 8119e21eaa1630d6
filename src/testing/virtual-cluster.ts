import type { LogSink } from '../executor/reports.js'
import { LocalCluster } from '../local/local-cluster.js'
import { codecHop } from './codec-hop.js'
import { VirtualClock } from './virtual-clock.js'

export interface VirtualClusterOptions {
  /** Of every random choice; 0. */
  readonly seed?: number
  /** Where warnings and errors go; the console. */
  readonly log?: LogSink
  /**
   * Every tuple is encoded and decoded on its way, as between two worker processes: a value that cannot be sent throws
   * from `emit`. False: a values object is handed on as it is.
   */
  readonly serialize?: boolean
}

/** A cluster on virtual time: nothing runs but while its clock is moved. */
export function virtualCluster(options: VirtualClusterOptions = {}): { cluster: LocalCluster; clock: VirtualClock } {
  const { seed = 0, log, serialize = false } = options
  const clock = new VirtualClock()
  const given = { ...(log === undefined ? {} : { log }), ...(serialize ? { hop: codecHop } : {}) }
  return { cluster: new LocalCluster({ clock, seed, ...given }), clock }
}
