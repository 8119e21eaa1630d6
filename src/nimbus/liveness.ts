/**
 * Judges who is alive: whoever was heard within the timeout, by the monotonic clock.
 *
 * Nobody is judged by what this process itself missed. After its start, and after it stood still for longer than the
 * interval in which it is called (it was paused, its host slept, its loop was blocked), everybody gets one full timeout.
 * So `observe` is called with everything that comes in, before that is looked at, and at least once an interval.
 */
export class Liveness {
  readonly #timeoutMs: number
  readonly #intervalMs: number
  #graceFromMs: number
  #observedAtMs: number

  constructor(options: { readonly timeoutMs: number; readonly intervalMs: number; readonly nowMs: number }) {
    this.#timeoutMs = options.timeoutMs
    this.#intervalMs = options.intervalMs
    this.#graceFromMs = options.nowMs
    this.#observedAtMs = options.nowMs
  }

  /** Returns for how long this process stood still, beyond its interval; 0 if it did not. */
  observe(nowMs: number): number {
    const lateMs = nowMs - this.#observedAtMs - this.#intervalMs
    this.#observedAtMs = nowMs
    if (lateMs <= this.#intervalMs) return 0
    this.#graceFromMs = nowMs
    return lateMs
  }

  /** `heardAtMs`: undefined if never. */
  isAlive(heardAtMs: number | undefined, nowMs: number): boolean {
    return nowMs - Math.max(heardAtMs ?? -Infinity, this.#graceFromMs) < this.#timeoutMs
  }
}
