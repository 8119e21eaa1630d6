/**
 * Time as a thing that is handed in. Cores never read a clock of their own, so that a test, the simulator and a worker
 * run the same code on different times.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back; fractions are allowed. Deadlines use this one only. */
  now(): number
  /** Milliseconds since 1970, for what people read; may jump. */
  wall(): number
  /** Calls back once, no earlier than `delayMs` from now. Returns the way to call it off. */
  after(delayMs: number, callback: () => void): () => void
  /** Calls back at the next opportunity: what somebody sleeping asks for when work has come. */
  soon(callback: () => void): void
  /**
   * Calls back once I/O and due timers have had their turn: what somebody busy asks for. The same as `soon` on a real
   * clock; on a virtual one it takes a millisecond, without which a loop that is never idle would stop time.
   */
  yield(callback: () => void): void
}
