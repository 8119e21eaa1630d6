import { systemClock } from '../../src/stdx/system-clock.js'
import type { InterruptCode, Output, Terminal } from '../../src/cli/terminal.js'

export interface FakeTerminal extends Terminal {
  readonly said: { out: string; err: string }
  interrupt(code: InterruptCode): void
}

/** A terminal that keeps what is written, for running verbs in this process. */
export function fakeTerminal(cwd: string, env: Terminal['env'] = {}): FakeTerminal {
  const said = { out: '', err: '' }
  const tidying: ((code: InterruptCode) => void)[] = []
  return {
    said,
    out: outputTo((text) => (said.out += text)),
    err: outputTo((text) => (said.err += text)),
    onOut: () => () => undefined,
    env: { HOME: cwd, XDG_CONFIG_HOME: cwd, ...env },
    cwd,
    clock: systemClock(),
    onInterrupt(tidy) {
      tidying.push(tidy)
      return () => void tidying.splice(tidying.indexOf(tidy), 1)
    },
    interrupt: (code) => tidying.pop()?.(code),
  }
}

const plain = new Proxy({}, { get: () => String }) as Output['colors']

function outputTo(write: (text: string) => void): Output {
  return { write, isTerminal: false, columns: 80, colors: plain }
}
