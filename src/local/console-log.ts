import type { LogSink } from '../executor/reports.js'

declare const console: { warn(...parts: unknown[]): void; error(...parts: unknown[]): void }

/** Warnings and errors on the console, with component and task in front. A shell: the only place that writes there. */
export const consoleLog: LogSink = {
  write(level, message, { component, task }) {
    const who = typeof component === 'string' ? `${component}[${Number(task)}]` : 'storm-ts'
    if (level === 'warn') console.warn(`${who}: ${message}`)
    else if (level === 'error') console.error(`${who}: ${message}`)
  },
}
