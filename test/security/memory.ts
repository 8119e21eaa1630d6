import { readFileSync } from 'node:fs'

/** Memory that a process has in RAM, in bytes; 0 when there is no such process. */
export function rssBytesOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024
  } catch {
    return 0
  }
}

export const mib = (bytes: number) => Math.round(bytes / 2 ** 20)

/** Looks at the memory of processes again and again, and keeps the most that each had. */
export class MemoryWatch {
  readonly #mostByPid = new Map<number, number>()
  readonly #timer: NodeJS.Timeout

  constructor(pids: readonly number[], everyMs = 50) {
    const look = () => {
      for (const pid of pids) this.#mostByPid.set(pid, Math.max(this.mostBytes(pid), rssBytesOf(pid)))
    }
    look()
    this.#timer = setInterval(look, everyMs)
  }

  mostBytes(pid: number): number {
    return this.#mostByPid.get(pid) ?? 0
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
