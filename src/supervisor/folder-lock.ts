import { linkSync, lstatSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { StormError } from '../errors.js'
import { codeOf, folderError } from './durable-file.js'
import { isRunning, markOf } from './process-table.js'
import type { ProcessMark } from './slots.js'

/**
 * Keeps a folder to one process. A shell. The lock is a file that names its holder; it counts for as long as that process
 * runs, which its pid and start time tell, so that a crash leaves nothing to be removed by hand.
 */
export interface FolderLock {
  /** To be called every 20 s or so. False: somebody else holds the folder now, and this process has to leave it. */
  refresh(): boolean
  release(): void
}

interface Holder extends ProcessMark {
  /** Elsewhere, pids mean other processes: there the lock has to be fresh. */
  readonly host: string
}

const freshMs = 60_000
const triesMax = 5

/** Throws FOLDER_LOCKED, with the holder's name, or FOLDER_UNUSABLE. `path`: of the lock itself. */
export function lockFolder(path: string, nowMs: () => number): FolderLock {
  const mark = markOf(process.pid)
  if (mark === undefined) throw new StormError('FOLDER_UNUSABLE', 'The system does not tell when a process started.')
  const mine = JSON.stringify({ ...mark, host: hostname() } satisfies Holder)
  for (let tries = 0; tries < triesMax; tries++) {
    if (claim(path, mine)) return held(path, mine, nowMs)
    const theirs = read(path)
    if (theirs === undefined) continue
    if (holds(theirs, path, nowMs)) throw locked(path, theirs)
    removeStale(path, theirs)
  }
  throw locked(path, read(path) ?? '')
}

/** A link to a file that is whole already is there wholly or not at all, and never in place of another. */
function claim(path: string, mine: string): boolean {
  const temporary = `${path}.${process.pid}`
  try {
    writeFileSync(temporary, mine, { mode: 0o600 })
    linkSync(temporary, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw folderError(path, error)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/**
 * Of several that find the same stale lock, one moves it away; another one that comes late moves the fresh lock of the
 * first, sees that, and puts it back.
 */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
    if (read(aside) !== stale) linkSync(aside, path)
  } catch {
    // Somebody else was faster: the next try shows who.
  }
  rmSync(aside, { force: true })
}

function held(path: string, mine: string, nowMs: () => number): FolderLock {
  return {
    refresh() {
      if (read(path) !== mine) return false
      const now = nowMs() / 1_000
      utimesSync(path, now, now)
      return true
    },
    release() {
      if (read(path) === mine) rmSync(path, { force: true })
    },
  }
}

function holds(text: string, path: string, nowMs: () => number): boolean {
  const holder = parse(text)
  if (holder === undefined) return false
  if (holder.host === hostname()) return isRunning(holder)
  try {
    return nowMs() - lstatSync(path).mtimeMs < freshMs
  } catch {
    return false
  }
}

function locked(path: string, text: string): StormError {
  const holder = parse(text)
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`
  return new StormError('FOLDER_LOCKED', `Another supervisor works in this folder: ${who} holds ${path}.`)
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, startTime, host } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof startTime !== 'string' || typeof host !== 'string') return undefined
    return { pid, startTime, host }
  } catch {
    return undefined
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
