import type { LogChunk, ReadLog } from '../cluster/messages.js'

/** The logs of workers: a seam. A log is named by topology and port, never by a path. */
export interface WorkerLogs {
  /** The folder for the logs of a worker; it is there afterwards. */
  folderOf(topology: string, port: number): string
  read(request: ReadLog): LogChunk
  /** A line of the supervisor's in the worker's log. Never throws. */
  note(note: WorkerNote): void
  /** Of other topologies, only the newest logs are kept. */
  keep(topologies: readonly string[]): void
}

export interface WorkerNote {
  readonly topology: string
  readonly port: number
  readonly level: 'info' | 'warn'
  readonly text: string
}
