// Guards "IPv6-only host": a whole cluster on ::1, its workers on two supervisors, so that they have to find each other.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { stormTs } from '../cli/storm-ts.js'
import { processesIn, signal } from '../cluster/processes.js'
import { until } from '../cluster/until.js'
import { progressOf, urlIn } from './ask.js'
import { listenersOf } from './processes.js'

const steady = fileURLToPath(new URL('topologies/steady.ts', import.meta.url))
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
let folder = ''
let built = ''

beforeAll(async () => {
  built = await builtPackage('security-addresses')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-addresses-'))
  mkdirSync(join(folder, 'nimbus'))
}, 120_000)
afterAll(async () => {
  const pids = () => processesIn(folder).map(({ pid }) => pid)
  // Supervisors first, which would start their workers again.
  for (const pid of pids().sort((a, b) => a - b)) signal(pid, 'SIGKILL')
  await until('all processes have ended', 20_000, () => {
    for (const pid of pids()) signal(pid, 'SIGKILL')
    return pids().length === 0
  })
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

test.skipIf(!hasIpv6 || process.platform !== 'linux')('addresses: a cluster on ::1 alone', async () => {
  const data = join(folder, 'nimbus')
  const nimbus = stormTs(built, ['nimbus', '--bind', '::1', '--port', '0', '--data-dir', data], { cwd: folder })
  await nimbus.says(/Nimbus listens at http:\/\/\[::1\]:\d+,/)
  for (const name of ['one', 'two']) {
    const args = ['supervisor', '--bind', '::1', '--slots', '1', '--data-dir', join(folder, name), '--supervisor', name]
    const supervisor = stormTs(built, [
      ...args,
      '--nimbus',
      urlIn(data),
      '--secret-file',
      join(data, 'supervisor-token'),
    ])
    await supervisor.says(/Nimbus .* is there/)
  }
  const storm = (...args: string[]) => stormTs(built, args, { cwd: folder }).ended
  expect(await storm('deploy', '--data-dir', data, '--timeout', '60s', steady)).toMatchObject({ code: 0 })
  await until('tuples go from one to the other', 60_000, async () => (await progressOf(data, 'steady')).acked > 100)
  const { out } = await storm('describe', 'steady', '--data-dir', data)
  const workers = [...out.matchAll(/^(\[::1\]:\d+) +(one|two) +ready/gm)].map(([, address]) => address)
  expect(workers.length).toBe(2)
  expect((await storm('logs', 'steady', '--data-dir', data, '--worker', workers[0] ?? '')).out).toContain(workers[0])
  const listeners = listenersOf(processesIn(folder).map(({ pid }) => pid))
  expect(new Set(listeners.map(({ address }) => address))).toEqual(new Set(['0000:0000:0000:0000:0000:0000:0000:0001']))
  expect(listeners.length).toBe(3)
})
