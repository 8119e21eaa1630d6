// Guards "a rebalance moves what must move and nothing else, and nothing is lost on the way".
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster, type WorkerSeen } from './cluster.js'
import { account, Acked, arrivalsIn, Source } from './numbered-files.js'
import { isAlive } from './processes.js'
import { until } from './until.js'

type Worker = Required<WorkerSeen>

const topology = fileURLToPath(new URL('topologies/numbered.ts', import.meta.url))
const tell = (line: string) => void process.stdout.write(`${line}\n`)
let folder = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-rebalance-'))
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 2, slots: 3 })
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

const slotOf = ({ supervisor, port }: Worker) => `${supervisor}:${port}`
const executorsOf = (workers: readonly Worker[]) => workers.reduce((sum, { tasks }) => sum + tasks.length, 0)

/** Workers of both with the same executors in the same slot, and whether their processes are the same. */
function unmoved(before: readonly Worker[], after: readonly Worker[]): { slot: string; isSame: boolean }[] {
  return before.flatMap((worker) => {
    const same = after.find((other) => slotOf(other) === slotOf(worker))
    if (same === undefined || JSON.stringify(same.tasks) !== JSON.stringify(worker.tasks)) return []
    return [{ slot: slotOf(worker), isSame: same.pid === worker.pid && isAlive(worker.pid) }]
  })
}

describe.skipIf(process.platform !== 'linux')('rebalance', () => {
  test('under load: 1 → 4 → 2 workers and other executors, with nothing lost and nothing moved in vain', async () => {
    const files = join(folder, 'ids')
    const beside = join(folder, 'beside')
    const source = new Source(files)
    const sourceBeside = new Source(beside)
    const acked = new Acked(files)
    await cluster.done('jar', 'deploy', '-n', '1', topology, files)
    await cluster.done('jar', 'deploy', '-n', '1', topology, beside, 'beside')
    source.start(1_000)
    sourceBeside.start(100)
    const bystander = await cluster.workers('beside', 1)
    let workers = await cluster.workers('numbered', 1)
    await acked.allBelow(source.offered + 500, 60_000)

    // Without a wait, trees are cut in the middle.
    const steps: { to: string; args: string[]; workers: number; executors: number }[] = [
      { to: '4 workers', args: ['-w', '0', '-n', '4'], workers: 4, executors: 13 },
      { to: '4 workers, as before', args: ['-w', '1', '-n', '4'], workers: 4, executors: 13 },
      { to: '6 executors of the fan', args: ['-w', '0', '-e', 'fan=6'], workers: 4, executors: 16 },
      { to: '2 executors of the join', args: ['-w', '1', '-e', 'join=2'], workers: 4, executors: 15 },
      { to: '2 workers', args: ['-w', '0', '-n', '2'], workers: 2, executors: 15 },
    ]
    for (const { to, args, workers: count, executors } of steps) {
      const { generation = 0 } = (await cluster.topology('numbered')) ?? {}
      const fromMs = Date.now()
      await cluster.done('rebalance', 'numbered', ...args)
      await until(`${to}: it is active again`, 60_000, async () => {
        const { status, ready } = (await cluster.topology('numbered')) ?? {}
        return status === 'ACTIVE' && ready
      })
      const after = await cluster.workers('numbered', count)
      expect([to, executorsOf(after)]).toEqual([to, executors])
      const kept = unmoved(workers, after)
      expect([to, kept.filter(({ isSame }) => !isSame)]).toEqual([to, []])
      if (to.endsWith('as before')) {
        expect([to, kept.length]).toEqual([to, count])
        expect([to, (await cluster.topology('numbered'))?.generation]).toEqual([to, generation])
      }
      await acked.allBelow(source.offered, 60_000)
      const { longestMs, restMs } = pauseIn(files, fromMs)
      tell(
        `${to} (${args.join(' ')}): ${kept.length} of ${workers.length} workers stay, no id arrived for ${longestMs} ms, flowing ${restMs} ms after the command`,
      )
      workers = after
    }
    expect((await cluster.workers('beside', 1)).map(({ pid }) => pid)).toEqual(bystander.map(({ pid }) => pid))

    source.end()
    sourceBeside.end()
    for (const name of ['numbered', 'beside'])
      await until(`${name} is exhausted`, 60_000, async () => (await cluster.topology(name))?.exhausted)
    for (const [ids, { offered }] of [
      [files, source],
      [beside, sourceBeside],
    ] as const) {
      const { acked, missing, falselyAcked, failed, repeats } = account(ids)
      expect({ acked, missing, falselyAcked }).toEqual({ acked: offered, missing: [], falselyAcked: [] })
      tell(`${offered} ids, ${repeats} done again, failed: ${JSON.stringify(failed)}`)
    }
    expect(account(beside).failed).toEqual({})
    for (const name of ['numbered', 'beside']) await cluster.done('kill', name, '-w', '0')
    await until('no worker is left', 30_000, () => cluster.workerProcesses.length === 0)
  })
})

/** The longest time since a moment in which no id arrived, and when that was over. */
function pauseIn(files: string, fromMs: number): { longestMs: number; restMs: number } {
  const times = arrivalsIn(files)
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs >= fromMs)
    .sort((a, b) => a - b)
  let last = fromMs
  let longestMs = 0
  let restMs = 0
  for (const atMs of times) {
    if (atMs - last > longestMs) {
      longestMs = atMs - last
      restMs = atMs - fromMs
    }
    last = atMs
  }
  return { longestMs, restMs }
}
