// Guards: "nimbus as it is run: on its port, with its folder, for those who have its secrets and for nobody else".
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { get as httpsGet } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/cluster/config.js'
import { parseToSupervisor, parseToWorker, type SlotsMessage } from '../../src/cluster/messages.js'
import { runNimbus, type RunningNimbus } from '../../src/nimbus/main.js'
import { systemClock } from '../../src/stdx/system-clock.js'
import { LinkEnd } from '../../src/wire/carrier.js'
import { dialControl, type ControlLink } from '../../src/wire/control.js'
import { Frames } from '../../src/wire/frame.js'
import type { LinkIdentity } from '../../src/wire/handshake.js'
import { nodeSecrets } from '../../src/wire/node-secrets.js'
import { nodeText } from '../../src/wire/node-text.js'
import { dialWebSocket } from '../../src/wire/websocket.js'
import { sha256 } from './api-rig.js'
import { beat, graph, hello } from './kit.js'

const root = mkdtempSync(join(tmpdir(), 'storm-ts-nimbus-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = () => join(root, `data${folders++}`)

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Started extends RunningNimbus {
  readonly log: string[]
  readonly folder: string
}

async function start(folder = newFolder(), flags: Record<string, unknown> = {}): Promise<Started> {
  const log: string[] = []
  const nimbus = await runNimbus(readConfig({ flags: { port: 0, dataDir: folder, ...flags } }), {
    log: (level, message) => log.push(`${level}: ${message}`),
    version: '1.2.3',
    extract: (_, { args }) => Promise.resolve(graph(2, args[0] ?? 'words')),
  })
  open.push(() => nimbus.close())
  return { ...nimbus, log, folder }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
}

const supervisor = (id: string): LinkIdentity => ({
  role: 'supervisor',
  topology: '',
  topologyNumber: 0,
  supervisor: id,
  port: 0,
  since: 0,
  incarnation: 1,
})

/** The other end of a control link, as a supervisor or a worker has it. */
class Peer {
  readonly messages: unknown[] = []
  closed: string | undefined
  #link: ControlLink | undefined
  #wake: () => void = () => {}
  readonly #end: (code: LinkEnd, reason: string) => void

  constructor({ url }: RunningNimbus, path: string, key: Uint8Array, identity: LinkIdentity, ca?: string) {
    this.#end = dialControl(
      {
        tools: { frames: new Frames(), clock: systemClock() },
        text: nodeText(),
        secrets: nodeSecrets(),
        dial: dialWebSocket(`${url.replace('http', 'ws')}${path}`, ca === undefined ? undefined : { ca }),
        key,
        identity,
        judge: ({ role }) => (role === 'nimbus' ? 'accept' : 'forbidden'),
      },
      {
        opened: (link) => {
          this.#link = link
          this.#wake()
        },
        received: (message) => {
          this.messages.push(message)
          this.#wake()
        },
        closed: (code) => {
          this.closed = String(code)
          this.#wake()
        },
      },
    )
    open.push(() => {
      this.#end(LinkEnd.leaving, 'the test is over')
      return Promise.resolve()
    })
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async say(message: object): Promise<void> {
    const link = await this.until(() => this.#link ?? (this.closed === undefined ? undefined : null))
    // From within the handshake nothing is taken yet.
    await new Promise<void>((resolve) => setImmediate(resolve))
    link?.send(message)
  }

  /** The next message of a kind, which is taken out. */
  next(kind: string): Promise<unknown> {
    return this.until(() => {
      const index = this.messages.findIndex((message) => (message as { kind: string }).kind === kind)
      return index < 0 ? undefined : this.messages.splice(0, index + 1).at(-1)
    })
  }

  ended(): Promise<string> {
    return this.until(() => this.closed)
  }
}

const tokenIn = (folder: string, name = 'token') => readFileSync(join(folder, name), 'utf8').trim()

async function ask({ url, folder }: Started, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url + path, { ...init, headers: { authorization: `Bearer ${tokenIn(folder)}`, ...init.headers } })
}

async function submit(nimbus: Started, name: string): Promise<Response> {
  const artefact = sha256('code')
  const bytes = { 'content-type': 'application/octet-stream' }
  await ask(nimbus, `/api/v2/artefacts/${artefact}`, { method: 'PUT', body: 'code', headers: bytes })
  const body = JSON.stringify({ request: `of ${name}`, artefact, name })
  return ask(nimbus, '/api/v2/topologies', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
}

async function supervisorOf(nimbus: Started, id: string, ports: readonly number[]): Promise<Peer> {
  const key = new TextEncoder().encode(tokenIn(nimbus.folder, 'supervisor-token'))
  const peer = new Peer(nimbus, '/link/supervisor', key, supervisor(id))
  await peer.say(hello(id, ports))
  return peer
}

describe('links', () => {
  test('supervisor: welcomed, told what to run, and its worker comes with the key of its slot', async () => {
    const nimbus = await start()
    const s1 = await supervisorOf(nimbus, 's1', [2_000])
    expect(parseToSupervisor(await s1.next('welcome'))).toEqual({
      kind: 'welcome',
      protocol: 1,
      version: '1.2.3',
      fence: 1,
    })
    expect(parseToSupervisor(await s1.next('slots'))).toEqual({ kind: 'slots', fence: 1, version: 1, wishes: [] })
    expect((await submit(nimbus, 'words')).status).toBe(201)
    const slots = parseToSupervisor(await s1.next('slots')) as SlotsMessage
    const [wish] = slots.wishes
    expect(wish).toMatchObject({ topology: { name: 'words' }, assignment: { generation: 1 }, isActive: true })
    const { topology, assignment, controlKeys } = wish!
    const identity: LinkIdentity = {
      role: 'worker',
      topology: topology.id,
      topologyNumber: topology.number,
      supervisor: 's1',
      port: 2_000,
      since: 1,
      incarnation: 1,
    }
    const key = Buffer.from(controlKeys[0]!.key, 'base64')
    const worker = new Peer(nimbus, '/link/worker', key, identity)
    const slot = { supervisor: 's1', port: 2_000 }
    const named = { topology: topology.id, slot, since: 1, incarnation: 1, pid: 1 }
    await worker.say({ kind: 'hello', protocol: 1, version: '1.2.3', ...named })
    expect(parseToWorker(await worker.next('topology'))).toMatchObject({ assignment, status: 'ACTIVE', isActive: true })
    await worker.say(beat)
    while (!((await (await ask(nimbus, '/api/v2/topologies/words')).json()) as { ready: boolean }).ready) continue

    // A key opens the slot that it is for, on the path that it is for, and nothing else.
    const others: [string, LinkIdentity][] = [
      ['/link/worker', { ...identity, port: 2_001 }],
      ['/link/worker', { ...identity, since: 2 }],
      ['/link/worker', { ...identity, topology: 'other-1-1' }],
      ['/link/worker', supervisor('s1')],
      ['/link/supervisor', identity],
      ['/link/supervisor', supervisor('s1')],
    ]
    for (const [path, who] of others) {
      const stranger = new Peer(nimbus, path, key, who)
      expect(['4001', '4003']).toContain(await stranger.ended())
    }
    await ask(nimbus, '/api/v2/topologies/words/kill', {
      method: 'POST',
      body: '{"waitMs":0}',
      headers: { 'content-type': 'application/json' },
    })
    expect(parseToWorker(await worker.next('fenced'))).toMatchObject({ reason: 'the topology is gone' })
    expect(await worker.ended()).toBe('4004')
    // First it rests, then it is gone.
    expect(await s1.next('slots')).toMatchObject({ wishes: [{ isActive: false }] })
    expect(await s1.next('slots')).toMatchObject({ wishes: [] })
  })

  test('nobody speaks for another, or with other words', async () => {
    const nimbus = await start()
    const key = new TextEncoder().encode(tokenIn(nimbus.folder, 'supervisor-token'))
    const saying: [object, string][] = [
      [hello('s2', [2_000]), 'FORBIDDEN'],
      [{ ...hello('s1', [2_000]), protocol: 9 }, 'PROTOCOL_MISMATCH'],
      [{ kind: 'hello' }, 'BAD_MESSAGE'],
      [hello('s1', [22]), 'INVALID_REGISTRATION'],
    ]
    for (const [message, code] of saying) {
      const peer = new Peer(nimbus, '/link/supervisor', key, supervisor('s1'))
      await peer.say(message)
      expect(await peer.next('refused')).toMatchObject({ code })
      await peer.ended()
    }
    const early = new Peer(nimbus, '/link/supervisor', key, supervisor('s1'))
    await early.say({ kind: 'heartbeat', running: [] })
    await early.ended()
  })
})

describe('folder', () => {
  test('secrets: made once, for nobody else to read, and the same after a restart', async () => {
    const nimbus = await start()
    const { folder, url } = nimbus
    const files = ['token', 'supervisor-token', join('nimbus', 'secret')]
    const texts = files.map((name) => tokenIn(folder, name))
    for (const name of files) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    expect(new Set(texts).size).toBe(3)
    for (const text of texts) expect(text.length).toBeGreaterThanOrEqual(43)
    expect(tokenIn(folder, 'address')).toBe(url)
    await submit(nimbus, 'words')
    for (const text of texts) expect(nimbus.log.join()).not.toContain(text)
    await nimbus.close()
    expect(existsSync(join(folder, 'address'))).toBe(false)
    rmSync(join(folder, 'supervisor-token'))
    const again = await start(folder)
    expect(files.map((name) => tokenIn(folder, name))).toEqual(texts)
    const { topologies } = (await (await ask(again, '/api/v2/topologies')).json()) as { topologies: { name: string }[] }
    expect(topologies.map(({ name }) => name)).toEqual(['words'])
    expect(readdirSync(join(folder, 'nimbus', 'blobs')).filter((name) => name !== 'incoming')).toEqual([sha256('code')])
  })

  test('one at a time: the second is told who has it', async () => {
    const { folder } = await start()
    expect(await codeOf(start(folder))).toMatch(/^STORE_LOCKED: .*process \d+/)
  })

  test('a secret that others may read is none', async () => {
    for (const name of ['token', join('nimbus', 'secret')]) {
      const { folder, close } = await start()
      await close()
      chmodSync(join(folder, name), 0o644)
      expect(await codeOf(start(folder))).toMatch(/^INSECURE_FILE: .*mode 644.*chmod 600/)
    }
  })

  test('a port that is taken: told so, and the folder is free again', async () => {
    const first = await start()
    const port = Number(new URL(first.url).port)
    const folder = newFolder()
    expect(await codeOf(start(folder, { port }))).toMatch(/^PORT_IN_USE/)
    await start(folder)
  })
})

describe('start', () => {
  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['beyond loopback without TLS', { bind: '0.0.0.0' }, /^INSECURE_BIND: .*tlsCert.*127\.0\.0\.1.*allowPlaintext/],
    ['a certificate without its key', { tlsCert: '/none' }, /^INVALID_SETTING: .*together/],
    ['a key that is not there', { tlsCert: '/none', tlsKey: '/none' }, /^INVALID_SETTING: 'tlsKey'/],
    ['tokens that are not there', { tokensFile: '/none' }, /^INVALID_SETTING: 'tokensFile'/],
    ['an address of somebody else', { bind: '192.0.2.1', allowPlaintext: true }, /^INVALID_SETTING: .*192\.0\.2\.1/],
  ]
  for (const [name, flags, expected] of refused)
    test(`refused: ${name}`, async () => expect(await codeOf(start(newFolder(), flags))).toMatch(expected))

  test('plaintext: on request, with a warning at each start and in its health', async () => {
    const nimbus = await start(newFolder(), { bind: '0.0.0.0', allowPlaintext: true })
    expect(nimbus.log[0]).toMatch(/^warn: .*without TLS/)
    const { warnings } = (await (await ask(nimbus, '/health')).json()) as { warnings: string[] }
    expect(warnings).toEqual([expect.stringMatching(/without TLS/)])
  })

  test('TLS: for the API and for links, beyond loopback, too', async ({ skip }) => {
    const [key, cert] = [join(root, 'key.pem'), join(root, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    const made = spawnSync('openssl', [...options, '-keyout', key, '-out', cert, ...subject])
    if (made.status !== 0) skip('there is no openssl to make a certificate with')
    chmodSync(key, 0o644)
    const flags = { bind: '0.0.0.0', tlsCert: cert, tlsKey: key }
    expect(await codeOf(start(newFolder(), flags))).toMatch(/^INSECURE_FILE/)
    chmodSync(key, 0o600)
    const nimbus = await start(newFolder(), flags)
    expect(nimbus.url).toMatch(/^https:/)
    const ca = readFileSync(cert, 'utf8')
    const status = await new Promise((resolve, reject) => {
      httpsGet(`${nimbus.url}/health`, { ca, agent: false }, ({ statusCode }) => resolve(statusCode)).on(
        'error',
        reject,
      )
    })
    expect(status).toBe(200)
    const secret = new TextEncoder().encode(tokenIn(nimbus.folder, 'supervisor-token'))
    const peer = new Peer(nimbus, '/link/supervisor', secret, supervisor('s1'), ca)
    await peer.say(hello('s1', [2_000]))
    expect(await peer.next('welcome')).toMatchObject({ fence: 1 })
  })

  test('tokens: of a file, with their roles', async () => {
    const path = join(root, 'tokens.yaml')
    writeFileSync(path, `- { name: grafana, role: viewer, sha256: ${sha256('see')} }\n`, { mode: 0o600 })
    const nimbus = await start(newFolder(), { tokensFile: path })
    const asked = await fetch(`${nimbus.url}/api/v2/whoami`, { headers: { authorization: 'Bearer see' } })
    expect(await asked.json()).toEqual({ name: 'grafana', role: 'viewer' })
    writeFileSync(path, '- { name: x, role: king, sha256: 1 }\n')
    expect(await codeOf(start(newFolder(), { tokensFile: path }))).toMatch(
      /^INVALID_SETTING: .*tokens\.yaml: at '0\.role'/,
    )
  })
})
