import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { NoteCell, type WatchdogOrder } from './watchdog.js'

/** The entry of the watchdog's thread: see `startWatchdog`. A shell. */

const { notes, names, blockedMs } = workerData as WatchdogOrder
const standardError = 2
const lookEveryMs = 250

let seen = -1
let sinceMs = performance.now()
let hasTold = false

setInterval(() => {
  const alive = Atomics.load(notes, NoteCell.alive)
  const nowMs = performance.now()
  if (alive !== seen) {
    seen = alive
    sinceMs = nowMs
    hasTold = false
    return
  }
  if (hasTold || nowMs - sinceMs < blockedMs) return
  hasTold = true
  const task = Atomics.load(notes, NoteCell.task)
  const who = task === 0 ? 'code that runs outside of any task' : `component '${names[task]}', task ${task},`
  // Not through the console, which needs the very loop that stands still.
  writeSync(standardError, `EVENT_LOOP_BLOCKED: ${who} holds up this worker for ${Math.round(nowMs - sinceMs)} ms.\n`)
}, lookEveryMs)
