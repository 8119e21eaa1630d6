import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { readConfig } from '../../src/cluster/config.js'
import type { TopologyGraph } from '../../src/cluster/records.js'
import type { Role } from '../../src/nimbus/access.js'
import { Artefacts } from '../../src/nimbus/artefacts.js'
import { Coordinator } from '../../src/nimbus/coordinator.js'
import { HostNames } from '../../src/nimbus/hosts.js'
import { LogBroker } from '../../src/nimbus/log-broker.js'
import { MemoryStore } from '../../src/nimbus/memory-store.js'
import type { NimbusEffect } from '../../src/nimbus/decision.js'
import { serve, type HttpServer, type ServerParts } from '../../src/nimbus/server.js'
import { Submissions, type ExtractGraph } from '../../src/nimbus/submissions.js'
import { Tokens } from '../../src/nimbus/tokens.js'
import { systemClock } from '../../src/stdx/system-clock.js'
import { graph, hello, keys, tickMs, timeoutMs } from './kit.js'

export const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')

export interface Asking {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Uint8Array | undefined
  readonly json?: unknown
}

export interface Got {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  readonly json: Record<string, unknown>
}

/** Nimbus' port over a store in memory, on a free port of loopback, with a token for every role. */
export class ApiRig {
  extract: ExtractGraph = (_, { args }) => Promise.resolve({ ...graph(2, args[0] ?? 'words'), options: { workers: 2 } })
  readonly effects: NimbusEffect[] = []
  readonly errors: string[] = []
  /** Answers that whoever guessed a token had to wait for; they are not waited for here. */
  slowAnswers = 0
  coordinator!: Coordinator
  submissions!: Submissions
  store!: MemoryStore
  logs!: LogBroker
  server!: HttpServer

  static async start(more: Partial<ServerParts> = {}): Promise<ApiRig> {
    const rig = new ApiRig()
    const clock = systemClock()
    rig.store = new MemoryStore({ sha256 })
    rig.coordinator = await Coordinator.start({
      store: rig.store,
      holder: 'test',
      clock,
      nimbus: { version: '1.2.3', keys, supervisorTimeoutMs: timeoutMs, tickMs, topologiesMax: 50 },
      perform: (effect) => rig.effects.push(effect),
      onLost: () => {},
    })
    rig.submissions = new Submissions(rig.coordinator, (artefact, given) => rig.extract(artefact, given))
    rig.logs = new LogBroker(clock, (link, message) => rig.effects.push({ kind: 'tell supervisor', link, message }))
    const tokens = new Tokens()
    for (const role of ['viewer', 'operator', 'submitter', 'admin', 'supervisor', 'worker'] as const)
      tokens.add({ name: `the ${role}`, role }, `token of ${role}`.replaceAll(' ', '-'))
    tokens.addFile('tokens.yaml', `[{ name: late, role: admin, sha256: ${sha256('late')}, expires: 2001-01-01 }]`)
    const config = readConfig({ flags: { artefactBytesMax: 1_024, bodyBytesMax: 4_096 } })
    rig.server = await serve({
      api: {
        coordinator: rig.coordinator,
        submissions: rig.submissions,
        artefacts: new Artefacts({ blobs: rig.store.blobs, clock, isNeeded: () => true, warn: () => {} }),
        blobs: rig.store.blobs,
        logs: rig.logs,
        config,
        address: { host: '127.0.0.1', port: 0 },
        warnings: [],
        look: () => ({ nimbus: rig.coordinator.nimbus, nowMs: clock.now(), wallMs: clock.wall(), version: '1.2.3' }),
      },
      tokens,
      hosts: new HostNames('127.0.0.1', ['nimbus.test']),
      clock: { ...clock, after: (delayMs, callback) => clock.after(rig.#shortened(delayMs), callback) },
      version: '1.2.3',
      bind: '127.0.0.1',
      port: 0,
      tls: undefined,
      bodyBytesMax: 4_096,
      openReads: false,
      logError: (message) => rig.errors.push(message),
      ...more,
    })
    return rig
  }

  #shortened(delayMs: number): number {
    if (delayMs !== 1_000) return delayMs
    this.slowAnswers++
    return 0
  }

  async close(): Promise<void> {
    this.coordinator.close()
    await this.server.close()
  }

  /** By a plain request, as some of what is asked no better client would send. */
  ask(path: string, asking: Asking = {}): Promise<Got> {
    const { token, json } = asking
    const body = json === undefined ? asking.body : JSON.stringify(json)
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...asking.headers,
    }
    const method = asking.method ?? (body === undefined ? 'GET' : 'POST')
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: this.server.port, path, method, headers, agent: false },
        (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece: Buffer) => pieces.push(piece))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(pieces).toString()
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) })
          })
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  as(role: Role, path: string, asking: Asking = {}): Promise<Got> {
    return this.ask(path, { ...asking, token: `token-of-${role}` })
  }

  supervisor(id: string, ports: readonly number[], link: number): void {
    this.coordinator.tell({ kind: 'supervisor', link, message: hello(id, ports) })
  }

  /** Uploads something and submits it under this name. */
  async submit(name: string, more: object = {}): Promise<Got> {
    const artefact = await this.upload('bundle')
    return this.as('submitter', '/api/v2/topologies', { json: { request: `of ${name}`, artefact, name, ...more } })
  }

  async upload(text: string): Promise<string> {
    const artefact = sha256(text)
    const headers = { 'content-type': 'application/octet-stream' }
    await this.as('submitter', `/api/v2/artefacts/${artefact}`, { method: 'PUT', body: text, headers })
    return artefact
  }

  graph(more: Partial<TopologyGraph>): void {
    this.extract = () => Promise.resolve({ ...graph(), ...more })
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
