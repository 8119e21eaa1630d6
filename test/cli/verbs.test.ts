// Guards "verbs say what nimbus says": what each asks for, what it shows, and how refusals end.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type * as ProgramModule from '../../src/cli/program.js'
import { builtPackage } from '../built.js'
import { fakeNimbus, type FakeAnswer, type FakeNimbus } from './fake-nimbus.js'
import { fakeTerminal, type FakeTerminal } from './fake-terminal.js'

let run: typeof ProgramModule.run
let cwd = ''
let nimbus: FakeNimbus | undefined

beforeAll(async () => {
  const built = await builtPackage('cli-verbs')
  ;({ run } = (await import(pathToFileURL(join(built, 'dist/cli/program.js')).href)) as typeof ProgramModule)
})
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'storm-ts-test-'))
  mkdirSync(join(cwd, '.storm-ts'))
  writeFileSync(join(cwd, '.storm-ts/token'), 'the-token\n', { mode: 0o600 })
})
afterEach(async () => {
  await nimbus?.close()
  nimbus = undefined
  rmSync(cwd, { recursive: true, force: true })
})

async function answering(answers: Parameters<typeof fakeNimbus>[0]): Promise<FakeNimbus> {
  nimbus = await fakeNimbus(answers)
  writeFileSync(join(cwd, '.storm-ts/address'), `${nimbus.url}\n`)
  return nimbus
}

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function storm(...args: string[]): Promise<Ended> {
  const terminal = fakeTerminal(cwd)
  return { code: await run(args, terminal), ...terminal.said }
}

/** Runs a verb that goes on; `until` is called again and again. */
async function stormUntil(args: readonly string[], until: (terminal: FakeTerminal) => boolean): Promise<Ended> {
  const terminal = fakeTerminal(cwd)
  const ended = run(args, terminal)
  await expect.poll(() => until(terminal), { timeout: 10_000, interval: 10 }).toBe(true)
  terminal.interrupt(130)
  return { code: await ended, ...terminal.said }
}

const head = { id: 'wc-1-1700000000', name: 'wc', status: 'ACTIVE' }
const worker = {
  supervisor: 's-1',
  host: '127.0.0.1',
  port: 6_700,
  state: 'running',
  isReady: true,
  restarts: 0,
  executors: 3,
  pid: 7,
}
const view = {
  ...head,
  exhausted: false,
  pending: 5,
  owner: 'admin',
  unplaced: 0,
  workers: [worker],
  components: [
    { id: 'lines', completeLatency: { samples: 90, meanMs: 3.5, p50Ms: 3.25, p99Ms: 12.0625, maxMs: 15 } },
    { id: 'count', executeLatency: null, processLatency: null },
  ],
}
const stormHead = {
  ...head,
  owner: 'admin',
  uptime: '1m 2s',
  uptimeSeconds: 62,
  tasksTotal: 4,
  workersTotal: 1,
  executorsTotal: 3,
}
const detail = {
  ...stormHead,
  spouts: [
    {
      spoutId: 'lines',
      executors: 1,
      tasks: 1,
      emitted: 100,
      transferred: 100,
      acked: 90,
      failed: 1,
      completeLatency: '3.5',
    },
  ],
  bolts: [
    {
      boltId: 'count',
      executors: 2,
      tasks: 2,
      emitted: 0,
      transferred: 0,
      executed: 95,
      acked: 95,
      failed: 0,
      executeLatency: '0.1',
      processLatency: '0.2',
      capacity: '0.01',
    },
  ],
  workers: [{ supervisorId: 's-1', host: '127.0.0.1', port: 6_700, executorsTotal: 3 }],
}

describe('connection', () => {
  const answers = { 'GET /api/v1/topology/summary': { json: { topologies: [] } } }

  test('where nimbus is: flag, variable, file, data folder, default', async () => {
    const { url } = await answering(answers)
    const dead = 'http://127.0.0.1:1'
    const at = async (args: string[], env: Record<string, string> = {}) => {
      const terminal = fakeTerminal(cwd, env)
      const code = await run(['list', ...args], terminal)
      return code === 0 ? url : /at (\S+):/.exec(terminal.said.err)?.[1]
    }
    expect(await at([])).toBe(url)
    writeFileSync(join(cwd, 'storm-ts.yaml'), `nimbus: ${dead}\n`)
    expect(await at([])).toBe(dead)
    expect(await at([], { STORM_TS_NIMBUS: url })).toBe(url)
    expect(await at(['--nimbus', dead], { STORM_TS_NIMBUS: url })).toBe(dead)
    rmSync(join(cwd, 'storm-ts.yaml'))
    expect(await at(['--data-dir', 'elsewhere'])).toBe('http://127.0.0.1:6627')
  })

  test('the token of the data folder, or of the file that is named', async () => {
    const { asked } = await answering(answers)
    await storm('list')
    writeFileSync(join(cwd, 'other'), 'another', { mode: 0o600 })
    await storm('list', '--token-file', 'other')
    rmSync(join(cwd, '.storm-ts/token'))
    await storm('list')
    expect(asked.map(({ token }) => token)).toEqual(['the-token', 'another', undefined])
    expect(await storm('list', '--token-file', 'gone')).toMatchObject({ code: 78, out: '' })
  })

  test.each<[string, FakeAnswer, number, string]>([
    [
      'UNAUTHENTICATED',
      { status: 401, json: { code: 'UNAUTHENTICATED', message: 'No.' } },
      4,
      ".storm-ts/token'): No. (UNAUTHENTICATED)",
    ],
    [
      'FORBIDDEN',
      { status: 403, json: { code: 'FORBIDDEN', message: 'Not a viewer.' } },
      4,
      'Not a viewer. (FORBIDDEN)',
    ],
    [
      'PROTOCOL_MISMATCH',
      { json: {}, headers: { 'storm-ts-protocol': '2', 'storm-ts-version': '9.9.9' } },
      5,
      'is storm-ts 9.9.9 and speaks protocol 2; this is storm-ts 0.1.0 and speaks protocol 1.',
    ],
    ['no nimbus', { text: '<html>', headers: { 'storm-ts-protocol': '1' } }, 5, '(NOT_A_NIMBUS)'],
    [
      'a code of a later version',
      { status: 409, json: { code: 'SOMETHING_NEW', message: 'Told\u001b[2J.' } },
      6,
      'Told\\u{1b}[2J. (SOMETHING_NEW)',
    ],
    ['a proxy', { status: 502, text: 'Bad Gateway', headers: {} }, 1, 'Nimbus answered 502. (HTTP_502)'],
  ])('%s', async (_, answer, code, says) => {
    await answering({ 'GET /': answer })
    const ended = await storm('list')
    expect([ended.code, ended.out]).toEqual([code, ''])
    expect(ended.err).toContain(says)
    expect(ended.err).not.toContain('the-token')
  })

  test('somebody else listens there', async () => {
    await answering({ 'GET /': { text: 'hello', headers: { 'storm-ts-protocol': '' } } })
    expect(await storm('list')).toMatchObject({ code: 5, err: expect.stringContaining('speaks protocol ') as string })
  })
})

describe('verbs', () => {
  test('list', async () => {
    await answering({ 'GET /api/v1/topology/summary': { json: { topologies: [stormHead] } } })
    expect(await storm('list')).toEqual({
      code: 0,
      out: 'name  status  tasks  executors  workers  uptime   id               owner\nwc    ACTIVE      4          3        1  1 m 2 s  wc-1-1700000000  admin\n',
      err: '',
    })
    expect(JSON.parse((await storm('list', '--json')).out)).toEqual({ topologies: [stormHead] })
  })

  test('describe: where it runs and what it did; both APIs in one document', async () => {
    await answering({
      'GET /api/v2/topologies/wc': { json: { ...view, exhausted: true } },
      'GET /api/v1/topology/wc-1-1700000000': { json: detail },
    })
    const { code, out } = await storm('describe', 'wc')
    expect(code).toBe(0)
    expect(out).toContain('status     ACTIVE, exhausted\n')
    expect(out).toMatch(/^127\.0\.0\.1:6700 +s-1 +ready +3 +0 +7$/m)
    expect(out).toMatch(/^lines +spout +1 +1 +100 +90 +1 +3\.5 +3\.250 +12\.063$/m)
    expect(out).toMatch(/^count +bolt +2 +2 +0 +95 +95 +0 +0\.2$/m)
    const json = JSON.parse((await storm('describe', 'wc', '--json')).out) as object
    expect(json).toMatchObject({ exhausted: true, uptimeSeconds: 62, workers: [{ isReady: true, executorsTotal: 3 }] })
  })

  test('a wrong name is answered with the nearest right one, as nimbus tells it', async () => {
    const message = "There is no topology 'cw'. Did you mean 'wc'?"
    await answering({ 'GET /api/v2/topologies/cw': { status: 404, json: { code: 'NOT_FOUND', message } } })
    expect(await storm('describe', 'cw')).toEqual({ code: 1, out: '', err: `storm-ts: ${message} (NOT_FOUND)\n` })
  })

  test('errors: oldest first, nothing in them can steer the terminal', async () => {
    const error = { component: 'count', task: 3, message: 'bad\u001b[31m', atMs: 2_000, host: 'h', port: 6_700 }
    const errors = [error, { ...error, stack: 'Error: first\n    at x', atMs: 1_000, code: 'OOPS' }]
    await answering({ 'GET /api/v2/topologies/wc/errors': { json: { errors } } })
    expect(await storm('errors', 'wc')).toEqual({
      code: 0,
      out:
        '1970-01-01T00:00:01.000Z count[3] at h:6700 (OOPS)\n  Error: first\n      at x\n' +
        '1970-01-01T00:00:02.000Z count[3] at h:6700\n  bad\\u{1b}[31m\n',
      err: '',
    })
    expect(JSON.parse((await storm('errors', 'wc', '--json')).out)).toEqual({ errors })
  })

  test.each([
    [['kill', 'wc'], 'kill', {}],
    [['kill', 'wc', '-w', '500ms'], 'kill', { waitMs: 500 }],
    [['activate', 'wc'], 'activate', {}],
    [['deactivate', 'wc'], 'deactivate', {}],
    [['rebalance', 'wc'], 'rebalance', {}],
    [
      ['rebalance', 'wc', '-w', '0', '-n', '4', '-e', 'count=8', '-e', 'a=b=2'],
      'rebalance',
      { waitMs: 0, workers: 4, executors: { count: 8, 'a=b': 2 } },
    ],
    [['rebalance', 'wc', '-n', '-1'], 'rebalance', { workers: -1 }],
  ])('%j', async (args, verb, body) => {
    const { asked } = await answering({ [`POST /api/v2/topologies/wc/${verb}`]: { json: view } })
    const ended = await storm(...args)
    expect([ended.code, ended.out]).toEqual([0, ''])
    expect(ended.err).toContain("Topology 'wc' (wc-1-1700000000) is ")
    expect(asked.map((one) => JSON.parse(one.body) as object)).toEqual([body])
    expect(JSON.parse((await storm(...args, '--json')).out)).toEqual(view)
  })

  test('monitor: rates of what changed since, until it is interrupted', async () => {
    let emitted = 100
    await answering({
      'GET /api/v2/topologies/wc': { json: view },
      'GET /api/v1/topology/wc-1-1700000000/component/lines': () => ({
        json: { outputStats: [{ stream: 'default', emitted: (emitted += 10), transferred: 0 }] },
      }),
      'GET /api/v1/topology/wc-1-1700000000': () => ({
        json: { ...detail, spouts: [{ ...detail.spouts[0], emitted: (emitted += 50) }] },
      }),
    })
    const ended = await stormUntil(
      ['monitor', 'wc', '-i', '100ms', '--json'],
      ({ said }) => said.out.split('\n').length > 4,
    )
    expect(ended.code).toBe(130)
    const [first] = ended.out
      .split('\n')
      .map((line) => JSON.parse(line || '{}') as { component?: string; emittedPerSecond?: number })
    expect(first?.component).toBe('lines')
    expect(first?.emittedPerSecond).toBeGreaterThan(0)
    expect(first?.emittedPerSecond).toBeLessThanOrEqual(500)
    const stream = ['monitor', 'wc', '-i', '100ms', '-m', 'lines', '-s', 'default']
    expect((await stormUntil(stream, ({ said }) => said.out !== '')).out).toMatch(
      /^lines\/default +1 +1 +\d+ +[\d.]+$/m,
    )
    expect(await storm('monitor', 'wc', '-m', 'line')).toMatchObject({
      code: 3,
      err: expect.stringContaining("Did you mean 'lines'?") as string,
    })
    expect(await storm('monitor', 'wc', '-m', 'lines', '-s', 'defualt')).toMatchObject({
      code: 3,
      err: expect.stringContaining("Did you mean 'default'?") as string,
    })
    expect(await storm('monitor', 'wc', '-i', '0')).toMatchObject({ code: 2 })
  })

  describe('logs', () => {
    const line = (time: number, msg: string, more: object = {}) =>
      `${JSON.stringify({ level: 30, time, component: 'count', task: 3, msg, ...more })}\n`
    const chunk = (text: string, path: string): FakeAnswer => {
      const asked = Number(new URL(path, 'http://x').searchParams.get('from'))
      const from = asked < 0 ? 0 : asked
      if (from > text.length) return { status: 416, json: { code: 'INVALID_REQUEST', message: 'too far' } }
      return {
        text: text.slice(from, from + 100),
        headers: { 'storm-ts-log-from': String(from), 'storm-ts-log-size': String(text.length) },
      }
    }
    const second = { ...worker, port: 6_701 }
    const two = { ...view, workers: [worker, second] }

    test('of all workers as one, by time; the last lines; one component; one worker', async () => {
      const texts: Record<string, string> = {
        6700: line(1, 'a') + line(3, 'c\u001b') + line(5, 'e'),
        6701: line(2, 'b', { component: 'split' }) + line(4, 'd', { level: 50, more: 1 }),
      }
      await answering({
        'GET /api/v2/topologies/wc-1-1700000000/logs': ({ path }) =>
          chunk(texts[new URL(path, 'http://x').searchParams.get('port') ?? ''] ?? '', path),
        'GET /api/v2/topologies/wc': { json: two },
      })
      const said = async (...args: string[]) =>
        (await storm('logs', 'wc', ...args)).out
          .trimEnd()
          .split('\n')
          .map((text) => text.replace(/^\S+ /, ''))
      expect(await said()).toEqual([
        'info  127.0.0.1:6700 count[3] a',
        'info  127.0.0.1:6701 split[3] b',
        'info  127.0.0.1:6700 count[3] c\\u{1b}',
        'error 127.0.0.1:6701 count[3] d {"more":1}',
        'info  127.0.0.1:6700 count[3] e',
      ])
      expect(await said('-l', '1')).toEqual(['info  127.0.0.1:6700 count[3] e'])
      expect(await said('-l', '0')).toEqual([''])
      expect(await said('-m', 'split')).toEqual(['info  127.0.0.1:6701 split[3] b'])
      expect(await said('--worker', '127.0.0.1:6701', '-m', 'count')).toEqual([
        'error 127.0.0.1:6701 count[3] d {"more":1}',
      ])
      expect((await storm('logs', 'wc', '--json', '-l', '1')).out).toBe(
        '{"time":5,"level":30,"supervisor":"s-1","host":"127.0.0.1","port":6700,"component":"count","task":3,"msg":"e"}\n',
      )
      expect(await storm('logs', 'wc', '--worker', '127.0.0.1:6702')).toMatchObject({
        code: 1,
        err: expect.stringContaining("Did you mean '127.0.0.1:670") as string,
      })
    })

    test('followed: over a log that is begun anew and a supervisor that is away, to the end of the topology', async () => {
      let text = line(1, 'one')
      let logs: 'there' | 'away' = 'there'
      let isGone = false
      await answering({
        'GET /api/v2/topologies/wc-1-1700000000/logs': ({ path }) =>
          logs === 'away' ? { status: 404, json: { code: 'NOT_FOUND', message: 'away' } } : chunk(text, path),
        'GET /api/v2/topologies/wc': () =>
          isGone ? { status: 404, json: { code: 'NOT_FOUND', message: 'gone' } } : { json: view },
      })
      const terminal = fakeTerminal(cwd)
      const ended = run(['logs', 'wc', '-f'], terminal)
      const says = (word: string) => expect.poll(() => terminal.said.out, { timeout: 10_000 }).toContain(word)
      await says('one')
      text += line(2, 'two')
      await says('two')
      logs = 'away'
      text = line(3, 'three')
      logs = 'there'
      await says('three')
      isGone = true
      expect(await ended).toBe(0)
      expect(terminal.said.out.split('\n').length).toBe(4)
      expect(terminal.said.err).toContain('is gone')
    })
  })

  test('doctor: everything on the way, and the exit code of what is wrong first', async () => {
    await answering({
      'GET /health': { json: { status: 'ok', warnings: ['plain text beyond loopback'] } },
      'GET /api/v2/whoami': { json: { name: 'admin', role: 'admin' } },
      'GET /api/v2/topologies/wc': {
        json: {
          ...view,
          unplaced: 2,
          workers: [{ ...worker, isReady: false, state: 'backoff', reason: 'out of memory' }],
        },
      },
      'GET /api/v2/topologies': {
        json: { topologies: [head, { id: 'x-2-1', name: 'x', status: 'INVALID', problem: 'its record is damaged' }] },
      },
      'GET /api/v1/supervisor/summary': {
        json: { supervisors: [{ id: 's-1', host: '127.0.0.1', uptimeSeconds: 5, slotsTotal: 2, slotsUsed: 2 }] },
      },
    })
    const { code, out } = await storm('doctor')
    expect(code).toBe(0)
    for (const told of [
      '✓ configuration: no file',
      '! nimbus: plain text beyond loopback',
      'you are admin',
      '✓ supervisors: s-1 at 127.0.0.1, 0 of 2 slots free',
      '! supervisors: there is no free slot',
      '! topology wc: its worker at 127.0.0.1:6700 is backoff (out of memory)',
      '! topology wc: 2 of its executors have no slot',
      '! topology x: INVALID: its record is damaged',
    ])
      expect(out).toContain(told)
    const { checks } = JSON.parse((await storm('doctor', '--json')).out) as {
      checks: { about: string; state: string }[]
    }
    expect(checks.filter(({ state }) => state === 'wrong')).toEqual([])
    expect(await storm('doctor', '--nimbus', 'http://127.0.0.1:1')).toMatchObject({
      code: 5,
      out: expect.stringContaining('✗ nimbus: There is no nimbus') as string,
    })
  })
})

describe('deploy', () => {
  const source = `
    import { TopologyBuilder, listSpout, stream, t } from 'storm-ts'
    export default (args: string[]) => {
      const builder = new TopologyBuilder('wc')
      builder.setSpout('lines', listSpout(stream({ line: t.string }), []))
      return builder.createTopology()
    }`
  /** Stands for a nimbus that is away. */
  const nobody = {}
  let views: object[] = []

  async function ready(more: Parameters<typeof fakeNimbus>[0] = {}) {
    writeFileSync(join(cwd, 'topology.ts'), source)
    let stored = false
    return answering({
      'HEAD /api/v2/artefacts/': () => ({ status: stored ? 200 : 404 }),
      'PUT /api/v2/artefacts/': () => {
        stored = true
        return { status: 201 }
      },
      'POST /api/v2/topologies': { status: 201, json: { ...view, workers: [] } },
      'GET /api/v2/topologies/wc-1-1700000000': () => {
        const json = views.length > 1 ? views.shift() : views[0]
        return json === nobody ? { isCut: true } : { json }
      },
      'GET /api/v2/topologies': { json: { topologies: [] } },
      ...more,
    })
  }

  test('bundles, uploads once, submits, waits until every worker reports', async () => {
    const late = { ...worker, isReady: false, state: 'starting' }
    views = [{ ...view, workers: [], unplaced: 3 }, nobody, { ...view, workers: [late] }, view]
    const { asked } = await ready()
    const ended = await storm(
      'jar',
      'deploy',
      '--name',
      'other',
      '-n',
      '2',
      '-c',
      'mine=1',
      'topology.ts',
      '--',
      'a',
      '-b',
    )
    expect(ended).toMatchObject({ code: 0, out: 'wc-1-1700000000\n' })
    expect(
      ended.err
        .split('\n')
        .filter((line) => line.startsWith('✓'))
        .map((line) => line.split(/[: ]/)[1]),
    ).toEqual(['bundled', 'found', 'uploaded', 'submitted', 'its'])
    const put = asked.find(({ method }) => method === 'PUT')
    const posted = JSON.parse(asked.find(({ method }) => method === 'POST')?.body ?? '') as {
      request: string
      artefact: string
    }
    expect(posted).toEqual({
      request: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      artefact: put?.path.replace('/api/v2/artefacts/', ''),
      args: ['a', '-b'],
      cwd,
      name: 'other',
      options: { workers: 2, mine: 1 },
      inactive: false,
    })
    expect(put?.body).toContain('// storm-ts artefact {')
    const again = await storm('deploy', '--json', 'topology.ts')
    expect(JSON.parse(again.out)).toEqual(view)
    expect(again.err).toContain('uploaded nothing')
  })

  test('an answer that is lost: the same submission is said again', async () => {
    views = [view]
    let count = 0
    const post = () => (++count === 1 ? { isCut: true } : { status: 201, json: view })
    const { asked } = await ready({ 'POST /api/v2/topologies': post })
    expect((await storm('deploy', 'topology.ts')).code).toBe(0)
    const requests = asked.filter(({ method }) => method === 'POST').map(({ body }) => body)
    expect(requests.length).toBe(2)
    expect(requests[0]).toBe(requests[1])
  })

  test('interrupted while it waits: the topology goes on', async () => {
    views = [{ ...view, unplaced: 1 }]
    await ready()
    const ended = await stormUntil(['deploy', 'topology.ts'], ({ said }) => said.err.includes('submitted'))
    expect(ended).toMatchObject({ code: 130, out: '', err: expect.stringContaining('goes on') as string })
  })

  test('--no-wait does not wait', async () => {
    views = []
    const { asked } = await ready()
    expect(await storm('deploy', '--no-wait', '--inactive', 'topology.ts')).toMatchObject({
      code: 0,
      out: 'wc-1-1700000000\n',
    })
    expect(asked.at(-1)?.method).toBe('POST')
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toMatchObject({ inactive: true, args: [] })
  })

  test('--inactive waits until the workers run: what they have to prepare waits for its activation', async () => {
    const inactive = { ...view, status: 'INACTIVE' }
    const late = { ...worker, isReady: false, state: 'starting' }
    views = [
      { ...inactive, workers: [late] },
      { ...inactive, workers: [{ ...late, state: 'running' }] },
    ]
    await ready()
    expect(await storm('deploy', '--inactive', '--timeout', '2', 'topology.ts')).toMatchObject({ code: 0 })
    expect(views.length).toBe(1)
  })

  test('TIMED_OUT tells what is not there', async () => {
    views = [
      { ...view, unplaced: 3, workers: [{ ...worker, isReady: false, state: 'crash-looping', reason: 'exit code 1' }] },
    ]
    await ready()
    const { code, err } = await storm('deploy', '--timeout', '0', 'topology.ts')
    expect(code).toBe(7)
    expect(err).toContain('the worker at 127.0.0.1:6700 is crash-looping (exit code 1); 3 executors have no slot')
  })

  test.each([
    ['ALREADY_RUNNING', { status: 409, json: { code: 'ALREADY_RUNNING', message: 'wc-1 runs since …' } }, 6],
    [
      'INVALID_TOPOLOGY',
      {
        status: 422,
        json: {
          code: 'INVALID_TOPOLOGY',
          message: 'x',
          problems: [{ code: 'NO_SPOUT', message: 'There is no spout.' }],
        },
      },
      3,
    ],
    ['TOO_LARGE', { status: 413, json: { code: 'TOO_LARGE', message: 'too large' } }, 3],
  ])('refused: %s', async (code, answer, exitCode) => {
    await ready({ 'POST /api/v2/topologies': answer })
    const ended = await storm('deploy', 'topology.ts')
    expect([ended.code, ended.out]).toEqual([exitCode, ''])
    expect(ended.err).toContain(`(${code})`)
  })

  test('the wrong token shows before anything is bundled', async () => {
    await ready({ 'GET /api/v2/topologies': { status: 401, json: { code: 'UNAUTHENTICATED', message: 'No.' } } })
    const ended = await storm('deploy', 'topology.ts')
    expect(ended.code).toBe(4)
    expect(ended.err).not.toContain('bundled')
  })
})
