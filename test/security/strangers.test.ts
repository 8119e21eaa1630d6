// Guards "an unauthenticated peer is closed within 5 s having cost ≤ 64 KiB, and what runs goes on": whoever connects to
// nimbus or to a worker and does not prove who he is, on the ports of real processes. That no more than 64 KiB are read of
// him is shown exactly in test/wire/websocket.test.ts; here, that the memory of the whole process agrees.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Bytes, Frames, FrameType } from '../../src/wire/frame.js'
import { builtPackage } from '../built.js'
import { Cluster } from '../cluster/cluster.js'
import { progressOf, urlIn } from './ask.js'
import { mib, MemoryWatch, rssBytesOf } from './memory.js'

const steady = fileURLToPath(new URL('topologies/steady.ts', import.meta.url))
/** Five seconds, and what a busy machine may add. */
const goneWithinMs = 8_000
const costMax = 64 * 1_024
/** What a process that serves many connections at once takes for itself: buffers of Node, garbage not yet collected. */
const noiseBytes = 72 * 2 ** 20

/** At a time. What is not bounded by more than the size of a message would cost 1 MiB each. */
const many = 120
const few = 4

let folder = ''
let cluster: Cluster
let targets: readonly Target[] = []
const open: Socket[] = []

interface Target {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly path: string
}

beforeAll(async () => {
  const built = await builtPackage('security-strangers')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-strangers-'))
  cluster = await Cluster.start({ built, folder: join(folder, 'cluster'), supervisors: 1, slots: 2 })
  await cluster.done('jar', 'deploy', steady)
  const [worker] = await cluster.workers('steady', 2)
  if (worker === undefined) throw new Error('there are two')
  const port = Number(new URL(urlIn(join(cluster.folder, 'nimbus'))).port)
  targets = [
    { name: 'nimbus', pid: cluster.nimbus.pid, port, path: '/link/worker' },
    { name: 'nimbus, as a supervisor', pid: cluster.nimbus.pid, port, path: '/link/supervisor' },
    { name: 'worker', pid: worker.pid, port: worker.port, path: '/link/data' },
  ]
}, 120_000)
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})
afterAll(async () => {
  await cluster.end()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs what is to be survived, and holds that the same processes go on and that no tuple failed. */
async function meanwhile<T>(work: () => Promise<T>): Promise<T> {
  const progress = () => progressOf(join(cluster.folder, 'nimbus'), 'steady')
  const before = await progress()
  const result = await work()
  await expect
    .poll(async () => (await progress()).acked, { timeout: 30_000, interval: 500 })
    .toBeGreaterThan(before.acked + 100)
  expect(await progress()).toMatchObject({ failed: 0, pids: before.pids })
  return result
}

function dial({ port }: Target): Socket {
  const socket = connect(port, '127.0.0.1')
  open.push(socket)
  socket.on('error', () => undefined)
  return socket
}

const upgradeTo = (path: string) =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: storm-ts-link-1',
    '\r\n',
  ].join('\r\n')

/** A message of WebSocket as a client sends it, all of its mask zero. `length`: what it tells, if it is not so. */
function message(body: Uint8Array, length = body.length, opcode = 2): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt8(0x80 | opcode, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, body])
}

const closing = (code: number, reason: string | Buffer) => {
  const body = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
  const long = message(body, body.length, 8)
  // A control frame has a length of one byte, but for one that is too long for it.
  return body.length > 125 ? long : Buffer.concat([Buffer.from([0x88, 0x80 | body.length, 0, 0, 0, 0]), body])
}

const frames = new Frames()
const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 0, sessionHi: 0 }
const frame = (type: FrameType, body = new Uint8Array(0)) => Buffer.from(frames.write(type, origin, 0, new Bytes(body)))

type Talk = (socket: Socket, target: Target) => unknown

/** Says one byte of it after the other, for ever slower than anybody waits. */
function drip(socket: Socket, bytes: Buffer): void {
  let at = 0
  const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 200)
  socket.on('close', () => clearInterval(timer))
}

/** Says the same again and again, as fast as it is taken. */
function pour(socket: Socket, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes)) continue
  }
  socket.on('drain', more)
  more()
}

const request = (method: string) =>
  `${method} /api/v2/artefacts/${'f'.repeat(64)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 6000000000\r\n\r\n`

const strangers: Record<string, Talk> = {
  'says nothing': () => undefined,
  'half an upgrade': (socket, { path }) => socket.write(upgradeTo(path).slice(0, 60)),
  'an upgrade, byte by byte': (socket, { path }) => drip(socket, Buffer.from(upgradeTo(path))),
  garbage: (socket) => socket.write(Buffer.alloc(1_000, 7)),
  'a TLS hello': (socket) => socket.write(Buffer.from('16030100a5010000a10303', 'hex')),
  'a plain request': (socket, { path }) => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  'a request without a token, its body never coming': (socket) => socket.write(request('PUT')),
  'the same, of a kind that has no body': (socket) => socket.write(request('GET')),
  'a request without a token, its body byte by byte': (socket) => {
    socket.write(request('PUT'))
    drip(socket, Buffer.alloc(1_000))
  },
  'an upgrade, then nothing': (socket, { path }) => socket.write(upgradeTo(path)),
  'an upgrade, then garbage': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(Buffer.alloc(1_000, 7))
  },
  'an upgrade, then half a message': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(Buffer.alloc(10), 1_000))
  },
  'an upgrade, then a message byte by byte': (socket, { path }) => {
    socket.write(upgradeTo(path))
    drip(socket, message(Buffer.alloc(4_000)))
  },
  'data before authentication': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(frame(FrameType.tuples, new Uint8Array(100))))
  },
  'control before authentication': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(frame(FrameType.control, new Uint8Array(100))))
  },
  'a hello that is none': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(frame(FrameType.hello, new Uint8Array(100))))
  },
  'a message of 64 MiB': (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(Buffer.alloc(1_000), 64 * 2 ** 20))
  },
  text: (socket, { path }) => {
    socket.write(upgradeTo(path))
    socket.write(message(Buffer.from('hello'), 5, 1))
  },
}

/** How long each lasts, in ms, from when it is connected. */
function lasting(target: Target, talk: Talk): Promise<number> {
  return new Promise((resolve) => {
    const socket = dial(target)
    let fromMs = performance.now()
    socket.on('connect', () => {
      fromMs = performance.now()
      socket.resume()
      talk(socket, target)
    })
    socket.on('close', () => resolve(performance.now() - fromMs))
  })
}

describe.skipIf(process.platform !== 'linux')('strangers', () => {
  test('time: whatever they say or do not say, they are gone within five seconds', async () => {
    const lasted = await meanwhile(() =>
      Promise.all(
        targets.flatMap((target) =>
          Object.entries(strangers).map(async ([name, talk]) => ({
            who: `${target.name}: ${name}`,
            ms: Math.round(await lasting(target, talk)),
          })),
        ),
      ),
    )
    const longest = Math.max(...lasted.map(({ ms }) => ms))
    process.stdout.write(`${lasted.length} strangers, the last gone after ${longest} ms\n`)
    expect(lasted.filter(({ ms }) => ms > goneWithinMs)).toEqual([])
  })

  const farewells: [name: string, bytes: Buffer, code: number][] = [
    ...[0, 999, 1_005, 1_006, 65_535].map((code): [string, Buffer, number] => [
      `code ${code}`,
      closing(code, ''),
      1_002,
    ]),
    ['a reason of 200 bytes', closing(1_000, 'x'.repeat(200)), 1_002],
    ['half a code', message(Buffer.from([3]), 1, 8), 1_002],
    ['a reason that is no text', closing(1_000, Buffer.from([0xff, 0xfe])), 1_000],
  ]
  test('farewell: one that cannot be is answered as such', async () => {
    const answers = await meanwhile(() =>
      Promise.all(
        targets.flatMap((target) =>
          farewells.map(async ([name, bytes]) => {
            const said: Buffer[] = []
            await lasting(target, (socket) => {
              socket.on('data', (piece) => said.push(piece))
              socket.write(upgradeTo(target.path))
              socket.write(bytes)
            })
            const text = Buffer.concat(said)
            const frameAt = text.indexOf('\r\n\r\n') + 4
            return [`${target.name}: ${name}`, text[frameAt], text.subarray(frameAt + 2).readUInt16BE()]
          }),
        ),
      ),
    )
    const closeFrame = 0x88
    expect(answers).toEqual(
      targets.flatMap(({ name: target }) =>
        farewells.map(([name, , code]) => [`${target}: ${name}`, closeFrame, code]),
      ),
    )
  })

  /** By what they pour in, with how many do so at a time. */
  const floods: Record<string, readonly [count: number, talk: Talk]> = {
    'messages without end': [
      many,
      (socket, { path }) => {
        socket.write(upgradeTo(path))
        socket.write(message(Buffer.alloc(0), 2 ** 20))
        pour(socket, Buffer.alloc(64 * 1_024))
      },
    ],
    'fragments without end': [
      many,
      (socket, { path }) => {
        socket.write(upgradeTo(path))
        const fragment = message(Buffer.alloc(1_000), 1_000, 0)
        fragment.writeUInt8(0, 0)
        const first = Buffer.from(fragment)
        first.writeUInt8(2, 0)
        socket.write(first)
        pour(socket, fragment)
      },
    ],
    'headers without end': [
      many,
      (socket) => {
        socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n')
        pour(socket, Buffer.from(`x: ${'x'.repeat(1_000)}\r\n`))
      },
    ],
    'a body without end': [
      few,
      (socket) => {
        socket.write(request('PUT'))
        pour(socket, Buffer.alloc(64 * 1_024))
      },
    ],
    'a body of a kind of request that has none': [
      few,
      (socket) => {
        socket.write(request('GET'))
        pour(socket, Buffer.alloc(64 * 1_024))
      },
    ],
  }
  /** The two processes, by one path each. */
  const processes = () => targets.filter(({ path }) => path !== '/link/supervisor')

  test('memory: a hundred at a time who pour in all they can: it is not kept', async () => {
    await meanwhile(() =>
      Promise.all(
        processes().map(async (target) => {
          const before = rssBytesOf(target.pid)
          const watch = new MemoryWatch([target.pid])
          for (const [count, talk] of Object.values(floods))
            await Promise.all(Array.from({ length: count }, () => lasting(target, talk)))
          watch.end()
          const grown = watch.mostBytes(target.pid) - before
          process.stdout.write(`${target.name}: at most ${mib(grown)} MiB more for ${many} at a time who pour\n`)
          expect([target.name, grown <= many * costMax + noiseBytes]).toEqual([target.name, true])
        }),
      ),
    )
  })

  test('number: two thousand who come and go, and a thousand who stay, leave the links alone', async () => {
    await meanwhile(() =>
      Promise.all(
        processes().map(async (target) => {
          for (let round = 0; round < 20; round++)
            await Promise.all(Array.from({ length: 100 }, () => lasting(target, (socket) => socket.destroy())))
          const stay: Talk = (socket) => socket.write(upgradeTo(target.path))
          const lasted = await Promise.all(Array.from({ length: 1_000 }, () => lasting(target, stay)))
          process.stdout.write(
            `${target.name}: the last of a thousand is gone after ${Math.round(Math.max(...lasted))} ms\n`,
          )
        }),
      ),
    )
  })
})
