import { format } from 'node:util'
import { join } from 'node:path'
import { pino } from 'pino'
import type { LogSink } from '../executor/reports.js'
import { RotatingFile } from '../stdx/rotating-file.js'

const rotation = { bytesMax: 16 * 2 ** 20, asideMax: 4 }
/** A line of user code that is longer is cut. */
const messageMax = 16_384
/** Lines of user code within a second; what comes beyond is counted. */
const linesPerSecond = 1_000

export interface WorkerLog extends LogSink {
  /** What user code writes to the console goes into the log from now on, with the task that is running. */
  captureConsole(running: () => Readonly<Record<string, unknown>>): void
}

/** The log of a worker process: JSON lines in one file, which never takes more room than it may. A shell. */
export function openWorkerLog(folder: string, base: Readonly<Record<string, unknown>>): WorkerLog {
  const file = new RotatingFile(join(folder, 'worker.log'), rotation)
  const log = pino(
    { level: 'debug', base: { ...base }, messageKey: 'msg' },
    {
      write(line: string) {
        try {
          file.write(line)
        } catch {
          // The disk is full, or the folder is gone: the work goes on without a log.
        }
      },
    },
  )
  const limit = new LineLimit()
  const write: LogSink['write'] = (level, message, fields) => {
    const dropped = limit.take()
    if (dropped > 0) log.warn(`${dropped} lines were dropped: more than ${linesPerSecond} came within a second`)
    if (dropped >= 0) log[level](fields, message.length > messageMax ? `${message.slice(0, messageMax)}…` : message)
  }
  return {
    write,
    captureConsole(running) {
      const levels = {
        debug: 'debug',
        trace: 'debug',
        log: 'info',
        info: 'info',
        warn: 'warn',
        error: 'error',
      } as const
      for (const [name, level] of Object.entries(levels)) {
        console[name as keyof typeof levels] = (...parts: unknown[]) => write(level, format(...parts), running())
      }
    },
  }
}

/** Lets so many lines pass in a second. */
class LineLimit {
  #second = 0
  #lines = 0
  #dropped = 0

  /** −1: the line is dropped; else how many were dropped since the last one that passed. */
  take(): number {
    const second = Math.floor(Date.now() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#lines = 0
    }
    if (this.#lines >= linesPerSecond) {
      this.#dropped++
      return -1
    }
    this.#lines++
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }
}
