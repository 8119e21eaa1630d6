import { describeError } from '../stdx/describe-error.js'
import { onRejection } from '../stdx/promise.js'
import type { TaskId } from './tuple.js'

/** An error of user code, as `errors()` tells it. */
export interface ReportedError {
  readonly component: string
  readonly task: TaskId
  readonly message: string
  readonly stack?: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where log lines go. `component` and `task` say who speaks; absent for the engine itself. */
export interface LogSink {
  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void
}

/** What the tasks of one topology tell the outside: errors of user code, warnings, and what cannot go on. */
export interface Reports {
  /** User code threw, or reported something itself. The task goes on. */
  error(component: string, task: TaskId, thrown: unknown, what: string): void
  /** Something is not as it should be; once a minute for each component and kind. */
  warn(kind: string, component: string, task: TaskId, message: string): void
  /** A task cannot go on; the topology has failed for good. */
  fatal(component: string, task: TaskId, error: Error): void
  readonly log: LogSink
}

/** Errors kept for `errors()`: the newest ones. */
const errorsMax = 100
const warnEveryMs = 60_000

/** Keeps the newest errors and thins out warnings. */
export class TopologyReports implements Reports {
  readonly errors: ReportedError[] = []
  readonly log: LogSink
  readonly #clock: { now(): number; wall(): number }
  readonly #onFatal: (error: Error) => void
  readonly #warnedAtMs = new Map<string, number>()

  constructor(clock: { now(): number; wall(): number }, log: LogSink, onFatal: (error: Error) => void) {
    this.#clock = clock
    this.log = harmless(log)
    this.#onFatal = onFatal
  }

  error(component: string, task: TaskId, thrown: unknown, what: string): void {
    const { message, stack } = describeError(thrown)
    const error: ReportedError = {
      component,
      task,
      message,
      at: this.#clock.wall(),
      ...(stack === undefined ? {} : { stack }),
    }
    this.errors.push(error)
    if (this.errors.length > errorsMax) this.errors.shift()
    this.log.write('error', `${what}: ${message}`, { component, task })
  }

  warn(kind: string, component: string, task: TaskId, message: string): void {
    const key = `${kind} ${component}`
    const now = this.#clock.now()
    const before = this.#warnedAtMs.get(key)
    if (before !== undefined && now - before < warnEveryMs) return
    this.#warnedAtMs.set(key, now)
    this.log.write('warn', message, { component, task })
  }

  fatal(component: string, task: TaskId, error: Error): void {
    this.error(component, task, error, 'the task cannot go on')
    this.#onFatal(error)
  }
}

/** A sink that fails must not stop the task that it is told of: the line is lost, and there is nobody to tell. */
function harmless(log: LogSink): LogSink {
  return {
    write(level, message, fields) {
      try {
        onRejection(log.write(level, message, fields), () => undefined)
      } catch {
        return
      }
    },
  }
}
