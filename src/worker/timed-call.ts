import { StormError } from '../errors.js'
import type { TaskId } from '../executor/tuple.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import { promiseIn } from '../stdx/promise.js'

/** A call at the beginning or end of a component's life. */
export interface LifeCall {
  readonly verb: 'prepare' | 'open' | 'cleanup' | 'close'
  readonly component: string
  readonly task: TaskId
  readonly run: () => unknown
  /** Told at once when the call has ended well; `isLate`: after it was given up. */
  readonly onEnd?: (isLate: boolean) => void
}

export interface TimedCall {
  /** Rejects with PREPARE_FAILED or CLEANUP_FAILED when the call throws, PREPARE_TIMEOUT or CLEANUP_TIMEOUT when it takes longer. */
  readonly ended: Promise<void>
  /** Gives it up: if it has not ended, `ended` rejects with this error. */
  abandon(error: Error): void
}

const beginning = { limitMs: 60_000, late: 'PREPARE_TIMEOUT', failed: 'PREPARE_FAILED' } as const
const end = { limitMs: 3_000, late: 'CLEANUP_TIMEOUT', failed: 'CLEANUP_FAILED' } as const
const stages = { prepare: beginning, open: beginning, cleanup: end, close: end }

/** Makes the call and waits for it, up to its limit: a minute to begin, 3 s to end. */
export function timedCall({ verb, component, task, run, onEnd }: LifeCall, clock: Clock): TimedCall {
  const who = `${verb} of component '${component}', task ${task},`
  const stage = stages[verb]
  let isOver = false
  let abandon: TimedCall['abandon'] = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    const cancel = clock.after(stage.limitMs, () =>
      abandon(new StormError(stage.late, `${who} did not end within ${stage.limitMs / 1_000} s.`)),
    )
    abandon = (error) => {
      isOver = true
      cancel()
      reject(error)
    }
    const finished = () => {
      onEnd?.(isOver)
      isOver = true
      cancel()
      resolve()
    }
    const failed = (thrown: unknown) =>
      abandon(new StormError(stage.failed, `${who} threw: ${describeError(thrown).message}`, { cause: thrown }))
    try {
      const call = promiseIn(run())
      if (call === undefined) finished()
      else call.then(finished, failed)
    } catch (thrown) {
      failed(thrown)
    }
  })
  return { ended, abandon }
}
