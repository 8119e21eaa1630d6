import TinyQueue from 'tinyqueue'
import type { Clock } from '../../src/stdx/clock.js'
import { seededRng, type Rng } from '../../src/stdx/rng.js'
import { Acceptor, type AcceptorOptions } from '../../src/wire/acceptor.js'
import type { LinkTools } from '../../src/wire/connection.js'
import { Bytes, Frames, FrameType } from '../../src/wire/frame.js'
import type { LinkIdentity, PeerVerdict, Secrets } from '../../src/wire/handshake.js'
import { Loopback } from '../../src/wire/loopback.js'
import { nodeSecrets } from '../../src/wire/node-secrets.js'
import { ReaderLink, type ReaderEvents } from '../../src/wire/reader-link.js'
import { WriterLink, type DataFrameType, type WriterLimits } from '../../src/wire/writer-link.js'

/** Time that stands still until it is moved; everything happens within `run`, in order. */
class StepClock implements Clock {
  #nowMs = 0
  #order = 0
  readonly #due = new TinyQueue<{ atMs: number; order: number; callback: (() => void) | undefined }>(
    [],
    (a, b) => a.atMs - b.atMs || a.order - b.order,
  )

  now(): number {
    return this.#nowMs
  }

  wall(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const due = { atMs: this.#nowMs + delayMs, order: this.#order++, callback: callback as (() => void) | undefined }
    this.#due.push(due)
    return () => {
      due.callback = undefined
    }
  }

  soon(callback: () => void): void {
    this.after(0, callback)
  }

  yield(callback: () => void): void {
    this.after(0, callback)
  }

  /** Runs what is due in the next so many ms. */
  run(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#due.peek(); next !== undefined && next.atMs <= untilMs; next = this.#due.peek()) {
      this.#due.pop()
      this.#nowMs = next.atMs
      next.callback?.()
    }
    this.#nowMs = untilMs
  }

  /** Time passes and nothing runs, as when a process is stopped. */
  sleep(ms: number): void {
    this.#nowMs += ms
  }
}

/** Real MACs, nonces by the seed. */
export function seededSecrets(rng: Rng): Secrets {
  return { hmac: nodeSecrets().hmac, nonce: () => Uint8Array.from({ length: 32 }, () => rng.below(256)) }
}

export const worker = (port: number, incarnation = 1, since = 1): LinkIdentity => ({
  role: 'worker',
  topology: 'words-1-1700000000',
  topologyNumber: 1,
  supervisor: 'sup',
  port,
  since,
  incarnation,
})

export const key = Uint8Array.from({ length: 32 }, (_, i) => i)

/** A frame's body that is just a number, and padding. */
export const numbered = (n: number, bytes = 4): Bytes => {
  const body = new Uint8Array(Math.max(4, bytes))
  new DataView(body.buffer).setUint32(0, n, true)
  return new Bytes(body)
}

export const numberIn = (frames: Frames): number => frames.arena.view.getUint32(frames.start, true)

/** Which frames a writer has sent, what became of each, and what was told about its reader. */
export class WritingWorker {
  readonly link: WriterLink
  readonly lost: number[] = []
  readonly told: string[] = []
  readonly granted = new Map<number, number>()
  readonly acceptor: Acceptor
  readonly unwanted: string[] = []
  sent = 0
  readonly #stopListening: () => void

  constructor(
    readonly world: World,
    readonly identity: LinkIdentity,
    judge: (peer: LinkIdentity) => PeerVerdict = () => 'accept',
    limits: Partial<WriterLimits> = {},
    options: Partial<AcceptorOptions> = {},
  ) {
    const tools = world.newTools()
    this.link = new WriterLink(
      tools,
      identity,
      {
        up: (peer, isAnew) => this.told.push(`up ${peer.incarnation}${isAnew ? ' anew' : ''}`),
        down: (code) => this.told.push(`down ${code}`),
        lost: (_, frames) => this.lost.push(numberIn(frames)),
        granted: (task, total) => this.granted.set(task, total),
        uncongested: () => this.told.push('uncongested'),
      },
      limits,
    )
    this.acceptor = new Acceptor({
      tools,
      secrets: world.secrets,
      purpose: 'data',
      identity,
      keyOf: () => key,
      admit(peer, resume) {
        const verdict = judge(peer)
        return verdict === 'accept' ? link.admit(peer, resume) : { verdict, reason: 'judged' }
      },
      unwanted: (_, verdict) => this.unwanted.push(verdict),
      ...options,
    })
    const link = this.link
    this.#stopListening = world.net.listen(`w${identity.port}`, (carrier, from) => this.acceptor.accept(carrier, from))
  }

  send(type: DataFrameType = FrameType.tuples, bytes = 4): number {
    const n = ++this.sent
    this.link.send(type, numbered(n, bytes))
    return n
  }

  /** As when the process is killed: its connections break, it tells nothing any more. */
  kill(): void {
    this.#stopListening()
    for (const connection of this.world.net.connections) {
      if (connection.to === `w${this.identity.port}`) connection.cut()
    }
  }
}

export class ReadingWorker {
  readonly link: ReaderLink
  readonly received: number[] = []
  readonly told: string[] = []

  constructor(
    readonly world: World,
    readonly identity: LinkIdentity,
    writerPort: number,
    judge: (peer: LinkIdentity) => PeerVerdict = () => 'accept',
    options: { key?: Uint8Array; frame?: ReaderEvents['frame'] } = {},
  ) {
    const tools = world.newTools()
    this.link = new ReaderLink(
      {
        tools,
        secrets: world.secrets,
        rng: world.rng,
        dial: world.net.dial(`w${writerPort}`, `r${identity.port}`),
        key: options.key ?? key,
        identity,
        judge,
      },
      {
        frame: (type) => {
          this.received.push(numberIn(tools.frames))
          options.frame?.(type)
        },
        up: (peer, isAnew) => this.told.push(`up ${peer.incarnation}${isAnew ? ' anew' : ''}`),
        down: (code) => this.told.push(`down ${code}`),
        fenced: () => this.told.push('fenced'),
      },
    )
    this.link.start()
  }

  kill(): void {
    for (const connection of this.world.net.connections) {
      if (connection.from === `r${this.identity.port}`) connection.cut()
    }
    this.link.stop(4009, 'killed')
  }
}

/** A seed's clock, chance and network. */
export class World {
  readonly clock = new StepClock()
  readonly rng: Rng
  readonly secrets: Secrets
  readonly net: Loopback
  delayMsMax = 0

  constructor(seed: number) {
    this.rng = seededRng(seed)
    this.secrets = seededSecrets(this.rng)
    this.net = new Loopback({
      clock: this.clock,
      delayMs: () => (this.delayMsMax === 0 ? 0 : this.rng.below(this.delayMsMax)),
    })
  }

  newTools(): LinkTools {
    return { frames: new Frames(), clock: this.clock }
  }
}

/** The sender's side of the credit for one task, as plainly as can be. */
export class SendCredit {
  #sent = 0
  #granted = 0

  constructor(readonly limit: number) {}

  get available(): number {
    return this.limit + this.#granted - this.#sent
  }

  take(): void {
    this.#sent++
  }

  granted(total: number): void {
    if (total > this.#sent) throw new Error(`${total} granted of ${this.#sent}`)
    this.#granted = Math.max(this.#granted, total)
  }

  restart(): void {
    this.#sent = 0
    this.#granted = 0
  }
}
