// Guards: what a peer sends for a task that is not here is dropped and counted, never handed to another.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AckerTask } from '../../src/executor/acker-task.js'
import type { BoltTask } from '../../src/executor/bolt-task.js'
import { InputCounters } from '../../src/executor/stats.js'
import type { TaskTuple } from '../../src/executor/tuple.js'
import type { WireStream } from '../../src/wire/streams.js'
import { Inbound } from '../../src/worker/inbound.js'
import { Transfer } from '../../src/worker/transfer.js'

const streams: WireStream[] = [{ number: 0, component: 'spout', stream: 'default', fields: ['n'] }]
/** Task 3 is an acker that is here, task 4 one that is elsewhere. */
const ackers = [3, 4]
const taskCount = 4

const anyInt = fc.oneof(fc.integer({ min: -3, max: 6 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 65_536))
const call = fc.record({
  kind: fc.constantFrom('tuple', 'init', 'ack', 'fail', 'reset timeout', 'verdict', 'timeout reset'),
  /** A task, a place among the ackers, a stream. */
  whose: anyInt,
  other: anyInt,
})

test('inbound: tasks that are not here, are no such thing, or are negative: dropped and counted', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 50 }), (calls) => {
      const transfer = new Transfer()
      const acker = new AckerTask(3, 1_000, 30_000, 0, () => undefined)
      transfer.addAcker(acker)
      const granted: number[] = []
      const topology = { streams, ackers, taskCount }
      const inbound = new Inbound(transfer, topology, (task) => granted.push(task))
      let forAcker = 0
      calls.forEach(({ kind, whose, other }, i) => {
        // A peer that is behind, or damaged, or no friend: a spout or a reason that cannot be.
        const isSound =
          { init: other >= 1 && other <= taskCount, fail: other >= 1 && other <= 15 }[kind as string] ?? true
        const isHere = ackers[whose] === 3 && isSound
        const root = i + 1
        if (kind === 'tuple') inbound.tuple(other, whose, whose, { n: 1 }, 0, root, 1, 1, 1, null)
        else if (kind === 'init') inbound.init(whose, root, 1, 5, 5, other, other)
        else if (kind === 'ack') inbound.ack(whose, root, 1, 5, 5)
        else if (kind === 'fail') inbound.fail(whose, root, 1, other)
        else if (kind === 'reset timeout') inbound.resetTimeout(whose, root, 1)
        else if (kind === 'verdict') inbound.verdict(whose, other, root, 1, 0)
        else inbound.timeoutReset(whose, other, root, 1)
        if (isHere && ['init', 'ack', 'fail', 'reset timeout'].includes(kind)) forAcker++
      })
      expect([acker.executed, inbound.misdirected, granted]).toEqual([forAcker, calls.length - forAcker, []])
    }),
    { numRuns: 2_000 },
  )
})

test('inbound: a tuple of an acker that there is not, in its first tree or a further one: dropped and counted', () => {
  const transfer = new Transfer()
  const arrived: unknown[] = []
  const inbox = { push: (tuple: TaskTuple) => void arrived.push(tuple.values) }
  const bolt = { id: 2, inbox, inboxLimit: 8, input: () => new InputCounters('spout', 'default') }
  transfer.addBolt(bolt as unknown as BoltTask)
  const inbound = new Inbound(transfer, { streams, ackers, taskCount }, () => undefined)
  const send = (n: number, acker: number, more: number[] | null) =>
    inbound.tuple(1, 0, 2, { n }, acker, 1, 1, 1, 1, more)
  send(1, 0, null)
  send(2, -1, null)
  send(3, 1, [0, 1, 1, 1, 1, 1, 2, 2, 2, 2])
  for (const acker of [2, -2, 9_999, 2 ** 31 - 1]) {
    send(4, acker, null)
    send(5, 0, [0, 1, 1, 1, 1, acker, 1, 1, 1, 1])
  }
  send(6, 0, [-1, 1, 1, 1, 1])
  expect([arrived, inbound.misdirected]).toEqual([[{ n: 1 }, { n: 2 }, { n: 3 }], 9])
})
