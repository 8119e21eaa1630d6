// Guards: virtual time: what is due happens in order, at its time, and an hour takes as long as its work.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from 'storm-ts/testing'

describe('virtual clock', () => {
  test('what is due: runs in order of time, then of asking, at its very time', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`)
    clock.after(30, note('c'))
    clock.after(10, note('a'))
    clock.after(10, note('b'))
    clock.after(10.5, note('between'))
    clock.soon(note('soon'))
    clock.yield(note('yield'))
    clock.after(0, note('zero'))
    clock.after(-5, note('negative'))
    clock.after(NaN, note('not a number'))
    expect(ran).toEqual([])
    await clock.advance(30)
    expect(ran).toEqual([
      'soon at 0',
      'zero at 0',
      'negative at 0',
      'not a number at 0',
      'yield at 1',
      'a at 10',
      'b at 10',
      'between at 10.5',
      'c at 30',
    ])
    expect([clock.now(), clock.wall()]).toEqual([30, 30])
  })

  test('not due yet: stays until it is', async () => {
    const clock = new VirtualClock()
    let ran = 0
    clock.after(10, () => ran++)
    await clock.advance(9.999)
    expect(ran).toBe(0)
    await clock.advance(0.001)
    expect(ran).toBe(1)
  })

  test('called off: never runs, also when it is called off at its time', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    const cancel = clock.after(10, () => void ran.push('first'))
    const later = clock.after(10, () => void ran.push('second'))
    clock.after(5, cancel)
    clock.after(10, () => void ran.push('third'))
    clock.after(9, later)
    await clock.advance(100)
    expect(ran).toEqual(['third'])
    cancel()
  })

  test('called off by the hundred thousand, far ahead: nothing of them stays', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    for (let i = 0; i < 200_000; i++) clock.after(1e9 + (i % 7), () => void ran.push('off'))()
    clock.after(5e8, () => void ran.push('on'))
    for (let i = 0; i < 5_000; i++) clock.after(1e9, () => void ran.push('off'))()
    await clock.advance(2e9)
    expect(ran).toEqual(['on'])
  })

  test('asked for while running: in the same move, when due within it', async () => {
    const clock = new VirtualClock()
    const ran: number[] = []
    const again = () => {
      ran.push(clock.now())
      clock.after(10, again)
    }
    clock.after(10, again)
    await clock.advance(35)
    expect(ran).toEqual([10, 20, 30])
    expect(clock.now()).toBe(35)
    await clock.advance(5)
    expect(ran).toEqual([10, 20, 30, 40])
  })

  test('promises: what follows a promise runs before time goes on', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    const walk = async (name: string, ms: number) => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(ms)
        await Promise.resolve()
        await Promise.resolve()
        ran.push(`${name} ${clock.now()}`)
      }
    }
    void walk('slow', 10)
    void walk('quick', 4)
    await clock.advance(30)
    expect(ran).toEqual(['quick 4', 'quick 8', 'slow 10', 'quick 12', 'slow 20', 'slow 30'])
  })

  test('moves asked for at once: happen one after another', async () => {
    const clock = new VirtualClock()
    const at: number[] = []
    await Promise.all([5, 10, 15].map((ms) => clock.advance(ms).then(() => at.push(clock.now()))))
    expect(at).toEqual([5, 15, 30])
  })

  test.each([-1, NaN, Infinity, '5', undefined])('advance by %s: is refused, and time stands', async (ms) => {
    const clock = new VirtualClock()
    await clock.advance(7)
    await expect(clock.advance(ms as number)).rejects.toThrow('milliseconds from 0')
    expect(clock.now()).toBe(7)
  })

  test('a callback that throws: the move throws it, and the clock goes on afterwards', async () => {
    const clock = new VirtualClock()
    let ran = false
    clock.after(10, () => {
      throw new Error('broken')
    })
    clock.after(20, () => (ran = true))
    await expect(clock.advance(100)).rejects.toThrow('broken')
    await clock.advance(100)
    expect(ran).toBe(true)
  })

  test('until: gives what the promise comes to, as soon as it does', async () => {
    const clock = new VirtualClock()
    expect(await clock.until(clock.sleep(1_234).then(() => 'done'))).toBe('done')
    expect(clock.now()).toBe(1_234)
    expect(await clock.until(Promise.resolve(7))).toBe(7)
    expect(clock.now()).toBe(1_234)
    const failing = clock.sleep(10).then(() => Promise.reject(new Error('no')))
    await expect(clock.until(failing)).rejects.toThrow('no')
  })

  test('until: NOT_SETTLED after the limit, and 5 minutes without one', async () => {
    const clock = new VirtualClock()
    const tick = (): void => void clock.after(1_000, tick)
    tick()
    const never = new Promise<void>(() => {})
    await expect(clock.until(never, 10_000)).rejects.toMatchObject({
      code: 'NOT_SETTLED',
      message: 'What was waited for has not come about after 10000 ms of virtual time.',
    })
    expect(clock.now()).toBeLessThanOrEqual(10_000)
    await expect(clock.until(never)).rejects.toMatchObject({ code: 'NOT_SETTLED' })
    expect(clock.now()).toBeGreaterThan(290_000)
  })

  test('until: waits for what real I/O brings about', async () => {
    const clock = new VirtualClock()
    const { readFile } = await import('node:fs/promises')
    const text = await clock.until(readFile(new URL(import.meta.url), 'utf8'))
    expect(text).toContain('virtual clock')
    expect(clock.now()).toBe(0)
  })

  test('an hour: takes no time but that of its work', async () => {
    const clock = new VirtualClock()
    let minutes = 0
    const tick = (): void => void clock.after(60_000, () => (minutes++, tick()))
    tick()
    await clock.advance(3_600_000)
    expect(minutes).toBe(60)
  })
})
