// Guards: "the memory of routes is bounded, and what comes often stays in it".
import { describe, expect, test } from 'vitest'
import { RouteCache } from '../../src/grouping/route-cache.js'

describe('route cache', () => {
  test('route cache: what is asked for stays, the rest is bounded', () => {
    const cache = new RouteCache()
    const hot = Array.from({ length: 100 }, (_, i) => `hot ${i}`)
    for (let i = 0; i < 400_000; i++) {
      const key = i % 4 === 0 ? (hot[(i / 4) % 100] as string) : `cold ${i}`
      if (cache.get(key) === undefined) cache.offer(key, i)
    }
    expect(hot.filter((key) => cache.get(key) === undefined)).toEqual([])
    let known = 0
    for (let i = 0; i < 400_000; i++) if (i % 4 !== 0 && cache.get(`cold ${i}`) !== undefined) known++
    expect(known).toBeGreaterThan(1_000)
    expect(known).toBeLessThanOrEqual(16_384)
  })

  test('route cache: a key that comes in when all is full is soon remembered', () => {
    const cache = new RouteCache()
    for (let i = 0; i < 20_000; i++) cache.offer(i, i)
    let offers = 0
    while (cache.get('late') === undefined && offers < 200) {
      cache.offer('late', 7)
      offers++
    }
    expect(cache.get('late')).toBe(7)
    expect(offers).toBeLessThan(100)
  })

  test('route cache: keys are as the contract compares them', () => {
    const cache = new RouteCache()
    const keys = [0, 1n, '1', 1, NaN, null, undefined, '', true]
    keys.forEach((key, i) => cache.offer(key, i))
    expect(keys.map((key) => cache.get(key))).toEqual([...keys.keys()])
    expect(cache.get(-0)).toBe(0)
    expect(cache.get(-NaN)).toBe(4)
  })
})
