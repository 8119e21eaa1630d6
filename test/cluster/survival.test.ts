// Guards "workers outlive nimbus and supervisors, who find them again when they come back, and nobody is left over".
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster, type Daemon, type WorkerSeen } from './cluster.js'
import { account, Acked, failuresIn, Source } from './numbered-files.js'
import { isAlive } from './processes.js'
import { until } from './until.js'

type Worker = Required<WorkerSeen>

const topology = fileURLToPath(new URL('topologies/numbered.ts', import.meta.url))
let folder = ''
let files = ''
let cluster: Cluster
let source: Source
let acked: Acked

beforeAll(async () => {
  const built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-survival-'))
  files = join(folder, 'ids')
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 2, slots: 2 })
  source = new Source(files)
  acked = new Acked(files)
  await cluster.done('jar', 'deploy', topology, files)
  source.start(1_000)
  await cluster.workers('numbered', 4)
  await acked.allBelow(1_000, 60_000)
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

const slotOf = ({ supervisor, port }: Worker) => `${supervisor}:${port}`
const processOf = ({ supervisor, port, pid, incarnation }: Worker) => ({ supervisor, port, pid, incarnation })
/** What is offered from now on, so many ids of it, comes through. */
const moreIsAcked = (count = 1_000) => acked.allBelow(source.offered + count, 60_000)

/** Those of one supervisor and of the other. */
async function workersOf(daemon: Daemon | undefined): Promise<{ own: Worker[]; others: Worker[] }> {
  const workers = await cluster.workers('numbered', 4)
  const isOwn = ({ supervisor }: Worker) => supervisor === daemon?.name
  return { own: workers.filter(isOwn), others: workers.filter((worker) => !isOwn(worker)) }
}

describe.skipIf(process.platform !== 'linux')('survival', () => {
  test('daemons: with nimbus and all supervisors dead, ids flow on; back again, they adopt every worker', async () => {
    const before = await cluster.workers('numbered', 4)
    const failed = failuresIn(files).length
    const daemons = [cluster.nimbus, ...cluster.supervisors]
    await Promise.all(daemons.map((daemon) => daemon.end('SIGKILL')))
    expect(new Set(cluster.processes)).toEqual(new Set(before.map(({ pid }) => pid)))
    await moreIsAcked(5_000)
    for (const daemon of daemons) daemon.start()
    await until('the supervisors tell of every worker', 60_000, async () => {
      const seen = await cluster.supervisorsSeen().catch(() => [])
      return seen.reduce((sum, { running }) => sum + running.length, 0) === 4
    })
    expect((await cluster.workers('numbered', 4)).map(processOf)).toEqual(before.map(processOf))
    await moreIsAcked()
    expect(failuresIn(files).length - failed).toBe(0)
  })

  test('worker: killed while nimbus is dead, its supervisor starts it anew, and it serves', async () => {
    const [victim] = await cluster.workers('numbered', 4)
    if (victim === undefined) throw new Error('there are four')
    await cluster.nimbus.end('SIGKILL')
    process.kill(victim.pid, 'SIGKILL')
    await until('it is ready again', 60_000, () => {
      const beat = cluster.beat(victim)
      return beat !== undefined && beat.incarnation > victim.incarnation && beat.isReady
    })
    await moreIsAcked()
    cluster.nimbus.start()
    const after = await cluster.workers('numbered', 4)
    expect(after.find((worker) => slotOf(worker) === slotOf(victim))?.incarnation).toBe(victim.incarnation + 1)
  })

  test('worker: killed while its supervisor is dead, it is started anew when that is back, and no other is touched', async () => {
    const [supervisor] = cluster.supervisors
    const { own, others } = await workersOf(supervisor)
    const [victim, sibling] = own
    if (supervisor === undefined || victim === undefined || sibling === undefined) throw new Error('it has two')
    await supervisor.end('SIGKILL')
    process.kill(victim.pid, 'SIGKILL')
    await until('it has ended', 10_000, () => !isAlive(victim.pid))
    supervisor.start()
    const after = await until('it is there again', 60_000, async () => {
      const workers = await cluster.workers('numbered', 4)
      return workers.some((worker) => slotOf(worker) === slotOf(victim) && worker.pid !== victim.pid) && workers
    })
    expect(after.map(processOf)).toEqual(expect.arrayContaining([sibling, ...others].map(processOf)))
    await moreIsAcked()
  })

  test('topology: killed while a supervisor is dead, no worker of it is left, and nothing comes back', async () => {
    source.end()
    await until('it is exhausted', 60_000, async () => (await cluster.topology('numbered'))?.exhausted)
    const { ids, acked, missing, falselyAcked } = account(files)
    expect({ acked, missing, falselyAcked }).toEqual({ acked: ids, missing: [], falselyAcked: [] })
    const [, supervisor] = cluster.supervisors
    await supervisor?.end('SIGKILL')
    await cluster.done('kill', 'numbered', '-w', '0')
    await until('no worker is left', 30_000, () => cluster.workerProcesses.length === 0)
    supervisor?.start()
    await until('the supervisor is back, with nothing to run', 60_000, async () => {
      const seen = (await cluster.supervisorsSeen()).find(({ id }) => id === supervisor?.name)
      return seen?.isConnected === true && seen.incarnation > 2 && seen.running.length === 0
    })
    expect(cluster.workerProcesses).toEqual([])
    expect(await cluster.topology('numbered')).toBe(undefined)
  })

  test('daemons: asked to end, they end by themselves', async () => {
    const daemons = [cluster.nimbus, ...cluster.supervisors]
    await Promise.all(daemons.map((daemon) => daemon.end('SIGTERM')))
    await until('nothing is left', 10_000, () => cluster.processes.length === 0)
  })
})
