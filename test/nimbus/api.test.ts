// Guards: "the paths and names of Storm UI, so that what was made for it works, and our own beside them".
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InvalidTopologyError, StormError } from '../../src/errors.js'
import type { RunningWorker } from '../../src/cluster/records.js'
import type { TopologyRecord } from '../../src/cluster/records.js'
import { ApiRig } from './api-rig.js'
import { beat, graph, hash } from './kit.js'

let rig: ApiRig
beforeEach(async () => {
  rig = await ApiRig.start()
})
afterEach(() => rig.close())

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Until the coordinator has placed what there is to place. */
async function placed(name: string): Promise<TopologyRecord> {
  for (;;) {
    const record = rig.coordinator.nimbus.find(name)
    if (record?.assignment !== undefined && !rig.coordinator.nimbus.isPlacingDue) return record
    await settle()
  }
}

/** A topology of two workers, of which the first reports. */
async function running(): Promise<TopologyRecord> {
  rig.supervisor('s1', [2_000, 2_001], 1)
  expect((await rig.submit('words')).status).toBe(201)
  const record = await placed('words')
  const [worker] = record.assignment!.workers
  const named = { topology: record.id, slot: worker!.slot, since: worker!.since, incarnation: 1, pid: 42 }
  rig.coordinator.tell({ kind: 'worker', link: 10, message: { kind: 'hello', protocol: 1, version: '1', ...named } })
  const latency = { count: 2, sumMs: 10, buckets: [...Array.from({ length: 24 }, () => 0), 2] }
  rig.coordinator.tell({
    kind: 'worker',
    link: 10,
    message: {
      ...beat,
      pending: 3,
      rssBytes: 1_000,
      components: [
        {
          component: 'spout',
          outputs: [{ stream: 'default', emitted: 10, transferred: 20, acked: 7, failed: 1 }],
          inputs: [],
          completeLatency: latency,
        },
        {
          component: 'bolt',
          outputs: [],
          inputs: [{ component: 'spout', stream: 'default', executed: 9, acked: 8, failed: 1 }],
          executeLatency: latency,
          processLatency: latency,
          user: { __proto__x: 1, 'hostile"} \n': 5 },
        },
        { component: 'stranger', outputs: [], inputs: [] },
      ],
      errors: [{ component: 'bolt', task: 1, message: 'no <b>good</b>', stack: 'Error: no\n  at x', atMs: Date.now() }],
    },
  })
  await settle()
  return record
}

describe('storm', () => {
  test('summaries: what exporters read', async () => {
    const { id } = await running()
    expect((await rig.as('viewer', '/api/v1/cluster/summary')).json).toMatchObject({
      stormVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      supervisors: 1,
      topologies: 1,
      slotsTotal: 2,
      slotsUsed: 2,
      slotsFree: 0,
      executorsTotal: 6,
      tasksTotal: 8,
    })
    expect((await rig.as('viewer', '/api/v1/nimbus/summary')).json).toMatchObject({
      nimbuses: [{ status: 'Leader', host: '127.0.0.1' }],
    })
    expect((await rig.as('viewer', '/api/v1/supervisor/summary')).json).toMatchObject({
      supervisors: [{ id: 's1', host: 's1.test', slotsTotal: 2, slotsUsed: 2, uptimeSeconds: 0 }],
    })
    const { topologies } = (await rig.as('viewer', '/api/v1/topology/summary')).json as {
      topologies: Record<string, unknown>[]
    }
    expect(topologies).toHaveLength(1)
    expect(topologies[0]).toMatchObject({
      id,
      name: 'words',
      status: 'ACTIVE',
      owner: 'the submitter',
      uptimeSeconds: 0,
      tasksTotal: 8,
      workersTotal: 2,
      executorsTotal: 6,
      replicationCount: 1,
      requestedMemOnHeap: 0,
      requestedMemOffHeap: 0,
      requestedTotalMem: 0,
      requestedCpu: 0,
      assignedMemOnHeap: 0,
      assignedCpu: 0,
    })
    expect((await rig.as('viewer', '/api/v1/history/summary')).json).toEqual({ 'topo-history': [id] })
  })

  test('topology: counts by window, spouts and bolts', async () => {
    const { id } = await running()
    const { json } = await rig.as('viewer', `/api/v1/topology/${id}`)
    const total = { emitted: 10, transferred: 20, acked: 7, failed: 1, completeLatency: '5.000' }
    expect(json['topologyStats']).toEqual([
      { window: '600', windowPretty: '10m 0s', ...total },
      { window: '10800', windowPretty: '3h 0m 0s', ...total },
      { window: '86400', windowPretty: '1d 0h 0m 0s', ...total },
      { window: ':all-time', windowPretty: 'All time', ...total },
    ])
    expect(json['spouts']).toMatchObject([
      {
        spoutId: 'spout',
        executors: 2,
        tasks: 2,
        emitted: 10,
        transferred: 20,
        acked: 7,
        failed: 1,
        completeLatency: '5.000',
      },
    ])
    expect(json['bolts']).toMatchObject([
      {
        boltId: 'bolt',
        executors: 2,
        tasks: 4,
        executed: 9,
        acked: 8,
        failed: 1,
        executeLatency: '5.000',
        processLatency: '5.000',
        capacity: expect.stringMatching(/^\d\.\d{3}$/) as string,
        lastError: 'no <b>good</b>',
        errorHost: 's1.test',
        errorPort: 2_000,
      },
    ])
    expect(json['workers']).toMatchObject([
      { host: 's1.test', port: 2_000, componentNumTasks: { spout: 1, bolt: 1, __acker: 1 } },
      { port: 2_001 },
    ])
    expect('error' in json).toBe(false)
    const metrics = (await rig.as('viewer', `/api/v1/topology/${id}/metrics?window=60`)).json
    expect(metrics).toMatchObject({
      window: '600',
      spouts: [
        { id: 'spout', emitted: [{ stream_id: 'default', value: 10 }], acked: [{ stream_id: 'default', value: 7 }] },
      ],
      bolts: [{ id: 'bolt', executed: [{ component_id: 'spout', stream_id: 'default', value: 9 }] }],
    })
    expect((await rig.as('viewer', `/api/v1/topology/${id}?window=yes`)).status).toBe(400)
  })

  test('component: its own page, or told with the nearest right one', async () => {
    const { id } = await running()
    const { json } = await rig.as('viewer', `/api/v1/topology/${id}/component/bolt`)
    expect(json).toMatchObject({
      id: 'bolt',
      componentType: 'bolt',
      executors: 2,
      tasks: 4,
      inputStats: [{ component: 'spout', stream: 'default', executed: 9 }],
      executorStats: [
        { id: '[3-4]', host: 's1.test', port: 2_000 },
        { id: '[5-6]', host: 's1.test', port: 2_001 },
      ].map((row, i) => ({ ...row, id: expect.stringMatching(/^\[\d+-\d+\]$/) as string, port: 2_000 + i })),
      componentErrors: [{ error: 'Error: no\n  at x', errorPort: 2_000 }],
    })
    const wrong = await rig.as('viewer', `/api/v1/topology/${id}/component/blot`)
    expect([wrong.status, wrong.json['error'], wrong.json['errorMessage']]).toEqual([
      404,
      'NOT_FOUND',
      expect.stringMatching(/Did you mean 'bolt'/) as string,
    ])
  })

  test('verbs: wait in seconds, options in the body', async () => {
    const { id } = await running()
    const path = `/api/v1/topology/${id}`
    expect((await rig.as('operator', `${path}/deactivate`, { json: {} })).json).toEqual({
      topologyOperation: 'deactivate',
      topologyId: id,
      status: 'success',
    })
    expect(rig.coordinator.nimbus.find(id)?.life.status).toBe('INACTIVE')
    await rig.as('operator', `${path}/activate`, { json: {} })
    const rebalance = await rig.as('operator', `${path}/rebalance/7`, {
      json: { rebalanceOptions: { numWorkers: 1, executors: { bolt: 1 } } },
    })
    expect(rebalance.status).toBe(200)
    expect(rig.coordinator.nimbus.find(id)?.life).toMatchObject({
      status: 'REBALANCING',
      waitMs: 7_000,
      change: { workers: 1, executors: { bolt: 1 } },
    })
    await rig.as('operator', `${path}/kill/3`, { json: {} })
    expect(rig.coordinator.nimbus.find(id)?.life).toMatchObject({ status: 'KILLED', waitMs: 3_000 })
    expect((await rig.as('operator', `${path}/activate`, { json: {} })).json).toMatchObject({ code: 'WRONG_STATUS' })
    for (const wait of ['-5', 'NaN', '1e99', 'x'])
      expect((await rig.as('operator', `${path}/kill/${wait}`, { json: {} })).status).toBe(400)
  })
})

describe('own', () => {
  test('topology: what the command line shows', async () => {
    const { id } = await running()
    const failing: RunningWorker = {
      port: 2_001,
      topology: id,
      since: 1,
      incarnation: 4,
      state: 'crash-looping',
      reason: 'exit code 1',
      restarts: 9,
    }
    rig.coordinator.tell({ kind: 'supervisor', link: 1, message: { kind: 'heartbeat', running: [failing] } })
    const { json } = await rig.as('viewer', '/api/v2/topologies/words')
    expect(json).toMatchObject({
      id,
      name: 'words',
      status: 'ACTIVE',
      owner: 'the submitter',
      exhausted: false,
      ready: false,
      pending: 3,
      unplaced: 0,
      generation: 1,
      scheduling: null,
      workers: [
        {
          supervisor: 's1',
          host: 's1.test',
          port: 2_000,
          state: 'running',
          isReady: true,
          pid: 42,
          restarts: 0,
          executors: 3,
          rssBytes: 1_000,
        },
        {
          supervisor: 's1',
          port: 2_001,
          state: 'crash-looping',
          reason: 'exit code 1',
          isReady: false,
          restarts: 9,
          incarnation: 4,
        },
      ],
      components: [
        { id: 'spout', completeLatency: { samples: 2, meanMs: 5 } },
        { id: 'bolt', user: { 'hostile"} \n': 5 } },
      ],
    })
    expect((await rig.as('viewer', '/api/v2/topologies')).json).toMatchObject({
      topologies: [{ id, status: 'ACTIVE' }],
    })
    expect((await rig.as('viewer', '/api/v2/topologies/words/errors')).json).toMatchObject({
      errors: [
        { component: 'bolt', task: 1, message: 'no <b>good</b>', host: 's1.test', port: 2_000, supervisor: 's1' },
      ],
    })
    expect((await rig.as('viewer', '/api/v2/supervisors')).json).toMatchObject({
      supervisors: [{ id: 's1', isAlive: true, isConnected: true, running: [failing] }],
    })
    expect((await rig.as('viewer', '/api/v2/topologies/wrods')).json['message']).toMatch(/Did you mean 'words'/)
    expect((await rig.as('operator', '/api/v2/whoami')).json).toEqual({ name: 'the operator', role: 'operator' })
  })

  test('exhausted: when every worker says so and nothing is pending', async () => {
    const record = await running()
    const path = `/api/v2/topologies/${record.id}`
    const end = { ...beat, isExhausted: true }
    const [, second] = record.assignment!.workers
    const named = { topology: record.id, slot: second!.slot, since: 1, incarnation: 1, pid: 43 }
    rig.coordinator.tell({ kind: 'worker', link: 10, message: end })
    expect((await rig.as('viewer', path)).json['exhausted']).toBe(false)
    rig.coordinator.tell({ kind: 'worker', link: 11, message: { kind: 'hello', protocol: 1, version: '1', ...named } })
    rig.coordinator.tell({ kind: 'worker', link: 11, message: end })
    expect((await rig.as('viewer', path)).json).toMatchObject({ exhausted: true, ready: true })
    rig.coordinator.tell({ kind: 'closed', link: 11 })
    expect((await rig.as('viewer', path)).json['exhausted']).toBe(false)
  })

  test('verbs: with times in ms, and the whole topology as the answer', async () => {
    const { id } = await running()
    const post = (verb: string, json: object) => rig.as('operator', `/api/v2/topologies/words/${verb}`, { json })
    expect((await post('deactivate', {})).json).toMatchObject({ id, status: 'INACTIVE' })
    expect((await post('rebalance', { workers: 0 })).json).toMatchObject({ code: 'INVALID_CONFIG' })
    expect((await post('rebalance', { executors: { blot: 1 } })).json).toMatchObject({ code: 'UNKNOWN_COMPONENT' })
    expect((await post('rebalance', { waitMs: 60_000 })).json).toMatchObject({
      status: 'REBALANCING',
      waitLeftMs: expect.any(Number) as number,
    })
    expect((await post('kill', { waitMs: -1 })).json).toMatchObject({ code: 'INVALID_DURATION' })
    expect((await post('kill', { waitMs: 5_000, surprise: 1 })).status).toBe(400)
    expect((await post('kill', { waitMs: 60_000 })).json).toMatchObject({ id, status: 'KILLED' })
    expect((await post('activate', {})).status).toBe(409)
  })

  test('logs: of the supervisor that has them, byte by byte', async () => {
    const { id } = await running()
    const path = `/api/v2/topologies/words/logs?supervisor=s1&port=2000`
    const asked = rig.as('viewer', `${path}&from=-100&maxBytes=50`)
    let message
    while (message === undefined) {
      await settle()
      message = rig.effects.find((effect) => effect.kind === 'tell supervisor' && effect.message.kind === 'readLog')
    }
    expect(message).toEqual({
      kind: 'tell supervisor',
      link: 1,
      message: { kind: 'readLog', request: 1, topology: id, port: 2_000, from: -100, maxBytes: 50 },
    })
    const bytes = new TextEncoder().encode('a line\n')
    rig.logs.take(2, { kind: 'logChunk', request: 1, from: 0, bytes: Uint8Array.of(1), size: 1 })
    rig.logs.take(1, { kind: 'logChunk', request: 1, from: 93, bytes, size: 100 })
    const got = await asked
    expect([got.text, got.headers['storm-ts-log-from'], got.headers['storm-ts-log-size']]).toEqual([
      'a line\n',
      '93',
      '100',
    ])
    for (const query of ['port=x', 'port=2000&from=1e3', 'port=2000&from=-999999999', 'port=2000&maxBytes=0', 'port=0'])
      expect((await rig.as('viewer', `/api/v2/topologies/words/logs?supervisor=s1&${query}`)).status).toBe(400)
    expect((await rig.as('viewer', '/api/v2/topologies/words/logs?supervisor=s2&port=2000')).json['message']).toMatch(
      /Did you mean 's1'/,
    )
    const cut = rig.as('viewer', path)
    while (
      rig.effects.filter((effect) => effect.kind === 'tell supervisor' && effect.message.kind === 'readLog').length < 2
    )
      await settle()
    rig.logs.closed(1)
    expect((await cut).json['code']).toBe('UNREACHABLE')
  })
})

describe('submit', () => {
  test('waits for slots: taken, and said so', async () => {
    const { status, json } = await rig.submit('words', { options: { workers: 3 } })
    expect([status, json['status'], json['unplaced'], json['scheduling']]).toEqual([
      201,
      'ACTIVE',
      7,
      'WAITING_FOR_SLOTS: 0 of 3 workers have one',
    ])
  })

  test('repeated: the same request at the same time is looked into once', async () => {
    let looks = 0
    rig.extract = async () => {
      looks++
      await settle()
      return graph()
    }
    const artefact = await rig.upload('bundle')
    const json = { request: 'same', artefact, name: 'words' }
    const answers = await Promise.all([1, 2, 3].map(() => rig.as('submitter', '/api/v2/topologies', { json })))
    expect(new Set(answers.map((answer) => answer.json['id'])).size).toBe(1)
    expect((await rig.as('submitter', '/api/v2/topologies', { json })).json['id']).toBe(answers[0]!.json['id'])
    expect(looks).toBe(1)
    const other = await rig.as('submitter', '/api/v2/topologies', { json: { ...json, request: 'other' } })
    expect([other.status, other.json['code']]).toEqual([409, 'ALREADY_RUNNING'])
  })

  test('crowd: two are looked into at a time, two hundred wait, and more are told to come again', async () => {
    let atOnce = 0
    const going: (() => void)[] = []
    rig.extract = async () => {
      atOnce = Math.max(atOnce, going.length + 1)
      await new Promise<void>((done) => going.push(done))
      return graph()
    }
    const artefact = await rig.upload('bundle')
    const post = (request: number) =>
      rig.as('submitter', '/api/v2/topologies', { json: { request: `r${request}`, artefact, name: `t${request}` } })
    const answered = { count: 0 }
    const answers = Array.from({ length: 250 }, (_, request) => post(request).finally(() => answered.count++))
    while (answered.count < 48) await settle()
    for (; answered.count < 250; await settle()) going.shift()?.()
    const refused = (await Promise.all(answers)).filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(48)
    for (const { json, headers } of refused)
      expect([json['code'], headers['retry-after']]).toEqual([expect.stringMatching(/^(BUSY|TOO_MANY)$/), '1'])
    expect(atOnce).toBe(2)
    expect((await rig.as('viewer', '/api/v2/topologies')).status).toBe(200)
  })

  test('artefacts: no hash, or one that nobody uploaded', async () => {
    const post = (artefact: string) => rig.as('submitter', '/api/v2/topologies', { json: { request: 'x', artefact } })
    expect((await post('../../etc/passwd')).json['code']).toBe('INVALID_REQUEST')
    expect((await post(hash('e'))).status).toBe(404)
  })

  test('refused: with the code and all problems of the topology', async () => {
    const problems = [
      { code: 'NO_SPOUT', message: 'none' },
      { code: 'NO_INPUT', message: 'none' },
    ] as const
    rig.extract = () => Promise.reject(new InvalidTopologyError(problems))
    expect((await rig.submit('a')).json).toMatchObject({ code: 'INVALID_TOPOLOGY', problems })
    rig.extract = () => Promise.reject(new StormError('TOPOLOGY_EXITED', 'it called process.exit(0)'))
    expect(await rig.submit('a')).toMatchObject({ status: 422, json: { code: 'TOPOLOGY_EXITED' } })
    rig.extract = () => Promise.resolve({ name: 'a', components: 5 } as never)
    expect((await rig.submit('a')).json).toMatchObject({ code: 'NOT_A_TOPOLOGY' })
    rig.graph({})
    expect((await rig.submit('a', { options: { wokers: 1 } })).json).toMatchObject({ code: 'INVALID_CONFIG' })
    expect((await rig.submit('a/b')).json).toMatchObject({ code: 'BAD_NAME' })
    expect(rig.coordinator.nimbus.topologies.size).toBe(0)
    expect(rig.errors).toEqual([])
  })
})

describe('metrics', () => {
  test('text: of Prometheus, with names of users escaped', async () => {
    await running()
    const { text, headers } = await rig.as('viewer', '/metrics')
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    const lines = text.split('\n')
    expect(lines).toContain('storm_ts_emitted_total{topology="words",component="spout",stream="default"} 10')
    expect(lines).toContain(
      'storm_ts_executed_total{topology="words",component="bolt",source="spout",stream="default"} 9',
    )
    expect(lines).toContain('storm_ts_worker_rss_bytes{topology="words",host="s1.test",port="2000"} 1000')
    expect(lines).toContain('storm_ts_latency_seconds_sum{topology="words",component="bolt",kind="execute"} 0.01')
    expect(lines).toContain('storm_ts_user_metric{topology="words",component="bolt",name="hostile\\"} \\n"} 5')
    expect(lines).toContain('storm_ts_series_left_out 0')
    for (const line of lines) expect(line).toMatch(/^(#.*|\w+(\{.*\})? [\d.e+-]+|)$/)
  })
})

describe('metrics without end', () => {
  test('a hundred of a component, and no more than 20,000 series a scrape, with how many were left out', async () => {
    const { components } = graph()
    const [spout, bolt] = components
    const bolts = Array.from({ length: 250 }, (_, i) => ({ ...bolt!, id: `bolt ${i}` }))
    rig.graph({ components: [spout!, bolt!, ...bolts] })
    const { id, assignment } = await running()
    const [worker] = assignment!.workers
    const named = { topology: id, slot: worker!.slot, since: worker!.since, incarnation: 2, pid: 43 }
    rig.coordinator.tell({ kind: 'worker', link: 11, message: { kind: 'hello', protocol: 1, version: '1', ...named } })
    const user = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`metric ${i}`, i]))
    const told = bolts.map((one) => ({ component: one.id, outputs: [], inputs: [], user }))
    rig.coordinator.tell({ kind: 'worker', link: 11, message: { ...beat, components: told } })
    await settle()
    const { status, text } = await rig.as('viewer', '/metrics')
    expect(status).toBe(200)
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines.length).toBeLessThanOrEqual(20_001)
    expect(lines.filter((line) => line.includes('component="bolt 0"') && line.includes('metric ')).length).toBe(100)
    expect(Number(/^storm_ts_series_left_out (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(5_000)
  })
})

describe('health', () => {
  test('open, and degraded while the store cannot be written', async () => {
    expect((await rig.ask('/health')).json).toEqual({ status: 'ok', version: '1.2.3', warnings: [] })
    rig.store.write = () => Promise.reject(new StormError('STORE_FULL', 'no space'))
    expect(await rig.submit('words')).toMatchObject({ status: 507, json: { code: 'STORE_FULL' } })
    expect(await rig.ask('/health')).toMatchObject({ status: 503, json: { status: 'degraded', code: 'STORE_FULL' } })
    expect((await rig.as('viewer', '/api/v1/topology/summary')).status).toBe(200)
  })
})
