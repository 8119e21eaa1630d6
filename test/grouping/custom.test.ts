// Guards: "a tuple goes to tasks that subscribed, whatever a custom grouping says".
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import { makeChooser } from '../../src/grouping/grouping.js'
import type { CustomGrouping } from '../../src/topology/component.js'
import { contextFor } from './context.js'

const context = contextFor([3, 4, 7])

function manyOf(grouping: unknown): (values: object) => readonly number[] {
  const chooser = makeChooser({ kind: 'custom', create: () => grouping as CustomGrouping }, context)
  if (chooser.kind !== 'many') throw new Error('a custom grouping chooses many')
  return chooser.many
}

function refusal(act: () => unknown): StormError {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(StormError)
    expect((error as StormError).code).toBe('BAD_GROUPING')
    expect((error as StormError).message).toMatch(/^component 'split', stream 'words': the custom grouping/)
    return error as StormError
  }
  throw new Error('was not refused')
}

describe('custom', () => {
  test('custom: its tasks as indexes: none, some, one twice', () => {
    const many = manyOf({ chooseTasks: (_: number, { to }: { to: number[] }) => to })
    fc.assert(
      fc.property(fc.array(fc.constantFrom(3, 4, 7), { maxLength: 5 }), (to) => {
        expect(many({ to })).toEqual(to.map((task) => context.targets.indexOf(task)))
      }),
      { numRuns: 10_000 },
    )
  })

  test('custom: any other task is refused, and the next tuple goes well', () => {
    const many = manyOf({ chooseTasks: (_: number, { to }: { to: unknown[] }) => to })
    const stranger = fc.oneof(
      fc.integer().filter((task) => !context.targets.includes(task)),
      fc.constantFrom<unknown>('3', 3n, 3.5, NaN, null, undefined, [3], { task: 3 }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<unknown>(3, 4, 7), { maxLength: 3 }),
        stranger,
        fc.nat(3),
        (good, bad, at) => {
          expect(refusal(() => many({ to: good.toSpliced(at, 0, bad) })).message).toContain(
            'none of the target tasks (3, 4, 7)',
          )
          expect(many({ to: good })).toEqual(good.map((task) => context.targets.indexOf(task as number)))
        },
      ),
      { numRuns: 10_000 },
    )
  })

  test('custom: is prepared once, with context and tasks that it cannot change, and told the source task', () => {
    const calls: unknown[] = []
    const many = manyOf({
      prepare: (...args: unknown[]) => void calls.push(args),
      chooseTasks: (...args: unknown[]) => (calls.push(args), []),
    })
    const values = { a: 1 }
    expect(many(values)).toEqual([])
    expect(calls).toEqual([
      [context.context, [3, 4, 7]],
      [1, values],
    ])
    expect(Object.isFrozen((calls[0] as unknown[])[1])).toBe(true)
  })

  const list = { chooseTasks: () => [3] }
  const refused: [string, unknown, string][] = [
    ['no list', { chooseTasks: () => 3 }, 'chooseTasks must return a list of task ids; got 3.'],
    ['nothing', { chooseTasks: () => undefined }, 'got undefined.'],
    ['a set', { chooseTasks: () => new Set([3]) }, 'got an object of class Set.'],
    ['a promise', { chooseTasks: async () => [3] }, 'got an object of class Promise.'],
    ['a hole', { chooseTasks: () => new Array(1) }, 'returned undefined, which is none of the target tasks'],
    ['no grouping', 7, 'its factory must return an object with a method chooseTasks; got 7.'],
    ['null', null, 'got null.'],
    ['no method', { chooseTask: () => [3] }, 'got an object.'],
    [
      'a preparation that takes time',
      { ...list, prepare: async () => undefined },
      'prepare must return nothing; got an object of class Promise.',
    ],
  ]
  test.each(refused)('custom: refused by name and what was got: %s', (_, grouping, sentence) => {
    expect(refusal(() => manyOf(grouping)({})).message).toContain(sentence)
  })

  test('custom: what it throws is the cause, and its class is named', () => {
    const cause = new Error('boom')
    class Spread {
      chooseTasks() {
        throw cause
      }
    }
    const error = refusal(() => manyOf(new Spread())({}))
    expect(error.message).toContain('(an object of class Spread) failed: chooseTasks threw: ')
    expect(error.message).toContain('boom')
    expect(error.cause).toBe(cause)
    expect(
      refusal(() =>
        manyOf({
          ...list,
          prepare: () => {
            throw cause
          },
        }),
      ).message,
    ).toContain('prepare threw: ')
    const create = () => {
      throw cause
    }
    expect(refusal(() => makeChooser({ kind: 'custom', create }, context)).message).toContain('its factory threw: ')
  })
})
