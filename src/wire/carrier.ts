/**
 * What carries the frames of one connection: a WebSocket, or the loopback. A seam. Each message arrives once, whole and
 * in order, or the connection ends.
 */
export interface Carrier {
  /** Takes the bytes over. Does nothing once the connection has ended. */
  send(frame: Uint8Array): void
  /** Ends the connection when what was sent is out; the other side is told why. `closed` follows, in any case within seconds. */
  close(code: LinkEnd, reason: string): void
  /** Ends it at once, as the other side is not there any more. `closed` follows. */
  terminate(): void
  /** Bytes that were sent and are still in this process. */
  readonly bufferedBytes: number
  /** The other side is authenticated: limits for strangers are lifted. */
  trust(): void
  /** What both ends of the same encrypted connection know and nobody else (the TLS exporter); empty without encryption. */
  readonly binding: Uint8Array
}

/** What a carrier tells the one who uses it; never from within a call to the carrier. */
export interface CarrierEvents {
  /** The bytes are the receiver's until the call returns, no longer. */
  received(frame: Uint8Array): void
  /** Once, and nothing after it. */
  closed(code: number, reason: string): void
  /** Nothing is buffered any more. */
  drained(): void
}

/** Calls the other side: `opened` follows, or `closed` without it, but never before this has returned. */
export type Dial = (events: CarrierEvents & { opened(): void }) => Carrier

/** Why a connection ends, as a close code of WebSocket: those from 4000 are free for us. */
export const LinkEnd = {
  /** Not a WebSocket message of ours: text. */
  unsupported: 1003,
  /** Data before authentication, a wrong proof, or too slow with it. */
  unauthenticated: 4001,
  /** A frame that is damaged, unknown, or not due. */
  badFrame: 4002,
  /** Authenticated, but not for this. */
  forbidden: 4003,
  /** The other side is superseded. */
  fenced: 4004,
  /** The other side knows a newer assignment than we do: it calls again. */
  notYet: 4005,
  /** A newer connection of the same process has taken its place. */
  replaced: 4006,
  /** Nothing was heard for three heartbeats. */
  silent: 4007,
  /** The other side does not take what is sent. */
  slowConsumer: 4008,
  /** This side goes away. */
  leaving: 4009,
  /** Too many strangers at once. */
  crowded: 4010,
} as const
export type LinkEnd = (typeof LinkEnd)[keyof typeof LinkEnd]
