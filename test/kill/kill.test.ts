// Guards "kill anything at any time and the topology goes on, what was lost is replayed, and nothing is acked that was not
// done". By itself three kills of each kind; `npm run test:kill` has twenty, and prints the figures.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { campaign, type Victim } from './campaign.js'

const kills = Number(process.env['KILLS'] ?? 3)
const idsPerSecond = Number(process.env['IDS_PER_SECOND'] ?? 2_000)
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let built = ''
let folder = ''

beforeAll(async () => {
  built = await builtPackage('kill')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-kill-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(process.platform !== 'linux')('kill', () => {
  test('campaign: nothing is lost, nothing is acked that was not done, and all come back', async () => {
    const each = (times: number, victims: readonly Victim[]) => Array.from({ length: times }, () => victims).flat()
    const plan = [
      ...each(kills, ['worker', 'supervisor', 'nimbus']),
      ...each(Math.max(1, Math.floor(kills / 10)), ['all workers']),
    ]
    const options = { built, folder: join(folder, 'campaign'), plan, idsPerSecond, tell }
    const { figures, ids, acked, missing, falselyAcked, repeats, failed, wrong } = await campaign(options)
    tell(`\nmilliseconds\n${figures.table}\n`)
    tell(`${ids} ids, ${acked} acked, ${missing.length} missing, ${falselyAcked.length} falsely acked`)
    tell(`${repeats} done again (${((100 * repeats) / ids).toFixed(2)} %), failed: ${JSON.stringify(failed)}`)
    expect({ acked, missing, falselyAcked, wrong }).toEqual({ acked: ids, missing: [], falselyAcked: [], wrong: [] })
  })

  test('checker: without ackers, what a kill loses is missed', async () => {
    const plan: readonly Victim[] = ['worker']
    const options = { built, folder: join(folder, 'untracked'), plan, idsPerSecond, tell, ackers: 0 }
    const { missing, falselyAcked } = await campaign(options)
    tell(`without ackers: ${missing.length} missing`)
    expect(missing.length).toBeGreaterThan(0)
    expect(falselyAcked.length).toBe(missing.length)
  })
})
