import type { FailReason } from '../../src/topology/component.js'

/** One emit of an id: a tree of its own. */
export interface Attempt {
  readonly number: number
  readonly id: number
  readonly task: number
  /** The process that emitted it, by name. */
  readonly process: string
  readonly atMs: number
  verdict: 'acked' | FailReason | undefined
}

export interface LogParts {
  readonly topology: string
  /** The parts of each tree that reach a sink. */
  readonly parts: number
  /** Whether a sink may see a part of one attempt a second time. */
  readonly mayRepeat: boolean
  /** Whether an attempt may fail although no user code says so. */
  readonly mayFail: boolean
  /** A verdict comes within so many ms, unless the process stood still. */
  readonly verdictMsMax: number
  readonly hasStoodStill: (process: string) => boolean
  readonly nowMs: () => number
  readonly note: (line: string) => void
  readonly broken: (what: string) => void
}

/**
 * What the source and the sinks of one topology wrote, kept outside of all processes. The checks that need nothing else
 * are made as it is written.
 */
export class SourceLog {
  readonly parts: LogParts
  readonly attempts: Attempt[] = []
  /** When each id may be emitted for the first time. */
  readonly availableAtMs: number[] = []
  /** Ids that are acked. */
  readonly done = new Set<number>()
  /** Records of sinks. */
  records = 0
  failures = 0
  /** Nothing may fail from now on. */
  isCalm = false
  readonly #seen = new Map<number, Set<number>>()
  readonly #open = new Map<number, number>()

  constructor(parts: LogParts) {
    this.parts = parts
  }

  get isDone(): boolean {
    return this.done.size === this.availableAtMs.length
  }

  /** Attempts of a spout's task that have no verdict. */
  openOf(task: number): number {
    return this.#open.get(task) ?? 0
  }

  emitted(id: number, task: number, process: string): number {
    const number = this.attempts.length
    this.attempts.push({ number, id, task, process, atMs: this.parts.nowMs(), verdict: undefined })
    this.#open.set(task, this.openOf(task) + 1)
    this.#note(`emit ${id} as ${number} by ${process}`)
    if (number > 40_000) this.parts.broken(`${this.parts.topology}: 40,000 attempts: replays feed themselves`)
    return number
  }

  /** What a spout's process had open is nobody's any more. */
  forgotten(process: string): void {
    for (const attempt of this.attempts)
      if (attempt.process === process && attempt.verdict === undefined)
        this.#open.set(attempt.task, this.openOf(attempt.task) - 1)
  }

  acked(number: number): void {
    const attempt = this.#decided(number, 'acked')
    const seen = this.#seen.get(number)?.size ?? 0
    if (seen !== this.parts.parts) {
      this.parts.broken(
        `false ack: attempt ${number} of id ${attempt.id} of ${this.parts.topology} is acked, and the sinks have ${seen} of its ${this.parts.parts} parts`,
      )
    }
    this.done.add(attempt.id)
  }

  failed(number: number, reason: FailReason): number {
    const attempt = this.#decided(number, reason)
    this.failures++
    const isOfUser = reason === 'bolt failed' || reason === 'bolt threw'
    if (this.isCalm || !(this.parts.mayFail || isOfUser))
      this.parts.broken(
        `${this.parts.topology}: attempt ${number} failed (${reason}) although nothing is wrong that concerns it`,
      )
    return attempt.id
  }

  /** A sink has got it; written before it acks. */
  recorded(number: number, part: number, process: string): void {
    this.records++
    let seen = this.#seen.get(number)
    if (seen === undefined) this.#seen.set(number, (seen = new Set()))
    if (seen.has(part) && !this.parts.mayRepeat)
      this.parts.broken(
        `${this.parts.topology}: part ${part} of attempt ${number} came to a sink twice, now in ${process}`,
      )
    seen.add(part)
    this.#note(`sink ${number}/${part} in ${process}`)
  }

  #decided(number: number, verdict: 'acked' | FailReason): Attempt {
    const attempt = this.attempts[number] as Attempt
    if (attempt.verdict !== undefined)
      this.parts.broken(
        `${this.parts.topology}: attempt ${number} is told ${verdict}, and was told ${attempt.verdict} before`,
      )
    attempt.verdict = verdict
    const ms = this.parts.nowMs() - attempt.atMs
    if (ms > this.parts.verdictMsMax && !this.parts.hasStoodStill(attempt.process))
      this.parts.broken(`${this.parts.topology}: the verdict ${verdict} on attempt ${number} comes after ${ms} ms`)
    this.#open.set(attempt.task, this.openOf(attempt.task) - 1)
    this.#note(`${verdict} ${number}`)
    return attempt
  }

  #note(line: string): void {
    this.parts.note(`${this.parts.topology} ${line}`)
  }
}
