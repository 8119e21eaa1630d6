// Guards: every option has a unit, a range and a default, and a misspelt one never goes unnoticed.
import { describe, expect, test } from 'vitest'
import { checkOptions, resolveOptions } from '../../src/topology/options.js'

const messages = (options: unknown, place: 'topology' | 'spout' | 'bolt' = 'topology') =>
  checkOptions(options, 'of the topology', place).map(({ message }) => message)

describe('options', () => {
  const sound: Record<string, unknown> = {
    none: {},
    'not given': undefined,
    undefined: { workers: undefined },
    'at both ends': { workers: 1, ackers: 0, maxSpoutPending: 1_000_000, messageTimeoutMs: 1 },
    "a user's own": { 'my.rate': 3, greeting: 'hello', endpoint: { host: 'x' }, nothing: null },
    hooks: { taskHooks: [() => ({})] },
  }
  for (const [name, options] of Object.entries(sound)) {
    test(`accepted: ${name}`, () => {
      expect(checkOptions(options, 'of the topology')).toEqual([])
    })
  }

  const refused: readonly (readonly [unknown, string])[] = [
    [
      { messageTimeoutMs: 0 },
      "The option 'messageTimeoutMs' of the topology is 0; a whole number of 1 to 2147483647 ms is expected.",
    ],
    [{ messageTimeoutMs: -1 }, "'messageTimeoutMs' of the topology is -1"],
    [{ messageTimeoutMs: 1e12 }, '1 to 2147483647 ms'],
    [{ messageTimeoutMs: '30' }, "is '30'; a whole number"],
    [{ ackers: -1 }, 'a whole number of 0 to 1000 is expected'],
    [{ ackers: 1e6 }, 'a whole number of 0 to 1000 is expected'],
    [{ maxSpoutPending: 0 }, 'is 0; a whole number of 1 to 1000000'],
    [{ maxSpoutPending: -1 }, 'is -1'],
    [{ maxSpoutPending: Infinity }, 'is Infinity'],
    [{ workers: 1.5 }, 'is 1.5'],
    [{ workers: null }, 'is null'],
    [{ workers: Symbol('x') }, 'is Symbol(x)'],
    [{ freeze: 'yes' }, "is 'yes'; true or false is expected"],
    [{ taskHooks: [{}] }, 'a list of functions is expected'],
    [{ messageTimeoutMS: 1 }, "Did you mean 'messageTimeoutMs'?"],
    [{ maxSpoutPendin: 1 }, "Did you mean 'maxSpoutPending'?"],
    [{ worker: 1 }, "Did you mean 'workers'?"],
    [{ 'topology.message.timeout.secs': 30 }, "is Storm's name; here it is 'messageTimeoutMs', in milliseconds."],
    [{ 'topology.workers': 1 }, "is Storm's name; here it is 'workers'."],
    [{ 'topology.debug': true }, "is Storm's and has no counterpart here."],
    [3, 'The options of the topology are 3; an object'],
    [[], 'an array of 0'],
    [null, 'are null'],
    [
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
      'cannot be read (no)',
    ],
  ]
  for (const [options, words] of refused) {
    test(`refused: ${words}`, () => {
      const problems = checkOptions(options, 'of the topology')
      expect(problems.map(({ code }) => code)).toEqual(['INVALID_CONFIG'])
      expect(problems[0]?.message).toContain(words)
    })
  }

  test('refused: every wrong one at once', () => {
    expect(messages({ workers: 0, ackers: -1, validate: 1 })).toHaveLength(3)
  })

  test('place: what belongs to a topology or to the other kind is refused on a component', () => {
    expect(messages({ messageTimeoutMs: 1000 }, 'bolt')).toEqual([
      "The option 'messageTimeoutMs' of the topology is for a whole topology: give it to createTopology.",
    ])
    for (const key of ['workers', 'ackers', 'freeze', 'validate', 'tasks'])
      expect(messages({ [key]: 1 }, 'spout')).toHaveLength(1)
    expect(messages({ maxSpoutPending: 1 }, 'bolt')).toHaveLength(1)
    expect(messages({ tickMs: 1, concurrency: 1 }, 'spout')).toHaveLength(2)
    expect(messages({ maxSpoutPending: 1, inboxLimit: 1, mine: 1 }, 'spout')).toEqual([])
    expect(
      messages({ tickMs: 1, concurrency: 2, ordered: false, maxTaskParallelism: 1, taskHooks: [] }, 'bolt'),
    ).toEqual([])
  })

  test('layers: a later one wins, undefined says nothing, own keys come through', () => {
    const resolved = resolveOptions({ workers: 2, mine: 1 }, { workers: undefined as never, ackers: 0 }, { mine: 2 })
    expect(resolved).toMatchObject({ workers: 2, ackers: 0, mine: 2, messageTimeoutMs: 30_000, maxSpoutPending: 1000 })
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(resolveOptions().ackers).toBeUndefined()
  })

  test('layers: a key called __proto__ is a key', () => {
    const resolved = resolveOptions(JSON.parse('{ "__proto__": { "workers": 7 } }') as object)
    expect(Object.getPrototypeOf(resolved)).toBe(Object.prototype)
    expect(resolved.workers).toBe(1)
  })
})
