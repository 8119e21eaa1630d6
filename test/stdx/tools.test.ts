// Guards: the plain tools under every message and every random choice.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assert } from '../../src/stdx/assert.js'
import { describeError, describeValue } from '../../src/stdx/describe-error.js'
import { cryptoRng } from '../../src/stdx/entropy.js'
import { deepFreeze } from '../../src/stdx/freeze.js'
import { listed, quoted } from '../../src/stdx/listed.js'
import { didYouMean, nearest } from '../../src/stdx/nearest.js'
import { promiseIn } from '../../src/stdx/promise.js'
import { seededRng, shuffled } from '../../src/stdx/rng.js'
import { systemClock } from '../../src/stdx/system-clock.js'

describe('deep freeze', () => {
  test('plain objects and arrays, however deep, and cycles: frozen', () => {
    const inner = { list: [{ n: 1 }, [2]] }
    const value: Record<string, unknown> = { inner, bare: Object.assign(Object.create(null) as object, { deep: {} }) }
    value['self'] = value
    deepFreeze(value)
    const bare = value['bare'] as { deep: object }
    for (const part of [value, inner, inner.list, inner.list[0], inner.list[1], bare, bare.deep]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  test('what has methods of its own to change it: left as it is', () => {
    class Account {
      balance = 0
    }
    const parts = {
      map: new Map([[1, { n: 1 }]]),
      set: new Set([1]),
      bytes: new Uint8Array(3),
      date: new Date(0),
      account: new Account(),
      error: new Error('e'),
      run: () => 1,
    }
    deepFreeze(parts)
    expect(Object.isFrozen(parts)).toBe(true)
    for (const part of Object.values(parts)) expect(Object.isFrozen(part)).toBe(false)
    parts.map.set(2, { n: 2 })
    parts.bytes[0] = 1
    parts.account.balance = 5
    const account = new Account()
    deepFreeze(account)
    expect(Object.isFrozen(account)).toBe(false)
  })

  test('a very deep value: without running out of stack', () => {
    let value: { next?: object } = {}
    for (let i = 0; i < 200_000; i++) value = { next: value }
    deepFreeze(value)
    expect(Object.isFrozen(value.next)).toBe(true)
  })

  test('anything JSON can say: every part of it is frozen', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const value = { json }
        deepFreeze(value)
        const open: unknown[] = [value]
        for (let part = open.pop(); part !== undefined; part = open.pop()) {
          if (typeof part !== 'object' || part === null) continue
          expect(Object.isFrozen(part)).toBe(true)
          open.push(...Object.values(part))
        }
      }),
    )
  })
})

describe('describe', () => {
  test.each<[unknown, string]>([
    ['a text', "'a text'"],
    ['x'.repeat(200), `'${'x'.repeat(80)}… (200 characters)'`],
    [12n, '12n'],
    [10n ** 100n, `${'1'.padEnd(80, '0')}… (101 characters)n`],
    [-0, '0'],
    [NaN, 'NaN'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [[1, 2, 3], 'an array of 3'],
    [{ n: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [new Map(), 'an object of class Map'],
    [() => 1, 'a function'],
    [Math.max, 'the function max'],
    [{ constructor: 5 }, 'an object'],
    [{ constructor: { name: '' } }, 'an object'],
    [
      new Proxy(
        {},
        {
          get() {
            throw new Error('no')
          },
        },
      ),
      'something that cannot be described',
    ],
  ])('a value in a few words: %#', (value, words) => {
    expect(describeValue(value)).toBe(words)
  })

  test('errors: name and message, the stack apart, all of it bounded', () => {
    class RowError extends Error {
      override name = 'RowError'
    }
    expect(describeError(new Error('plain')).message).toBe('plain')
    expect(describeError(new RowError('gone')).message).toBe('RowError: gone')
    expect(describeError(new TypeError('wrong')).message).toBe('TypeError: wrong')
    expect(describeError('text')).toEqual({ message: "threw 'text'" })
    const long = describeError(new Error('x'.repeat(1_000_000)))
    expect(long.message.length).toBeLessThan(8_300)
    expect(long.stack!.length).toBeLessThan(8_300)
    const stackless = new Error('no stack')
    Object.defineProperty(stackless, 'stack', { value: 7 })
    expect(describeError(stackless)).toEqual({ message: 'no stack' })
  })

  test('whatever is thrown: a text of at most 8 KiB, and never a throw', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }), (thrown) => {
        const { message, stack } = describeError(thrown)
        expect(typeof message).toBe('string')
        expect(message.length).toBeLessThan(8_300)
        expect(stack).toBeUndefined()
        expect(typeof describeValue(thrown)).toBe('string')
      }),
    )
  })

  test('lists of names: quoted, joined, cut when they are long', () => {
    expect(listed([])).toBe('none')
    expect(listed(['a'])).toBe("'a'")
    expect(listed(['a', 'b'])).toBe("'a' and 'b'")
    expect(listed(['a', 'b', 'c'])).toBe("'a', 'b' and 'c'")
    expect(listed(Array.from({ length: 30 }, (_, i) => `n${i}`))).toBe(
      "'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9' and 20 more",
    )
    expect(quoted('x'.repeat(1_000)).length).toBeLessThan(110)
  })
})

describe('nearest', () => {
  test.each<[string, string[], string | undefined]>([
    ['wrod', ['word', 'world'], 'word'],
    ['WORD', ['word', 'world'], 'word'],
    ['wordd', ['word', 'count'], 'word'],
    ['messageTimeoutMS', ['messageTimeoutMs', 'maxSpoutPending'], 'messageTimeoutMs'],
    ['x', ['word'], undefined],
    ['', ['word'], undefined],
    ['word', [], undefined],
    ['completely different', ['word'], undefined],
    ['a', ['b'], 'b'],
  ])('%s among %j: %s', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected)
    expect(didYouMean(word, candidates)).toBe(expected === undefined ? '' : ` Did you mean '${expected}'?`)
  })

  test('a name with one slip: is found again among names unlike it', () => {
    const names = ['sentence-spout', 'split-words', 'count-by-word', 'report-to-disk']
    const slip = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.constantFrom('drop', 'double', 'swap', 'case'))
    fc.assert(
      fc.property(slip, ([name, at, kind]) => {
        const i = at % (name.length - 1)
        const letters = [...name]
        if (kind === 'drop') letters.splice(i, 1)
        else if (kind === 'double') letters.splice(i, 0, letters[i]!)
        else if (kind === 'swap') letters.splice(i, 2, letters[i + 1]!, letters[i]!)
        else letters[i] = letters[i]!.toUpperCase()
        expect(nearest(letters.join(''), names)).toBe(name)
      }),
    )
  })
})

describe('rng', () => {
  test('the same seed: the same numbers; other seeds: others', () => {
    const draw = (seed: number) => {
      const rng = seededRng(seed)
      return Array.from({ length: 100 }, () => rng.uint32())
    }
    expect(draw(7)).toEqual(draw(7))
    const firsts = new Set(Array.from({ length: 1_000 }, (_, seed) => draw(seed).join()))
    expect(firsts.size).toBe(1_000)
  })

  test('below: within its limit, and even', () => {
    for (const rng of [seededRng(3), cryptoRng()]) {
      for (const limit of [1, 2, 3, 7, 100]) {
        const counts = new Array<number>(limit).fill(0)
        const draws = 20_000
        for (let i = 0; i < draws; i++) counts[rng.below(limit)]!++
        expect(counts.reduce((sum, n) => sum + n)).toBe(draws)
        const even = draws / limit
        for (const count of counts) expect(Math.abs(count - even)).toBeLessThan(6 * Math.sqrt(even) + 1)
      }
      expect(rng.below(2 ** 32)).toBeLessThan(2 ** 32)
    }
  })

  test('uint32: whole numbers of 32 bits, each bit even', () => {
    for (const rng of [seededRng(11), cryptoRng()]) {
      const ones = new Array<number>(32).fill(0)
      for (let i = 0; i < 4_096; i++) {
        const n = rng.uint32()
        expect(Number.isInteger(n) && n >= 0 && n < 2 ** 32).toBe(true)
        for (let bit = 0; bit < 32; bit++) ones[bit]! += (n >>> bit) & 1
      }
      for (const count of ones) expect(Math.abs(count - 2_048)).toBeLessThan(6 * 32)
    }
  })

  test('shuffled: a permutation, in place, every place as likely', () => {
    const rng = seededRng(5)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) {
      const list = [0, 1, 2, 3]
      expect(shuffled(list, rng)).toBe(list)
      expect(list.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
      counts[list.indexOf(0)]!++
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(180)
    expect(shuffled([], rng)).toEqual([])
  })
})

describe('assert', () => {
  test('holds or throws as a bug of ours', () => {
    assert(1, 'fine')
    expect(() => assert(0, 'one is one')).toThrow('storm-ts broke its own rule: one is one')
  })
})

describe('promise in a result', () => {
  test('what is none: undefined', () => {
    for (const result of [undefined, null, 0, 1, '', 'then', [], {}, () => 1, new Map()]) {
      expect(promiseIn(result)).toBeUndefined()
    }
  })

  test('a native promise: itself', () => {
    const promise = Promise.resolve(1)
    expect(promiseIn(promise)).toBe(promise)
  })
})

describe('system clock', () => {
  test('after: once, not before its time; called off: never; soon before later', async () => {
    const clock = systemClock()
    const ran: string[] = []
    clock.after(0, () => void ran.push('off'))()
    clock.after(2 ** 40, () => void ran.push('far'))()
    clock.after(NaN, () => void ran.push('nan'))
    const startMs = clock.now()
    await new Promise<void>((resolve) => clock.after(20, resolve))
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(20)
    await new Promise<void>((resolve) => clock.soon(resolve))
    await new Promise<void>((resolve) => clock.yield(resolve))
    expect(ran).toEqual(['nan'])
    expect(Math.abs(clock.wall() - Date.now())).toBeLessThan(1_000)
  })

  test('after: not before its time by a fraction either, nor by how long its turn had lasted', async () => {
    const clock = systemClock()
    for (let busyMs = 0; busyMs < 5; busyMs += 0.3) {
      const busyFromMs = clock.now()
      while (clock.now() - busyFromMs < busyMs);
      const startMs = clock.now()
      await new Promise<void>((resolve) => clock.after(1.9, resolve))
      expect(clock.now() - startMs).toBeGreaterThanOrEqual(1.9)
    }
  })
})
