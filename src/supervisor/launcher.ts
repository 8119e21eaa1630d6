import type { ProcessMark } from './slots.js'

/** What a process is started with. */
export interface WorkerOrder {
  /** Its only argument. */
  readonly launchPath: string
  /** The folder it runs in. */
  readonly cwd: string
  /** What it writes to its standard output and error comes here. */
  readonly outputPath: string
  /** The heap that it may have. */
  readonly memoryMb: number
}

/** A process that an earlier supervisor started. */
export interface FoundProcess {
  readonly mark: ProcessMark
  /** Where its output goes, if that is known. */
  readonly outputPath: string | undefined
}

/** How a process ended. */
export interface WorkerEnd {
  /** Neither of these: it was not a child of this process, so nobody was told. */
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  /** The last that it wrote to standard output or error; '' if it said nothing. */
  readonly said: string
}

/**
 * Starts and signals the processes of workers: the seam between the supervisor and the machine.
 *
 * A process outlives whoever started it, so it is known by its mark alone, and one that was found is adopted. `onEnd` is
 * called once, when the process is gone; it may be called before `launch` has resolved.
 */
export interface WorkerLauncher {
  /** Rejects if there is no process then. */
  launch(order: WorkerOrder, onEnd: (end: WorkerEnd) => void): Promise<ProcessMark>
  /** Watches a process that is there already; one that has gone in the meantime is told as ended. */
  adopt(found: FoundProcess, onEnd: (end: WorkerEnd) => void): void
  /** Never reaches another process that has got the same pid. SIGKILL also ends what the process has started. */
  signal(mark: ProcessMark, signal: 'SIGTERM' | 'SIGKILL'): void
  /** The memory that it takes; undefined where the system does not tell. */
  rssBytes(mark: ProcessMark): number | undefined
  /** Watches nobody any more; the processes go on. */
  close(): void
}
