// Guards: "what nimbus answered is there after any crash": its store, killed while it writes, again and again.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LevelStore } from '../../src/nimbus/level-store.js'
import { builtPackage } from '../built.js'

/** Writes one document after another, as fast as it can, and says which are answered. */
const script = (dist: string) => `
import { LevelStore } from '${dist}/nimbus/level-store.js'
const store = await LevelStore.open(process.argv[2])
const { fence } = await store.lead('the test')
const revisions = new Map((await store.read()).map(({ key, revision }) => [key, revision]))
for (let i = Number(process.argv[3]); ; i++) {
  const changes = ['a', 'b'].map((name) => {
    const key = name + (i % 7)
    return { key, value: { i, text: 'x'.repeat(i % 5_000) }, expected: revisions.get(key) ?? 0 }
  })
  const written = await store.write(fence, changes)
  changes.forEach(({ key }, n) => revisions.set(key, written[n]))
  process.stdout.write(i + '\\n')
}
`

test('store: killed while it writes: all that was answered is there, and all of a write or nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'storm-ts-kill-'))
  const program = join(await builtPackage('store-kill'), 'writer.mjs')
  writeFileSync(program, script('./dist'))
  let next = 0
  for (let round = 0; round < 30; round++) {
    const child = spawn(process.execPath, [program, folder, String(next)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let answered = next - 1
    const ended = new Promise((resolve) => child.once('close', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        answered = Number(text.trimEnd().split('\n').at(-1))
        // Another number of writes each time, so that it dies in other places.
        if (answered - next >= round * 3) resolve()
      })
    })
    child.kill('SIGKILL')
    await ended
    const store = await LevelStore.open(folder)
    const documents = new Map((await store.read()).map(({ key, value }) => [key, (value as { i: number }).i]))
    await store.close()
    for (let i = Math.max(0, answered - 6); i <= answered; i++) {
      expect(documents.get(`a${i % 7}`)).toBeGreaterThanOrEqual(i)
      expect(documents.get(`b${i % 7}`)).toBe(documents.get(`a${i % 7}`))
    }
    next = Math.max(...documents.values()) + 1
  }
  rmSync(folder, { recursive: true, force: true })
  expect(next).toBeGreaterThan(1_000)
})
