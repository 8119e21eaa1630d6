// Guards what a spout is promised of its messages: one end for each, and a timeout of T within T to 1.1 T, never early.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpoutPending } from '../../src/acker/pending.js'

const timeoutMs = 1000

/** A message of the plain model. */
interface Held {
  readonly id: unknown
  readonly slot: number
  readonly root: number
  /** Order of last touch. */
  touched: number
  touchedAtMs: number
  /** The first reading at which its epoch is surely closed. */
  closedByMs: number
}

type Call =
  | { readonly kind: 'add'; readonly id: unknown }
  | { readonly kind: 'take' | 'reset' | 'late' | 'wrong slot' | 'wrong root'; readonly which: number }
  | { readonly kind: 'take any' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'turn' }

const which = fc.nat(100)
const calls = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('add' as const),
        id: fc.oneof(fc.nat(30), fc.constantFrom<unknown>('a', '1', NaN, -0, 1.5, 1n)),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'take' as const,
          'take' as const,
          'reset' as const,
          'late' as const,
          'wrong slot' as const,
          'wrong root' as const,
        ),
        which,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('take any' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        ms: fc.constantFrom(0, 0.5, 10, 15.625, 16, 100, 500, 990, 1000, 2500),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  ),
  { maxLength: 100 },
)

/** Runs the calls on both; the first sentence about what differs, or undefined. */
function difference(calls: readonly Call[]): string | undefined {
  const pending = new SpoutPending<unknown>(timeoutMs)
  const held = new Map<unknown, Held>()
  const gone: Held[] = []
  let nowMs = -5000
  let order = 0
  let roots = 0

  const touch = (message: Held) => {
    message.touched = order++
    message.touchedAtMs = nowMs
    message.closedByMs = Infinity
  }
  const drop = (message: Held) => {
    held.delete(message.id)
    gone.push(message)
  }
  const oldest = () => [...held.values()].sort((a, b) => a.touched - b.touched)[0]
  const pick = (index: number) => [...held.values()][index % held.size]

  for (const call of calls) {
    if (call.kind === 'wait') nowMs += call.ms
    else if (call.kind === 'add') {
      const root = ++roots
      const slot = pending.add(root, ~root, call.id)
      if ((slot === -1) !== held.has(call.id))
        return `id ${String(call.id)} was ${slot === -1 ? 'refused' : 'taken'} wrongly`
      if (slot === -1) continue
      if (slot < 1 || [...held.values()].some((other) => other.slot === slot)) return `slot ${slot} is in use`
      const message: Held = { id: call.id === 0 ? 0 : call.id, slot, root, touched: 0, touchedAtMs: 0, closedByMs: 0 }
      touch(message)
      held.set(message.id, message)
    } else if (call.kind === 'turn') {
      pending.advance(nowMs)
      for (const message of held.values()) {
        if (nowMs >= message.touchedAtMs + timeoutMs / 64) message.closedByMs = Math.min(message.closedByMs, nowMs)
      }
      while (pending.expire(nowMs)) {
        const first = oldest()
        if (first === undefined || !Object.is(pending.id === 0 ? 0 : pending.id, first.id))
          return `expired ${String(pending.id)} out of order`
        if (pending.slot !== first.slot) return `expired slot ${pending.slot}, not ${first.slot}`
        if (nowMs < first.touchedAtMs + timeoutMs) return `${String(first.id)} expired early`
        drop(first)
      }
      for (const message of held.values()) {
        if (nowMs >= message.closedByMs + timeoutMs) return `${String(message.id)} did not expire`
      }
    } else if (call.kind === 'take any') {
      const first = oldest()
      if (pending.takeAny() !== (first !== undefined)) return 'takeAny'
      if (first === undefined) continue
      if (pending.slot !== first.slot) return `took slot ${pending.slot}, not the oldest`
      drop(first)
    } else if (call.kind === 'late') {
      const old = gone[call.which % gone.length]
      if (old === undefined) continue
      if (pending.take(old.slot, old.root, ~old.root) || pending.resetTimeout(old.slot, old.root, ~old.root))
        return 'a late verdict counted'
    } else {
      const message = pick(call.which)
      if (message === undefined) continue
      const { slot, root } = message
      if (call.kind === 'wrong slot') {
        for (const other of [slot + 1, -slot, 0, -1, 1e6])
          if (pending.take(other, root, ~root)) return 'a wrong slot counted'
      } else if (call.kind === 'wrong root') {
        if (pending.take(slot, root, root) || pending.take(slot, 0, 0) || pending.resetTimeout(slot, ~root, ~root))
          return 'a wrong root counted'
      } else if (call.kind === 'reset') {
        if (!pending.resetTimeout(slot, root, ~root)) return 'a reset did not count'
        touch(message)
      } else {
        if (!pending.take(slot, root, ~root)) return 'a verdict did not count'
        if (!Object.is(pending.id === 0 ? 0 : pending.id, message.id) || pending.slot !== slot)
          return `took ${String(pending.id)}`
        drop(message)
      }
    }
    if (pending.size !== held.size) return `size is ${pending.size}, not ${held.size}`
    if (held.size === 0 && pending.nextDueMs() !== Infinity) return 'due with nothing pending'
  }
  return undefined
}

test('pending: any calls: contents, order and timeouts are those of a Map with a clock', () => {
  fc.assert(
    fc.property(calls, (list) => {
      expect(difference(list)).toBeUndefined()
    }),
    { numRuns: 10_000 },
  )
})

/**
 * How long messages live in a loop that turns after each gap, or as soon as something is due if `wakes`; each turn adds what
 * `adds` says. Rounded to microseconds, as times with fractions are inexact far behind the point.
 */
function lives(gapsMs: readonly number[], adds: readonly number[], wakes: boolean): number[] {
  const pending = new SpoutPending<number>(timeoutMs)
  const addedAtMs: number[] = []
  const lives: number[] = []
  let nowMs = 123.25
  for (let turn = 0; turn < gapsMs.length || pending.size > 0; turn++) {
    pending.advance(nowMs)
    while (pending.expire(nowMs))
      lives.push(Math.round((nowMs - (addedAtMs[pending.id as number] as number)) * 1000) / 1000)
    if (turn < gapsMs.length) {
      for (let count = adds[turn % adds.length] as number; count > 0; count--) {
        // The clock goes on while the turn runs; what it adds is added later than it read.
        nowMs += 0.125
        const id = addedAtMs.push(nowMs) - 1
        pending.add(id + 1, 1, id)
      }
    }
    const gapMs = gapsMs[turn % gapsMs.length] as number
    nowMs = wakes ? Math.max(nowMs, Math.min(nowMs + gapMs, pending.nextDueMs())) : nowMs + gapMs
  }
  return lives
}

const adds = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 })
const gaps = (maxMs: number, count = 40) =>
  fc.array(fc.double({ min: 0.25, max: maxMs, noNaN: true }), { minLength: 1, maxLength: count })

describe('pending: a timeout of T', () => {
  test('fires within T to 1.1 T when the loop turns each T/20 and when something is due', () => {
    fc.assert(
      fc.property(gaps(timeoutMs / 20), adds, (gapsMs, adds) => {
        return lives(gapsMs, adds, true).every((ms) => ms >= timeoutMs && ms <= 1.1 * timeoutMs)
      }),
      { numRuns: 10_000 },
    )
  })

  test('fires within T to 1.1 T when the loop turns each T/25, whatever is due', () => {
    fc.assert(
      fc.property(gaps(timeoutMs / 25), adds, (gapsMs, adds) => {
        return lives(gapsMs, adds, false).every((ms) => ms >= timeoutMs && ms <= 1.1 * timeoutMs)
      }),
      { numRuns: 10_000 },
    )
  })

  test('fires within T to 1.02 T when the loop sleeps until something is due', () => {
    fc.assert(
      fc.property(gaps(1e6, 10), adds, (gapsMs, adds) => {
        return lives(gapsMs, adds, true).every((ms) => ms >= timeoutMs && ms <= 1.02 * timeoutMs)
      }),
      { numRuns: 10_000 },
    )
  })

  test('is never early, however long a turn blocks', () => {
    fc.assert(
      fc.property(gaps(20 * timeoutMs), adds, (gapsMs, adds) => {
        return lives(gapsMs, adds, false).every((ms) => ms >= timeoutMs)
      }),
      { numRuns: 10_000 },
    )
  })

  test('of Infinity never fires and is never due', () => {
    const pending = new SpoutPending<number>(Infinity)
    pending.add(1, 1, 1)
    pending.advance(0)
    expect(pending.nextDueMs()).toBe(Infinity)
    pending.advance(1e15)
    expect(pending.expire(1e15)).toBe(false)
  })

  test('begins anew with a reset', () => {
    const pending = new SpoutPending<string>(timeoutMs)
    const slot = pending.add(1, 1, 'reset')
    pending.add(2, 2, 'other')
    pending.advance(0)
    pending.resetTimeout(slot, 1, 1)
    pending.advance(500)
    expect([pending.expire(1000), pending.id, pending.expire(1499)]).toEqual([true, 'other', false])
    expect([pending.expire(1500), pending.id, pending.size]).toEqual([true, 'reset', 0])
  })

  test('fires after years of turns, when the epochs have come round', () => {
    const pending = new SpoutPending<number>(timeoutMs)
    pending.add(1, 1, 1)
    for (let turn = 0; turn < 1000; turn++) pending.advance(turn * 1e6)
    expect([pending.nextDueMs(), pending.expire(0), pending.id]).toEqual([-Infinity, true, 1])
  })
})

test('pending: thousands at once: all are taken, in the order of last touch', () => {
  const pending = new SpoutPending<number>(timeoutMs)
  const slots: number[] = []
  for (let id = 0; id < 10_000; id++) slots.push(pending.add(id, -id, id))
  for (let id = 0; id < 10_000; id += 3) expect(pending.take(slots[id] as number, id, -id)).toBe(true)
  for (let id = 1; id < 10_000; id += 3) expect(pending.resetTimeout(slots[id] as number, id, -id)).toBe(true)
  const taken: number[] = []
  while (pending.takeAny()) taken.push(pending.id as number)
  const rest = (first: number) => Array.from({ length: 3333 }, (_, i) => first + 3 * i)
  expect(taken).toEqual([...rest(2), ...rest(1)])
  expect(pending.size).toBe(0)
})

test('pending: an id that was taken: is not kept in memory', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const pending = new SpoutPending<object>(timeoutMs)
  const references = Array.from({ length: 100 }, (_, i) => {
    const id = { i }
    const slot = pending.add(i, i, id)
    if (i % 2 === 0) pending.take(slot, i, i)
    return new WeakRef(id)
  })
  while (pending.takeAny());
  pending.add(1, 1, {})
  pending.takeAny()
  // References that were read in this turn hold until it ends.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(references.filter((reference) => reference.deref() !== undefined)).toEqual([])
})
