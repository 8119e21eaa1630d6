import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import type { ProcessMark } from './slots.js'

/**
 * What the machine tells of its processes. A shell. Linux tells it in files; elsewhere `ps` is asked, which is slow but
 * asked seldom.
 */
const hasProc = process.platform === 'linux'
const bootId = hasProc ? (read('/proc/sys/kernel/random/boot_id') ?? '').trim().slice(0, 8) : ''

/** Undefined: there is no such process, or it has ended and nobody has asked how. */
export function markOf(pid: number): ProcessMark | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (!hasProc) {
    const startTime = ps(['-o', 'lstart=', '-p', String(pid)]).trim()
    return startTime === '' ? undefined : { pid, startTime }
  }
  const fields = statOf(pid)
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined
  // In ticks since the machine was started: unique together with that start.
  return { pid, startTime: `${bootId}:${fields[19]}` }
}

export function isRunning({ pid, startTime }: ProcessMark): boolean {
  return markOf(pid)?.startTime === startTime
}

/** This user's processes whose last argument is one of these, by that argument. */
export function processesWith(wanted: readonly string[]): Map<string, ProcessMark> {
  const found = new Map<string, ProcessMark>()
  if (wanted.length === 0) return found
  for (const [pid, argument] of lastArguments()) {
    const mark = wanted.includes(argument) ? markOf(pid) : undefined
    if (mark !== undefined) found.set(argument, mark)
  }
  return found
}

function lastArguments(): [pid: number, argument: string][] {
  if (hasProc) {
    return pidsOfProc().flatMap((pid) => {
      const argument = isOurs(pid) ? read(`/proc/${pid}/cmdline`)?.split('\0').at(-2) : undefined
      return argument === undefined ? [] : [[pid, argument]]
    })
  }
  // Arguments are not told apart there; a path with a space in it is not found.
  return ps(['-xo', 'pid=,command='])
    .split('\n')
    .map((line) => [Number.parseInt(line, 10), line.slice(line.lastIndexOf(' ') + 1)])
}

function isOurs(pid: number): boolean {
  try {
    return lstatSync(`/proc/${pid}`).uid === process.getuid?.()
  } catch {
    return false
  }
}

/** What a process that led a session has left of it when it ended. */
export function leftOf(session: number): ProcessMark[] {
  if (!hasProc) return []
  return pidsOfProc().flatMap((pid) => (statOf(pid)?.[3] === String(session) ? (markOf(pid) ?? []) : []))
}

export function rssBytesOf(pid: number): number | undefined {
  const found = hasProc ? /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '') : null
  return found === null ? undefined : Number(found[1]) * 1_024
}

function pidsOfProc(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** From the third on: state, parent, group, session …; the second is a name that may hold anything. */
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`)
  return text === undefined ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Undefined: it is not there, or not any more. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

function ps(args: readonly string[]): string {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    // It says so by its exit code when there is no such process.
    return ''
  }
}
