import picocolors from 'picocolors'
import { systemClock } from '../stdx/system-clock.js'
import type { InterruptCode, Output, Terminal } from './terminal.js'

/** The terminal of this process. A shell. */
export function nodeTerminal(): Terminal {
  // A reader that has seen enough, and went, is no error; nothing is left to do for it.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    process.stderr.write(`storm-ts: standard output cannot be written: ${error.message}.\n`, () => process.exit(1))
  })
  process.stderr.on('error', () => undefined)
  const clock = systemClock()
  const tidying: ((exitCode: InterruptCode) => void)[] = []
  let lastMs = -Infinity
  for (const [signal, code] of signals) {
    process.on(signal, () => {
      const sinceMs = clock.now() - lastMs
      if (sinceMs < echoMs) return
      lastMs = clock.now()
      const tidy = tidying.pop()
      if (tidy === undefined) process.exit(code)
      tidying.length = 0
      tidy(code)
    })
  }
  return {
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
    onOut: listenToOut,
    env: process.env,
    cwd: process.cwd(),
    clock,
    onInterrupt(tidy) {
      tidying.push(tidy)
      return () => void tidying.splice(tidying.indexOf(tidy), tidying.includes(tidy) ? 1 : 0)
    },
  }
}

/** Also what code of a topology writes: it has the same standard output. */
function listenToOut(listener: (endsLine: boolean) => void): () => void {
  const { stdout, stderr } = process
  if (!stdout.isTTY || !stderr.isTTY) return () => undefined
  const write = stdout.write.bind(stdout)
  stdout.write = (text: string | Uint8Array, ...rest: never[]) => {
    listener(typeof text === 'string' ? text.endsWith('\n') : text.at(-1) === 10)
    return write(text, ...rest)
  }
  return () => {
    stdout.write = write
  }
}

/** npm, when it runs us, passes on the very signal that the terminal has sent to us, too: that is no second one. */
const echoMs = 300

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

function outputTo(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns || 80
    },
    colors: picocolors.createColors(wantsColors(stream)),
  }
}

/** https://no-color.org: any value but an empty one says no. */
function wantsColors(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return stream.isTTY && TERM !== 'dumb'
}
