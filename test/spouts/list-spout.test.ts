// Guards: "listSpout divides its input among its tasks by position, replays what fails, and tells its end".
import { describe, expect, test } from 'vitest'
import { listSpout } from '../../src/spouts/list-spout.js'
import { stream, t } from '../../src/topology/stream.js'
import { Driven } from './driven.js'

const Numbers = stream({ n: t.number })
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

describe('listSpout', () => {
  test('listSpout: order: values of one task in order, position as id, then exhausted', async () => {
    const spout = new Driven<{ n: number }>(listSpout(Numbers, numbers(4)))
    expect(await spout.drain()).toEqual(numbers(4).map((values, id) => ({ values, id })))
    expect(spout.promises).toBe(0)
  })

  test.each([1, 2, 3, 7, 12])('listSpout: division: each value to one of %i tasks, by position', async (taskCount) => {
    const create = listSpout(Numbers, new Set(numbers(10)))
    for (let taskIndex = 0; taskIndex < taskCount; taskIndex++) {
      const emitted = await new Driven<{ n: number }>(create, { taskIndex, taskCount }).drain()
      expect(emitted.map(({ id }) => id)).toEqual(
        numbers(10)
          .map(({ n }) => n)
          .filter((n) => n % taskCount === taskIndex),
      )
      expect(emitted.every(({ values, id }) => values.n === id)).toBe(true)
    }
  })

  test('listSpout: replay: what failed comes before new values, first failed first', () => {
    const spout = new Driven<{ n: number }>(listSpout(Numbers, numbers(5)))
    for (let i = 0; i < 3; i++) void spout.next()
    spout.fail(2)
    spout.fail(0)
    for (let i = 0; i < 4; i++) void spout.next()
    expect(spout.emitted.map(({ id }) => id)).toEqual([0, 1, 2, 2, 0, 3, 4])
  })

  test('listSpout: replay: a fail after the end is emitted again, and the end told again', () => {
    const spout = new Driven<{ n: number }>(listSpout(Numbers, numbers(1)))
    void spout.next()
    void spout.next()
    expect(spout.exhausted).toBe(1)
    spout.fail(0)
    void spout.next()
    expect(spout.last).toEqual({ values: { n: 0 }, id: 0 })
    spout.ack(0)
    spout.fail(0)
    void spout.next()
    expect([spout.emitted.length, spout.exhausted]).toEqual([2, 2])
  })

  test('listSpout: laziness: an endless list is taken from as needed, and let go at the end', async () => {
    let taken = 0
    let returned = 0
    const endless: Iterable<{ n: number }> = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: { n: taken++ } }),
        return: () => {
          returned++
          return { done: true, value: undefined }
        },
      }),
    }
    const create = listSpout(Numbers, endless)
    create()
    expect(taken).toBe(0)
    const spout = new Driven<{ n: number }>(create)
    for (let i = 0; i < 3; i++) void spout.next()
    await spout.close()
    expect([taken, returned]).toEqual([3, 1])
  })

  test('listSpout: generators: a list that can be gone through once serves each task and each run', async () => {
    function* once() {
      yield* numbers(5)
    }
    const create = listSpout(Numbers, once())
    const ids = async (taskIndex: number) =>
      (await new Driven<{ n: number }>(create, { taskIndex, taskCount: 2 }).drain()).map(({ id }) => id)
    expect([await ids(0), await ids(1), await ids(0)]).toEqual([
      [0, 2, 4],
      [1, 3],
      [0, 2, 4],
    ])
  })

  test('listSpout: generators: an endless one is read no further than asked', async () => {
    let taken = 0
    function* endless() {
      for (;;) yield { n: taken++ }
    }
    const create = listSpout(Numbers, endless())
    for (let task = 0; task < 3; task++) {
      const spout = new Driven<{ n: number }>(create)
      for (let i = 0; i < 4; i++) void spout.next()
      expect(spout.last).toEqual({ values: { n: 3 }, id: 3 })
      await spout.close()
    }
    expect(taken).toBe(4)
  })

  test('listSpout: empty: exhausted at once', async () => {
    expect(await new Driven(listSpout(Numbers, [])).drain()).toEqual([])
  })

  test('listSpout: bad input: something that is no list, or no stream, is refused by code', () => {
    const bad = listSpout as unknown as (stream: unknown, list: unknown) => unknown
    expect(() => bad(Numbers, 5)).toThrowError(expect.objectContaining({ code: 'BAD_LIST' }))
    expect(() => bad(Numbers, null)).toThrowError(/listSpout\(…\) takes a list of values second; it got null/)
    expect(() => bad([], [])).toThrowError(expect.objectContaining({ code: 'BAD_STREAM' }))
  })
})
