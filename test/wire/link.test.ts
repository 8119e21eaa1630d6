// Guards "a counted frame arrives once and in order, or its loss is told to the sender", over whatever the network does.
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import { FrameType } from '../../src/wire/frame.js'
import { ReadingWorker, World, worker, WritingWorker } from './simulated.js'

const MiB = 1_048_576
/** Long enough for a heartbeat, which confirms what has arrived. */
const untilConfirmedMs = 2_100
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

function pair(seed = 1) {
  const world = new World(seed)
  const writer = new WritingWorker(world, worker(1))
  const reader = new ReadingWorker(world, worker(2), 1)
  const connection = () => [...world.net.connections][0]!
  /** Cuts the connection and refuses others, until what it returns is called. */
  const away = () => {
    const unlisten = world.net.listen('w1', (carrier) => {
      carrier.close(4009, 'not now')
      return { received: () => undefined, closed: () => undefined, drained: () => undefined }
    })
    connection().cut()
    world.clock.run(0)
    return () => {
      unlisten()
      world.net.listen('w1', (carrier, from) => writer.acceptor.accept(carrier, from))
    }
  }
  return { world, writer, reader, connection, away }
}

describe('link: one connection', () => {
  test('what is sent arrives, in order', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    for (let i = 0; i < 100; i++) writer.send()
    world.clock.run(10)
    expect(reader.received).toEqual(upTo(100))
    expect([writer.told, reader.told]).toEqual([['up 1'], ['up 1']])
  })

  test('what is sent before the reader is there waits for it, acks first', () => {
    const { world, writer, reader } = pair()
    writer.send(FrameType.tuples)
    writer.send(FrameType.acks)
    writer.send(FrameType.tuples)
    world.clock.run(10)
    expect(reader.received).toEqual([2, 1, 3])
  })

  test('what has arrived is confirmed and not kept', () => {
    const { world, writer } = pair()
    world.clock.run(10)
    for (let i = 0; i < 10; i++) writer.send()
    expect(writer.link.keptBytes).toBe(480)
    world.clock.run(untilConfirmedMs)
    expect(writer.link.keptBytes).toBe(0)
  })

  test('few frames are confirmed by what the reader sends anyway, many at once', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    let sent = 0
    const carrier = connection().dialer
    const send = carrier.send.bind(carrier)
    carrier.send = (frame) => {
      sent++
      send(frame)
    }
    for (let i = 0; i < 63; i++) writer.send()
    world.clock.run(10)
    expect([sent, writer.link.keptBytes]).toEqual([0, 63 * 48])
    reader.link.grant(5, 63)
    world.clock.run(10)
    expect([sent, writer.link.keptBytes]).toEqual([1, 0])
    for (let i = 0; i < 64; i++) writer.send()
    world.clock.run(10)
    expect([sent, writer.link.keptBytes]).toEqual([2, 0])
    writer.send(FrameType.tuples, MiB / 4)
    world.clock.run(10)
    expect([sent, writer.link.keptBytes]).toEqual([3, 0])
  })

  test('acks do not wait behind tuples that the carrier does not take', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    connection().acceptor.stall()
    const inCarrier = 10
    for (let i = 0; i < inCarrier; i++) writer.send(FrameType.tuples, MiB / 8)
    const acks = [writer.send(FrameType.acks), writer.send(FrameType.acks)]
    connection().acceptor.flow()
    world.clock.run(10)
    // A megabyte may be ahead of them, and no more.
    expect(reader.received.indexOf(acks[0]!)).toBe(8)
    expect(reader.received.indexOf(acks[1]!)).toBe(9)
    expect(reader.received.toSorted((a, b) => a - b)).toEqual(upTo(inCarrier + 2))
  })

  test('grants arrive with their sums', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    reader.link.grant(5, 10)
    reader.link.grant(5, 20)
    reader.link.grant(2 ** 31, 2 ** 40)
    world.clock.run(10)
    expect(writer.granted).toEqual(
      new Map([
        [5, 20],
        [2 ** 31, 2 ** 40],
      ]),
    )
  })

  test('a frame that cannot be read ends the connection, is not asked for again, and the rest arrives', () => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1))
    let calls = 0
    const reader = new ReadingWorker(world, worker(2), 1, undefined, {
      frame: () => {
        if (++calls === 2) throw new StormError('BAD_FRAME', 'A frame that is not one.')
      },
    })
    world.clock.run(10)
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(1_000)
    expect(reader.received).toEqual(upTo(5))
    expect(writer.told).toEqual(['up 1', 'down 4002', 'up 1'])
  })
})

describe('link: broken connections', () => {
  test('cut between two living processes: resumed, and each frame arrives once', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    world.delayMsMax = 20
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 20; i++) writer.send()
      world.clock.run(7)
      connection().cut()
      for (let i = 0; i < 20; i++) writer.send()
      world.clock.run(400)
    }
    expect(reader.received).toEqual(upTo(400))
    expect(reader.link.repeats).toBe(0)
    expect(writer.lost).toEqual([])
    expect(writer.told.slice(0, 3)).toEqual(['up 1', 'down 1006', 'up 1'])
  })

  test('the reader is a new process: what was on its way or waited is told as lost, once', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(untilConfirmedMs)
    for (let i = 0; i < 5; i++) writer.send()
    reader.kill()
    world.clock.run(10)
    writer.send(FrameType.tuples)
    writer.send(FrameType.acks)
    const next = new ReadingWorker(world, worker(2, 2), 1)
    world.clock.run(100)
    expect(writer.lost).toEqual([6, 7, 8, 9, 10, 11, 12])
    expect(writer.told).toEqual(['up 1', 'down 1006', 'up 2 anew'])
    writer.send()
    world.clock.run(10)
    expect(next.received).toEqual([13])
    expect(reader.received).toEqual(upTo(5))
  })

  test('the writer is a new process: the reader is told of a new beginning', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(100)
    writer.kill()
    world.clock.run(10)
    const next = new WritingWorker(world, worker(1, 2))
    next.send()
    world.clock.run(1_000)
    expect(reader.received).toEqual([1, 2, 3, 4, 5, 1])
    expect(reader.told).toEqual(['up 1', 'down 1006', 'up 2 anew'])
  })

  test('away for longer than five seconds: what was kept is lost, and so are tuples until it is back; acks wait', () => {
    const { world, writer, reader, away } = pair()
    world.clock.run(10)
    writer.send()
    world.clock.run(untilConfirmedMs)
    const comeBack = away()
    writer.send(FrameType.tuples)
    writer.send(FrameType.acks)
    world.clock.run(4_900)
    expect(writer.lost).toEqual([])
    world.clock.run(200)
    expect(writer.lost).toEqual([2])
    writer.send(FrameType.tuples)
    expect(writer.lost).toEqual([2, 4])
    comeBack()
    world.clock.run(6_000)
    expect(reader.received).toEqual([1, 3])
    expect(reader.told.at(-1)).toBe('up 1 anew')
  })

  test('without a connection: tuples beyond 4 MiB are lost', () => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1))
    for (let i = 0; i < 10; i++) writer.send(FrameType.tuples, MiB)
    expect(writer.link.keptBytes).toBeLessThanOrEqual(4 * MiB)
    expect(writer.lost.length).toBeGreaterThan(5)
  })

  test('one direction is silent: both ends notice within 8 s, and it is resumed', () => {
    for (const end of ['dialer', 'acceptor'] as const) {
      const { world, writer, reader, connection } = pair()
      world.clock.run(10)
      connection()[end].stall()
      for (let i = 0; i < 5; i++) writer.send()
      world.clock.run(8_300)
      expect(reader.received).toEqual(upTo(5))
      expect(writer.lost).toEqual([])
      expect(writer.told.at(-1)).toBe('up 1')
    }
  })

  test('a frame that comes twice: taken once', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    const carrier = connection().acceptor
    const send = carrier.send.bind(carrier)
    carrier.send = (frame) => {
      send(frame)
      send(frame)
    }
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(10)
    expect(reader.received).toEqual(upTo(5))
    expect(reader.link.repeats).toBe(5)
    expect(reader.link.isUp).toBe(true)
  })

  test('a frame that is missing: noticed, and asked for again', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    const carrier = connection().acceptor
    const send = carrier.send.bind(carrier)
    let frames = 0
    carrier.send = (frame) => {
      if (++frames !== 3) send(frame)
    }
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(1_000)
    expect(reader.received).toEqual(upTo(5))
    expect(writer.told).toEqual(['up 1', 'down 4002', 'up 1'])
    expect(writer.lost).toEqual([])
  })

  test('a damaged frame: noticed, and asked for again', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    const carrier = connection().acceptor
    const send = carrier.send.bind(carrier)
    let frames = 0
    carrier.send = (frame) => {
      const damaged = frame.slice()
      if (++frames === 3) damaged[frame.length - 1]! ^= 4
      send(damaged)
    }
    for (let i = 0; i < 5; i++) writer.send()
    world.clock.run(1_000)
    expect(reader.received).toEqual(upTo(5))
    expect(writer.told).toEqual(['up 1', 'down 4002', 'up 1'])
  })

  test('a process that was stopped does not take the other for dead', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    world.clock.sleep(60_000)
    world.clock.run(5_000)
    expect(writer.told).toEqual(['up 1'])
    expect(reader.told).toEqual(['up 1'])
  })

  test('a reader that confirms nothing: closed as too slow, bounded until then', () => {
    const { world, writer, connection } = pair()
    world.clock.run(10)
    connection().dialer.stall()
    for (let i = 0; i < 70; i++) writer.send(FrameType.acks, MiB)
    expect(writer.told).toEqual(['up 1', 'down 4008', 'uncongested'])
    expect(writer.lost.slice(0, 64)).toEqual(upTo(64))
    expect(writer.link.keptBytes).toBeLessThan(7 * MiB)
    // What is sent after that waits for another connection.
    expect(writer.link.isCongested).toBe(true)
  })

  test('congested from 16 MiB on, until half of it is out', () => {
    const { world, writer, connection } = pair()
    world.clock.run(10)
    connection().acceptor.stall()
    for (let i = 0; i < 16; i++) writer.send(FrameType.tuples, MiB)
    expect(writer.link.isCongested).toBe(true)
    connection().acceptor.flow()
    world.clock.run(100)
    expect(writer.link.isCongested).toBe(false)
    expect(writer.told).toEqual(['up 1', 'uncongested'])
  })

  test('before the reader is there: congested from 1 MiB on, and nothing is lost', () => {
    const { world, writer, reader } = pair()
    while (!writer.link.isCongested && writer.sent < 1_000) writer.send(FrameType.tuples, MiB / 16)
    expect(writer.sent).toBe(16)
    world.clock.run(1_000)
    expect(reader.received).toEqual(upTo(16))
    expect(writer.told).toEqual(['up 1', 'uncongested'])
    expect(writer.lost).toEqual([])
  })

  test('while the connection is gone: congested from 1 MiB on; none within five seconds: lost, and not congested', () => {
    for (const cutMs of [500, 20_000]) {
      const { world, writer, reader, away } = pair()
      world.clock.run(10)
      const comeBack = away()
      while (!writer.link.isCongested && writer.sent < 1_000) writer.send(FrameType.tuples, MiB / 16)
      expect(writer.sent).toBe(16)
      world.clock.run(cutMs)
      expect(writer.link.isCongested).toBe(cutMs < 5_000)
      comeBack()
      world.clock.run(10_000)
      expect(writer.link.isCongested).toBe(false)
      expect([reader.received, writer.lost]).toEqual(cutMs < 5_000 ? [upTo(16), []] : [[], upTo(16)])
    }
  })

  test('ended: all that was kept is told as lost, and nothing is after it but that', () => {
    const { world, writer, reader } = pair()
    world.clock.run(10)
    writer.send()
    world.clock.run(untilConfirmedMs)
    writer.send()
    writer.link.end(4009, 'no more')
    writer.send()
    expect(writer.lost).toEqual([2, 3])
    world.clock.run(1_000)
    expect(reader.told.slice(0, 2)).toEqual(['up 1', 'down 4009'])
    expect(reader.link.isUp).toBe(false)
  })
})

describe('link: who may read', () => {
  test('an older process than one that has read before: fenced, and told so', () => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1))
    const newer = new ReadingWorker(world, worker(2, 5), 1)
    world.clock.run(10)
    const older = new ReadingWorker(world, worker(2, 4), 1)
    world.clock.run(100)
    expect(older.told).toEqual(['fenced'])
    expect(newer.link.isUp).toBe(true)
    expect(writer.told).toEqual(['up 5'])
  })

  test('a newer connection of the same process takes the place of the old one', () => {
    const { world, writer, reader, connection } = pair()
    world.clock.run(10)
    connection().acceptor.stall()
    connection().dialer.stall()
    writer.send()
    const again = new ReadingWorker(world, worker(2), 1)
    world.clock.run(10)
    writer.send()
    world.clock.run(10)
    expect(again.received).toEqual([2])
    expect(writer.lost).toEqual([1])
    expect(reader.received).toEqual([])
  })

  test.each([
    ['fenced', ['fenced']],
    ['notYet', []],
    ['forbidden', []],
  ] as const)('the writer judges the reader: %s', (verdict, told) => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1), () => verdict)
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(100)
    expect(writer.told).toEqual([])
    expect(reader.told).toEqual(told)
    expect(reader.link.isUp).toBe(false)
  })

  test('the reader judges the writer: it is told', () => {
    const world = new World(1)
    const writer = new WritingWorker(world, worker(1))
    const reader = new ReadingWorker(world, worker(2), 1, () => 'fenced')
    world.clock.run(100)
    expect(writer.unwanted[0]).toBe('fenced')
    expect(reader.link.isUp).toBe(false)
    expect(writer.told).toEqual([])
  })

  test('not yet, then yes: it calls again', () => {
    const world = new World(1)
    let isKnown = false
    const writer = new WritingWorker(world, worker(1), () => (isKnown ? 'accept' : 'notYet'))
    const reader = new ReadingWorker(world, worker(2), 1)
    world.clock.run(500)
    isKnown = true
    world.clock.run(2_000)
    expect(reader.link.isUp).toBe(true)
    expect(writer.told).toEqual(['up 1'])
  })

  test('called again after 50 to 100 ms, doubling to 5 s', () => {
    const world = new World(3)
    const reader = new ReadingWorker(world, worker(2), 1)
    const calls: number[] = []
    for (let ms = 0; ms < 60_000; ms++) {
      const before = world.net.connections.size
      world.clock.run(1)
      if (before === 0 && world.net.connections.size > 0) calls.push(ms)
    }
    expect(reader.told).toEqual([])
    expect(calls.length).toBeLessThan(30)
  })
})
