import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { LogChunk, ReadLog } from '../cluster/messages.js'
import { RotatingFile } from '../stdx/rotating-file.js'
import { codeOf, unusable } from './durable-file.js'
import type { WorkerLogs, WorkerNote } from './worker-logs.js'

/** What fits into one message with room to spare. */
const chunkBytesMax = 256 * 1_024
const rotation = { bytesMax: 16 * 2 ** 20, asideMax: 4 }
/** Topologies that run no more and whose logs are kept. */
const goneMax = 50

/**
 * The logs of workers in files: `<topology>/<port>/worker.log`, which the worker writes and keeps short, and
 * `worker.out` beside it. A shell. Only regular files are read, whatever a worker may have put there instead.
 */
export class LogFiles implements WorkerLogs {
  readonly #folder: string
  readonly #wall: () => number

  /** `wall`: the time of day, for the supervisor's own lines. */
  constructor(folder: string, wall: () => number) {
    this.#folder = folder
    this.#wall = wall
  }

  folderOf(topology: string, port: number): string {
    const folder = this.#pathOf(topology, port)
    unusable(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }))
    return folder
  }

  read({ request, topology, port, from, maxBytes }: ReadLog): LogChunk {
    try {
      return {
        kind: 'logChunk',
        request,
        ...readFrom(join(this.#pathOf(topology, port), 'worker.log'), from, maxBytes),
      }
    } catch (error) {
      const isGone = ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')
      const what = `the log of ${topology} in slot ${port}`
      const told = isGone
        ? { code: 'NOT_FOUND', message: `There is no such thing here: ${what}.` }
        : { code: 'READ_FAILED', message: `Could not read ${what} (${codeOf(error) ?? 'it is no regular file'}).` }
      return { kind: 'logChunk', request, from: 0, bytes: new Uint8Array(), size: 0, error: told }
    }
  }

  note({ topology, port, level, text }: WorkerNote): void {
    const time = Math.round(this.#wall())
    const line = { level: level === 'warn' ? 40 : 30, time, name: 'supervisor', topology, port, msg: text }
    try {
      const file = new RotatingFile(join(this.folderOf(topology, port), 'worker.log'), rotation)
      file.write(`${JSON.stringify(line)}\n`)
      file.close()
    } catch {
      // Where a log can't be written, nothing can be noted; the supervisor's own log has it too.
    }
  }

  keep(topologies: readonly string[]): void {
    const used = new Set(topologies.map(folderName))
    const gone = readdirSync(this.#folder)
      .filter((name) => !used.has(name))
      .map((name) => ({ name, changedMs: lstatSync(join(this.#folder, name)).mtimeMs }))
      .sort((a, b) => b.changedMs - a.changedMs || (a.name < b.name ? -1 : 1))
    for (const { name } of gone.slice(goneMax)) rmSync(join(this.#folder, name), { recursive: true, force: true })
  }

  #pathOf(topology: string, port: number): string {
    return join(this.#folder, folderName(topology), String(port))
  }
}

/** An id as the name of a folder: most as they are, others in letters that are fine everywhere, told apart by a hash. */
function folderName(topology: string): string {
  if (/^[\w-]{1,128}$/.test(topology)) return topology
  const hash = createHash('sha256').update(topology).digest('hex').slice(0, 12)
  return `${topology.replace(/[^\w-]/g, '_').slice(0, 100)}.${hash}`
}

function readFrom(path: string, from: number, maxBytes: number) {
  // Asked before it is opened: a pipe would hold this process.
  if (!lstatSync(path).isFile()) throw new Error(`${path} is no regular file`)
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Error(`${path} is no regular file`)
    const { size } = stat
    const begin = from < 0 ? Math.max(0, size + from) : Math.min(from, size)
    const bytes = new Uint8Array(Math.min(maxBytes, chunkBytesMax, size - begin))
    const count = readSync(file, bytes, 0, bytes.length, begin)
    return { from: begin, bytes: bytes.subarray(0, count), size }
  } finally {
    closeSync(file)
  }
}
