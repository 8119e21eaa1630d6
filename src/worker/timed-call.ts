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

const limitMs = { prepare: 60_000, open: 60_000, cleanup: 3_000, close: 3_000 }

/** Makes the call and waits for it, up to its limit: a minute to begin, 3 s to end. */
export function timedCall({ verb, component, task, run, onEnd }: LifeCall, clock: Clock): TimedCall {
  const who = `${verb} of component '${component}', task ${task},`
  const stage = verb === 'prepare' || verb === 'open' ? 'PREPARE' : 'CLEANUP'
  let isOver = false
  let abandon: TimedCall['abandon'] = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    const cancel = clock.after(limitMs[verb], () =>
      abandon(new StormError(`${stage}_TIMEOUT`, `${who} did not end within ${limitMs[verb] / 1_000} s.`)),
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
      abandon(new StormError(`${stage}_FAILED`, `${who} threw: ${describeError(thrown).message}`, { cause: thrown }))
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
