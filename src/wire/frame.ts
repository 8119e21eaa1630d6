import { assert } from '../stdx/assert.js'
import { Arena } from './arena.js'
import { crc32c, type Crc32c } from './crc32c.js'
import { FrameMemory } from './frame-memory.js'

/**
 * A frame is one message of a link: a header of 44 bytes and a body. Everything is lowest byte first.
 *
 * ```text
 *  0        4        8     9     10     12         16           20            24        32         40       44
 *  +--------+--------+-----+-----+------+----------+------------+-------------+---------+----------+--------+-----
 *  | 'STRM' | crc32c | ver | type| flags| topology | generation | incarnation | session | sequence | length | body
 *  +--------+--------+-----+-----+------+----------+------------+-------------+---------+----------+--------+-----
 *    u32      u32      u8    u8    u16    u32        u32          u32           u64       u64        u32
 * ```
 *
 * crc32c:      of everything that follows it
 * topology:    number of the topology; 0 on links of daemons
 * generation:  the sender's `since`: generation of the assignment that last changed what runs in its slot
 * incarnation: which start of a process in that slot the sender is
 * session:     drawn from the handshake; no frame of another connection has it. 0 during the handshake
 * sequence:    of frames that are counted, their number, from 1; else the number of the last one received
 * length:      bytes of the body
 */
export const headerBytes = 44
export const bodyBytesMax = 1_048_576
/** What a carrier may be handed in one message. */
export const frameBytesMax = headerBytes + bodyBytesMax

const protocolVersion = 1
const magic = 0x4d525453

export const FrameType = {
  hello: 1,
  challenge: 2,
  proof: 3,
  welcome: 4,
  heartbeat: 5,
  credits: 6,
  tuples: 7,
  acks: 8,
  control: 9,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]
const typeMax = FrameType.control

/** What all frames of one sender on one connection have in common. */
export interface FrameOrigin {
  readonly topology: number
  readonly generation: number
  readonly incarnation: number
  readonly sessionLo: number
  readonly sessionHi: number
}

/** What can be put into a frame. */
export interface Body {
  /** No less than what `write` needs. */
  readonly byteLength: number
  /** Writes itself from `at`, a multiple of 8, and returns where it ends. There is room for `byteLength`. */
  write(out: Arena, at: number): number
}

/** A body of ready bytes. */
export class Bytes implements Body {
  readonly byteLength: number

  constructor(readonly bytes: Uint8Array) {
    this.byteLength = bytes.length
  }

  write(out: Arena, at: number): number {
    out.bytes.set(this.bytes, at)
    return at + this.bytes.length
  }
}

const nothing = new Bytes(new Uint8Array(0))

/** Where a frame begins in an arena, so that its body begins at a multiple of 8. */
const frameAt = 4
const bodyAt = frameAt + headerBytes

/**
 * Puts frames together and takes them apart, one at a time. One for a process is enough, as nothing in it lasts longer
 * than a call, but for what `read` has found: it stands until the next `read`.
 */
export class Frames implements FrameOrigin {
  /** Of the frame that was read. */
  type: FrameType = FrameType.heartbeat
  topology = 0
  generation = 0
  incarnation = 0
  sessionLo = 0
  sessionHi = 0
  sequence = 0
  /** Its body is `arena.bytes` from `start` to `end`; `start` is a multiple of 8. */
  readonly arena = new Arena(65_536)
  readonly start = bodyAt
  end = bodyAt
  readonly #out = new Arena(65_536)
  readonly #crc32c: Crc32c
  readonly #memory = new FrameMemory()

  constructor(checksum: Crc32c = crc32c) {
    this.#crc32c = checksum
  }

  /** The frame, in memory of its own until that is freed. A body longer than `bodyBytesMax` is a bug of the caller. */
  write(type: FrameType, origin: FrameOrigin, sequence: number, body: Body = nothing): Uint8Array<ArrayBuffer> {
    const out = this.#out
    out.ensure(bodyAt + body.byteLength)
    const end = body.write(out, bodyAt)
    assert(end - bodyAt <= bodyBytesMax, `a body has ${bodyBytesMax} bytes at most, not ${end - bodyAt}`)
    const { view } = out
    view.setUint32(frameAt, magic, true)
    view.setUint8(frameAt + 8, protocolVersion)
    view.setUint8(frameAt + 9, type)
    view.setUint16(frameAt + 10, 0, true)
    view.setUint32(frameAt + 12, origin.topology, true)
    view.setUint32(frameAt + 16, origin.generation, true)
    view.setUint32(frameAt + 20, origin.incarnation, true)
    view.setInt32(frameAt + 24, origin.sessionLo, true)
    view.setInt32(frameAt + 28, origin.sessionHi, true)
    view.setUint32(frameAt + 32, sequence >>> 0, true)
    view.setUint32(frameAt + 36, Math.floor(sequence / 0x1_0000_0000), true)
    view.setUint32(frameAt + 40, end - bodyAt, true)
    view.setInt32(frameAt + 4, this.#crc32c(out, frameAt + 8, end), true)
    const frame = this.#memory.take(end - frameAt)
    frame.set(out.bytes.subarray(frameAt, end))
    return frame
  }

  /** Takes back the memory of a frame that was written here and that nobody reads any more. Need not be called. */
  free(frame: Uint8Array<ArrayBuffer>): void {
    this.#memory.free(frame)
  }

  /** The same frame as one of another connection. */
  readdress(frame: Uint8Array, origin: FrameOrigin, sequence: number): Uint8Array<ArrayBuffer> {
    return this.write(frame[9] as FrameType, origin, sequence, new Bytes(frame.subarray(headerBytes)))
  }

  /** Puts the body of a frame of our own where `read` puts those that have come. */
  load(frame: Uint8Array): void {
    const problem = this.read(frame)
    assert(problem === undefined, `a frame of our own is whole: ${problem}`)
  }

  /**
   * Checks the header, then the checksum over all of it; the body is not looked at otherwise. Returns what is wrong in
   * a few words; undefined when the frame is whole and stands in the properties.
   */
  read(message: Uint8Array, bytesMax = frameBytesMax): string | undefined {
    const size = message.length
    if (size > bytesMax) return `${size} bytes where at most ${bytesMax} are allowed`
    if (size < headerBytes) return `${size} bytes where a header has ${headerBytes}`
    const arena = this.arena
    arena.ensure(frameAt + size)
    arena.bytes.set(message, frameAt)
    const { view } = arena
    const end = frameAt + size
    if (view.getUint32(frameAt, true) !== magic) return 'not a frame of storm-ts'
    const version = view.getUint8(frameAt + 8)
    if (version !== protocolVersion) return `protocol version ${version} where ${protocolVersion} is spoken`
    const type = view.getUint8(frameAt + 9)
    if (type < 1 || type > typeMax) return `unknown type ${type}`
    const flags = view.getUint16(frameAt + 10, true)
    if (flags !== 0) return `unknown flags ${flags}`
    const length = view.getUint32(frameAt + 40, true)
    if (length !== end - bodyAt) return `a body of ${length} bytes is told, ${end - bodyAt} have come`
    if (view.getInt32(frameAt + 4, true) !== this.#crc32c(arena, frameAt + 8, end)) return 'checksum does not match'
    const sequenceHigh = view.getUint32(frameAt + 36, true)
    if (sequenceHigh > 0x1f_ffff) return 'sequence number beyond 2^53'
    this.type = type as FrameType
    this.topology = view.getUint32(frameAt + 12, true)
    this.generation = view.getUint32(frameAt + 16, true)
    this.incarnation = view.getUint32(frameAt + 20, true)
    this.sessionLo = view.getInt32(frameAt + 24, true)
    this.sessionHi = view.getInt32(frameAt + 28, true)
    this.sequence = sequenceHigh * 0x1_0000_0000 + view.getUint32(frameAt + 32, true)
    this.end = end
    return undefined
  }
}
