import type { Clock } from '../stdx/clock.js'
import type { Output } from './terminal.js'

const everyMs = 200
const eraseLine = '\r\u001b[K'

/**
 * Lines on standard error, and, on a terminal, one more below them that is written over itself for as long as something is
 * under way. In a pipe there are only the lines.
 */
export class StatusLine {
  readonly #output: Output
  readonly #clock: Clock
  #tell: (() => string) | undefined
  #cancel = () => {}

  constructor(output: Output, clock: Clock) {
    this.#output = output
    this.#clock = clock
  }

  /** Keeps the last line at what the function tells. */
  show(tell: () => string): void {
    if (!this.#output.isTerminal) return
    this.#tell = tell
    this.#cancel()
    this.#draw()
  }

  /** A line that stays. */
  print(line: string): void {
    this.#output.write(`${this.#tell === undefined ? '' : eraseLine}${line}\n`)
    if (this.#tell !== undefined) this.#write()
  }

  /** Takes the last line off. */
  end(): void {
    this.#cancel()
    if (this.#tell !== undefined) this.#output.write(eraseLine)
    this.#tell = undefined
  }

  #draw(): void {
    this.#write()
    this.#cancel = this.#clock.after(everyMs, () => this.#draw())
  }

  #write(): void {
    // A line that is broken by the terminal could not be written over.
    this.#output.write(eraseLine + (this.#tell?.() ?? '').slice(0, this.#output.columns - 1))
  }
}
