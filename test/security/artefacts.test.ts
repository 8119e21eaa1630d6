// Guards "a topology with a syntax error, one that throws or never finishes at import, a name already running, Nimbus
// down, a full disk: each is told with its code and exit code, and what runs goes on", with real processes.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { stormTs, type Ended } from '../cli/storm-ts.js'
import { Cluster } from '../cluster/cluster.js'
import { processesIn } from '../cluster/processes.js'
import { until } from '../cluster/until.js'
import { ask, post, progressOf, urlIn, type Asked } from './ask.js'
import { SmallDisk } from './disk.js'
import { oddName } from './topologies/odd-names.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const steady = fileURLToPath(new URL('topologies/steady.ts', import.meta.url))
let folder = ''
let data = ''
let built = ''
let cluster: Cluster
/** A deploy that takes as long as it may: others go on meanwhile. */
let neverFinished: Promise<Ended>
let disks: Record<'nimbus' | 'supervisor', SmallDisk> | undefined

beforeAll(async () => {
  built = await builtPackage('security-artefacts')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-artefacts-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  data = join(folder, 'cluster/nimbus')
  const [nimbus, supervisor] = [SmallDisk.mount(data, 16), SmallDisk.mount(join(folder, 'cluster/supervisor-1'), 32)]
  if (nimbus !== undefined && supervisor !== undefined) disks = { nimbus, supervisor }
  else console.warn('artefacts: full disks are not tested, as only root can mount a small one')
  cluster = await Cluster.start({
    built,
    folder: join(folder, 'cluster'),
    supervisors: 1,
    slots: 2,
    nimbus: ['--deploy-ms', '8s', '--tokens-file', tokensFile()],
  })
  await cluster.done('jar', 'deploy', steady, 'steady', '1')
  await cluster.workers('steady', 1)
  neverFinished = cluster.storm('jar', 'deploy', module('never finishes', never))
}, 120_000)
afterAll(async () => {
  await cluster.end()
  for (const disk of Object.values(disks ?? {})) disk.unmount()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')

/** A viewer, and somebody whose time is over; their tokens are files of these names. */
function tokensFile(): string {
  const path = join(folder, 'tokens.yaml')
  const tokens = { viewer: 'role: viewer', late: 'role: admin, expires: 2001-01-01' }
  const lines = Object.entries(tokens).map(
    ([name, more]) => `- { name: ${name}, ${more}, sha256: ${sha256(`token of ${name}`.replaceAll(' ', '-'))} }\n`,
  )
  writeFileSync(path, lines.join(''), { mode: 0o600 })
  for (const name of [...Object.keys(tokens), 'nobody'])
    writeFileSync(join(folder, `token-${name}`), `token-of-${name}`, { mode: 0o600 })
  return path
}

/** Writes a module and returns its path. */
function module(name: string, text: string): string {
  const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.ts`)
  writeFileSync(path, text)
  return path
}

/** Runs what is to be survived, and holds that the same daemons and workers go on and that no tuple failed. */
async function meanwhile<T>(work: () => Promise<T>): Promise<T> {
  const daemons = [cluster.nimbus.pid, ...cluster.supervisors.map(({ pid }) => pid)]
  const before = await progressOf(data, 'steady')
  const result = await work()
  await expect
    .poll(async () => (await progressOf(data, 'steady')).acked, { timeout: 30_000, interval: 500 })
    .toBeGreaterThan(before.acked)
  expect(await progressOf(data, 'steady')).toMatchObject({ failed: 0, pids: before.pids })
  expect(daemons.filter((pid) => cluster.processes.includes(pid))).toEqual(daemons)
  return result
}

const sound = `import { TopologyBuilder, listSpout, stream, t } from 'storm-ts'
  const builder = new TopologyBuilder('sound')
  builder.setSpout('none', listSpout(stream({ n: t.number }), []))
  const topology = builder.createTopology()\n`
const gigabyte = `const text = 'x'.repeat(2 ** 20 - 1) + '\\n'; for (let i = 0; i < 1_024; i++) process.stdout.write(text)\n`

const never = 'setInterval(() => {}, 1_000); await new Promise(() => {})'

const refused: [name: string, text: string, code: string, says: RegExp][] = [
  [
    'a syntax error',
    `\nexport default {`,
    'BUNDLE_FAILED',
    /a-syntax-error\.ts:2:17: Expected identifier but found end of file/,
  ],
  ['a module that is not there', `import './gone.js'`, 'BUNDLE_FAILED', /:1:8: Could not resolve "\.\/gone\.js"/],
  ['throws at import', `\nthrow new TypeError('oops')`, 'TOPOLOGY_FAILED', /oops\n.*throws-at-import\.ts:2:7/],
  ['throws nothing at import', `throw null`, 'TOPOLOGY_FAILED', /threw/],
  ['throws when called', `export default () => { throw new Error('here') }`, 'TOPOLOGY_FAILED', /here/],
  ['rejects', `export default Promise.reject(new Error('not today'))`, 'TOPOLOGY_FAILED', /not today/],
  ['ends the process', `process.exit(0)`, 'TOPOLOGY_EXITED', /process\.exit\(0\)/],
  ['talks without end, then ends', `${gigabyte} process.exit(0)`, 'TOPOLOGY_EXITED', /process\.exit\(0\)/],
  ['fills its heap', `const all = []; for (;;) all.push(new Array(1_000).fill(all.length))`, 'TOPOLOGY_EXITED', /heap/],
  ['no export', `export const topology = 1`, 'NO_EXPORT', /has no default export, but 'topology'/],
  ['another shape', `export default { name: 'x', components: [] }`, 'NOT_A_TOPOLOGY', /got an object/],
  ['a function that returns another shape', `export default () => 7`, 'NOT_A_TOPOLOGY', /got 7/],
]

describe.skipIf(process.platform !== 'linux')('artefacts', () => {
  test('deploy: what cannot be a topology ends with 3, its code and its place, and reaches nobody', async () => {
    const before = cluster.storm('list', '--json')
    const ends = await meanwhile(() =>
      Promise.all(
        refused.map(async ([name, text, code, says]) => {
          const { code: exitCode, out, err } = await cluster.storm('jar', 'deploy', module(name, text))
          const isTold = err.includes(`(${code})`) && says.test(err) && err.length < 2 ** 20 + 4_096
          return { name, exitCode, out, told: isTold ? 'with code and place' : err.slice(-1_000) }
        }),
      ),
    )
    expect(ends).toEqual(refused.map(([name]) => ({ name, exitCode: 3, out: '', told: 'with code and place' })))
    const names = async (list: Promise<{ out: string }>) =>
      (JSON.parse((await list).out) as { topologies: { name: string }[] }).topologies.map(({ name }) => name)
    expect(await names(cluster.storm('list', '--json'))).toEqual(await names(before))
  }, 240_000)

  /** Bundles a module and submits it past the command line, as somebody might who means no good. */
  async function submit(name: string, text: string, spoil = (bytes: Buffer) => bytes): Promise<Asked> {
    const out = join(folder, `${name.replaceAll(/\W+/g, '-')}.mjs`)
    const { code, err } = await stormTs(built, ['jar', 'build', module(name, text), '--out', out], { cwd: folder })
      .ended
    expect([code, err]).toEqual([0, ''])
    const bytes = spoil(readFileSync(out))
    const artefact = sha256(bytes)
    const headers = { 'content-type': 'application/octet-stream' }
    await ask(data, `/api/v2/artefacts/${artefact}`, { method: 'PUT', body: new Uint8Array(bytes), headers })
    return post(data, '/api/v2/topologies', { request: `of ${name}`, artefact, cwd: folder })
  }

  test('nimbus: looks into what is submitted elsewhere, and is not held up by it', async () => {
    const cases: readonly (readonly [name: string, text: string, code: string, spoil?: (bytes: Buffer) => Buffer])[] = [
      ['turns for ever', 'for (;;);', 'TOPOLOGY_TIMEOUT'],
      ['never ends', never, 'TOPOLOGY_TIMEOUT'],
      ['is spoilt', sound, 'TOPOLOGY_FAILED', (bytes) => Buffer.concat([bytes, Buffer.from('\n}}}')])],
      ['is none', sound, 'NOT_AN_ARTEFACT', (bytes) => Buffer.concat([Buffer.from('\n'), bytes])],
      ['throws', `throw new Error('oops')`, 'TOPOLOGY_FAILED'],
      ['ends', `process.exit(0)`, 'TOPOLOGY_EXITED'],
      ['kills itself', `process.kill(process.pid, 'SIGKILL')`, 'TOPOLOGY_EXITED'],
      ['talks without end', `${gigabyte} process.exit(1)`, 'TOPOLOGY_EXITED'],
      ['lies', `process.send({ graph: { name: 'x', components: 7 } })`, 'NOT_A_TOPOLOGY'],
      [
        'lies about its size',
        `process.send({ graph: { name: 'x', components: Array(1e5).fill({}) } })`,
        'NOT_A_TOPOLOGY',
      ],
      ['no export', 'export const x = 1', 'NO_EXPORT'],
      ['another shape', 'export default [1]', 'NOT_A_TOPOLOGY'],
    ]
    const answers = await meanwhile(() =>
      Promise.all(
        cases.map(async ([name, text, , spoil]) => {
          const { status, json } = await submit(name, text, spoil)
          return [name, status, json['code']]
        }),
      ),
    )
    expect(answers).toEqual(cases.map(([name, , code]) => [name, 422, code]))
    const accepted = await submit('sound', `${sound} export default topology`)
    expect([accepted.status, accepted.json['name']]).toEqual([201, 'sound'])
    await cluster.done('kill', 'sound', '-w', '0')
    const left = () => processesIn(built).filter(({ words }) => words.some((word) => word.endsWith('extract-main.js')))
    await until('nobody looks into anything any more', 30_000, () => left().length === 0)
  })

  test('deploy: a name that runs ends with 6, and tells which it is and since when', async () => {
    const { id } = (await cluster.topology('steady')) ?? {}
    const { code, err } = await meanwhile(() => cluster.storm('jar', 'deploy', steady, 'steady'))
    expect(code).toBe(6)
    expect(err).toMatch(new RegExp(`'?steady'? .*${id}.*\\d{4}-\\d{2}-\\d{2}T.*\\(ALREADY_RUNNING\\)`))
  })

  test('deploy: twice at the same moment, exactly one wins', async () => {
    const file = module('twin', sound.replace("'sound'", "'twin'") + 'export default topology')
    const codes = await Promise.all([1, 2, 3].map(async () => (await cluster.storm('deploy', '--no-wait', file)).code))
    expect(codes.map(String).sort()).toEqual(['0', '6', '6'])
    await cluster.done('kill', 'twin', '-w', '0')
  })

  test('tokens: of a viewer, of one whose time is over, of nobody: what they may not ends with 4', async () => {
    const url = urlIn(data)
    const as = (name: string, ...verb: string[]) =>
      stormTs(built, [verb[0] ?? '', '--nimbus', url, '--token-file', `token-${name}`, ...verb.slice(1)], {
        cwd: folder,
      }).ended
    const cases: readonly (readonly [name: string, verb: string[], code: number, says: RegExp])[] = [
      ['viewer', ['list'], 0, /^$/],
      ['viewer', ['deploy', steady, 'other'], 4, /'viewer' has the role viewer; submitter is needed\. \(FORBIDDEN\)/],
      ['viewer', ['kill', 'steady'], 4, /operator is needed\. \(FORBIDDEN\)/],
      ['late', ['list'], 4, /\(TOKEN_EXPIRED\)/],
      ['nobody', ['list'], 4, /\(UNAUTHENTICATED\)/],
      ['nobody', ['deploy', steady], 4, /\(UNAUTHENTICATED\)/],
    ]
    await meanwhile(async () => {
      for (const [name, verb, code, says] of cases) {
        const ended = await as(name, ...verb)
        expect([name, verb, ended.code]).toEqual([name, verb, code])
        expect(ended.err).toMatch(says)
        expect(ended.err + ended.out).not.toContain(`token-of-`)
      }
    })
  })

  test('names and errors with markup, lines and codes in them: shown as text, one line each', async () => {
    const odd = fileURLToPath(new URL('topologies/odd-names.ts', import.meta.url))
    const outputs: string[] = []
    await meanwhile(async () => {
      const deployed = await cluster.storm('deploy', odd)
      expect(deployed.code).toBe(0)
      outputs.push(deployed.err)
      await until('its error is told', 60_000, async () => {
        const { json } = await ask(data, '/api/v2/topologies/odd-names/errors')
        const [error] = json['errors'] as readonly { component: string; message: string }[]
        return error?.component === oddName && error.message.includes(oddName)
      })
      for (const verb of ['describe', 'errors', 'logs']) {
        const { code, out, err } = await cluster.storm(verb, 'odd-names')
        expect([verb, code]).toEqual([verb, 0])
        outputs.push(out, err)
      }
      const detail = await ask(data, `/api/v1/topology/odd-names/component/${encodeURIComponent(oddName)}`)
      expect([detail.status, detail.json['id']]).toEqual([200, oddName])
      for (const line of (await ask(data, '/metrics')).text.split('\n'))
        expect(line).toMatch(/^(#.*|\w+(\{.*\})? [\d.e+-]+|)$/)
      await cluster.done('kill', 'odd-names', '-w', '0')
    })
    const shown = outputs.join('')
    expect(shown).toContain('<img src=x')
    expect(/[\p{Cc}\u202a-\u202e]/u.exec(shown.replaceAll(/[\n\t]/g, ''))).toBe(null)
    const logs = join(folder, 'cluster/supervisor-1/supervisor/logs')
    const files = readdirSync(logs, { recursive: true, withFileTypes: true }).filter(
      ({ name }) => name === 'worker.log',
    )
    const lines = files.flatMap(({ parentPath, name }) =>
      readFileSync(join(parentPath, name), 'utf8').trimEnd().split('\n'),
    )
    const told = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(told.filter((msg) => msg === oddName).length).toBe(1)
  })

  test('logs: beyond the end, and of a topology that is gone: told so', async () => {
    const [worker] = await cluster.workers('steady', 1)
    const path = `/api/v2/topologies/steady/logs?supervisor=${worker?.supervisor}&port=${worker?.port}`
    const beyond = await ask(data, `${path}&from=99999999`)
    expect([beyond.status, beyond.json['code']]).toEqual([416, 'INVALID_REQUEST'])
    expect((await ask(data, `${path}&from=0&maxBytes=10`)).text.length).toBe(10)
    const gone = await cluster.storm('logs', 'odd-names')
    expect([gone.code, gone.out]).toEqual([1, ''])
    expect(gone.err).toMatch(/odd-names-\d+-\d+ was killed\. \(NOT_FOUND\)/)
  })

  test('crowd: three thousand questions at once are answered, and heartbeats go on', async () => {
    const statuses = await meanwhile(() =>
      Promise.all(Array.from({ length: 3_000 }, async () => (await ask(data, '/api/v1/cluster/summary')).status)),
    )
    expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([])
  })

  test('nimbus down: every verb ends with 5, workers go on, and it is as before when it is back', async () => {
    const before = await progressOf(data, 'steady')
    await cluster.nimbus.end('SIGKILL')
    for (const verb of [['list'], ['deploy', steady], ['kill', 'steady'], ['logs', 'steady']]) {
      const { code, out, err } = await cluster.storm(...verb)
      expect([verb, code, out]).toEqual([verb, 5, ''])
      expect(err).toMatch(/There is no nimbus at http:\/\/127\.0\.0\.1:\d+: nobody listens there\. \(UNREACHABLE\)/)
    }
    cluster.nimbus.start()
    await cluster.workers('steady', 1)
    await until('it goes on', 60_000, async () => (await progressOf(data, 'steady')).acked > before.acked)
    expect(await progressOf(data, 'steady')).toMatchObject({ failed: 0, pids: before.pids })
  })

  test('slots: more than there are: accepted, told so, and complete when there are some', async () => {
    // All of it runs in the one slot that there is, as in Storm.
    expect((await cluster.storm('deploy', steady, 'wide', '2')).code).toBe(0)
    expect((await ask(data, '/api/v2/topologies/wide')).json).toMatchObject({
      status: 'ACTIVE',
      unplaced: 0,
      scheduling: 'WAITING_FOR_SLOTS: 1 of 2 workers have one',
    })
    const timedOut = await cluster.storm('deploy', '--timeout', '1s', steady, 'none', '2')
    expect(timedOut.code).toBe(7)
    expect(timedOut.err).toMatch(/executors have no slot: no supervisor has a free one.*\(TIMED_OUT\)/)
    expect((await ask(data, '/api/v2/topologies/none')).json).toMatchObject({
      status: 'ACTIVE',
      scheduling: 'WAITING_FOR_SLOTS: 0 of 2 workers have one',
      ready: false,
      workers: [],
    })
    await cluster.done('kill', 'none', '-w', '0')
    await cluster.done('kill', 'steady', '-w', '0')
    await cluster.workers('wide', 2)
    await until('all of it is acked', 60_000, async () => (await progressOf(data, 'wide')).acked > 0)
    expect((await ask(data, '/api/v2/topologies/wide')).json).toMatchObject({
      scheduling: null,
      ready: true,
      unplaced: 0,
    })
    await cluster.done('kill', 'wide', '-w', '0')
    await until('it is gone', 30_000, async () => (await cluster.topology('wide')) === undefined)
    await cluster.done('jar', 'deploy', steady, 'steady', '1')
    await cluster.workers('steady', 1)
  })

  test("full disk: nimbus': nothing is taken in, reading and running go on, and it recovers by itself", async ({
    skip,
  }) => {
    if (disks === undefined) skip('a small disk can be mounted by root only')
    // More than what is left of a page of the disk.
    const late = ['deploy', '--no-wait', steady, 'late', '1', 'x'.repeat(100_000)]
    await meanwhile(async () => {
      disks?.nimbus.fill()
      const { code, err } = await cluster.storm(...late)
      expect([code, err]).toEqual([1, expect.stringContaining('(STORE_FULL)')])
      expect((await cluster.storm('list')).code).toBe(0)
      const fromMs = performance.now()
      const health = await ask(data, '/health')
      expect([health.status, health.json['code']]).toEqual([503, 'STORE_FULL'])
      process.stdout.write(`/health with a full disk answers in ${Math.round(performance.now() - fromMs)} ms\n`)
    })
    expect((await cluster.topology('steady'))?.status).toBe('ACTIVE')
    disks?.nimbus.clear()
    expect((await cluster.storm(...late)).code).toBe(0)
    expect((await ask(data, '/health')).status).toBe(200)
    await cluster.done('kill', 'late', '-w', '0')
  })

  test("full disk: nimbus' from the start: it says so and ends, and workers go on", async ({ skip }) => {
    if (disks === undefined) skip('a small disk can be mounted by root only')
    const before = await progressOf(data, 'steady')
    await cluster.nimbus.end('SIGKILL')
    disks?.nimbus.fill()
    cluster.nimbus.start()
    const log = () => readFileSync(join(folder, 'cluster/nimbus.log'), 'utf8')
    await until(
      'it has ended',
      30_000,
      () => log().includes('(STORE_FULL)') && !cluster.processes.includes(cluster.nimbus.pid),
    )
    disks?.nimbus.clear()
    cluster.nimbus.start()
    await cluster.workers('steady', 1)
    await until('it goes on', 60_000, async () => (await progressOf(data, 'steady')).acked > before.acked)
    expect(await progressOf(data, 'steady')).toMatchObject({ failed: 0, pids: before.pids })
  })

  test("full disk: a supervisor's: its worker goes on, none is started, and one is when there is space", async ({
    skip,
  }) => {
    if (disks === undefined) skip('a small disk can be mounted by root only')
    await meanwhile(async () => {
      disks?.supervisor.fill()
      await cluster.done('deploy', '--no-wait', steady, 'late', '1')
      await until('the slot says why', 60_000, async () => {
        const { workers } = (await ask(data, '/api/v2/topologies/late')).json as { workers: { reason?: string }[] }
        return /space/i.test(workers[0]?.reason ?? '')
      })
    })
    disks?.supervisor.clear()
    await cluster.workers('late', 1)
    await cluster.done('kill', 'late', '-w', '0')
  })

  test('deploy: what never finishes ends with 3 after half a minute', async () => {
    const { code, err } = await neverFinished
    expect([code, err]).toEqual([3, expect.stringMatching(/not there after 30 s.*\(TOPOLOGY_TIMEOUT\)/)])
  })
})
