import { readdirSync, readFileSync } from 'node:fs'

/** What the system knows of a process. */
export interface ProcessLook {
  readonly pid: number
  readonly parent: number
  /** User and system time, of all threads, to 10 ms. */
  readonly cpuUs: number
  readonly rssBytes: number
  /** Written by calls of the system, to sockets and files alike. */
  readonly writtenBytes: number
}

/** Linux counts them in hundredths of a second for us, whatever its own tick is. */
const usPerTick = 10_000
const pageBytes = 4_096

/** A process and all that it has started, and they in turn, as far as they are there now. */
export function processesUnder(root: number): ProcessLook[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (look(Number(name)) ?? []) : []))
  const known = new Set([root])
  for (let size = 0; size !== known.size;) {
    size = known.size
    for (const { pid, parent } of all) if (known.has(parent)) known.add(pid)
  }
  return all.filter(({ pid }) => known.has(pid))
}

/** Undefined: it is not there any more. */
function look(pid: number): ProcessLook | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in parentheses and may hold anything.
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const at = (index: number) => Number(fields[index - 2])
    return {
      pid,
      parent: Number(parent),
      cpuUs: (at(11) + at(12)) * usPerTick,
      rssBytes: at(21) * pageBytes,
      writtenBytes: Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0),
    }
  } catch {
    return undefined
  }
}
