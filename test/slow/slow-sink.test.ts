// Guards "slow sink behind a fast spout across processes: RSS of every process ≤ idle + 256 MiB, no drop, no replay".
// Thirty seconds, or SLOW_SINK_SECONDS=300 for the long run.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster } from '../cluster/cluster.js'
import { until } from '../cluster/until.js'
import { mib, MemoryWatch } from '../security/memory.js'

const seconds = Number(process.env['SLOW_SINK_SECONDS'] ?? 30)
const moreBytesMax = 256 * 2 ** 20
const topology = fileURLToPath(new URL('../security/topologies/slow-sinks.ts', import.meta.url))
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
let folder = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('slow-sink')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-slow-sink-'))
  mkdirSync(join(folder, 'told'))
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 2, slots: 1 })
}, 120_000)
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

const told = (component: string) =>
  JSON.parse(readFileSync(join(folder, 'told', `${component}.json`), 'utf8')) as Record<string, number>

describe.skipIf(process.platform !== 'linux')('slow sink', () => {
  test(`slow sink: ${seconds} s at 10 ms a tuple: memory is bounded, and every tuple arrives once`, async () => {
    await cluster.done('jar', 'deploy', '--inactive', '--no-wait', topology, join(folder, 'told'))
    const workers = await until('two workers have started', 60_000, async () => {
      const seen = (await cluster.topology('slow-sinks'))?.workers ?? []
      return seen.length === 2 && seen.every(({ pid }) => pid !== undefined) && seen
    })
    const pids: Record<string, number> = {
      nimbus: cluster.nimbus.pid,
      ...Object.fromEntries(cluster.supervisors.map(({ name, pid }) => [name, pid])),
      ...Object.fromEntries(workers.map(({ supervisor, pid }) => [`worker of ${supervisor}`, pid ?? 0])),
    }
    await pause(3_000)
    const idle = new MemoryWatch(Object.values(pids))
    await pause(2_000)
    idle.end()

    await cluster.done('activate', 'slow-sinks')
    await cluster.workers('slow-sinks', 2)
    const busy = new MemoryWatch(Object.values(pids), 200)
    await pause(seconds * 1_000)
    await cluster.done('deactivate', 'slow-sinks')
    // What is on its way comes in at 100 tuples a second.
    await until(
      'nothing is on its way',
      240_000,
      async () => (await cluster.topology('slow-sinks'))?.pending === 0,
      500,
    )
    busy.end()
    const after = (await cluster.topology('slow-sinks'))?.workers
    await cluster.done('kill', 'slow-sinks', '-w', '0')
    await until('no worker is left', 60_000, () => cluster.workerProcesses.length === 0)

    const grown = Object.entries(pids).map(([name, pid]) => {
      const [before, most] = [idle.mostBytes(pid), busy.mostBytes(pid)]
      process.stdout.write(`${name}: ${mib(before)} MiB idle, at most ${mib(most)} MiB\n`)
      return { name, isBounded: before > 0 && most - before <= moreBytesMax }
    })
    const [fast, flood, followed, flooded] = ['fast', 'flood', 'slow-followed', 'slow-flood'].map(told)
    process.stdout.write(
      `${seconds} s: ${followed?.['taken']} tuples followed, ${flooded?.['taken']} not; none lost, none twice\n`,
    )
    expect(grown.filter(({ isBounded }) => !isBounded)).toEqual([])
    expect(after?.map(({ pid, restarts }) => [pid, restarts])).toEqual(workers.map(({ pid }) => [pid, 0]))
    expect(fast).toEqual({ pid: fast?.['pid'], emitted: fast?.['acked'], acked: fast?.['acked'], failed: 0 })
    expect(followed).toMatchObject({ taken: fast?.['emitted'], outOfOrder: 0 })
    expect(flooded).toMatchObject({ taken: flood?.['emitted'], outOfOrder: 0 })
    expect(fast?.['emitted']).toBeGreaterThan(seconds * 20)
    // From one process to another, both of them.
    expect([followed?.['pid'] === fast?.['pid'], flooded?.['pid'] === flood?.['pid']]).toEqual([false, false])
  })
})
