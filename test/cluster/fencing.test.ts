// Guards "a worker that was taken for dead and was not is fenced: it ends, and nothing of it enters any more".
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stepBatch } from '../../src/executor/step.js'
import { builtPackage } from '../built.js'
import { Cluster } from './cluster.js'
import { account, Acked, arrivalsIn, Source } from './numbered-files.js'
import { isAlive } from './processes.js'
import { until } from './until.js'

const topology = fileURLToPath(new URL('topologies/numbered.ts', import.meta.url))
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let folder = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-fencing-'))
  const options = { built, folder: join(folder, 'cluster'), supervisors: 2, slots: 2 }
  cluster = await Cluster.start({ ...options, nimbus: ['--supervisor-timeout-ms', '5s'] })
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(process.platform !== 'linux')('fencing', () => {
  test('a stopped worker and supervisor: what they had is moved; continued, the worker ends and nothing stale enters', async () => {
    const files = join(folder, 'ids')
    const source = new Source(files)
    const acked = new Acked(files)
    // Two slots are spare, one of them with the supervisor that goes on.
    await cluster.done('jar', 'deploy', '-n', '2', topology, files)
    source.start(1_000)
    const before = await cluster.workers('numbered', 2)
    await acked.allBelow(1_000, 60_000)
    const stale = before.find(({ supervisor }) => supervisor === 'supervisor-1')
    const frozen = cluster.supervisors[0]
    if (stale === undefined || frozen === undefined) throw new Error('each supervisor has a worker')
    for (const pid of [stale.pid, frozen.pid]) process.kill(pid, 'SIGSTOP')
    const stoppedMs = Date.now()
    await until('what it had is moved', 60_000, async () => {
      const { workers = [], ready } = (await cluster.topology('numbered')) ?? {}
      return workers.every(({ supervisor }) => supervisor === 'supervisor-2') && ready
    })
    const after = await cluster.workers('numbered', 2)
    const movedMs = Date.now() - stoppedMs
    const other = before.find(({ supervisor }) => supervisor === 'supervisor-2')
    expect(after.map(({ pid }) => pid)).toContain(other?.pid)
    expect(isAlive(stale.pid)).toBe(true)
    await acked.allBelow(source.offered, 60_000)
    const flowingMs = acked.lastMsOf(source.offered) - stoppedMs

    const continuedMs = Date.now()
    for (const pid of [stale.pid, frozen.pid]) process.kill(pid, 'SIGCONT')
    await until('the stale worker has ended', 30_000, () => !isAlive(stale.pid), 5)
    const endedMs = Date.now() - continuedMs
    await until('the supervisor is there again, with nothing to run', 30_000, async () => {
      const seen = (await cluster.supervisorsSeen()).find(({ id }) => id === 'supervisor-1')
      return seen?.isConnected === true && seen.running.length === 0
    })
    const seenMs = Date.now() - continuedMs
    await acked.allBelow(source.offered + 1_000, 60_000)
    expect(await cluster.workers('numbered', 2)).toMatchObject(after.map(({ pid, port }) => ({ pid, port })))

    source.end()
    await until('it is exhausted', 60_000, async () => (await cluster.topology('numbered'))?.exhausted)
    const { ids, missing, falselyAcked, repeats, failed, acked: done } = account(files)
    expect({ done, missing, falselyAcked }).toEqual({ done: ids, missing: [], falselyAcked: [] })
    // What it had on its way when it was stopped had arrived long before.
    const entered = arrivalsIn(files).filter(
      ({ pid, atMs, through }) => pid !== stale.pid && atMs >= continuedMs && through.includes(stale.pid),
    )
    expect(entered).toEqual([])
    // It asks before it goes on. What it may end is the step that it was stopped in.
    const own = arrivalsIn(files).filter(({ pid, atMs }) => pid === stale.pid && atMs >= continuedMs)
    expect(own.length).toBeLessThanOrEqual(stepBatch)
    tell(
      `moved after ${movedMs} ms, all acked after ${flowingMs} ms; continued, the worker ended after ${endedMs} ms with ${own.length} ids of its own, its supervisor was there after ${seenMs} ms`,
    )
    tell(`${ids} ids, ${repeats} done again, failed: ${JSON.stringify(failed)}`)
    await cluster.done('kill', 'numbered', '-w', '0')
    await until('no worker is left', 30_000, () => cluster.workerProcesses.length === 0)
  })
})
