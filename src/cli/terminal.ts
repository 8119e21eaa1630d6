import type picocolors from 'picocolors'
import type { Clock } from '../stdx/clock.js'

/** Standard output or standard error. */
export interface Output {
  write(text: string): void
  /** Somebody reads along, so lines may be written over. */
  readonly isTerminal: boolean
  readonly columns: number
  /** Without effect where colours are not wanted. */
  readonly colors: ReturnType<(typeof picocolors)['createColors']>
}

/** The world of a verb. */
export interface Terminal {
  /** For results. */
  readonly out: Output
  /** For everything else. */
  readonly err: Output
  /**
   * Tells when something, whoever writes it, is about to go to standard output where that is the same screen as standard
   * error, and whether it ends its line. Returns the way to take that back.
   */
  onOut(listener: (endsLine: boolean) => void): () => void
  readonly env: { readonly [name: string]: string | undefined }
  readonly cwd: string
  readonly clock: Clock
  /**
   * Has a function called when the process is asked to end, instead of ending it; with the exit code that tells of it. A
   * second time ends the process at once. Returns the way to take that back.
   */
  onInterrupt(tidy: (exitCode: InterruptCode) => void): () => void
}

export type InterruptCode = 130 | 143

/** What a verb that goes on until it is interrupted looks at. */
export interface Interruption {
  /** Undefined: it was not interrupted yet. */
  readonly code: InterruptCode | undefined
  readonly happened: Promise<InterruptCode>
}

export function interruption(terminal: Terminal): Interruption {
  let code: InterruptCode | undefined
  const happened = new Promise<InterruptCode>((resolve) => {
    terminal.onInterrupt((told) => {
      code = told
      resolve(told)
    })
  })
  return {
    get code() {
      return code
    },
    happened,
  }
}

/** Waits, but not longer than until `stopped`. */
export function pause(clock: Clock, delayMs: number, stopped?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(delayMs, resolve)
    void stopped?.then(() => {
      cancel()
      resolve()
    })
  })
}
