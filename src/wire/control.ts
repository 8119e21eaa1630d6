import { StormError } from '../errors.js'
import type { Admission } from './acceptor.js'
import { LinkEnd } from './carrier.js'
import type { Connection, ConnectionEvents, LinkTools } from './connection.js'
import { dialLink, type DialerOptions } from './dialer.js'
import { bodyBytesMax, Bytes, FrameType } from './frame.js'
import type { LinkIdentity } from './handshake.js'
import type { Text } from './text.js'
import { ValuePacker } from './values.js'

/** A message may be longer than a frame, and is then sent in several. */
const messageBytesMax = 16_777_216
const partsMax = 1_000_000
/** A peer that does not take what is sent to it. */
const bufferedBytesMax = 33_554_432

/** What is at the beginning of a control frame's body. */
const marks = { last: 0, lastDressed: 1, more: 2 } as const

/** What a control link tells its user. */
export interface ControlEvents {
  /** A message as the other side sent it: plain data, not checked. */
  received(message: unknown): void
  /** It is over, and not by `close`. Once. */
  closed(code: number, reason: string): void
}

/**
 * One end of a control link: messages both ways over one connection. Nothing is kept or sent again: control messages say
 * the whole of what is or shall be, and are said anew on the next connection.
 */
export class ControlLink implements ConnectionEvents {
  readonly #tools: LinkTools
  readonly #connection: Connection
  readonly #packer: ValuePacker
  #events: ControlEvents | undefined
  /** Of a message that has not come to its end. */
  #parts: Uint8Array[] = []
  #partBytes = 0

  constructor(tools: LinkTools, text: Text, connection: Connection) {
    this.#tools = tools
    this.#connection = connection
    this.#packer = new ValuePacker(text, { partsMax, bytesMax: messageBytesMax })
  }

  /** To be called once, before anything comes. */
  start(events: ControlEvents): void {
    this.#events = events
  }

  get peer(): LinkIdentity {
    return this.#connection.peer
  }

  /** `message`: plain data. Does nothing when the link is over. Throws UNENCODABLE_VALUE or TUPLE_TOO_LARGE for what cannot be sent. */
  send(message: unknown): void {
    const packed = this.#packer.pack(message)
    const last = this.#packer.isDressed ? marks.lastDressed : marks.last
    const step = bodyBytesMax - 1
    for (let from = 0; from === 0 || from < packed.length; from += step) {
      const body = new Uint8Array(1 + Math.min(step, packed.length - from))
      body[0] = from + step < packed.length ? marks.more : last
      body.set(packed.subarray(from, from + step), 1)
      this.#connection.sendMarked(FrameType.control, new Bytes(body))
    }
    if (this.#connection.bufferedBytes > bufferedBytesMax) {
      this.#connection.end(LinkEnd.slowConsumer, 'control messages are not taken')
      this.#events?.closed(LinkEnd.slowConsumer, 'control messages are not taken')
    }
  }

  /** `closed` is not told then. */
  close(code: LinkEnd, reason: string): void {
    this.#connection.end(code, reason)
  }

  frame(type: FrameType): void {
    if (type === FrameType.heartbeat) return
    if (type !== FrameType.control) throw new StormError('BAD_FRAME', `A frame of type ${type} came on a control link.`)
    const { arena, start, end } = this.#tools.frames
    if (start === end) throw new StormError('BAD_FRAME', 'A control frame has no body.')
    const mark = arena.bytes[start]
    this.#partBytes += end - start - 1
    if (this.#partBytes > messageBytesMax) throw new StormError('BAD_FRAME', 'A control message is longer than 16 MiB.')
    if (mark === marks.more || this.#parts.length > 0) this.#parts.push(arena.bytes.slice(start + 1, end))
    if (mark === marks.more) return
    if (mark !== marks.last && mark !== marks.lastDressed) {
      throw new StormError('BAD_FRAME', `A control frame has the unknown mark ${mark}.`)
    }
    const message =
      this.#parts.length === 0
        ? this.#packer.unpack(arena.bytes, arena.view, start + 1, end, mark === marks.lastDressed)
        : this.#unpackParts(mark === marks.lastDressed)
    this.#partBytes = 0
    this.#events?.received(message)
  }

  closed(code: number, reason: string): void {
    this.#events?.closed(code, reason)
  }

  drained(): void {}

  #unpackParts(isDressed: boolean): unknown {
    const bytes = new Uint8Array(this.#partBytes)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    this.#parts = []
    return this.#packer.unpack(bytes, new DataView(bytes.buffer), 0, bytes.length, isDressed)
  }
}

export interface ControlDialerEvents extends ControlEvents {
  /** Both sides are sure of each other. */
  opened(link: ControlLink): void
}

/**
 * Calls the other side once; what fails comes as `closed`, before `opened` or after. Returns the way to end it, after
 * which no event comes.
 */
export function dialControl(
  options: Omit<DialerOptions, 'purpose' | 'resume'> & { readonly text: Text },
  events: ControlDialerEvents,
): (code: LinkEnd, reason: string) => void {
  let link: ControlLink | undefined
  const cancel = dialLink(
    { ...options, purpose: 'control' },
    {
      established(connection) {
        link = new ControlLink(options.tools, options.text, connection)
        link.start(events)
        events.opened(link)
        return link
      },
      failed: (code, reason) => events.closed(code, reason),
    },
  )
  return (code, reason) => (link === undefined ? cancel() : link.close(code, reason))
}

/** The admission of somebody to a control link: for the `admit` of an `Acceptor`. */
export function admitControl(
  tools: LinkTools,
  text: Text,
  opened: (link: ControlLink) => ControlEvents,
): Extract<Admission, { verdict: 'accept' }> {
  return {
    verdict: 'accept',
    goOn: { epoch: 0, next: 0 },
    attach(connection) {
      const link = new ControlLink(tools, text, connection)
      link.start(opened(link))
      return link
    },
  }
}
