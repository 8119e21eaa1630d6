import type { Clock } from '../../stdx/clock.js'
import type { Timeline } from './timeline.js'

export interface ProcessOptions {
  readonly timeline: Timeline
  /** For traces: `s1:6700 #3`. */
  readonly name: string
  /** The machine that it runs on. */
  readonly host: string
  /** How far the machine's time of day is off. */
  readonly wallSkewMs: () => number
  /** Something threw that nobody caught: in a real process its end. */
  readonly onThrow: (error: unknown) => void
}

/** When the world begins, in milliseconds since 1970. */
const beginningMs = 1_800_000_000_000

type ProcessState = 'running' | 'paused' | 'ended'

interface Kept {
  readonly run: () => void
  readonly isTimer: boolean
}

/**
 * What the world knows of a process, whatever it does: whether it runs, stands still (SIGSTOP), or is gone. Everything
 * that happens to it goes through `run`: while it stands still it is kept for later, when it is gone nothing happens any
 * more. Its clock begins when it begins, so that nobody can compare the clocks of two.
 */
export class SimulatedProcess {
  readonly name: string
  readonly host: string
  readonly clock: Clock
  readonly #timeline: Timeline
  readonly #onThrow: (error: unknown) => void
  readonly #endListeners: (() => void)[] = []
  #state: ProcessState = 'running'
  /** What has happened to it and was not done yet, in order. */
  #kept: Kept[] = []
  #isCatchingUp = false

  constructor({ timeline, name, host, wallSkewMs, onThrow }: ProcessOptions) {
    this.#timeline = timeline
    this.name = name
    this.host = host
    this.#onThrow = onThrow
    const startedAtMs = timeline.nowMs
    this.clock = {
      now: () => timeline.nowMs - startedAtMs,
      wall: () => Math.floor(beginningMs + wallSkewMs() + timeline.nowMs),
      after: (delayMs, callback) => this.#after(delayMs, callback),
      soon: (callback) => void this.#after(0, callback),
      yield: (callback) => void this.#after(1, callback),
    }
  }

  get state(): ProcessState {
    return this.#state
  }

  get isEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Something happens to it: now, or when it has done what has happened before. */
  run(what: () => void): void {
    this.#take({ run: what, isTimer: false })
  }

  /** It does nothing any more, and nothing that happens to it is lost. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** It goes on. `timersFirst`: what fell due meanwhile is done before what came in, as an event loop may do it. */
  resume({ timersFirst = false } = {}): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    if (timersFirst)
      this.#kept = [...this.#kept.filter(({ isTimer }) => isTimer), ...this.#kept.filter(({ isTimer }) => !isTimer)]
    this.#catchUp()
  }

  /** It is gone, at once and without a word. */
  end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#kept = []
    for (const listener of this.#endListeners) listener()
  }

  onEnd(listener: () => void): void {
    this.#endListeners.push(listener)
  }

  #after(delayMs: number, callback: () => void): () => void {
    if (this.isEnded) return () => undefined
    let isOff = false
    const run = () => {
      if (!isOff) callback()
    }
    const cancel = this.#timeline.after(delayMs, () => this.#take({ run, isTimer: true }))
    return () => {
      isOff = true
      cancel()
    }
  }

  #take(kept: Kept): void {
    if (this.#state === 'ended') return
    if (this.#state === 'paused' || this.#kept.length > 0) this.#kept.push(kept)
    else this.#do(kept)
  }

  #do({ run }: Kept): void {
    try {
      run()
    } catch (error) {
      this.#onThrow(error)
    }
  }

  /** One thing after another, each with its promises, as they would have been. */
  #catchUp(): void {
    if (this.#isCatchingUp || this.#kept.length === 0) return
    this.#isCatchingUp = true
    this.#timeline.after(0, () => {
      this.#isCatchingUp = false
      if (this.#state !== 'running') return
      const first = this.#kept.shift()
      if (first !== undefined) this.#do(first)
      this.#catchUp()
    })
  }
}
