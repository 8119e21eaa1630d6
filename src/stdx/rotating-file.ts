import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export interface RotatingFileOptions {
  /** A file that is this long is put aside, as `path.1`, and that one as `path.2` … */
  readonly bytesMax: number
  /** So many are kept aside; the oldest goes. */
  readonly asideMax: number
}

/**
 * A log file that never takes more room than it may. A shell. What is written is in the hands of the system when `write`
 * returns. Several processes may append to one file as long as one of them does so most of the time: whoever finds it
 * full puts it aside, and the others notice with their next write.
 */
export class RotatingFile {
  readonly #path: string
  readonly #options: RotatingFileOptions
  #file: number | undefined
  #size = 0
  #inode = 0

  constructor(path: string, options: RotatingFileOptions) {
    this.#path = path
    this.#options = options
  }

  /** Whole lines. Throws what the system says: no space, no rights. */
  write(lines: string | Uint8Array): void {
    const bytes = typeof lines === 'string' ? new TextEncoder().encode(lines) : lines
    if (this.#file === undefined) this.#open()
    while (this.#size > 0 && this.#size + bytes.length > this.#options.bytesMax) this.#rotate()
    this.#size += bytes.length
    for (let done = 0; done < bytes.length;) done += writeSync(this.#file as number, bytes, done)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #open(): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    this.#file = openSync(this.#path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    const { size, ino } = fstatSync(this.#file)
    this.#size = size
    this.#inode = ino
  }

  #rotate(): void {
    this.close()
    const inode = this.#inode
    this.#open()
    // Somebody else has put it aside already.
    if (this.#inode !== inode) return
    this.close()
    for (let number = this.#options.asideMax; number >= 1; number--) {
      move(number === 1 ? this.#path : `${this.#path}.${number - 1}`, `${this.#path}.${number}`)
    }
    this.#open()
  }
}

/** As far as there is something to be moved. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
}
