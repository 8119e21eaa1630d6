// Guards "kill anything at any time": a few worlds of the simulator, as many as a commit has patience for.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planted } from '../../scripts/plant.mjs'
import { systemClock } from '../../src/stdx/system-clock.js'
import { runSeed } from './run.js'
import { settledByTicks } from './ticks.js'

describe('simulation', () => {
  test('twenty seeds: nothing breaks, each carries its tuples and is a world of its own', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const { failure, tuples, hash } = await runSeed(seed, { settled: settledByTicks() })
      expect(failure, `seed ${seed}`).toBeUndefined()
      expect(tuples).toBeGreaterThanOrEqual(200)
      hashes.add(hash)
    }
    expect(hashes.size).toBe(20)
  })

  test('a seed: gives the same world again, down to the last message', async () => {
    const lines: string[][] = [[], []]
    const results = []
    for (const list of lines)
      results.push(await runSeed(29, { settled: settledByTicks(), print: (line) => list.push(line) }))
    expect(lines[0]).toEqual(lines[1])
    expect(results[0]).toEqual(results[1])
  })

  test.each(planted)('planted bug: %s: can be planted in the code as it is', (name) => {
    const patch = join(import.meta.dirname, 'planted', `${name}.patch`)
    execFileSync('git', ['apply', '--check', patch], { cwd: join(import.meta.dirname, '..', '..') })
  })

  test('promises: are all followed between two events, so that it does not matter how that is waited for', async () => {
    const byTicks = await runSeed(3, { settled: settledByTicks() })
    const byTurns = await runSeed(3, { settled: systemClock().soon })
    expect(byTicks).toEqual(byTurns)
  })
})
