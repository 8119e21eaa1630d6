import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import type { TaskId } from '../executor/tuple.js'

/** A call at the beginning or end of a component's life. */
export interface LifeCall {
  readonly verb: 'prepare' | 'open' | 'cleanup' | 'close'
  readonly component: string
  readonly task: TaskId
  readonly run: () => void | Promise<void> | undefined
}

const limitMs = { prepare: 60_000, open: 60_000, cleanup: 3_000, close: 3_000 }

/**
 * Makes the call and waits for it, up to its limit: a minute to begin, 3 s to end. Rejects with PREPARE_FAILED or
 * CLEANUP_FAILED when it throws, PREPARE_TIMEOUT or CLEANUP_TIMEOUT when it takes longer.
 */
export function timedCall({ verb, component, task, run }: LifeCall, clock: Clock): Promise<void> {
  const who = `${verb} of component '${component}', task ${task},`
  const stage = verb === 'prepare' || verb === 'open' ? 'PREPARE' : 'CLEANUP'
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs[verb], () =>
      reject(new StormError(`${stage}_TIMEOUT`, `${who} did not end within ${limitMs[verb] / 1_000} s.`)),
    )
    const failed = (thrown: unknown) => {
      cancel()
      reject(new StormError(`${stage}_FAILED`, `${who} threw: ${describeError(thrown).message}`, { cause: thrown }))
    }
    const ended = () => {
      cancel()
      resolve()
    }
    try {
      const result = run()
      if (result === undefined) ended()
      else result.then(ended, failed)
    } catch (thrown) {
      failed(thrown)
    }
  })
}
