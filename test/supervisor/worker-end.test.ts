// Guards: a worker that stood still is told of with the task that held it up.
import { expect, test } from 'vitest'
import { failureOfEnd } from '../../src/supervisor/worker-end.js'

const said = "hello\nEVENT_LOOP_BLOCKED: component 'slow', task 3, holds up this worker for 2005 ms.\n"

test('worker end: killed as its loop stood still: the watchdog names the task', () => {
  const failure = failureOfEnd(
    { exitCode: undefined, signal: 'SIGKILL', said },
    { error: undefined, rssBytes: undefined },
  )
  expect(failure).toMatchObject({
    code: 'WORKER_KILLED',
    heldUpBy: "component 'slow', task 3, holds up this worker for 2005 ms.",
  })
})

test('worker end: killed by somebody else: nothing is said of a loop', () => {
  const failure = failureOfEnd(
    { exitCode: undefined, signal: 'SIGKILL', said: 'hello\n' },
    { error: undefined, rssBytes: undefined },
  )
  expect(failure).not.toHaveProperty('heldUpBy')
})
