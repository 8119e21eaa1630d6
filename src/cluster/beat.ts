import { z } from 'zod'
import { count, text } from './shapes.js'

/**
 * The heartbeat that a worker leaves for its supervisor: a small file beside its launch file. The worker's loop, nobody
 * else, writes it every second, so that a loop that stands still is seen. A file and no link, since a worker outlives
 * its supervisor and is found again by the next one.
 *
 * The worker opens the file once and writes each heartbeat over the last one, from its first byte: all have the same
 * length, so that a full disk stops nobody's heart.
 */
export interface Beat {
  /** Of the process that writes. */
  readonly incarnation: number
  /** Counts the heartbeats: it is another number each time. No time of day, which may jump. */
  readonly beat: number
  /** Its components are prepared and open. */
  readonly isReady: boolean
  readonly rssBytes?: number
  /** Why it is about to end, if it knows: PORT_IN_USE, PREPARE_FAILED, FENCED … The last thing that it writes. */
  readonly error?: { readonly code: string; readonly message: string }
}

/** What the file is called. */
export const beatFileName = 'heartbeat'
/** The length of every heartbeat. */
export const beatBytes = 2_048

const messageLengthMax = 256
const shape: z.ZodType<Beat> = z.object({
  incarnation: count,
  beat: count,
  isReady: z.boolean(),
  rssBytes: count.exactOptional(),
  error: z.object({ code: text(64), message: text(messageLengthMax) }).exactOptional(),
})

/** JSON in ASCII, filled up with spaces to `beatBytes`. */
export function encodeBeat({ error, ...beat }: Beat): string {
  const told =
    error === undefined
      ? beat
      : { ...beat, error: { code: error.code.slice(0, 64), message: error.message.slice(0, messageLengthMax) } }
  const ascii = JSON.stringify(told).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return ascii.padEnd(beatBytes)
}

/** Undefined: there is none, or it is read just while it is written. */
export function parseBeat(encoded: string): Beat | undefined {
  try {
    return shape.safeParse(JSON.parse(encoded)).data
  } catch {
    return undefined
  }
}
