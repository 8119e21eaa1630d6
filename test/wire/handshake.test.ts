// Guards "no byte of a body is read before its peer is authenticated": who does not have the key gets nowhere, whatever he has heard.
import { describe, expect, test } from 'vitest'
import { seededRng } from '../../src/stdx/rng.js'
import type { AcceptorOptions } from '../../src/wire/acceptor.js'
import type { Carrier, CarrierEvents } from '../../src/wire/carrier.js'
import { Bytes, Frames, FrameType } from '../../src/wire/frame.js'
import { AcceptorHandshake, DialerHandshake, type Hello, type LinkIdentity } from '../../src/wire/handshake.js'
import { key, ReadingWorker, seededSecrets, World, worker, WritingWorker } from './simulated.js'

const secrets = seededSecrets(seededRng(1))
const none = new Uint8Array(0)
const other = Uint8Array.from({ length: 32 }, () => 9)
const helloOf = (identity: LinkIdentity): Hello => ({ purpose: 'data', identity, resume: undefined })

/** Both sides, step by step, each message through `change`. Tells how far they came. */
function run(
  options: {
    dialerKey?: Uint8Array
    binding?: Uint8Array
    change?: (step: string, body: Uint8Array) => Uint8Array
  } = {},
) {
  const { change = (_, body) => body } = options
  const dialer = new DialerHandshake(secrets, options.dialerKey ?? key, options.binding ?? none)
  const acceptor = new AcceptorHandshake(secrets, none)
  try {
    const hello = acceptor.hello(
      change(
        'hello',
        dialer.hello({ ...helloOf(worker(2, 3)), resume: { since: 1, incarnation: 7, epoch: 5, received: 2 ** 40 } }),
      ),
    )
    if (!dialer.challenge(change('challenge', acceptor.challenge(key, worker(1, 8))))) return 'challenge refused'
    const verdict = acceptor.proof(change('proof', dialer.proof('accept')))
    if (verdict === undefined) return 'proof refused'
    const welcome = dialer.welcome(change('welcome', acceptor.welcome('accept', { epoch: 6, next: 2 ** 40 + 1 })))
    if (welcome === undefined) return 'welcome refused'
    return { hello, peer: dialer.peer, verdict, welcome, sessions: [dialer.session(), acceptor.session()] }
  } catch (error) {
    return (error as Error).message
  }
}

describe('handshake: two that share a key', () => {
  test('are sure of each other, and of the session', () => {
    const done = run()
    if (typeof done === 'string') throw new Error(done)
    expect(done.hello).toEqual({
      purpose: 'data',
      identity: worker(2, 3),
      resume: { since: 1, incarnation: 7, epoch: 5, received: 2 ** 40 },
    })
    expect(done.peer).toEqual(worker(1, 8))
    expect(done.verdict).toBe('accept')
    expect(done.welcome).toEqual({ verdict: 'accept', goOn: { epoch: 6, next: 2 ** 40 + 1 } })
    expect(done.sessions[0]).toEqual(done.sessions[1])
  })

  test('another session each time', () => {
    const [first, second] = [run(), run()]
    if (typeof first === 'string' || typeof second === 'string') throw new Error('refused')
    expect(first.sessions[0]).not.toEqual(second.sessions[0])
  })

  test('names of any letters', () => {
    const dialer = new DialerHandshake(secrets, key, none)
    const identity = { ...worker(2), supervisor: 'süper-😀', topology: '' }
    expect(new AcceptorHandshake(secrets, none).hello(dialer.hello(helloOf(identity))).identity).toEqual(identity)
  })
})

describe('handshake: refused', () => {
  test('another key', () => {
    expect(run({ dialerKey: other })).toBe('challenge refused')
  })

  test('another encrypted connection', () => {
    expect(run({ binding: Uint8Array.of(1) })).toBe('challenge refused')
  })

  test('any byte changed, in any message', () => {
    for (const step of ['hello', 'challenge', 'proof', 'welcome']) {
      let length = 1
      for (let at = 0; at < length; at++) {
        const done = run({
          change(which, body) {
            if (which !== step) return body
            length = body.length
            const changed = body.slice()
            changed[at]! ^= 1
            return changed
          },
        })
        expect(typeof done, `${step}, byte ${at}`).toBe('string')
      }
      expect(length).toBeGreaterThan(30)
    }
  })

  test('cut or prolonged', () => {
    for (const step of ['hello', 'challenge', 'proof', 'welcome']) {
      for (const change of [
        (body: Uint8Array) => body.slice(0, -1),
        (body: Uint8Array) => Uint8Array.of(...body, 0),
        () => none,
      ]) {
        expect(typeof run({ change: (which, body) => (which === step ? change(body) : body) }), step).toBe('string')
      }
    }
  })

  test('every message of an earlier handshake', () => {
    const heard = new Map<string, Uint8Array>()
    run({
      change(step, body) {
        heard.set(step, body)
        return body
      },
    })
    for (const step of ['challenge', 'proof', 'welcome']) {
      expect(run({ change: (which, body) => (which === step ? heard.get(step)! : body) })).toBe(`${step} refused`)
    }
    // A hello may be said by anybody; who has only heard it cannot go on.
    expect(run({ change: (which, body) => (which === 'hello' ? heard.get('hello')! : body) })).toBe('challenge refused')
  })

  test('what we said ourselves, given back', () => {
    // The one who wants in has no key, and lets us prove things to ourselves.
    const victim = new AcceptorHandshake(secrets, none)
    const said = new DialerHandshake(secrets, other, none).hello(helloOf(worker(2)))
    victim.hello(said)
    const challenge = victim.challenge(key, worker(1))
    const second = new AcceptorHandshake(secrets, none)
    second.hello(said)
    const another = second.challenge(key, worker(1))
    for (const answer of [challenge, another]) {
      const macs = [answer.slice(-32), answer.slice(-64, -32)]
      for (const mac of macs) expect(victim.proof(Uint8Array.of(0, ...mac))).toBeUndefined()
    }
  })
})

describe('handshake: the acceptor', () => {
  /** Somebody who talks to an acceptor as he likes, without being a link. */
  class Stranger implements CarrierEvents {
    readonly heard: Uint8Array[] = []
    end = ''
    readonly carrier: Carrier
    readonly #frames = new Frames()

    constructor(readonly world: World) {
      this.carrier = world.net.dial('w1', 'stranger')(Object.assign(this, { opened: () => undefined }))
      world.clock.run(0)
    }

    received(frame: Uint8Array): void {
      this.heard.push(frame.slice())
    }

    closed(code: number, reason: string): void {
      this.end = `${code} ${reason}`
    }

    drained(): void {}

    say(type: FrameType, body: Uint8Array): void {
      const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 0, sessionHi: 0 }
      this.carrier.send(this.#frames.write(type, origin, 0, new Bytes(body)))
      this.world.clock.run(0)
    }

    body(index: number): Uint8Array {
      this.#frames.load(this.heard[index]!)
      return this.#frames.arena.bytes.slice(this.#frames.start, this.#frames.end)
    }
  }

  const hello = (identity = worker(2)) => new DialerHandshake(secrets, key, none).hello(helloOf(identity))

  function scene(options: Partial<AcceptorOptions> = {}) {
    const world = new World(1)
    const refused: string[] = []
    const writer = new WritingWorker(
      world,
      worker(1),
      undefined,
      {},
      { refused: (from, code, reason) => refused.push(`${from} ${code} ${reason}`), ...options },
    )
    return { world, writer, refused }
  }

  test('says nothing to somebody who says nothing, and sends him away in time', () => {
    const { world, refused } = scene()
    const stranger = new Stranger(world)
    world.clock.run(4_900)
    expect(stranger.heard).toEqual([])
    expect(stranger.end).toBe('4001 not authenticated within 4500 ms')
    expect(refused).toEqual(['stranger 4001 not authenticated within 4500 ms'])
  })

  test('gives nobody more time for talking slowly', () => {
    const { world } = scene()
    const stranger = new Stranger(world)
    world.clock.run(4_000)
    stranger.say(FrameType.hello, hello())
    expect(stranger.heard.length).toBe(1)
    world.clock.run(600)
    expect(stranger.end).toBe('4001 not authenticated within 4500 ms')
  })

  test.each([
    ['a proof before the hello', [FrameType.proof]],
    ['a hello twice', [FrameType.hello, FrameType.hello]],
    ['a challenge', [FrameType.challenge]],
    ['a welcome', [FrameType.welcome]],
    ['a heartbeat', [FrameType.heartbeat]],
    ['control', [FrameType.hello, FrameType.control]],
  ] as const)('out of turn: %s', (_, types) => {
    const { world } = scene()
    const stranger = new Stranger(world)
    for (const type of types) stranger.say(type, hello())
    world.clock.run(10)
    expect(stranger.end).toMatch(/^4001 a frame of type \d before authentication$/)
  })

  test('a proof of somebody without the key', () => {
    const { world, writer } = scene()
    const stranger = new Stranger(world)
    const dialer = new DialerHandshake(secrets, other, none)
    stranger.say(FrameType.hello, dialer.hello(helloOf(worker(2))))
    dialer.challenge(stranger.body(0))
    stranger.say(FrameType.proof, dialer.proof('accept'))
    world.clock.run(10)
    expect(stranger.end).toBe('4001 the other side does not have the key')
    expect(writer.told).toEqual([])
  })

  test('the bytes of a whole connection, said again', () => {
    const { world, writer } = scene()
    const said: Uint8Array[] = []
    const listen = world.net.listen('w1', (carrier, from) => {
      const events = writer.acceptor.accept(carrier, from)
      return { ...eventsOf(events), received: (frame) => (said.push(frame.slice()), events.received(frame)) }
    })
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(10)
    reader.link.grant(3, 5)
    world.clock.run(100)
    reader.kill()
    world.clock.run(10)
    listen()
    world.net.listen('w1', (carrier, from) => writer.acceptor.accept(carrier, from))
    writer.told.length = 0
    const stranger = new Stranger(world)
    for (const frame of said) stranger.carrier.send(frame)
    world.clock.run(10)
    expect(said.length).toBeGreaterThan(2)
    expect(stranger.end).toBe('4001 the other side does not have the key')
    expect(writer.told).toEqual([])
  })

  test('frames of another session on an open connection: refused', () => {
    const { world, writer } = scene()
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(10)
    const [connection] = world.net.connections
    const origin = { topology: 1, generation: 1, incarnation: 1, sessionLo: 1, sessionHi: 2 }
    connection!.dialer.send(new Frames().write(FrameType.heartbeat, origin, 0))
    world.clock.run(10)
    expect(writer.told).toEqual(['up 1', 'down 4002'])
    expect(reader.told[0]).toBe('up 1')
  })

  test.each([
    ['nobody with that role', { ...worker(2), role: 'nimbus' as const }],
    ['another topology', { ...worker(2), topology: 'other-2-1700000000' }],
    ['another generation', { ...worker(2), since: 2 }],
  ])('whom it does not expect: %s', (_, identity) => {
    const expected = worker(2)
    const { world } = scene({
      keyOf: ({ role, topology, since }) =>
        role === expected.role && topology === expected.topology && since === expected.since ? key : undefined,
    })
    const stranger = new Stranger(world)
    stranger.say(FrameType.hello, hello(identity))
    world.clock.run(10)
    expect(stranger.end).toMatch(/^4003 nobody is expected as /)
  })

  test('a control link where data links are taken', () => {
    const { world } = scene()
    const stranger = new Stranger(world)
    stranger.say(
      FrameType.hello,
      new DialerHandshake(secrets, key, none).hello({ ...helloOf(worker(2)), purpose: 'control' }),
    )
    world.clock.run(10)
    expect(stranger.end).toBe('4003 a link for control where those for data are taken')
  })

  test('256 strangers at once; the next is sent away, and those who are known do not count', () => {
    const { world, writer } = scene()
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(10)
    const strangers = Array.from({ length: 257 }, () => new Stranger(world))
    world.clock.run(10)
    expect(strangers.map(({ end }) => end).filter((end) => end !== '')).toEqual(['4010 too many handshakes at once'])
    expect(reader.link.isUp).toBe(true)
    world.clock.run(5_000)
    expect(new Stranger(world).end).toBe('')
    expect(writer.told).toEqual(['up 1'])
  })

  test('ten failures of an address within a minute: its next handshake is answered a second later', () => {
    const { world } = scene()
    for (let i = 0; i < 10; i++) new Stranger(world).say(FrameType.heartbeat, none)
    const stranger = new Stranger(world)
    stranger.say(FrameType.hello, hello())
    world.clock.run(990)
    expect(stranger.heard).toEqual([])
    world.clock.run(20)
    expect(stranger.heard.length).toBe(1)
    world.clock.run(61_000)
    const later = new Stranger(world)
    later.say(FrameType.hello, hello())
    expect(later.heard.length).toBe(1)
  })

  test('closed: sends everybody away', () => {
    const { world, writer } = scene()
    const [before] = [new Stranger(world)]
    writer.acceptor.close()
    const after = new Stranger(world)
    world.clock.run(10)
    expect([before.end, after.end]).toEqual(new Array(2).fill('4009 no connections are taken any more'))
  })
})

describe('handshake: the dialer', () => {
  test('one who does not have its key is not believed: neither him nor his refusal', () => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1))
    const reader = new ReadingWorker(world, worker(2), 1, undefined, { key: other })
    world.clock.run(10_000)
    expect(reader.told).toEqual([])
    expect(writer.told).toEqual([])
  })

  test('anybody may close a connection with "fenced": that is not believed', () => {
    const world = new World(1)
    world.net.listen('w1', (carrier) => {
      carrier.close(4004, 'you are superseded')
      return { received: () => undefined, closed: () => undefined, drained: () => undefined }
    })
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(10_000)
    expect(reader.told).toEqual([])
  })

  test('nobody answers within five seconds: it calls again', () => {
    const world = new World(1)
    let calls = 0
    world.net.listen('w1', () => {
      calls++
      return { received: () => undefined, closed: () => undefined, drained: () => undefined }
    })
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(11_000)
    expect(calls).toBe(3)
    expect(reader.link.isUp).toBe(false)
  })
})

function eventsOf(events: CarrierEvents): CarrierEvents {
  return {
    received: (frame) => events.received(frame),
    closed: (code, reason) => events.closed(code, reason),
    drained: () => events.drained(),
  }
}
