import { StormError } from '../errors.js'
import type { Arena } from './arena.js'
import type { Body } from './frame.js'

/**
 * How a receiver bounds what waits for one of its tasks: a sender may be `limit` tuples ahead of what it was *granted*
 * back, and the receiver grants as it consumes. Grants are told as their sum since the link began, so that one which is
 * lost or repeated does no harm.
 *
 * Both sides begin at zero with the link, and again whenever it is told to be up anew (`restart`): tuples that were lost
 * are granted back by nobody.
 */

/** The receiver's side, for one of its tasks and one link. */
export class ReceiveCredit {
  readonly #limit: number
  /** Calls `grant` when half of the limit is consumed. */
  readonly #grant: (total: number) => void
  #waiting = 0
  #consumed = 0
  #granted = 0
  /** Of those that wait, how many came before the link began anew: their consumption grants nothing. They are the first in the queue. */
  #stale = 0

  constructor(limit: number, grant: (total: number) => void) {
    this.#limit = limit
    this.#grant = grant
  }

  received(): void {
    this.#waiting++
  }

  /** A tuple has left the queue, in the order of arrival. */
  consumed(): void {
    this.#waiting--
    if (this.#stale > 0) {
      this.#stale--
      return
    }
    this.#consumed++
    if ((this.#consumed - this.#granted) * 2 >= this.#limit) {
      this.#granted = this.#consumed
      this.#grant(this.#consumed)
    }
  }

  restart(): void {
    this.#stale = this.#waiting
    this.#consumed = 0
    this.#granted = 0
  }
}

/**
 * Grants as the body of a frame.
 *
 * ```text
 * count u32 | count times: task u32, sum of its grants u64
 * ```
 */
export class Grants implements Body {
  readonly #totalByTask: ReadonlyMap<number, number>

  constructor(totalByTask: ReadonlyMap<number, number>) {
    this.#totalByTask = totalByTask
  }

  get byteLength(): number {
    return 4 + this.#totalByTask.size * 12
  }

  write(out: Arena, start: number): number {
    const { view } = out
    view.setUint32(start, this.#totalByTask.size, true)
    let at = start + 4
    for (const [task, total] of this.#totalByTask) {
      view.setUint32(at, task, true)
      view.setUint32(at + 4, total >>> 0, true)
      view.setUint32(at + 8, Math.floor(total / 0x1_0000_0000), true)
      at += 12
    }
    return at
  }
}

/** The grants of a body that stands in the arena: tasks with their sums. Throws BAD_FRAME. */
export function readGrants(from: Arena, start: number, end: number): [task: number, total: number][] {
  const { view } = from
  const count = end - start < 4 ? -1 : view.getUint32(start, true)
  if (start + 4 + count * 12 !== end) {
    throw new StormError('BAD_FRAME', 'A frame of credits has not the length that it tells.')
  }
  const grants: [number, number][] = []
  for (let at = start + 4; at < end; at += 12) {
    const high = view.getUint32(at + 8, true)
    if (high > 0x1f_ffff) throw new StormError('BAD_FRAME', 'A frame of credits has a sum beyond 2^53.')
    grants.push([view.getUint32(at, true), high * 0x1_0000_0000 + view.getUint32(at + 4, true)])
  }
  return grants
}
