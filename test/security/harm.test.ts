// Guards "user code that blocks its loop, fills its memory or its log harms nobody but its own worker, which is ended and
// started anew with a reason that names what did it".
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { Cluster } from '../cluster/cluster.js'
import { until } from '../cluster/until.js'
import { progressOf } from './ask.js'
import { mib } from './memory.js'

const topology = (name: string) => fileURLToPath(new URL(`topologies/${name}.ts`, import.meta.url))
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const tell = (line: string) => process.stdout.write(`${line}\n`)
let folder = ''
let marks = ''
let data = ''
let cluster: Cluster

beforeAll(async () => {
  const built = await builtPackage('security-harm')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-harm-'))
  marks = join(folder, 'marks')
  mkdirSync(marks)
  data = join(folder, 'cluster/nimbus')
  cluster = await Cluster.start({
    built,
    folder: join(folder, 'cluster'),
    supervisors: 1,
    slots: 5,
    supervisor: ['--worker-memory-mb', '96'],
  })
  await cluster.done('jar', 'deploy', topology('steady'), 'steady', '1')
  await cluster.workers('steady', 1)
}, 120_000)
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

const deploy = (what: string) => cluster.done('jar', 'deploy', '--no-wait', topology('harm'), what, marks)
const isThere = (mark: string) => existsSync(join(marks, mark))
const timeIn = (mark: string) => Number(readFileSync(join(marks, mark), 'utf8'))
const isAfter = (what: string) => until(`${what} is over`, 120_000, () => isThere(`${what}-after`), 20)
/** How many processes there were. */
const startsOf = (what: string) =>
  readFileSync(join(marks, `${what}-started`), 'utf8')
    .trimEnd()
    .split('\n').length

/** The log files of a topology that run or ran, with their sizes. */
function filesOf(what: string): { name: string; path: string; size: number }[] {
  const logs = join(folder, 'cluster/supervisor-1/supervisor/logs')
  const of = readdirSync(logs).find((name) => name.startsWith(`harm-${what}-`))
  if (of === undefined) return []
  return readdirSync(join(logs, of), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => ({
      name,
      path: join(parentPath, name),
      size: statSync(join(parentPath, name)).size,
    }))
}
const textOf = (what: string, file: string) =>
  filesOf(what)
    .filter(({ name }) => name.startsWith(file))
    .map(({ path }) => readFileSync(path, 'utf8'))
    .join('')
/** What the supervisor says of ends of its workers. */
const failuresOf = (what: string) =>
  textOf(what, 'worker.log')
    .split('\n')
    .filter((line) => line.includes('has failed: '))
    .map((line) => (JSON.parse(line) as { msg: string }).msg)

async function kill(...whats: readonly string[]): Promise<void> {
  for (const what of whats) await cluster.done('kill', `harm-${what}`, '-w', '0')
}

/** Runs what is to be survived, and holds that the others did not notice. */
async function meanwhile(work: () => Promise<void>): Promise<void> {
  const daemons = [cluster.nimbus.pid, ...cluster.supervisors.map(({ pid }) => pid)]
  const before = await progressOf(data, 'steady')
  await work()
  await until('it goes on', 60_000, async () => (await progressOf(data, 'steady')).acked > before.acked)
  expect(await progressOf(data, 'steady')).toMatchObject({ failed: 0, pids: before.pids })
  expect(daemons.filter((pid) => cluster.processes.includes(pid))).toEqual(daemons)
}

describe.skipIf(process.platform !== 'linux')('harm', () => {
  test('a loop that stands still: named within seconds, ended after ten, back at once', async () => {
    await meanwhile(async () => {
      const whats = ['loop', 'wait', 'pause']
      for (const what of whats) await deploy(what)
      for (const what of whats) await isAfter(what)
      for (const what of ['loop', 'wait']) {
        const ms = /EVENT_LOOP_BLOCKED: component 'culprit', task \d+, holds up this worker for (\d+) ms/.exec(
          textOf(what, 'worker.out'),
        )?.[1]
        const [failure] = failuresOf(what)
        tell(`${what}: named after ${ms} ms, back after ${timeIn(`${what}-after`) - timeIn(what)} ms: ${failure}`)
        expect(Number(ms)).toBeLessThan(6_000)
        expect(failure).toMatch(/its loop stood still for 10000 ms: component 'culprit', task \d+.*WORKER_HUNG/)
        expect([what, startsOf(what), failuresOf(what).length]).toEqual([what, 2, 1])
        expect(timeIn(`${what}-after`) - timeIn(what)).toBeGreaterThan(9_000)
        expect(timeIn(`${what}-after`) - timeIn(what)).toBeLessThan(30_000)
      }
      expect([startsOf('pause'), failuresOf('pause')]).toEqual([1, []])
      const { err, out } = await cluster.storm('errors', 'harm-pause')
      expect(out + err).toMatch(/Component 'culprit', task \d+, held up its worker for \d+ ms/)
      await kill(...whats)
    })
  })

  test('memory: a full heap and buffers beside it: ended as such, back at once; what cannot be had is an error', async () => {
    await meanwhile(async () => {
      for (const what of ['leak', 'giant', 'files', 'buffers']) await deploy(what)
      await until('the buffers are too many', 120_000, () => failuresOf('buffers').length > 0)
      writeFileSync(join(marks, 'enough'), '')
      for (const what of ['leak', 'giant', 'files']) await isAfter(what)
      const [[leak], [buffers]] = [failuresOf('leak'), failuresOf('buffers')]
      tell(`leak: ${leak}\nbuffers: ${buffers}`)
      expect(leak).toMatch(/its heap was full.*'workerMemoryMb'.*OOM/)
      expect(buffers).toMatch(/it took \d+ MiB of memory, and may take 352 MiB.*OOM/)
      await until('they are back', 60_000, () => startsOf('leak') === 2 && startsOf('buffers') === 2)
      expect([...failuresOf('giant'), ...failuresOf('files')]).toEqual([])
      expect((await cluster.storm('errors', 'harm-giant')).out).toMatch(/culprit.*RangeError|RangeError/s)
      await kill('leak', 'giant', 'files', 'buffers')
      rmSync(join(marks, 'enough'))
    })
  })

  test('logs: lines and output without end take no more room than they may, and cannot steer a terminal', async () => {
    await meanwhile(async () => {
      await deploy('lines')
      await deploy('output')
      await until('both have begun', 60_000, () => isThere('lines-after') && isThere('output-after'))
      let most = { lines: 0, output: 0 }
      for (const endMs = performance.now() + 10_000; performance.now() < endMs; await pause(50)) {
        const sum = (what: string) => filesOf(what).reduce((total, { size }) => total + size, 0)
        most = { lines: Math.max(most.lines, sum('lines')), output: Math.max(most.output, sum('output')) }
      }
      writeFileSync(join(marks, 'enough'), '')
      tell(`logs of a flood took at most ${mib(most.lines)} MiB, output ${mib(most.output)} MiB`)
      expect(mib(most.lines)).toBeLessThanOrEqual(5 * 16 + 1)
      expect(mib(most.output)).toBeLessThanOrEqual(512)
      const log = textOf('lines', 'worker.log')
      expect(log).toMatch(/"msg":"\d+ lines were dropped: more than 1000 came within a second"/)
      expect(Math.max(...log.split('\n').map((line) => line.length))).toBeLessThan(20_000)
      const { code, out } = await cluster.storm('logs', 'harm-lines', '-l', '2000')
      expect(code).toBe(0)
      expect(out).toContain('\\u{1b}[2J')
      // eslint-disable-next-line no-control-regex
      expect(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/.exec(out)).toBe(null)
      expect([startsOf('lines'), startsOf('output')]).toEqual([1, 1])
      expect((await progressOf(data, 'harm-lines')).acked).toBeGreaterThan(0)
      await kill('lines', 'output')
    })
  })
})
