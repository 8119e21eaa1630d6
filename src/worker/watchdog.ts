import { Worker } from 'node:worker_threads'

/** What the loop notes for the watchdog, in memory that both threads see. */
export const NoteCell = {
  /** Grows while the event loop turns. */
  alive: 0,
  /** The task that is being stepped; 0 between turns. */
  task: 1,
} as const

/** A component's name and the task's number, by task. */
export type TaskNames = Readonly<Record<number, string>>

export interface WatchdogOrder {
  readonly notes: Int32Array
  readonly names: TaskNames
  readonly blockedMs: number
  readonly outputBytesMax: number
}

const aliveEveryMs = 250
/** Four times what a supervisor lets it be: it is emptied here only if there is no supervisor, or too much for one. */
const outputBytesMax = 64 * 2 ** 20
/** A loop that has not turned for so long is worth a word. */
const blockedMs = 2_000

/**
 * Watches the event loop of this process from a thread of its own, as a loop that stands still can say nothing itself: it
 * writes to standard error which task holds it up. It also empties standard output when that is a file that grows without
 * end, as a worker outlives the supervisor that sees to it. A shell. Returns where the loop notes what it does.
 */
export function startWatchdog(names: TaskNames): Int32Array {
  const notes = new Int32Array(new SharedArrayBuffer(8))
  const order: WatchdogOrder = { notes, names, blockedMs, outputBytesMax }
  const thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData: order, stderr: false })
  thread.unref()
  setInterval(() => Atomics.add(notes, NoteCell.alive, 1), aliveEveryMs).unref()
  return notes
}
