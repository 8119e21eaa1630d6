import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket, type ConnectionOptions } from 'node:tls'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import type { Carrier, CarrierEvents, Dial, LinkEnd } from './carrier.js'
import { frameBytesMax } from './frame.js'

/**
 * Links over WebSockets, and the only place that knows them. A shell: what a frame says is not looked at here.
 *
 * The accepting side is the one that sends much: what a client sends has to be masked, byte by byte.
 */

/** The sub-protocol: who asks for another one, or for none, is no process of ours. */
const protocol = 'storm-ts-link-1'
/** A frame, and some room for what comes later. */
const messageBytesMax = frameBytesMax + 4_096
/** All that is read of a stranger. */
const strangerBytesMax = 65_536
/** A goodbye that is not answered is given up; that to a stranger sooner. */
const closeMsMax = 2_000
const strangerCloseMsMax = 200
/** What `ws` says of a connection that ended without a farewell. */
const brokenCode = 1006
/** We send none and answer none: heartbeats take the way of data. */
const pingsMax = 16
/** A reason has to fit a control frame of WebSocket, beside its code. */
const reasonBytesMax = 123

/** Those of strangers count: each is gone within seconds. */
const connectionsMax = 2_048

/** Settings of a server that takes links: a stranger who says nothing is gone within five seconds. */
const linkServerOptions = {
  headersTimeout: 4_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 500,
  maxHeaderSize: 8_192,
} as const

/** Who takes the connections to a path. */
export type LinkRoutes = Readonly<Record<string, (carrier: Carrier, address: string) => CarrierEvents>>

/**
 * Answers the upgrades of an HTTP server: those to a path of `routes`, by processes of ours, become connections. A
 * browser is turned away, whatever it asks for.
 */
export function serveLinks(server: Server, routes: LinkRoutes): void {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
    maxFragments: 64,
    maxBufferedChunks: 4_096,
    autoPong: false,
    skipUTF8Validation: true,
    handleProtocols: () => protocol,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Until the upgrade is done nobody else listens; an error is followed by the end of the socket.
    socket.on('error', ignore)
    const accept = routes[pathOf(request)]
    if (accept === undefined) return turnAway(socket, 404)
    if (request.headers.origin !== undefined) return turnAway(socket, 403)
    if (!offered(request).includes(protocol)) return turnAway(socket, 400)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore)
      const carrier = new WebSocketCarrier(webSocket, true)
      carrier.connected(socket)
      carrier.events = accept(carrier, request.socket.remoteAddress ?? '')
    })
  })
}

/** A server of its own for links, and nothing else. */
export interface LinkServer {
  readonly port: number
  /** Takes no more connections; those that are there go on. The port is free when it resolves. */
  close(): Promise<void>
}

/** Listens for links. Rejects with the error of the system: EADDRINUSE, EACCES, EADDRNOTAVAIL. */
export function listenForLinks(
  address: { readonly host: string; readonly port: number; readonly tls?: TlsServerOptions | undefined },
  routes: LinkRoutes,
): Promise<LinkServer> {
  const { host, port, tls } = address
  const refuse = (_: IncomingMessage, response: ServerResponse) => {
    // Whatever else he wants to say.
    response.writeHead(426, { connection: 'close' }).end()
  }
  const server = tls
    ? createTlsServer({ ...linkServerOptions, handshakeTimeout: linkServerOptions.headersTimeout, ...tls }, refuse)
    : createServer(linkServerOptions, refuse)
  server.maxConnections = connectionsMax
  serveLinks(server, routes)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', ignore)
      resolve({
        port: (server.address() as AddressInfo).port,
        close() {
          server.close()
          // The callback of `close` waits for connections that go on; the port is free with the next turn.
          return new Promise((closed) => setImmediate(closed))
        },
      })
    })
  })
}

/** The way to call `url`, such as `ws://10.0.0.1:6700/link/data`. */
export function dialWebSocket(url: string, tls?: ConnectionOptions): Dial {
  return (events) => {
    const webSocket = new WebSocket(url, protocol, {
      ...tls,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      maxFragments: 64,
      maxBufferedChunks: 4_096,
      autoPong: false,
      skipUTF8Validation: true,
      followRedirects: false,
      handshakeTimeout: 5_000,
    })
    const carrier = new WebSocketCarrier(webSocket, false)
    carrier.events = events
    webSocket.on('upgrade', (response) => carrier.connected(response.socket))
    webSocket.on('open', () => events.opened())
    return carrier
  }
}

class WebSocketCarrier implements Carrier {
  events: CarrierEvents | undefined
  binding = new Uint8Array(0)
  readonly #webSocket: WebSocket
  #socket: Duplex | undefined
  /** What is written within one turn leaves in one call to the system: it costs 4 µs, whatever it writes. */
  #isCorked = false
  #isTrusted: boolean
  #strangerBytes = 0
  #pings = 0
  #problem = ''

  constructor(webSocket: WebSocket, isAcceptor: boolean) {
    this.#webSocket = webSocket
    // We have called the other side, at an address that we were given.
    this.#isTrusted = !isAcceptor
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) this.events?.received(data as Buffer)
      else this.close(1003, 'text where frames are expected')
    })
    webSocket.on('ping', () => {
      if (++this.#pings > pingsMax) this.terminate()
    })
    webSocket.on('error', (error) => {
      this.#problem = error.message
    })
    webSocket.on('close', (code, reason) => {
      const said = reason.length > 0 ? reason.toString('utf8') : this.#problem
      this.events?.closed(code, said === '' && code === brokenCode ? 'the connection broke' : said)
    })
  }

  connected(socket: Duplex): void {
    this.#socket = socket
    socket.on('drain', () => this.events?.drained())
    if (socket instanceof TLSSocket) {
      this.binding = new Uint8Array(socket.exportKeyingMaterial(32, 'EXPORTER-storm-ts-link', Buffer.alloc(0)))
    }
    if (!this.#isTrusted) socket.on('data', this.#countStranger)
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  send(frame: Uint8Array): void {
    const webSocket = this.#webSocket
    if (webSocket.readyState !== WebSocket.OPEN) return
    if (!this.#isCorked && this.#socket !== undefined) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(this.#uncork)
    }
    webSocket.send(frame)
  }

  close(code: LinkEnd, reason: string): void {
    this.#webSocket.close(code, shortened(reason))
    if (this.#webSocket.readyState !== WebSocket.CLOSED) {
      setTimeout(() => this.#webSocket.terminate(), this.#isTrusted ? closeMsMax : strangerCloseMsMax).unref()
    }
  }

  terminate(): void {
    this.#webSocket.terminate()
  }

  trust(): void {
    this.#isTrusted = true
    this.#socket?.off('data', this.#countStranger)
  }

  readonly #uncork = () => {
    this.#isCorked = false
    this.#socket?.uncork()
  }

  readonly #countStranger = (chunk: Buffer) => {
    this.#strangerBytes += chunk.length
    if (this.#strangerBytes > strangerBytesMax) this.terminate()
  }
}

function ignore(): void {}

const pathOf = (request: IncomingMessage) => (request.url ?? '').split('?', 1)[0] ?? ''

const offered = (request: IncomingMessage) =>
  (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())

function turnAway(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  // Whoever does not take the answer and go is not waited for.
  setTimeout(() => socket.destroy(), closeMsMax).unref()
}

function shortened(reason: string): string {
  let text = reason
  while (Buffer.byteLength(text) > reasonBytesMax) text = text.slice(0, -1)
  return text
}
