// Guards "whatever happens to whom, and how much of it at once: when it is over, everything comes through". By itself a
// short while; CHAOS_SECONDS and SEED for more of it, and other faults.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { chaos } from './chaos.js'

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 20)
const seed = Number(process.env['SEED'] ?? 1)
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let built = ''
let folder = ''

beforeAll(async () => {
  built = await builtPackage('kill')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-chaos-'))
})
afterAll(() => {
  if (process.env['KEEP'] === undefined) rmSync(folder, { recursive: true, force: true })
  else tell(folder)
})

describe.skipIf(process.platform !== 'linux')('chaos', () => {
  test('faults: one upon the other, and then nothing is lost, falsely acked or left over', async () => {
    tell(`seed ${seed}, ${seconds} s`)
    const done = await chaos({ built, folder: join(folder, 'chaos'), seed, seconds, idsPerSecond: 1_000, tell })
    const { ids, acked, missing, falselyAcked, repeats, failed, healedMs, workers } = done
    tell(
      `${ids} ids, ${acked} acked, ${missing.length} missing, ${falselyAcked.length} falsely acked, ${repeats} done again, failed: ${JSON.stringify(failed)}; all acked ${healedMs} ms after the last fault`,
    )
    expect({ acked, missing, falselyAcked }).toEqual({ acked: ids, missing: [], falselyAcked: [] })
    expect(workers[0]).toBe(workers[1])
  })
})
