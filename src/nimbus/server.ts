import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { createServer as createPlain, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable, type Duplex } from 'node:stream'
import { protocolVersion } from '../cluster/messages.js'
import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { hostAndPort } from '../stdx/host-and-port.js'
import { didYouMean } from '../stdx/nearest.js'
import { isAllowed, type Identity } from './access.js'
import { Failures } from './failures.js'
import { isAnyAddress, isLoopback, type HostNames } from './hosts.js'
import { HttpProblem, problemIn, problemOf } from './http-problem.js'
import { serveLinks, type LinkRoutes } from '../wire/websocket.js'
import { routes, type Answer, type Api, type Route } from './routes.js'
import type { Tokens } from './tokens.js'

export interface ServerParts {
  readonly api: Api
  readonly tokens: Tokens
  readonly hosts: HostNames
  readonly clock: Clock
  /** Of the package. */
  readonly version: string
  readonly bind: string
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly bodyBytesMax: number
  /** GETs from loopback need no token. */
  readonly openReads: boolean
  readonly logError: (message: string) => void
  /** Who takes the connections to paths that become links. */
  readonly links?: LinkRoutes
}

export interface HttpServer {
  /** Where it listens, as others reach it. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const bodyMs = 30_000
const farewellMs = 200
const failuresMax = 10
const failureDelayMs = 1_000

const headersMax = 100
/** Of a request that was refused, so long what is left is read and thrown away, so that the answer can be read. */
const leftoverMs = 500

const limits: ServerOptions = {
  // 64 MiB of an artefact may take a while; a body of JSON has a shorter time of its own.
  requestTimeout: 300_000,
  // Whoever says nothing, or half of it, is gone within five seconds.
  headersTimeout: 4_000,
  keepAliveTimeout: 4_000,
  connectionsCheckingInterval: 500,
  maxHeaderSize: 16_384,
}
/** The same for who does not come to an end with TLS. */
const handshakeTimeout = 4_000

/**
 * Nimbus' port: every route of `routes.ts`, each only for those who may. A shell. Checks, in this order: the host that was
 * asked, who asks, whether they may, the type of the body, its size.
 */
export async function serve(parts: ServerParts): Promise<HttpServer> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const failures = new Failures(failuresMax)
  app.use(async (context, next) => {
    if (!parts.hosts.has(onlyOne(context.env.incoming, 'host')))
      return answerProblem(
        context,
        problemOf(
          'HOST_NOT_ALLOWED',
          `Nimbus is not known by the name in 'Host'; 'allowedHosts' lists those by which it is.`,
        ),
      )
    await next()
  })
  for (const route of routes) {
    app.on(route.method, route.path, async (context) => {
      try {
        return answered(await serveRoute(route, context, parts, failures))
      } catch (error) {
        const problem = problemIn(error)
        if (problem.status === 500 && !(error instanceof StormError))
          parts.logError(`${route.method} ${route.path}: ${String((error as Error).stack ?? error)}`)
        return answerProblem(context, problem)
      }
    })
  }
  app.notFound((context) => {
    const known = routes.map(({ path }) => path)
    return answerProblem(
      context,
      problemOf(
        'NOT_FOUND',
        `There is nothing at ${context.req.method} ${context.req.path.slice(0, 200)}.${didYouMean(context.req.path, known)}`,
      ),
    )
  })
  app.onError((error, context) => {
    parts.logError(String(error.stack))
    return answerProblem(context, problemIn(error))
  })

  const listener = getRequestListener((request, env) => app.fetch(request, env), { overrideGlobalObjects: false })
  const handle = (incoming: IncomingMessage, outgoing: Parameters<typeof listener>[1]) => {
    for (const [name, value] of Object.entries(commonHeaders(parts.version))) outgoing.setHeader(name, value)
    if (incoming.rawHeaders.length > 2 * headersMax) {
      outgoing.writeHead(431, { connection: 'close' }).end()
      return
    }
    outgoing.once('finish', () => {
      if (!incoming.complete) parts.clock.after(leftoverMs, () => void (incoming.complete || incoming.destroy()))
    })
    void listener(incoming, outgoing)
  }
  const server: Server =
    parts.tls === undefined
      ? createPlain(limits, handle)
      : createSecure({ ...limits, ...parts.tls, minVersion: 'TLSv1.2', handshakeTimeout }, handle)
  // Node would cut off what is more, whatever it is; `maxHeaderSize` bounds them.
  server.maxHeadersCount = 0
  server.maxConnections = 4_096
  // No browser gets through there, so the host need not be looked at.
  serveLinks(server, parts.links ?? {})
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await listen(server, parts)
  const { port } = server.address() as AddressInfo
  const host = isAnyAddress(parts.bind) ? '127.0.0.1' : parts.bind
  return {
    url: `${parts.tls === undefined ? 'http' : 'https'}://${hostAndPort(host, port)}`,
    port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeIdleConnections()
        // What was said last may leave; then nobody is waited for.
        parts.clock.after(farewellMs, () => {
          for (const socket of sockets) socket.destroy()
        })
      }),
  }
}

type Bound = Context<{ Bindings: HttpBindings }>

async function serveRoute(route: Route, context: Bound, parts: ServerParts, failures: Failures): Promise<Answer> {
  const { incoming } = context.env
  const identity = await identityOf(route, incoming, parts, failures)
  if (!isAllowed(identity?.role, route.needs))
    throw problemOf(
      'FORBIDDEN',
      `'${identity?.name ?? 'anybody'}' has the role ${identity?.role ?? 'none'}; ${route.needs.role} is needed.`,
    )
  checkType(route, incoming)
  const json = route.takes === 'json' ? await readJson(incoming, parts) : undefined
  return route.answer(
    {
      identity,
      json,
      bytes: incoming,
      param: (name) => (context.req.param as (name: string) => string | undefined)(name) ?? '',
      query: (name) => context.req.query(name),
    },
    parts.api,
  )
}

/** Who asks. Throws UNAUTHENTICATED, always with the same words. */
async function identityOf(
  { needs, method }: Route,
  incoming: IncomingMessage,
  { tokens, clock, openReads }: ServerParts,
  failures: Failures,
): Promise<Identity | undefined> {
  if (needs.role === 'nobody in particular') return undefined
  const address = incoming.socket.remoteAddress ?? ''
  const header = onlyOne(incoming, 'authorization')
  if (
    header === undefined &&
    openReads &&
    method === 'GET' &&
    isLoopback(address) &&
    incoming.headers.authorization === undefined
  )
    return { name: 'anybody', role: 'viewer' }
  const token = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(header ?? '')?.[1] ?? ''
  const found = tokens.find(token, clock.wall())
  if (typeof found === 'object') return found
  // Who guesses waits; who is right never does.
  if (failures.note(address, clock.now())) await new Promise<void>((done) => void clock.after(failureDelayMs, done))
  if (found === 'expired') throw problemOf('TOKEN_EXPIRED', 'The time of this token is over.')
  throw problemOf('UNAUTHENTICATED', "A token is needed: 'Authorization: Bearer …'.")
}

/** The value of a header that came just once; Node keeps the first of several. */
function onlyOne(incoming: IncomingMessage, name: string): string | undefined {
  const { rawHeaders } = incoming
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === name) count++
  const value = incoming.headers[name]
  return count === 1 && typeof value === 'string' ? value : undefined
}

/** What a page of another site can make a browser send without asking has another type. */
function checkType({ takes }: Route, incoming: IncomingMessage): void {
  if (takes === 'nothing') return
  const expected = takes === 'json' ? 'application/json' : 'application/octet-stream'
  const [type = ''] = (incoming.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() === expected) return
  throw problemOf('UNSUPPORTED_TYPE', `The body has type '${type.slice(0, 100)}'; ${expected} is expected.`)
}

async function readJson(incoming: IncomingMessage, { bodyBytesMax, clock }: ServerParts): Promise<unknown> {
  const tooLarge = problemOf(
    'TOO_LARGE',
    `The body is larger than ${bodyBytesMax} bytes, which is the most that is taken.`,
  )
  if (Number(incoming.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge
  const cancel = clock.after(bodyMs, () => incoming.destroy())
  try {
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > bodyBytesMax) throw tooLarge
      pieces.push(piece)
    }
    if (size === 0) return undefined
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))) as unknown
  } catch (error) {
    if (error instanceof HttpProblem) throw error
    throw problemOf('INVALID_REQUEST', `The body is no JSON: ${(error as Error).message.slice(0, 200)}`)
  } finally {
    cancel()
  }
}

function answered(answer: Answer): Response {
  if ('json' in answer)
    return new Response(JSON.stringify(answer.json), {
      status: answer.status ?? 200,
      headers: { 'content-type': 'application/json' },
    })
  if ('text' in answer) return new Response(answer.text, { headers: { 'content-type': answer.type } })
  const { bytes, headers = {} } = answer
  const body = Readable.toWeb(Readable.from(bytes instanceof Uint8Array ? [bytes] : bytes))
  return new Response(body as ConstructorParameters<typeof Response>[0], {
    headers: { 'content-type': 'application/octet-stream', ...headers },
  })
}

function answerProblem(context: Context, { status, code, message, problems, retryAfterSecs }: HttpProblem): Response {
  const words = { code, message, ...(problems === undefined ? {} : { problems }) }
  // Storm UI's own names, for tools that look for them.
  const body = context.req.path.startsWith('/api/v1/') ? { ...words, error: code, errorMessage: message } : words
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (status === 401) headers['www-authenticate'] = 'Bearer'
  if (retryAfterSecs !== undefined) headers['retry-after'] = String(retryAfterSecs)
  // What is left of a body that was refused is not read.
  if (status === 413 || status === 408) headers['connection'] = 'close'
  return new Response(JSON.stringify(body), { status, headers })
}

function commonHeaders(version: string): Record<string, string> {
  return {
    'storm-ts-protocol': String(protocolVersion),
    'storm-ts-version': version,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  }
}

function listen(server: Server, { bind, port }: ServerParts): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(
          new StormError(
            'PORT_IN_USE',
            `Somebody listens at ${hostAndPort(bind, port)} already: is it another nimbus? '--port' takes another port, 0 a free one.`,
          ),
        )
      else
        reject(
          new StormError('INVALID_SETTING', `Nimbus cannot listen at ${hostAndPort(bind, port)}: ${error.message}.`),
        )
    })
    server.listen(port, bind, resolve)
  })
}
