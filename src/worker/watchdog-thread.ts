import { fstatSync, ftruncateSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { NoteCell, type WatchdogOrder } from './watchdog.js'

/** The entry of the watchdog's thread: see `startWatchdog`. A shell. */

const { notes, names, blockedMs, outputBytesMax } = workerData as WatchdogOrder
const standardOutput = 1
const standardError = 2
const lookEveryMs = 250

let seen = -1
let sinceMs = performance.now()
let lookedMs = sinceMs
let hasTold = false

setInterval(() => {
  boundOutput()
  const alive = Atomics.load(notes, NoteCell.alive)
  const nowMs = performance.now()
  // It was not looked for as long: the whole process stood still, which is nobody's doing in here.
  const isAfterPause = nowMs - lookedMs >= blockedMs
  lookedMs = nowMs
  if (alive !== seen || isAfterPause) {
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

function boundOutput(): void {
  try {
    const stat = fstatSync(standardOutput)
    if (!stat.isFile() || stat.size <= outputBytesMax) return
    ftruncateSync(standardOutput)
    const mib = Math.round(stat.size / 2 ** 20)
    writeSync(standardError, `OUTPUT_DROPPED: ${mib} MiB of standard output that nobody has put aside.\n`)
  } catch {
    // Nobody can be told.
  }
}
