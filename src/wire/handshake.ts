import { StormError } from '../errors.js'

/**
 * How two processes make sure of each other before anything else is read:
 *
 * ```text
 * dialer                                            acceptor
 *   hello: who I am, nonce, what I have of you  ──▶
 *                                               ◀──  challenge: who I am, nonce, MAC over both
 *   proof: my verdict on you, MAC over all      ──▶
 *                                               ◀──  welcome: my verdict on you, where I go on, MAC over all
 * ```
 *
 * Each MAC is HMAC-SHA-256 under the key that the two share, over a label of its own and everything said so far, so that
 * no message of one connection, direction or step is of any use in another: both sides put in 32 random bytes, and what
 * binds an encrypted connection to its ends is part of it. A verdict is as well proven as the rest: a stranger can tell
 * nobody that he is superseded. All messages have fixed layouts, are at most 4 KiB, and are read without any decoder.
 *
 * The four classes are steps of a pure machine: they take and give bodies of frames and keep nothing else.
 */

export type LinkRole = 'nimbus' | 'supervisor' | 'worker'
/** What a link is for: `data` carries tuples and acks one way and credits the other, `control` messages both ways. */
export type LinkPurpose = 'data' | 'control'

/** Who speaks. What does not apply to a role is empty or 0. */
export interface LinkIdentity {
  readonly role: LinkRole
  /** The topology's id. */
  readonly topology: string
  readonly topologyNumber: number
  /** The supervisor's id; with `port`, a worker's slot. */
  readonly supervisor: string
  readonly port: number
  /** Generation at which a worker's slot got its executors. */
  readonly since: number
  /** Which start of a process in that slot, or of that supervisor, it is. */
  readonly incarnation: number
}

/** What the dialer has received on an earlier connection. */
export interface ResumePoint {
  /** Of the acceptor's process. */
  readonly since: number
  readonly incarnation: number
  /** The acceptor's count of its beginnings. */
  readonly epoch: number
  /** The last frame, 0 for none. */
  readonly received: number
}

/** Where the acceptor goes on. */
export interface GoOn {
  readonly epoch: number
  /** The number of the next frame. */
  readonly next: number
}

/** What one side makes of the other, once it is sure who that is. */
export type PeerVerdict = 'accept' | 'fenced' | 'notYet' | 'forbidden'

export interface Hello {
  readonly purpose: LinkPurpose
  readonly identity: LinkIdentity
  readonly resume: ResumePoint | undefined
}

/** A seam: the primitives that differ between machines. */
export interface Secrets {
  /** HMAC-SHA-256, 32 bytes. */
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array
  /** 32 bytes that nobody can foretell, others each time. */
  nonce(): Uint8Array
}

export const helloBytesMax = 4_096
const nonceBytes = 32
const macBytes = 32

/** A session of which both sides are sure. */
export interface Session {
  readonly peer: LinkIdentity
  /** In every frame from now on. */
  readonly sessionLo: number
  readonly sessionHi: number
}

export class DialerHandshake {
  /** Of the acceptor, once its challenge is proven. */
  peer: LinkIdentity | undefined
  readonly #secrets: Secrets
  readonly #transcript: Transcript

  constructor(secrets: Secrets, key: Uint8Array, binding: Uint8Array) {
    this.#secrets = secrets
    this.#transcript = new Transcript(secrets, key, binding)
  }

  hello({ purpose, identity, resume }: Hello): Uint8Array {
    const fields = new FieldWriter()
    fields.byte(purposes.indexOf(purpose))
    writeIdentity(fields, identity)
    fields.byte(resume === undefined ? 0 : 1)
    fields.int(resume?.since ?? 0)
    fields.int(resume?.incarnation ?? 0)
    fields.int(resume?.epoch ?? 0)
    fields.long(resume?.received ?? 0)
    fields.bytes(this.#secrets.nonce())
    return this.#transcript.add(fields.end())
  }

  /** False: the other side does not have our key. Throws BAD_FRAME. */
  challenge(body: Uint8Array): boolean {
    const fields = new FieldReader(body)
    const peer = readIdentity(fields)
    fields.bytes(nonceBytes)
    if (!this.#transcript.isProven('challenge', body, fields)) return false
    this.peer = peer
    return true
  }

  /** Our verdict on the other side. */
  proof(verdict: PeerVerdict): Uint8Array {
    const fields = new FieldWriter()
    fields.byte(verdicts.indexOf(verdict))
    return this.#transcript.proven('proof', fields)
  }

  /** Undefined: it is not proven. Throws BAD_FRAME. */
  welcome(body: Uint8Array): { readonly verdict: PeerVerdict; readonly goOn: GoOn } | undefined {
    const fields = new FieldReader(body)
    const verdict = fields.oneOf(verdicts)
    const goOn = { epoch: fields.int(), next: fields.long() }
    return this.#transcript.isProven('welcome', body, fields) ? { verdict, goOn } : undefined
  }

  /** After `proof`. */
  session(): Pick<Session, 'sessionLo' | 'sessionHi'> {
    return this.#transcript.session
  }
}

export class AcceptorHandshake {
  readonly #secrets: Secrets
  readonly #binding: Uint8Array
  #hello: Uint8Array | undefined
  #transcript: Transcript | undefined

  constructor(secrets: Secrets, binding: Uint8Array) {
    this.#secrets = secrets
    this.#binding = binding
  }

  /** What the other side claims: nothing of it is proven yet. Throws BAD_FRAME. */
  hello(body: Uint8Array): Hello {
    const fields = new FieldReader(body)
    const purpose = fields.oneOf(purposes)
    const identity = readIdentity(fields)
    const has = fields.byte()
    const resume = { since: fields.int(), incarnation: fields.int(), epoch: fields.int(), received: fields.long() }
    fields.bytes(nonceBytes)
    fields.end()
    this.#hello = body
    return { purpose, identity, resume: has === 1 ? resume : undefined }
  }

  /** With the key that the one who said hello has to have. */
  challenge(key: Uint8Array, identity: LinkIdentity): Uint8Array {
    this.#transcript = new Transcript(this.#secrets, key, this.#binding)
    this.#transcript.add(this.#hello as Uint8Array)
    const fields = new FieldWriter()
    writeIdentity(fields, identity)
    fields.bytes(this.#secrets.nonce())
    return this.#transcript.proven('challenge', fields)
  }

  /** The other side's verdict on us; undefined: it is not proven, and the one who said hello is a stranger. Throws BAD_FRAME. */
  proof(body: Uint8Array): PeerVerdict | undefined {
    const fields = new FieldReader(body)
    const verdict = fields.oneOf(verdicts)
    return (this.#transcript as Transcript).isProven('proof', body, fields) ? verdict : undefined
  }

  welcome(verdict: PeerVerdict, { epoch, next }: GoOn): Uint8Array {
    const fields = new FieldWriter()
    fields.byte(verdicts.indexOf(verdict))
    fields.int(epoch)
    fields.long(next)
    return (this.#transcript as Transcript).proven('welcome', fields)
  }

  /** After `proof`. */
  session(): Pick<Session, 'sessionLo' | 'sessionHi'> {
    return (this.#transcript as Transcript).session
  }
}

/** By their number on the wire. */
const purposes = ['data', 'control'] as const
const roles = ['nimbus', 'supervisor', 'worker'] as const
const verdicts = ['accept', 'fenced', 'notYet', 'forbidden'] as const

type Step = 'challenge' | 'proof' | 'welcome'

/** All that was said so far, each message with its length before it. */
class Transcript {
  /** First 64 bits of a MAC over the transcript up to the proof. */
  session = { sessionLo: 0, sessionHi: 0 }
  readonly #secrets: Secrets
  readonly #key: Uint8Array
  #said: Uint8Array = new Uint8Array(0)

  constructor(secrets: Secrets, key: Uint8Array, binding: Uint8Array) {
    this.#secrets = secrets
    this.#key = key
    this.add(binding)
  }

  add(message: Uint8Array): Uint8Array {
    const said = new Uint8Array(this.#said.length + 4 + message.length)
    said.set(this.#said)
    new DataView(said.buffer).setUint32(this.#said.length, message.length, true)
    said.set(message, this.#said.length + 4)
    this.#said = said
    return message
  }

  /** The message with its MAC at its end. */
  proven(step: Step, fields: FieldWriter): Uint8Array {
    const message = fields.end()
    fields.bytes(this.#mac(step, message))
    return this.#step(step, fields.end())
  }

  /** Whether the message, of which all but the MAC was read, ends with the right one. It is part of the transcript then. */
  isProven(step: Step, body: Uint8Array, fields: FieldReader): boolean {
    const message = body.subarray(0, fields.at)
    const told = fields.bytes(macBytes)
    fields.end()
    const right = this.#mac(step, message)
    // Takes the same time wherever they differ.
    let difference = 0
    for (let i = 0; i < macBytes; i++) difference |= (told[i] as number) ^ (right[i] as number)
    if (difference !== 0) return false
    this.#step(step, body)
    return true
  }

  #step(step: Step, message: Uint8Array): Uint8Array {
    this.add(message)
    if (step === 'proof') {
      const mac = this.#mac('session', new Uint8Array(0))
      const view = new DataView(mac.buffer, mac.byteOffset)
      this.session = { sessionLo: view.getInt32(0, true), sessionHi: view.getInt32(4, true) }
    }
    return message
  }

  #mac(label: Step | 'session', message: Uint8Array): Uint8Array {
    const fields = new FieldWriter()
    fields.text(`storm-ts link 1 ${label}`)
    fields.bytes(this.#said)
    fields.bytes(message)
    return this.#secrets.hmac(this.#key, fields.end())
  }
}

function writeIdentity(fields: FieldWriter, identity: LinkIdentity): void {
  fields.byte(roles.indexOf(identity.role))
  fields.text(identity.topology)
  fields.int(identity.topologyNumber)
  fields.text(identity.supervisor)
  fields.int(identity.port)
  fields.int(identity.since)
  fields.int(identity.incarnation)
}

function readIdentity(fields: FieldReader): LinkIdentity {
  return {
    role: fields.oneOf(roles),
    topology: fields.text(),
    topologyNumber: fields.int(),
    supervisor: fields.text(),
    port: fields.int(),
    since: fields.int(),
    incarnation: fields.int(),
  }
}

/** Names are short, and every unit of theirs is two bytes. */
const textUnitsMax = 512

class FieldWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  byte(value: number): void {
    this.#room(1)[this.#length++] = value
  }

  int(value: number): void {
    new DataView(this.#room(4).buffer).setUint32(this.#length, value, true)
    this.#length += 4
  }

  long(value: number): void {
    this.int(value >>> 0)
    this.int(Math.floor(value / 0x1_0000_0000))
  }

  text(value: string): void {
    const view = new DataView(this.#room(2 + value.length * 2).buffer)
    view.setUint16(this.#length, value.length, true)
    for (let i = 0; i < value.length; i++) view.setUint16(this.#length + 2 + i * 2, value.charCodeAt(i), true)
    this.#length += 2 + value.length * 2
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length).set(value, this.#length)
    this.#length += value.length
  }

  /** What was written so far. */
  end(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #room(bytes: number): Uint8Array {
    if (this.#length + bytes > this.#bytes.length) {
      const grown = new Uint8Array((this.#length + bytes) * 2)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    return this.#bytes
  }
}

class FieldReader {
  at = 0
  readonly #body: Uint8Array
  readonly #view: DataView

  constructor(body: Uint8Array) {
    this.#body = body
    this.#view = new DataView(body.buffer, body.byteOffset, body.length)
  }

  byte(): number {
    return this.#body[this.#take(1)] as number
  }

  oneOf<const T extends readonly string[]>(words: T): T[number] {
    const word = words[this.byte()]
    if (word === undefined) throw badHandshake()
    return word
  }

  int(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  long(): number {
    const low = this.int()
    const high = this.int()
    if (high > 0x1f_ffff) throw badHandshake()
    return high * 0x1_0000_0000 + low
  }

  text(): string {
    const units = this.#view.getUint16(this.#take(2), true)
    if (units > textUnitsMax) throw badHandshake()
    const from = this.#take(units * 2)
    let text = ''
    for (let i = 0; i < units; i++) text += String.fromCharCode(this.#view.getUint16(from + i * 2, true))
    return text
  }

  bytes(length: number): Uint8Array {
    const from = this.#take(length)
    return this.#body.subarray(from, from + length)
  }

  end(): void {
    if (this.at !== this.#body.length) throw badHandshake()
  }

  #take(bytes: number): number {
    const from = this.at
    if (from + bytes > this.#body.length) throw badHandshake()
    this.at = from + bytes
    return from
  }
}

const badHandshake = () => new StormError('BAD_FRAME', 'A message of the handshake is not laid out as such.')
