// Guards "kill anything at any time": a thousand simulated clusters keep every promise, and would show a bug if there was one.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { plant, planted } from '../../scripts/plant.mjs'

const root = join(import.meta.dirname, '..', '..')

function simulate(program: string, ...args: string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--enable-source-maps', program, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return { status, output: stdout + stderr }
}

describe('simulation', () => {
  test('a thousand seeds: nothing breaks, they differ, and all that should happen sometimes does', () => {
    const { status, output } = simulate(join(root, 'scripts', 'sim.mjs'), '--seeds', '1000')
    console.log(output)
    expect(status, output).toBe(0)
  })

  test.each(planted)('planted bug: %s: is found within 300 seeds', async (name) => {
    const { program, remove } = await plant(name)
    try {
      const { status, output } = simulate(program, '--seeds', '300', '--first')
      console.log(`${name}: ${/^seed \d+ fails: .*$/m.exec(output)?.[0] ?? 'not found'}`)
      expect(status, output).toBe(1)
      expect(output).toMatch(/^seed \d+ fails: /m)
    } finally {
      remove()
    }
  })
})
