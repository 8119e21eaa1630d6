import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
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

/** The processes whose last argument is this one. */
export function processesWith(argument: string): ProcessMark[] {
  const pids = hasProc
    ? pidsOfProc().filter((pid) => read(`/proc/${pid}/cmdline`)?.split('\0').at(-2) === argument)
    : ps(['-axo', 'pid=,command='])
        .split('\n')
        .filter((line) => line.endsWith(` ${argument}`))
        .map((line) => Number.parseInt(line, 10))
  return pids.flatMap((pid) => markOf(pid) ?? [])
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
