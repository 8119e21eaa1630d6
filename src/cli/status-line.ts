import type { Terminal } from './terminal.js'

const everyMs = 200
const eraseLine = '\r\u001b[K'

/**
 * Lines on standard error, and, on a terminal, one more below them that is written over itself for as long as something is
 * under way. In a pipe there are only the lines.
 */
export class StatusLine {
  readonly #terminal: Terminal
  #tell: (() => string) | undefined
  #isDrawn = false
  /** Somebody else's line is not ended yet: it must not be written over. */
  #isHeld = false
  #cancel = () => {}
  #ignoreOut = () => {}

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Keeps the last line at what the function tells. */
  show(tell: () => string): void {
    if (!this.#terminal.err.isTerminal) return
    this.#tell = tell
    this.#cancel()
    this.#ignoreOut()
    this.#ignoreOut = this.#terminal.onOut((endsLine) => {
      this.#erase()
      this.#isHeld = !endsLine
    })
    this.#draw()
  }

  /** A line that stays. */
  print(line: string): void {
    this.#erase()
    this.#terminal.err.write(`${line}\n`)
    this.#write()
  }

  /** Takes the last line off. */
  end(): void {
    this.#cancel()
    this.#ignoreOut()
    this.#erase()
    this.#tell = undefined
  }

  #draw(): void {
    this.#write()
    this.#cancel = this.#terminal.clock.after(everyMs, () => this.#draw())
  }

  #write(): void {
    if (this.#tell === undefined || this.#isHeld) return
    const { err } = this.#terminal
    // A line that is broken by the terminal could not be written over.
    err.write(eraseLine + this.#tell().slice(0, err.columns - 1))
    this.#isDrawn = true
  }

  #erase(): void {
    if (this.#isDrawn) this.#terminal.err.write(eraseLine)
    this.#isDrawn = false
  }
}
