import type { Rng } from '../../src/stdx/rng.js'
import type { Connection, NetworkEnd } from '../../src/testing/simulation/network.js'
import { Frames, FrameType } from '../../src/wire/frame.js'

/**
 * A peer that says things twice: what no network between two of ours does, and what the ledger has to bear all the same.
 * A data frame is handed on a second time under the next number, and all numbers after it are moved, those that come back
 * too. As the two ends count differently from then on, they must not resume: the reader has to end with the connection.
 */
export class Repeater {
  /** One frame in so many is repeated. */
  readonly #every: number
  readonly #rng: Rng
  readonly #frames = new Frames()
  /** By connection: the numbers under which frames came for the second time. */
  readonly #repeats = new Map<Connection, number[]>()

  constructor(every: number, rng: Rng) {
    this.#every = every
    this.#rng = rng
  }

  /** Ends of readers that have read something twice. */
  get readers(): NetworkEnd[] {
    return [...this.#repeats.keys()].map(({ dialer }) => dialer)
  }

  has(connection: Connection): boolean {
    return this.#repeats.has(connection)
  }

  /** What is handed on instead of a frame. */
  pass(frame: Uint8Array, to: NetworkEnd): readonly Uint8Array[] {
    const { connection } = to
    const type = frame[9]
    const isData = type === FrameType.tuples || type === FrameType.acks
    const repeats = this.#repeats.get(connection)
    if (to === connection.acceptor)
      return repeats === undefined || !isMarked(type)
        ? [frame]
        : [this.#renumbered(frame, (mark) => original(mark, repeats))]
    if (!isData) return [frame]
    const before = repeats?.length ?? 0
    const first = before === 0 ? frame : this.#renumbered(frame, (sequence) => sequence + before)
    if (this.#rng.below(this.#every) > 0) return [first]
    let number = 0
    const second = this.#renumbered(first, (sequence) => (number = sequence + 1))
    if (repeats === undefined) this.#repeats.set(connection, [number])
    else repeats.push(number)
    return [first, second]
  }

  #renumbered(frame: Uint8Array, of: (sequence: number) => number): Uint8Array {
    const frames = this.#frames
    if (frames.read(frame) !== undefined) return frame
    return frames.readdress(frame, frames, of(frames.sequence))
  }
}

function isMarked(type: number | undefined): boolean {
  return type === FrameType.heartbeat || type === FrameType.credits
}

/** The number that the sender knows of a frame that came under this one. */
function original(mark: number, repeats: readonly number[]): number {
  return mark - repeats.filter((repeat) => repeat <= mark).length
}
