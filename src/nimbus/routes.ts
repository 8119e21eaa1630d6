import { z } from 'zod'
import type { Config } from '../cluster/config.js'
import { settings } from '../cluster/config.js'
import { firstIssue } from '../cluster/messages.js'
import type { TopologyRecord } from '../cluster/records.js'
import { component, hash, jsonObject, text } from '../cluster/shapes.js'
import { describeValue } from '../stdx/describe-error.js'
import { listed, quoted } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import type { Identity, Needs } from './access.js'
import type { Artefacts } from './artefacts.js'
import type { Coordinator, Request } from './coordinator.js'
import { HttpProblem, problemOf } from './http-problem.js'
import type { LogBroker } from './log-broker.js'
import { metricsText } from './metrics-text.js'
import type { Reply } from './decision.js'
import { historyList, supervisorList, topologyErrors, topologyList, topologyView } from './own-api.js'
import type { BlobStore } from './state-store.js'
import type { StatisticsWindow } from './statistics.js'
import * as storm from './storm-api.js'
import { componentPage as stormComponentPage, topologyMetrics, topologyPage } from './storm-topology.js'
import { recordIn, type Submissions } from './submissions.js'
import type { Look } from './view.js'

/** What the routes are connected to. */
export interface Api {
  readonly coordinator: Coordinator
  readonly submissions: Submissions
  readonly artefacts: Artefacts
  readonly blobs: BlobStore
  readonly logs: LogBroker
  readonly config: Config
  /** Where nimbus is reached. */
  readonly address: storm.NimbusAddress
  /** Things that whoever runs nimbus should know, such as that there is no TLS. */
  readonly warnings: readonly string[]
  look(): Look
}

/** A request that may come this far: who asks is known, and may. */
export interface Asked {
  /** Undefined where no token is needed. */
  readonly identity: Identity | undefined
  /** A part of the path, by its name in the route; decoded. */
  param(name: string): string
  query(name: string): string | undefined
  /** Of a route that takes JSON. */
  readonly json: unknown
  /** Of a route that takes bytes. */
  readonly bytes: AsyncIterable<Uint8Array>
}

export type Answer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly text: string; readonly type: string }
  | { readonly bytes: AsyncIterable<Uint8Array> | Uint8Array; readonly headers?: Readonly<Record<string, string>> }

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** With `:names` for what differs. */
  readonly path: string
  readonly needs: Needs
  /** The body that it takes, which has to be told by its type. */
  readonly takes: 'nothing' | 'json' | 'bytes'
  answer(asked: Asked, api: Api): Answer | Promise<Answer>
}

const viewer: Needs = { role: 'viewer' }
const operator: Needs = { role: 'operator' }
const submitter: Needs = { role: 'submitter' }

const get = (path: string, needs: Needs, answer: Route['answer']): Route => ({
  method: 'GET',
  path,
  needs,
  takes: 'nothing',
  answer,
})
const post = (path: string, needs: Needs, answer: Route['answer']): Route => ({
  method: 'POST',
  path,
  needs,
  takes: 'json',
  answer,
})
const json = (value: unknown): Answer => ({ json: value })

/** Every route there is. Nothing is served that is not in here, and nothing is in here without the role that it needs. */
export const routes: readonly Route[] = [
  get('/health', { role: 'nobody in particular' }, (_, api) => health(api)),
  get('/metrics', viewer, async (_, { coordinator, look }) => ({
    text: await metricsText(look(), coordinator),
    type: 'text/plain; version=0.0.4; charset=utf-8',
  })),

  // As Storm UI has them.
  get('/api/v1/cluster/configuration', viewer, (_, { config }) => json(shownConfig(config))),
  get('/api/v1/cluster/summary', viewer, (_, { look }) => json(storm.clusterSummary(look()))),
  get('/api/v1/nimbus/summary', viewer, (_, { look, address }) => json(storm.nimbusSummary(look(), address))),
  get('/api/v1/history/summary', viewer, (_, { look }) => json(storm.historySummary(look()))),
  get('/api/v1/supervisor/summary', viewer, (_, { look }) => json(storm.supervisorSummary(look()))),
  get('/api/v1/supervisor', viewer, (asked, { look }) => {
    const [id, host] = [asked.query('id'), asked.query('host')]
    return json(
      storm.supervisorPage(look(), { ...(id === undefined ? {} : { id }), ...(host === undefined ? {} : { host }) }),
    )
  }),
  get('/api/v1/topology/summary', viewer, (_, { look }) => json(storm.topologySummary(look()))),
  get('/api/v1/topology-workers/:topology', viewer, (asked, api) =>
    json(storm.topologyWorkers(topologyIn(asked, api))),
  ),
  get('/api/v1/topology/:topology', viewer, (asked, api) =>
    json(topologyPage(api.look(), topologyIn(asked, api), windowIn(asked))),
  ),
  get('/api/v1/topology/:topology/metrics', viewer, (asked, api) =>
    json(topologyMetrics(api.look(), topologyIn(asked, api), windowIn(asked))),
  ),
  get('/api/v1/topology/:topology/component/:component', viewer, (asked, api) => componentPage(asked, api)),
  post('/api/v1/topology/:topology/activate', operator, (asked, api) => stormVerb(asked, api, 'activate')),
  post('/api/v1/topology/:topology/deactivate', operator, (asked, api) => stormVerb(asked, api, 'deactivate')),
  post('/api/v1/topology/:topology/kill/:wait', operator, (asked, api) => stormVerb(asked, api, 'kill')),
  post('/api/v1/topology/:topology/rebalance/:wait', operator, (asked, api) => stormVerb(asked, api, 'rebalance')),

  // Our own.
  get('/api/v2/whoami', viewer, ({ identity }) =>
    json({ name: identity?.name ?? 'anybody', role: identity?.role ?? 'viewer' }),
  ),
  get('/api/v2/supervisors', viewer, (_, { look }) => json(supervisorList(look()))),
  get('/api/v2/history', viewer, (_, { look }) => json(historyList(look()))),
  get('/api/v2/topologies', viewer, (_, { look }) => json(topologyList(look()))),
  post('/api/v2/topologies', submitter, (asked, api) => submit(asked, api)),
  get('/api/v2/topologies/:topology', viewer, (asked, api) => json(topologyView(api.look(), topologyIn(asked, api)))),
  get('/api/v2/topologies/:topology/errors', viewer, (asked, api) =>
    json(topologyErrors(api.look(), topologyIn(asked, api))),
  ),
  get('/api/v2/topologies/:topology/logs', viewer, (asked, api) => readLog(asked, api)),
  post('/api/v2/topologies/:topology/activate', operator, (asked, api) => ownVerb(asked, api, 'activate')),
  post('/api/v2/topologies/:topology/deactivate', operator, (asked, api) => ownVerb(asked, api, 'deactivate')),
  post('/api/v2/topologies/:topology/kill', operator, (asked, api) => ownVerb(asked, api, 'kill')),
  post('/api/v2/topologies/:topology/rebalance', operator, (asked, api) => ownVerb(asked, api, 'rebalance')),
  get('/api/v2/artefacts/:hash', { ...submitter, daemons: ['supervisor'] }, (asked, api) => readArtefact(asked, api)),
  {
    method: 'PUT',
    path: '/api/v2/artefacts/:hash',
    needs: submitter,
    takes: 'bytes',
    answer: (asked, api) => storeArtefact(asked, api),
  },
]

function health({ coordinator, warnings, look }: Api): Answer {
  const { version } = look()
  const { storeError } = coordinator
  if (storeError === undefined) return json({ status: 'ok', version, warnings })
  const { code, message } = storeError
  return { status: 503, json: { status: 'degraded', version, code, message, warnings } }
}

/** Paths of secrets' files are no secret; nothing else of the kind is a setting. */
function shownConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(Object.keys(settings).map((name) => [name, config[name as keyof Config] ?? null]))
}

/** What an id or a name of a topology may look like; looked up, it is one that is there. */
const nameShape = /^[\p{L}\p{M}\p{Nd}_ -]{1,200}$/u

function topologyIn(asked: Asked, { coordinator }: Api): TopologyRecord {
  const name = nameIn(asked)
  const record = coordinator.nimbus.find(name)
  if (record !== undefined) return record
  const { topologies, history, invalid } = coordinator.nimbus
  const damaged = invalid.find((one) => one.id === name || one.name === name)
  if (damaged !== undefined)
    throw problemOf('NOT_FOUND', `Topology ${quoted(name)} cannot be shown: ${damaged.problem}.`)
  const names = [...topologies.values()].map((one) => one.name)
  const gone = history.findLast((entry) => entry.id === name || entry.name === name)
  throw problemOf(
    'NOT_FOUND',
    `There is no topology ${quoted(name)}.${didYouMean(name, names)}${gone === undefined ? '' : ` ${gone.id} was killed.`}`,
  )
}

function nameIn(asked: Asked): string {
  const name = asked.param('topology')
  if (nameShape.test(name)) return name
  throw problemOf(
    'INVALID_ID',
    `${describeValue(name)} is no id and no name of a topology: these have letters, digits, '-', '_' and spaces.`,
  )
}

function windowIn(asked: Asked): StatisticsWindow {
  const asText = asked.query('window')
  const window = storm.windowOf(asText)
  if (window !== undefined) return window
  throw problemOf('INVALID_REQUEST', `The window is ${describeValue(asText)}; ':all-time' or seconds are expected.`)
}

function componentPage(asked: Asked, api: Api): Answer {
  const record = topologyIn(asked, api)
  const id = asked.param('component')
  const page = stormComponentPage(api.look(), record, id, windowIn(asked))
  if (page !== undefined) return json(page)
  const known = record.graph.components.map((one) => one.id)
  throw problemOf(
    'NOT_FOUND',
    `Topology '${record.name}' has no component ${quoted(id)}; it has ${listed(known)}.${didYouMean(id, known)}`,
  )
}

type Verb = 'activate' | 'deactivate' | 'kill' | 'rebalance'

const executorsShape = z.record(component, z.number())
/** What a verb may be told. */
interface Told {
  readonly waitMs?: number | undefined
  readonly workers?: number | undefined
  readonly executors?: Readonly<Record<string, number>> | undefined
}

const ownBody: Readonly<Record<Verb, z.ZodType<Told>>> = {
  activate: z.strictObject({}),
  deactivate: z.strictObject({}),
  kill: z.strictObject({ waitMs: z.number().optional() }),
  rebalance: z.strictObject({
    waitMs: z.number().optional(),
    workers: z.number().optional(),
    executors: executorsShape.optional(),
  }),
}

async function ownVerb(asked: Asked, api: Api, verb: Verb): Promise<Answer> {
  const body = bodyIn(ownBody[verb], asked)
  const reply = await change(asked, api, { kind: verb, ...body })
  if (reply.kind === 'done' && reply.topology === undefined) {
    const name = nameIn(asked)
    return json({ id: name, name, status: 'GONE' })
  }
  return json(topologyView(api.look(), recordIn(reply)))
}

const stormBody = z.looseObject({
  rebalanceOptions: z
    .looseObject({ numWorkers: z.number().optional(), executors: executorsShape.optional() })
    .optional(),
})

/** The wait is in seconds, in the path; what a rebalance changes, in the body. */
async function stormVerb(asked: Asked, api: Api, verb: Verb): Promise<Answer> {
  const wait = verb === 'kill' || verb === 'rebalance' ? { waitMs: waitIn(asked) } : {}
  const { rebalanceOptions } = bodyIn(stormBody, asked)
  const options =
    verb === 'rebalance' ? { workers: rebalanceOptions?.numWorkers, executors: rebalanceOptions?.executors } : {}
  const reply = await change(asked, api, { kind: verb, ...wait, ...options })
  const topologyId = reply.kind === 'done' && reply.topology === undefined ? nameIn(asked) : recordIn(reply).id
  return json({ topologyOperation: verb, topologyId, status: 'success' })
}

function waitIn(asked: Asked): number {
  const seconds = asked.param('wait')
  if (/^\d{1,7}(\.\d{1,3})?$/.test(seconds)) return Math.round(Number(seconds) * 1_000)
  throw problemOf('INVALID_DURATION', `The wait is ${describeValue(seconds)}; a number of seconds is expected.`)
}

function change(asked: Asked, { coordinator }: Api, what: Told & { readonly kind: Verb }): Promise<Reply> {
  const { kind, waitMs, workers, executors } = what
  const common = { topology: nameIn(asked), by: asked.identity?.name ?? 'anybody' }
  const request: Request =
    kind === 'kill'
      ? { kind, ...common, waitMs }
      : kind === 'rebalance'
        ? { kind, ...common, waitMs, workers, executors }
        : { kind, ...common }
  return coordinator.ask(request)
}

const submitBody = z.strictObject({
  request: z.string().min(1).max(256),
  artefact: hash,
  name: text(512).exactOptional(),
  args: z.array(text(100_000)).max(10_000).default([]),
  cwd: text(4_096).default('/'),
  options: jsonObject.default({}),
  inactive: z.boolean().default(false),
})

async function submit(asked: Asked, api: Api): Promise<Answer> {
  const submission = bodyIn(submitBody, asked)
  await infoOf(submission.artefact, api)
  const record = await api.submissions.submit(submission, asked.identity?.name ?? 'anybody')
  return { status: 201, json: topologyView(api.look(), record) }
}

/** Throws for what is no hash before anything is looked for. */
async function infoOf(artefact: string, { blobs }: Api) {
  if (!hash.safeParse(artefact).success)
    throw problemOf(
      'INVALID_ID',
      `${describeValue(artefact)} is no artefact: a SHA-256 in 64 hexadecimal digits is expected.`,
    )
  const info = await blobs.info(artefact)
  if (info === undefined) throw problemOf('NOT_FOUND', `There is no artefact ${artefact}; upload it first.`)
  return info
}

async function readArtefact(asked: Asked, api: Api): Promise<Answer> {
  const artefact = asked.param('hash')
  const { size } = await infoOf(artefact, api)
  return { bytes: api.blobs.get(artefact), headers: { 'content-length': String(size) } }
}

async function storeArtefact(asked: Asked, api: Api): Promise<Answer> {
  const wanted = asked.param('hash')
  if (!hash.safeParse(wanted).success)
    throw problemOf(
      'INVALID_ID',
      `${describeValue(wanted)} is no artefact: a SHA-256 in 64 hexadecimal digits is expected.`,
    )
  const { hash: stored, size } = await api.blobs.put(asked.bytes, api.config.artefactBytesMax)
  api.artefacts.touched(stored)
  if (stored !== wanted)
    throw problemOf(
      'ARTEFACT_MISMATCH',
      `What was uploaded as ${wanted} is ${stored}: it was changed, or cut off, on its way.`,
    )
  return { status: 201, json: { artefact: stored, size } }
}

const chunkBytesMax = 262_144

/** Bytes of a worker's log, which its supervisor is asked for. `from`: a byte's place; negative: so many before the end. */
async function readLog(asked: Asked, api: Api): Promise<Answer> {
  const record = topologyIn(asked, api)
  const supervisor = asked.query('supervisor') ?? ''
  const port = numberIn(asked, 'port', 1, 65_535)
  const from = numberIn(asked, 'from', -chunkBytesMax, Number.MAX_SAFE_INTEGER, -65_536)
  const maxBytes = numberIn(asked, 'maxBytes', 1, chunkBytesMax, chunkBytesMax)
  const { supervisors } = api.coordinator.nimbus.sessions
  const session = supervisors.get(supervisor)
  if (session?.link === undefined) {
    const known = [...supervisors.values()].filter(({ link }) => link !== undefined).map(({ id }) => id)
    throw problemOf(
      'NOT_FOUND',
      `There is no supervisor ${quoted(supervisor)} to ask; there are ${listed(known)}.${didYouMean(supervisor, known)}`,
    )
  }
  const {
    bytes,
    from: at,
    size,
    error,
  } = await api.logs.read(session.link, { topology: record.id, port, from, maxBytes })
  if (error !== undefined) throw new HttpProblem(404, error.code, error.message)
  if (from > size)
    throw new HttpProblem(416, 'INVALID_REQUEST', `The log ends at byte ${size}; byte ${from} is not there yet.`)
  return { bytes, headers: { 'storm-ts-log-from': String(at), 'storm-ts-log-size': String(size) } }
}

function numberIn(asked: Asked, name: string, min: number, max: number, byDefault?: number): number {
  const given = asked.query(name)
  if (given === undefined && byDefault !== undefined) return byDefault
  const number = given !== undefined && /^-?\d{1,16}$/.test(given) ? Number(given) : NaN
  if (number >= min && number <= max) return number
  throw problemOf(
    'INVALID_REQUEST',
    `'${name}' is ${describeValue(given)}; a whole number of ${min} to ${max} is expected.`,
  )
}

/** A body of the shape; an empty one is an empty object. */
function bodyIn<S extends z.ZodType>(shape: S, asked: Asked): z.infer<S> {
  const result = shape.safeParse(asked.json ?? {})
  if (result.success) return result.data
  const { where, wrong } = firstIssue(result.error)
  throw problemOf(
    'INVALID_REQUEST',
    `The body of the request is not as expected${where === '' ? '' : ` at '${where}'`}: ${wrong}.`,
  )
}
