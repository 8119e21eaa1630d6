import { StormError } from '../errors.js'
import type { RunningTopology } from '../local/running-topology.js'
import { systemClock } from '../stdx/system-clock.js'
import type { VirtualClock } from './virtual-clock.js'

export interface TrackedWaitOptions {
  /** Moved on while waiting, if the topology runs on it; otherwise real time passes. */
  readonly clock?: VirtualClock
  /** On that clock; 5,000. */
  readonly timeoutMs?: number
}

/**
 * Waits until the spouts have emitted `emitted` tuples in all and every tuple sent to a task has been executed: for
 * topologies whose spouts are never exhausted. Throws NOT_SETTLED, with the counts, when that takes longer.
 */
export async function trackedWait(
  run: RunningTopology,
  emitted: number,
  options: TrackedWaitOptions = {},
): Promise<void> {
  const { clock, timeoutMs = 5_000 } = options
  const time = clock ?? systemClock()
  const startMs = time.now()
  for (;;) {
    const counts = tracked(run)
    if (counts.emitted >= emitted && counts.transferred === counts.executed && counts.open === 0) return
    if (time.now() - startMs >= timeoutMs) {
      throw new StormError(
        'NOT_SETTLED',
        `After ${timeoutMs} ms the spouts of '${run.name}' have emitted ${counts.emitted} of ${emitted} tuples, and ${counts.executed - counts.open} of ${counts.transferred} tuples sent are executed.`,
      )
    }
    if (clock !== undefined) await clock.advance(1)
    else await new Promise<void>((resolve) => time.after(1, resolve))
  }
}

function tracked(run: RunningTopology): { emitted: number; transferred: number; executed: number; open: number } {
  const { components } = run.metrics()
  const sums = { emitted: 0, transferred: 0, executed: 0, open: 0 }
  for (const { emitted, transferred, executed, open, isSpout } of Object.values(components)) {
    if (isSpout) sums.emitted += emitted
    sums.transferred += transferred
    sums.executed += executed
    sums.open += open
  }
  return sums
}
