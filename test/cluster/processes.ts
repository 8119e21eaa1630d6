import { readdirSync, readFileSync } from 'node:fs'

/** Processes that run and have a word in their command line that begins so: no test ever touches another one's. */
export function processesIn(path: string): { readonly pid: number; readonly words: readonly string[] }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      return words.some((word) => word === path || word.startsWith(`${path}/`)) ? [{ pid: Number(name), words }] : []
    } catch {
      return []
    }
  })
}

/** Whether there is such a process; one that has ended and was not collected yet is none. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Sends a signal to a process that may have ended meanwhile. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
