import type { Beat } from '../cluster/beat.js'
import type { WorkerLaunch } from '../cluster/records.js'
import type { ProcessMark } from './slots.js'

/** A slot as its folder shows it. */
export interface SlotTrace {
  readonly port: number
  /** The number of the last process start; 0 if there was none. */
  readonly incarnation: number
  /** What the last process was started with, if that can be read. */
  readonly launch: WorkerLaunch | undefined
  /** The process that was started last, if it runs. */
  readonly worker: { readonly topology: string; readonly since: number; readonly mark: ProcessMark } | undefined
}

/** What is kept of each slot, so that a supervisor that comes back knows what it left: a seam. */
export interface SlotFolders {
  /**
   * Everything that a process needs is there afterwards, and its number is kept for good. Throws NO_SPACE or
   * FOLDER_UNUSABLE; then no process may be started.
   */
  begin(launch: Omit<WorkerLaunch, 'dataDir'>): SlotFiles
  /** The process that was started after `begin`. */
  started(port: number, mark: ProcessMark): void
  /** The last heartbeat of the slot's worker. */
  beat(port: number): Beat | undefined
  /** Nobody needs what is there any more, but for the number of the last start. */
  clear(port: number): void
}

export interface SlotFiles {
  readonly launchPath: string
  readonly dataDir: string
}
