// Guards "no byte of a body is read before its peer is authenticated", "bounded", and the carrier's own promises, on real sockets of this machine.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { ServerOptions } from 'node:https'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { seededRng } from '../../src/stdx/rng.js'
import { systemClock } from '../../src/stdx/system-clock.js'
import { Acceptor } from '../../src/wire/acceptor.js'
import type { Carrier } from '../../src/wire/carrier.js'
import { admitControl, dialControl, type ControlLink } from '../../src/wire/control.js'
import { Bytes, Frames, FrameType } from '../../src/wire/frame.js'
import { nodeSecrets } from '../../src/wire/node-secrets.js'
import { nodeText } from '../../src/wire/node-text.js'
import { ReaderLink } from '../../src/wire/reader-link.js'
import { dialWebSocket, listenForLinks, type LinkServer } from '../../src/wire/websocket.js'
import { WriterLink } from '../../src/wire/writer-link.js'
import { key, numbered, numberIn, worker } from './simulated.js'

const subProtocol = 'storm-ts-link-1'
const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const newTools = () => ({ frames: new Frames(), clock: systemClock() })

/** A worker that writes, on a port of its own. */
async function listen(tls?: ServerOptions) {
  const tools = newTools()
  const refused: string[] = []
  const carriers: Carrier[] = []
  let told = () => undefined as void
  const link = new WriterLink(tools, worker(1), {
    up: () => told(),
    down: () => told(),
    lost: () => undefined,
    granted: () => undefined,
    uncongested: () => undefined,
  })
  const acceptor = new Acceptor({
    tools,
    secrets: nodeSecrets(),
    purpose: 'data',
    identity: worker(1),
    keyOf: () => key,
    admit: (peer, resume) => link.admit(peer, resume),
    unwanted: () => undefined,
    refused: (_, code, reason) => refused.push(`${code} ${reason}`),
  })
  const server: LinkServer = await listenForLinks(
    { host: '127.0.0.1', port: 0, tls },
    {
      '/link/data': (carrier, address) => {
        carriers.push(carrier)
        return acceptor.accept(carrier, address)
      },
    },
  )
  open.push(
    () => server.close(),
    () => acceptor.close(),
    () => link.end(4009, 'the test is over'),
  )
  const change = () => new Promise<void>((resolve) => (told = resolve))
  return { link, server, refused, carriers, change, url: `ws${tls ? 's' : ''}://127.0.0.1:${server.port}/link/data` }
}

function read(url: string, tls?: ConnectionOptions) {
  const tools = newTools()
  const received: number[] = []
  const told: string[] = []
  let wanted = Infinity
  let reached = () => undefined as void
  const link = new ReaderLink(
    {
      tools,
      secrets: nodeSecrets(),
      rng: seededRng(1),
      dial: dialWebSocket(url, tls),
      key,
      identity: worker(2),
      judge: () => 'accept',
    },
    {
      frame: () => {
        received.push(numberIn(tools.frames))
        if (received.length >= wanted) reached()
      },
      up: (_, isAnew) => told.push(isAnew ? 'up anew' : 'up'),
      down: (code) => told.push(`down ${code}`),
      fenced: () => told.push('fenced'),
    },
  )
  link.start()
  open.push(() => link.stop(4009, 'the test is over'))
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      wanted = count
      reached = resolve
      if (received.length >= count) resolve()
    })
  return { link, received, told, until }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe('websocket: a link', () => {
  test('frames of many sizes arrive, over a connection that is broken at times', async () => {
    const writer = await listen()
    const reader = read(writer.url)
    let sent = 0
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 200; i++)
        writer.link.send(i % 3 === 0 ? FrameType.acks : FrameType.tuples, numbered(++sent, (i * 977) % 20_000))
      await reader.until(sent)
      const down = writer.change()
      writer.carriers.at(-1)!.terminate()
      await down
    }
    await reader.until(sent)
    expect(reader.received.toSorted((a, b) => a - b)).toEqual(upTo(600))
    expect(reader.told.filter((what) => what === 'up anew')).toEqual([])
  })

  test('a megabyte arrives whole', async () => {
    const writer = await listen()
    const reader = read(writer.url)
    writer.link.send(FrameType.tuples, numbered(7, 1_048_576))
    await reader.until(1)
    expect(reader.received).toEqual([7])
  })

  test('control messages both ways, however long', async () => {
    const tools = newTools()
    const text = nodeText()
    const nimbus = { ...worker(0), role: 'nimbus' as const }
    const acceptor = new Acceptor({
      tools,
      secrets: nodeSecrets(),
      purpose: 'control',
      identity: nimbus,
      keyOf: () => key,
      admit: () =>
        admitControl(tools, text, (link) => ({
          received: (message) => link.send({ echo: message }),
          closed: () => undefined,
        })),
      unwanted: () => undefined,
    })
    const server = await listenForLinks(
      { host: '127.0.0.1', port: 0 },
      { '/link/worker': (carrier, address) => acceptor.accept(carrier, address) },
    )
    open.push(
      () => server.close(),
      () => acceptor.close(),
    )
    const message = { lists: Array.from({ length: 300 }, (_, i) => ({ i, text: 'x'.repeat(9_000), at: new Date(i) })) }
    const answer = await new Promise((resolve, reject) => {
      const end = dialControl(
        {
          tools: newTools(),
          text,
          secrets: nodeSecrets(),
          dial: dialWebSocket(`ws://127.0.0.1:${server.port}/link/worker`),
          key,
          identity: worker(3),
          judge: (peer) => (peer.role === 'nimbus' ? 'accept' : 'forbidden'),
        },
        {
          opened: (link: ControlLink) => link.send(message),
          received: resolve,
          closed: (code, reason) => reject(new Error(`${code} ${reason}`)),
        },
      )
      open.push(() => end(4009, 'the test is over'))
    })
    expect(answer).toEqual({ echo: message })
  })

  const certificate = selfSigned()
  test.skipIf(certificate === undefined)('with TLS: both ends know that it is the same connection', async () => {
    const writer = await listen(certificate)
    const reader = read(writer.url, { ca: certificate!.cert, servername: 'localhost' })
    writer.link.send(FrameType.tuples, numbered(1))
    await reader.until(1)
    expect(writer.carriers[0]!.binding.length).toBe(32)
  })
})

describe('websocket: strangers', () => {
  async function stranger(url: string, options: object = {}, protocols: string | string[] = subProtocol) {
    const socket = new WebSocket(url, protocols, options)
    open.push(() => socket.terminate())
    socket.on('error', () => undefined)
    const closed = once(socket, 'close').then(([code, reason]) => `${code} ${String(reason)}`)
    const opened = once(socket, 'open')
    await Promise.race([opened, closed])
    return { socket, closed }
  }

  test.each([
    ['a page of a browser', { origin: 'https://example.org' }, subProtocol, '403'],
    ['without our sub-protocol', {}, [], '400'],
    ['with another one', {}, 'mqtt', '400'],
  ])('%s: turned away', async (_, options, protocols, status) => {
    const { url } = await listen()
    const socket = new WebSocket(url, protocols, options)
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toContain(status)
  })

  test('another path: turned away', async () => {
    const { url } = await listen()
    const [error] = (await once(new WebSocket(`${url}/more`, subProtocol), 'error')) as [Error]
    expect(error.message).toContain('404')
  })

  test('a plain request: told to upgrade', async () => {
    const { server } = await listen()
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(426)
  })

  const frames = new Frames()
  const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 0, sessionHi: 0 }
  const cases: [name: string, talk: (socket: WebSocket) => void, end: string][] = [
    ['text', (socket) => socket.send('hello'), '1003 text where frames are expected'],
    [
      'data before authentication',
      (socket) => socket.send(frames.write(FrameType.tuples, origin, 1)),
      '4001 a frame of type 7 before authentication',
    ],
    ['something that is no frame', (socket) => socket.send(new Uint8Array(100)), '4002 not a frame of storm-ts'],
    [
      'a hello that is none',
      (socket) => socket.send(frames.write(FrameType.hello, origin, 0, new Bytes(new Uint8Array(9)))),
      '4002 A message of the handshake is not laid out as such.',
    ],
    [
      'a hello of 5 KiB',
      (socket) => socket.send(frames.write(FrameType.hello, origin, 0, new Bytes(new Uint8Array(5_120)))),
      '4002 5164 bytes where at most 4140 are allowed',
    ],
    ['more than 64 KiB', (socket) => socket.send(new Uint8Array(200_000)), '1006 '],
    ['a frame that would be too large', (socket) => socket.send(new Uint8Array(1_100_000)), '1009 '],
    ['many pings', (socket) => upTo(1_000).forEach(() => socket.ping()), '1006 '],
    ['many fragments', (socket) => upTo(100).forEach(() => socket.send(new Uint8Array(1), { fin: false })), '1008 '],
  ]
  test.each(cases)('%s: closed', async (_, talk, end) => {
    const { url } = await listen()
    const { socket, closed } = await stranger(url)
    talk(socket)
    expect(await closed).toBe(end)
  })

  const upgrade = [
    'GET /link/data HTTP/1.1',
    'Host: x',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${subProtocol}`,
  ].join('\r\n')
  const beginnings: Record<string, string | Buffer> = {
    nothing: '',
    'half an upgrade': upgrade.slice(0, 60),
    'an upgrade and nothing more': `${upgrade}\r\n\r\n`,
    garbage: Buffer.alloc(1_000, 7),
    'the beginning of TLS': Buffer.from('16030100', 'hex'),
  }
  test('who says nothing, half of it or something else: gone within five seconds', async () => {
    const { server } = await listen()
    const lasted = await Promise.all(
      Object.entries(beginnings).map(async ([what, bytes]) => {
        const socket = connect(server.port, '127.0.0.1')
        open.push(() => socket.destroy())
        socket.on('error', () => undefined)
        socket.resume()
        await once(socket, 'connect')
        const from = performance.now()
        socket.write(bytes)
        await once(socket, 'close')
        return { what, ms: performance.now() - from }
      }),
    )
    expect(lasted.filter(({ ms }) => ms > 5_000)).toEqual([])
  })
})

/** Made by `openssl`, when it is there. */
function selfSigned(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'storm-ts-tls-'))
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const asked =
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost'
    const [tool, ...options] = asked.split(' ') as [string, ...string[]]
    execFileSync(tool, [...options, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' })
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') }
  } catch {
    console.warn('websocket: TLS is not tested, as there is no openssl here')
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}
