// Guards "a counted frame arrives once and in order, or its loss is told to the sender", by seeds of whatever may happen to two workers and what is between them.
import { describe, expect, test } from 'vitest'
import { seededRng, type Rng } from '../../src/stdx/rng.js'
import { ReceiveCredit } from '../../src/wire/credits.js'
import { FrameType, type Frames } from '../../src/wire/frame.js'
import { Acceptor } from '../../src/wire/acceptor.js'
import { ReaderLink } from '../../src/wire/reader-link.js'
import { WriterLink } from '../../src/wire/writer-link.js'
import { key, numbered, numberIn, SendCredit, World, worker } from './simulated.js'

const creditLimit = 8
const seeds = 120
/** One in twenty has so many; the rest are small. From 2,048 on their memory is used again. */
const frameBytes = [300_000, 3_000, 3_000, 3_000, 30_000]

/** What each seed has seen, summed up: a rig in which nothing happens proves nothing. */
const seen = { resumed: 0, beginnings: 0, lost: 0, restarts: 0, outOfCredit: 0, arrived: 0, stale: 0 }

/** What was found, of the seed that runs. */
const wrong: string[] = []

/** One process that writes: what it sent, by lane, and what it was told is lost. */
class Writer {
  readonly link: WriterLink
  readonly lost = new Set<number>()
  readonly tuples: number[] = []
  readonly acks: number[] = []
  readonly credit = new SendCredit(creditLimit)
  readonly stop: () => void

  constructor(
    world: World,
    incarnation: number,
    readonly nextNumber: () => number,
  ) {
    const tools = world.newTools()
    this.link = new WriterLink(tools, worker(1, incarnation), {
      up: (_, isAnew) => {
        if (isAnew) {
          this.credit.restart()
          seen.beginnings++
        } else seen.resumed++
      },
      down: () => undefined,
      lost: (_, frames: Frames) => {
        const n = numberIn(frames)
        if (this.lost.has(n)) wrong.push(`frame ${n} was told as lost twice`)
        this.lost.add(n)
        seen.lost++
      },
      granted: (_, total) => this.credit.granted(total),
      uncongested: () => undefined,
    })
    const acceptor = new Acceptor({
      tools,
      secrets: world.secrets,
      purpose: 'data',
      identity: worker(1, incarnation),
      keyOf: () => key,
      admit: (peer, resume) => this.link.admit(peer, resume),
      unwanted: () => undefined,
    })
    this.stop = world.net.listen('w1', (carrier, from) => acceptor.accept(carrier, from))
  }

  sendTuple(bytes: number): void {
    if (this.credit.available === 0) {
      seen.outOfCredit++
      return
    }
    this.credit.take()
    const n = this.nextNumber()
    this.tuples.push(n)
    this.link.send(FrameType.tuples, numbered(n, bytes))
  }

  sendAck(): void {
    const n = this.nextNumber()
    this.acks.push(n)
    this.link.send(FrameType.acks, numbered(n))
  }
}

class Reader {
  readonly link: ReaderLink
  readonly arrived: number[] = []
  waiting = 0
  /** Those that came before the last new beginning: they are beyond what the credit bounds. */
  stale = 0
  readonly credit: ReceiveCredit

  constructor(world: World, incarnation: number) {
    const tools = world.newTools()
    this.credit = new ReceiveCredit(creditLimit, (total) => this.link.grant(7, total))
    const identity = worker(2, incarnation)
    this.link = new ReaderLink(
      {
        tools,
        secrets: world.secrets,
        rng: world.rng,
        dial: world.net.dial('w1', 'r2'),
        key,
        identity,
        judge: () => 'accept',
      },
      {
        frame: (type) => {
          this.arrived.push(numberIn(tools.frames))
          seen.arrived++
          if (type !== FrameType.tuples) return
          this.waiting++
          this.credit.received()
          if (this.waiting - this.stale > creditLimit)
            wrong.push(`${this.waiting} tuples wait, ${this.stale} of them stale`)
        },
        up: (_, isAnew) => {
          if (!isAnew) return
          this.stale = this.waiting
          if (this.stale > 0) seen.stale++
          this.credit.restart()
        },
        down: () => undefined,
        fenced: () => undefined,
      },
    )
    this.link.start()
  }

  consume(): void {
    if (this.waiting === 0) return
    this.waiting--
    if (this.stale > 0) this.stale--
    this.credit.consumed()
  }
}

class Scene {
  readonly world: World
  readonly rng: Rng
  readonly writers: Writer[] = []
  readonly readers: Reader[] = []
  #number = 0

  constructor(readonly seed: number) {
    this.world = new World(seed)
    this.rng = seededRng(seed ^ 0x5eed)
    this.restartWriter()
    this.restartReader()
  }

  get writer(): Writer {
    return this.writers.at(-1)!
  }

  get reader(): Reader {
    return this.readers.at(-1)!
  }

  restartWriter(): void {
    this.writers.at(-1)?.stop()
    for (const connection of this.world.net.connections) connection.cut()
    this.writers.push(new Writer(this.world, this.writers.length + 1, () => ++this.#number))
  }

  restartReader(): void {
    this.readers.at(-1)?.link.stop(4009, 'killed')
    for (const connection of this.world.net.connections) connection.cut()
    this.readers.push(new Reader(this.world, this.readers.length + 1))
  }

  step(): void {
    const { rng, world } = this
    const chance = rng.below(1_000)
    const [connection] = world.net.connections
    if (chance < 4) {
      seen.restarts++
      this.restartReader()
    } else if (chance < 7) {
      seen.restarts++
      this.restartWriter()
    } else if (chance < 20) connection?.cut()
    else if (chance < 28) connection?.[rng.below(2) === 0 ? 'dialer' : 'acceptor'].stall()
    else if (chance < 40) {
      connection?.dialer.flow()
      connection?.acceptor.flow()
    } else if (chance < 45) world.clock.sleep(rng.below(9_000))
    else if (chance < 50) world.clock.run(rng.below(9_000))
    else if (chance < 60) world.delayMsMax = rng.below(100)
    else if (chance < 400) this.writer.sendTuple(frameBytes[rng.below(20)] ?? 4)
    else if (chance < 600) this.writer.sendAck()
    else if (chance < 850) this.reader.consume()
    else world.clock.run(rng.below(30))
  }

  heal(): void {
    const { world } = this
    world.delayMsMax = 0
    for (let i = 0; i < 40; i++) {
      for (const connection of world.net.connections) {
        connection.dialer.flow()
        connection.acceptor.flow()
      }
      while (this.reader.waiting > 0) this.reader.consume()
      world.clock.run(1_000)
    }
  }

  check(): void {
    const arrived = this.readers.flatMap((reader) => reader.arrived)
    const arrivedSet = new Set(arrived)
    if (arrivedSet.size !== arrived.length) wrong.push('a frame arrived twice')
    for (const { tuples, acks } of this.writers) {
      for (const lane of [tuples, acks]) {
        const mine = new Set(lane)
        const inOrder = arrived.filter((n) => mine.has(n))
        if (inOrder.some((n, i) => i > 0 && n < (inOrder[i - 1] as number)))
          wrong.push(`out of order: ${inOrder.join()}`)
      }
    }
    const { writer, reader } = this
    if (!reader.link.isUp || !writer.link.isUp) wrong.push('the link is not up')
    if (writer.link.keptBytes > 0) wrong.push(`${writer.link.keptBytes} bytes are kept`)
    const missing = [...writer.tuples, ...writer.acks].filter((n) => !arrivedSet.has(n) && !writer.lost.has(n))
    if (missing.length > 0) wrong.push(`neither arrived nor told as lost: ${missing.join()}`)
    if (writer.credit.available <= creditLimit / 2) wrong.push(`${writer.credit.available} credit came back`)
    if (reader.link.repeats > 0) wrong.push(`${reader.link.repeats} frames were sent twice`)
  }
}

describe('link: any faults', () => {
  test(`${seeds} seeds: each frame arrives once and in order, or is told as lost; credit holds`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const scene = new Scene(seed)
      try {
        for (let i = 0; i < 1_000; i++) scene.step()
        scene.heal()
        scene.check()
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
      expect(wrong, `seed ${seed}`).toEqual([])
    }
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(seeds / 10)
  })

  test('cuts alone, two processes that live on: nothing is lost', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const scene = new Scene(seed)
      scene.world.clock.run(100)
      scene.world.delayMsMax = 20
      for (let i = 0; i < 500; i++) {
        const chance = scene.rng.below(100)
        if (chance < 3) for (const connection of scene.world.net.connections) connection.cut()
        else if (chance < 50) scene.writer.sendTuple(4)
        else if (chance < 70) scene.writer.sendAck()
        else if (chance < 90) scene.reader.consume()
        else scene.world.clock.run(scene.rng.below(200))
      }
      scene.heal()
      scene.check()
      expect([...scene.writer.lost, ...wrong], `seed ${seed}`).toEqual([])
    }
  })
})
