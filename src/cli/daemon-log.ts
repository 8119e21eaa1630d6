import type { Clock } from '../stdx/clock.js'
import { printable } from './printable.js'
import type { Output } from './terminal.js'

export type DaemonLogLevel = 'debug' | 'info' | 'warn' | 'error'

/** As pino numbers them. */
const numbers: Readonly<Record<DaemonLogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 }

/** What a daemon says, on standard error: for people on a terminal, else a JSON object a line. */
export function daemonLog(
  output: Output,
  clock: Clock,
  { name, least }: { readonly name: string; readonly least: DaemonLogLevel },
): (level: DaemonLogLevel, message: string) => void {
  const { dim, red, yellow } = output.colors
  return (level, message) => {
    if (numbers[level] < numbers[least]) return
    const time = Math.round(clock.wall())
    if (!output.isTerminal) {
      output.write(`${JSON.stringify({ level: numbers[level], time, name, msg: message })}\n`)
      return
    }
    const colour = level === 'error' ? red : level === 'warn' ? yellow : String
    output.write(`${dim(new Date(time).toISOString())} ${colour(printable(message, 'lines'))}\n`)
  }
}
