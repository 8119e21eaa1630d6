import type { SpoutCollector } from 'storm-ts'
import type { Pace } from './pace.js'

/**
 * Message ids wrap here: past 2^31 V8 boxes a number that is stored, and a fast engine would seem to slow down in the
 * middle of a run. What had the id before is long decided by then.
 */
const ID_MASK = 0x3fff_ffff

const pauseMsMax = 200

/**
 * What the spout of a run has emitted and was told, and the little it decides: when to emit, and under which id.
 * Counters of the hot path start at zero at every `fold`, for the same reason as ids wrap.
 */
export class SpoutTally {
  /** Called when a task of the spout is opened in this process. */
  onOpen = () => {}
  /** No more is emitted; the spout says that it is exhausted. */
  stopped = false
  emitted = 0
  acked = 0
  failed = 0
  /** The last tuple that failed, and why. */
  failReason: string | undefined
  /** Sums of the ids sent and told, modulo 2^32: an id acked twice or in place of another shows. */
  emittedIds = 0
  ackedIds = 0
  readonly #tracked: boolean
  readonly #pace: Pace | undefined
  #nextId = 0
  #turn = 0
  #emittedNow = 0
  #ackedNow = 0

  /** `tracked`: tuples are emitted with message ids. */
  constructor(tracked: boolean, pace: Pace | undefined) {
    this.#tracked = tracked
    this.#pace = pace
  }

  /** How many tuples this call of `nextTuple` is to emit. */
  due(out: Pick<SpoutCollector<never>, 'exhausted'>): number {
    if (this.stopped) {
      out.exhausted()
      return 0
    }
    return this.#pace === undefined ? 1 : this.#pace.due(this.#nextId)
  }

  /** Resolves when the next tuple is due, if there is time until then; undefined: the spout is to be asked again. */
  pause(): Promise<void> | undefined {
    const waitMs = this.#pace === undefined || this.stopped ? 0 : this.#pace.waitMs(this.#nextId)
    // Not for so long that the end of the run would have to wait for it.
    return waitMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, pauseMsMax)))
  }

  /** The message id of the next tuple to emit; undefined when nobody is to be told. */
  nextId(): number | undefined {
    const id = this.#nextId
    // An open loop needs the whole number, and at its rates a boxed one does not show.
    this.#nextId = this.#pace === undefined ? (id + 1) & ID_MASK : id + 1
    this.#emittedNow += 1
    if (!this.#tracked) return undefined
    this.emittedIds = (this.emittedIds + id) | 0
    return id
  }

  /** The number of what is to be emitted next among `count` things that are emitted in turn, by all tasks together. */
  turn(count: number): number {
    const turn = this.#turn
    this.#turn = turn + 1 === count ? 0 : turn + 1
    return turn
  }

  ack(id: number): void {
    this.#ackedNow += 1
    this.ackedIds = (this.ackedIds + id) | 0
    if (this.#pace !== undefined) this.#pace.done(id)
  }

  fail(reason: string): void {
    this.failed += 1
    this.failReason = reason
  }

  /** Adds what was counted since the last call to the totals. */
  fold(): void {
    this.emitted += this.#emittedNow
    this.acked += this.#ackedNow
    this.#emittedNow = 0
    this.#ackedNow = 0
  }
}

/** What arrived at the end of a topology. The checksum keeps the work from being optimised away, and is held against arithmetic. */
export class SinkTally {
  /** Called when a task of the sink is prepared in this process. */
  onOpen = () => {}
  taken = 0
  checksum = 0
  readonly #tables: Map<string, number>[] = []
  #takenNow = 0
  readonly #onTake: (() => void) | undefined

  /** `onTake` is told of each arrival; for runs without acks whose latency is wanted. */
  constructor(onTake?: () => void) {
    this.#onTake = onTake
  }

  take(weight: number): void {
    this.#takenNow += 1
    this.checksum = (this.checksum + weight) | 0
    if (this.#onTake !== undefined) this.#onTake()
  }

  /** A table for one task that counts words: how often each came to it. */
  newTable(): Map<string, number> {
    const table = new Map<string, number>()
    this.#tables.push(table)
    return table
  }

  /** All tables as one. A word that came to several tasks is told with the count of one of them, which is too small. */
  get words(): ReadonlyMap<string, number> {
    const [first, ...more] = this.#tables.filter(({ size }) => size > 0)
    if (more.length === 0) return first ?? new Map<string, number>()
    const words = new Map(first)
    for (const table of more) for (const [word, count] of table) words.set(word, count)
    return words
  }

  /** Adds what came since the last call to the total. */
  fold(): void {
    this.taken += this.#takenNow
    this.#takenNow = 0
  }
}
