import type { LogLevel, LogSink } from '../executor/reports.js'
import type { Clock } from '../stdx/clock.js'
import { printable } from './printable.js'
import type { Output } from './terminal.js'

/** Lines of one task's kind and level that are shown within a second; what is more is counted. */
const linesMax = 10
const windowMs = 1_000

/**
 * What the tasks of a topology in this process log, as lines for people. A bolt that throws for every tuple must not
 * drown the rest.
 */
export class TaskLog implements LogSink {
  readonly #output: Output
  readonly #clock: Clock
  readonly #print: (line: string) => void
  readonly #shown = new Map<string, { fromMs: number; count: number }>()

  constructor(output: Output, clock: Clock, print: (line: string) => void) {
    this.#output = output
    this.#clock = clock
    this.#print = print
  }

  write(level: LogLevel, message: string, { component, task, ...fields }: Readonly<Record<string, unknown>>): void {
    if (level === 'debug') return
    const who = typeof component === 'string' ? `${component}[${Number(task)}]` : 'storm-ts'
    if (!this.#isShown(`${level} ${String(component)}`, who)) return
    const more = Object.keys(fields).length === 0 ? '' : ` ${json(fields)}`
    this.#print(this.#coloured(level, printable(`${who}: ${message}${more}`, 'lines')))
  }

  #isShown(kind: string, who: string): boolean {
    const now = this.#clock.now()
    const shown = this.#shown.get(kind)
    if (shown === undefined || now - shown.fromMs >= windowMs) {
      if (shown !== undefined && shown.count > linesMax)
        this.#print(`${printable(who)}: … and ${shown.count - linesMax} more`)
      this.#shown.set(kind, { fromMs: now, count: 1 })
      return true
    }
    return ++shown.count <= linesMax
  }

  #coloured(level: LogLevel, line: string): string {
    const { red, yellow } = this.#output.colors
    return level === 'error' ? red(line) : level === 'warn' ? yellow(line) : line
  }
}

function json(fields: object): string {
  try {
    return JSON.stringify(fields)
  } catch {
    // A cycle, or a bigint: the message has to do.
    return ''
  }
}
