// Guards: the loop steps whoever has work, in turn, lets others have theirs, and sleeps when nobody has any.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from 'storm-ts/testing'
import { stepBatch, type Steppable } from '../../src/executor/step.js'
import { Loop } from '../../src/worker/loop.js'

/** A clock on which a step can take its time, and which counts what it is asked for. */
class BusyClock extends VirtualClock {
  readonly asked = { soon: 0, yield: 0, after: 0 }
  spentMs = 0

  override now(): number {
    return super.now() + this.spentMs
  }

  override soon(callback: () => void): void {
    this.asked.soon++
    super.after(0, callback)
  }

  override yield(callback: () => void): void {
    this.asked.yield++
    super.after(1, callback)
  }

  override after(delayMs: number, callback: () => void): () => void {
    this.asked.after++
    return super.after(delayMs, callback)
  }
}

function taskOf(step: (nowMs: number, task: Steppable) => boolean): Steppable {
  const task: Steppable = {
    id: 1,
    queued: false,
    isDeferred: false,
    wakeAtMs: Infinity,
    batch: stepBatch,
    isWaiting: false,
    step: (nowMs) => step(nowMs, task),
  }
  return task
}

describe('loop', () => {
  test('asleep: nothing is stepped, no timer runs', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let steps = 0
    loop.add(taskOf(() => (steps++, false)))
    await clock.advance(1e6)
    expect([steps, clock.asked.after]).toEqual([0, 0])
  })

  test('enqueued, even twice: is stepped once', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let steps = 0
    const task = taskOf(() => (steps++, false))
    loop.add(task)
    for (let i = 0; i < 5; i++) loop.enqueue(task)
    await clock.advance(10)
    expect(steps).toBe(1)
    loop.enqueue(task)
    await clock.advance(10)
    expect(steps).toBe(2)
  })

  test('several with work: in turn, however much each has', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    const order: string[] = []
    for (const name of ['a', 'b', 'c']) {
      let left = 4
      const task = taskOf(() => (order.push(name), --left > 0))
      loop.add(task)
      loop.enqueue(task)
    }
    await clock.advance(10)
    expect(order.join('')).toBe('abcabcabcabc')
  })

  test('enqueued while it is stepped: once more, not twice', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let steps = 0
    const task = taskOf((_, own) => {
      loop.enqueue(own)
      loop.enqueue(own)
      return ++steps < 3
    })
    loop.add(task)
    loop.enqueue(task)
    await clock.advance(0)
    expect(steps).toBeGreaterThan(3)
    expect(task.queued).toBe(true)
  })

  test('enqueued for later, even twice: is stepped once, when those with work now and what they bring are done', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    const order: string[] = []
    const patient = taskOf(() => (order.push('patient'), false))
    const last = taskOf(() => (order.push('last'), false))
    const first = taskOf(() => {
      loop.enqueue(last)
      return order.push('first') < 3
    })
    for (let i = 0; i < 3; i++) loop.enqueueLater(patient)
    await clock.advance(0)
    expect(order).toEqual(['patient'])
    order.length = 0
    const feeder = taskOf(() => {
      for (let i = 0; i < 3; i++) loop.enqueueLater(patient)
      loop.enqueue(first)
      return false
    })
    loop.enqueue(feeder)
    await clock.advance(10)
    expect(order).toEqual(['first', 'last', 'first', 'last', 'patient'])
    expect([patient.queued, patient.isDeferred]).toEqual([false, false])
  })

  test('enqueued for later while others are always busy: is stepped in the next turn', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let turns = 0
    loop.onTurnEnd(() => turns++)
    let stepped: number | undefined
    const patient = taskOf(() => ((stepped ??= turns), false))
    const busy = taskOf(() => (loop.enqueueLater(patient), true))
    loop.enqueue(busy)
    await clock.advance(100)
    expect(stepped).toBe(1)
  })

  test('enqueued for later, then at once: is stepped once', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let steps = 0
    const patient = taskOf(() => (steps++, false))
    const feeder = taskOf(() => {
      loop.enqueueLater(patient)
      loop.enqueue(patient)
      loop.enqueueLater(patient)
      return false
    })
    loop.enqueue(feeder)
    await clock.advance(10)
    expect(steps).toBe(1)
  })

  test('always busy: yields, so that time and others go on', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let steps = 0
    const task = taskOf(() => (steps++, true))
    loop.add(task)
    loop.enqueue(task)
    let timer = 0
    clock.after(5, () => (timer = steps))
    await clock.advance(100)
    expect(clock.asked.yield).toBeGreaterThanOrEqual(99)
    expect(timer).toBeGreaterThan(0)
    expect(timer).toBeLessThan(steps)
  })

  test('wakeAtMs: is stepped then, not before, with the time; the earliest of several first', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    const woken: string[] = []
    for (const [name, atMs] of [
      ['late', 50],
      ['early', 20],
      ['never', Infinity],
    ] as const) {
      const task = taskOf((nowMs, own) => {
        if (nowMs >= own.wakeAtMs) {
          woken.push(`${name} ${nowMs}`)
          own.wakeAtMs = Infinity
        }
        return false
      })
      task.wakeAtMs = atMs
      loop.add(task)
      loop.enqueue(task)
    }
    await clock.advance(100)
    expect(woken).toEqual(['early 20', 'late 50'])
  })

  test('onIdle: told whenever nobody has work, until it is called off', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    let left = 200
    let idle = 0
    const task = taskOf(() => --left > 0)
    loop.add(task)
    loop.enqueue(task)
    const off = loop.onIdle(() => {
      expect(left).toBeLessThanOrEqual(0)
      idle++
    })
    await clock.advance(20)
    expect(idle).toBe(1)
    loop.enqueue(task)
    await clock.advance(20)
    expect(idle).toBe(2)
    off()
    loop.enqueue(task)
    await clock.advance(20)
    expect(idle).toBe(2)
    loop.onIdle(() => idle++)
    await clock.advance(20)
    expect(idle).toBe(3)
  })

  describe('a pause longer than it may be', () => {
    /** A loop that holds after five seconds, with a task that always has work. */
    function pausing() {
      const clock = new BusyClock()
      const loop = new Loop(clock)
      const seen = { steps: 0, turns: 0, pauses: [] as number[], stepMs: 0 }
      loop.pauseMsMax = 5_000
      loop.onPause = (ms) => seen.pauses.push(ms)
      loop.onTurnEnd(() => seen.turns++)
      const task = taskOf(() => {
        seen.steps++
        clock.spentMs += seen.stepMs
        return false
      })
      loop.add(task)
      return { clock, loop, task, seen }
    }

    test('while it slept: nothing is stepped until it is released, and then what has come', async () => {
      const { clock, loop, task, seen } = pausing()
      task.wakeAtMs = 4_000
      loop.enqueue(task)
      await clock.advance(1)
      expect(seen.steps).toBe(1)
      clock.spentMs += 6_000
      loop.seen(clock.now())
      loop.enqueue(task)
      for (let second = 0; second < 10; second++) {
        await clock.advance(1_000)
        loop.seen(clock.now())
      }
      expect(seen).toMatchObject({ steps: 1, turns: 1, pauses: [6_001] })
      task.wakeAtMs = Infinity
      loop.release()
      await clock.advance(1)
      expect(seen.steps).toBe(2)
      loop.release()
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 2, turns: 2 })
    })

    test('in a step: what it has left to send waits, as the turn does not end', async () => {
      const { clock, loop, task, seen } = pausing()
      seen.stepMs = 6_000
      loop.enqueue(task)
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 1, turns: 0, pauses: [6_000] })
      expect(loop.running).toBeUndefined()
      expect(task.batch).toBe(stepBatch / 2)
      loop.release()
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 1, turns: 1 })
    })

    test('before a turn that was asked for: it is found there, and there is one turn, not two', async () => {
      const { clock, loop, task, seen } = pausing()
      loop.enqueue(task)
      clock.spentMs += 6_000
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 0, turns: 0, pauses: [6_000] })
      loop.release()
      await clock.advance(10)
      expect(seen).toMatchObject({ steps: 1, turns: 1 })
      loop.enqueue(task)
      clock.spentMs += 6_000
      loop.seen(clock.now())
      loop.release()
      await clock.advance(10)
      expect(seen).toMatchObject({ steps: 2, turns: 2 })
    })

    test('a second one, before it was released: is told too, and no release that was for the first one counts', async () => {
      const { clock, loop, task, seen } = pausing()
      clock.spentMs += 6_000
      loop.seen(clock.now())
      loop.enqueue(task)
      clock.spentMs += 7_000
      loop.release()
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 0, pauses: [6_000, 7_000] })
      clock.spentMs += 8_000
      loop.seen(clock.now())
      loop.release()
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 1, pauses: [6_000, 7_000, 8_001] })
    })

    test('shorter, or stopped already: nothing is held', async () => {
      const { clock, loop, task, seen } = pausing()
      clock.spentMs += 5_000
      loop.seen(clock.now())
      loop.enqueue(task)
      await clock.advance(1)
      expect(seen.steps).toBe(1)
      loop.stop()
      clock.spentMs += 6_000
      loop.seen(clock.now())
      loop.release()
      loop.enqueue(task)
      await clock.advance(1)
      expect(seen).toMatchObject({ steps: 1, pauses: [] })
    })
  })

  test('stopped in a step: nobody is stepped any more, and no timer is left', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    const steps: string[] = []
    const stopper = taskOf(() => {
      steps.push('stopper')
      loop.stop()
      return true
    })
    const other = taskOf(() => (steps.push('other'), true))
    for (const task of [stopper, other]) {
      task.wakeAtMs = 30
      loop.add(task)
      loop.enqueue(task)
    }
    await clock.advance(100)
    loop.enqueue(other)
    loop.enqueue(stopper)
    await clock.advance(100)
    expect(steps).toEqual(['stopper'])
  })

  test('a task whose steps take long: gets smaller batches, and larger ones when they don’t', async () => {
    const clock = new BusyClock()
    const loop = new Loop(clock)
    const batches: number[] = []
    let stepMs = 20
    const task = taskOf((_, { batch }) => {
      batches.push(batch)
      clock.spentMs += stepMs
      return true
    })
    loop.add(task)
    loop.enqueue(task)
    await clock.advance(12)
    expect(batches.slice(0, 9)).toEqual([256, 128, 64, 32, 16, 8, 4, 2, 1])
    expect(Math.min(...batches)).toBe(1)
    stepMs = 0
    await clock.advance(20)
    expect(batches.at(-1)).toBe(256)
    loop.stop()
  })

  describe('lingering', () => {
    /** A task that waits, asked for `ms`; it has work in those calls that `hasWork` names. */
    async function asked(workMs: number, hasWork: (call: number) => boolean, ms = 100) {
      const clock = new BusyClock()
      const loop = new Loop(clock)
      const calls: { readonly early: boolean; readonly lingers: boolean }[] = []
      const task = taskOf((nowMs, own) => {
        calls.push({ early: nowMs < own.wakeAtMs, lingers: loop.isLingering })
        if (hasWork(calls.length - 1)) {
          clock.spentMs += workMs
          loop.hasFound = true
        }
        own.wakeAtMs = clock.now() + 20
        return false
      })
      task.isWaiting = true
      task.wakeAtMs = 0
      loop.add(task)
      loop.enqueue(task)
      await clock.advance(ms)
      loop.stop()
      return { calls, asked: clock.asked }
    }

    test('after much work: those who wait are asked before their time, until the work is used up', async () => {
      const { calls, asked: of } = await asked(50, (call) => call === 0)
      expect(calls[0]).toEqual({ early: false, lingers: false })
      expect(calls[1]).toEqual({ early: true, lingers: true })
      expect(calls.slice(2).every(({ early, lingers }) => !early && !lingers)).toBe(true)
      expect(of.yield).toBe(1)
    })

    test('while there is work: it never sleeps', async () => {
      const { calls, asked: of } = await asked(5, () => true)
      expect(calls.length).toBeGreaterThan(40)
      expect(calls.slice(1).every(({ early }) => early)).toBe(true)
      expect(of.after).toBe(0)
    })

    test('little work: it sleeps as ever', async () => {
      const { calls } = await asked(0.1, () => true)
      // The first may be asked again at once: nothing is known of the load then.
      expect(calls.filter(({ early }) => early).length).toBeLessThanOrEqual(1)
      expect(calls.length).toBeLessThanOrEqual(7)
    })

    test('nobody waits: it sleeps, however much there was to do', async () => {
      const clock = new BusyClock()
      const loop = new Loop(clock)
      const task = taskOf(() => ((clock.spentMs += 50), false))
      loop.add(task)
      loop.enqueue(task)
      await clock.advance(100)
      expect([clock.asked.yield, loop.isLingering]).toEqual([0, false])
    })
  })
})
