// Guards "a slow bolt holds those who feed it, over processes too: no queue grows, nothing is dropped, nothing replayed".
// SLOW_SECONDS=300 for the long run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster } from './cluster.js'
import { until } from './until.js'

const seconds = Number(process.env['SLOW_SECONDS'] ?? 15)
const mebibyte = 2 ** 20
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let folder = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-slow-sink-'))
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 2, slots: 1 })
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

/** In bytes, by process. */
function memory(): Map<number, number> {
  return new Map(
    cluster.processes.map((pid) => {
      const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      return [pid, Number(kibibytes) * 1_024]
    }),
  )
}

async function counts(): Promise<{ emitted: number; acked: number; failed: number; executed: number }> {
  const { spouts, bolts } = JSON.parse(await cluster.done('describe', 'slow-sink', '--json')) as {
    spouts: { emitted: number; acked: number; failed: number }[]
    bolts: { boltId: string; executed: number }[]
  }
  const [{ emitted, acked, failed } = { emitted: 0, acked: 0, failed: 0 }] = spouts
  return { emitted, acked, failed, executed: bolts.find(({ boltId }) => boltId === 'slow')?.executed ?? 0 }
}

describe.skipIf(process.platform !== 'linux')('back pressure', () => {
  test('slow sink: the memory of every process stays, and nothing is dropped or emitted again', async () => {
    const topology = fileURLToPath(new URL('topologies/slow-sink.ts', import.meta.url))
    await cluster.done('jar', 'deploy', '--inactive', topology)
    const idle = memory()
    await cluster.done('activate', 'slow-sink')
    const most = new Map<number, number>()
    let pending = 0
    const endMs = performance.now() + seconds * 1_000
    await until(
      'the time is over',
      seconds * 2_000,
      async () => {
        for (const [pid, bytes] of memory()) most.set(pid, Math.max(bytes, most.get(pid) ?? 0))
        pending = Math.max(pending, (await cluster.topology('slow-sink'))?.pending ?? 0)
        return performance.now() >= endMs
      },
      500,
    )
    await cluster.done('deactivate', 'slow-sink')
    const drained = await until(
      'what is pending is done',
      120_000,
      async () => {
        const now = await counts()
        // The two workers do not tell what they have done in the same moment.
        return now.emitted > 0 && Math.min(now.acked + now.failed, now.executed) >= now.emitted && now
      },
      500,
    )
    const growth = [...most].map(([pid, bytes]) => Math.round((bytes - (idle.get(pid) ?? 0)) / mebibyte))
    tell(
      `${drained.emitted} tuples, at most ${pending} pending, in ${seconds} s; memory grew by up to ${growth.join(', ')} MiB`,
    )
    expect(drained).toMatchObject({ acked: drained.emitted, failed: 0, executed: drained.emitted })
    expect(new Set(most.keys())).toEqual(new Set(idle.keys()))
    expect(Math.max(...growth)).toBeLessThanOrEqual(256)
    expect(pending).toBeLessThan(10_000)
    await cluster.done('kill', 'slow-sink', '-w', '0')
  })
})
