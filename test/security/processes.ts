import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessSeen {
  readonly pid: number
  readonly words: readonly string[]
  /** All that its command line and its environment say. */
  readonly text: string
}

/** Every process whose environment has this word: whatever a run starts inherits it. */
export function processesWith(word: string): ProcessSeen[] {
  return numbersIn('/proc').flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      if (!environment.includes(word)) return []
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return [{ pid, words: commandLine.split('\0'), text: `${commandLine}\n${environment}` }]
    } catch {
      // It has ended, or is somebody else's.
      return []
    }
  })
}

/** Looks at them again and again, as some last for a moment only, and keeps what each said of itself. */
export class ProcessWatch {
  /** By what was seen: between fork and exec a process is what its parent was, so it may be here twice. */
  readonly #seen = new Map<string, ProcessSeen>()
  readonly #word: string
  readonly #timer: NodeJS.Timeout

  constructor(word: string) {
    this.#word = word
    this.#timer = setInterval(() => this.#look(), 50)
  }

  get seen(): readonly ProcessSeen[] {
    return [...this.#seen.values()]
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    for (const one of processesWith(this.#word)) this.#seen.set(`${one.pid} ${one.text}`, one)
  }
}

export interface Listener {
  readonly pid: number
  readonly kind: 'tcp' | 'udp' | 'unix'
  /** Of `unix`, the path, and port 0. */
  readonly address: string
  readonly port: number
}

/** Every socket by which these processes take what others send unasked. */
export function listenersOf(pids: readonly number[]): Listener[] {
  const pidByInode = new Map(
    pids.flatMap((pid) => {
      try {
        return numbersIn(`/proc/${pid}/fd`).flatMap((fd): [string, number][] => {
          const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
          return inode === undefined ? [] : [[inode, pid]]
        })
      } catch {
        return []
      }
    }),
  )
  const found: Listener[] = []
  for (const [file, kind, state] of [
    ['tcp', 'tcp', '0A'],
    ['tcp6', 'tcp', '0A'],
    ['udp', 'udp', '07'],
    ['udp6', 'udp', '07'],
  ] as const) {
    for (const columns of rowsOf(file)) {
      const pid = pidByInode.get(columns[9] ?? '')
      const [host = '', port = ''] = columns[1]?.split(':') ?? []
      if (pid !== undefined && columns[3] === state)
        found.push({ pid, kind, address: addressOf(host), port: Number.parseInt(port, 16) })
    }
  }
  for (const [, , , flags = '', , , inode = '', path = ''] of rowsOf('unix')) {
    const pid = pidByInode.get(inode)
    if (pid !== undefined && (Number.parseInt(flags, 16) & 0x10000) !== 0)
      found.push({ pid, kind: 'unix', address: path, port: 0 })
  }
  return found
}

function rowsOf(file: string): string[][] {
  try {
    const [, ...lines] = readFileSync(`/proc/net/${file}`, 'utf8').trimEnd().split('\n')
    return lines.map((line) => line.trim().split(/\s+/))
  } catch {
    // A kernel without IPv6.
    return []
  }
}

/** As the kernel tells it: words of four bytes, the lowest first. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse())
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16))
  return numbers.length === 4 ? numbers.join('.') : bytes.join('').replace(/(.{4})(?!$)/g, '$1:')
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}
