// Guards "the tuples that a task sits on are all known, the oldest is told of, and none is remembered for ever".
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeptTuples } from '../../src/executor/kept-tuples.js'
import { TaskTuple, TupleState, type Lane } from '../../src/executor/tuple.js'

const timeoutMs = 1_000

function kept() {
  const warnings: string[] = []
  const reports = { warn: (_: string, __: string, ___: number, text: string) => void warnings.push(text) }
  const parts = { task: 1, component: 'sink', messageTimeoutMs: timeoutMs, reports: reports as never }
  return { warnings, tuples: new KeptTuples(parts) }
}

const tupleOf = (n: number) => new TaskTuple({ n }, { component: 'source' } as Lane, 1, 0, n, 0, n, 0)

test('kept tuples: left, opened, closed and decided in any order: as many as there are, and a warning of the oldest', () => {
  const action = fc.record({
    verb: fc.constantFrom('left', 'left', 'open', 'close', 'decide', 'decide', 'watch'),
    which: fc.nat(200),
    afterMs: fc.nat(30),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400, size: 'max' }), (actions) => {
      const { tuples, warnings } = kept()
      const left = new Map<TaskTuple, number>()
      const open = new Map<TaskTuple, number>()
      let nowMs = 0
      actions.forEach(({ verb, which, afterMs }, n) => {
        nowMs += afterMs
        const [pick] = [...(verb === 'close' ? open : left).keys()].slice(which % Math.max(1, left.size + open.size))
        if (verb === 'left') {
          const tuple = tupleOf(n)
          tuples.left(tuple, nowMs)
          left.set(tuple, nowMs)
        } else if (verb === 'open') {
          const tuple = tupleOf(n)
          tuples.opened(tuple, nowMs)
          open.set(tuple, nowMs)
        } else if (verb === 'close' && pick !== undefined) {
          tuples.closed(pick, false)
          open.delete(pick)
        } else if (verb === 'decide' && pick !== undefined) {
          pick.state = TupleState.acked
          tuples.dropDecided()
          left.delete(pick)
        } else if (verb === 'watch') {
          const before = warnings.length
          tuples.watch(nowMs)
          for (const [tuple, sinceMs] of left) if (nowMs - sinceMs >= 2 * timeoutMs) left.delete(tuple)
          const oldestMs = Math.min(...left.values(), ...open.values())
          expect(warnings.length - before).toBe(nowMs - oldestMs >= 0.8 * timeoutMs ? 1 : 0)
        }
        expect(tuples.size).toBe(left.size + open.size)
        if (left.size + open.size > 0) expect(tuples.isEmpty).toBe(false)
      })
    }),
  )
})

test('kept tuples: one that is forgotten: the one behind it, which is acked, is not told of', () => {
  const { tuples, warnings } = kept()
  tuples.left(tupleOf(1), 0)
  const acked = tupleOf(2)
  tuples.left(acked, 500)
  acked.state = TupleState.acked
  tuples.dropDecided()
  expect(tuples.watch(2_000)).toBe(Infinity)
  expect(warnings).toEqual([])
  expect(tuples.isEmpty).toBe(true)
})

test('kept tuples: one that is never decided does not keep those after it', async () => {
  const { tuples } = kept()
  const first = tupleOf(0)
  tuples.left(first, 0)
  const later: WeakRef<TaskTuple>[] = []
  for (let n = 1; n <= 1_000; n++) {
    const tuple = tupleOf(n)
    later.push(new WeakRef(tuple))
    tuples.left(tuple, n)
    tuple.state = TupleState.acked
    tuples.dropDecided()
  }
  // A weak reference holds what it refers to until the present job is over.
  await new Promise((resolve) => setTimeout(resolve))
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  expect(later.filter((reference) => reference.deref() !== undefined).length).toBeLessThanOrEqual(16)
  expect(tuples.size).toBe(1)
  first.state = TupleState.acked
  tuples.dropDecided()
  expect(tuples.isEmpty).toBe(true)
})
