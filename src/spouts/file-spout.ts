import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { Ring } from '../stdx/ring.js'
import type { Spout, SpoutCollector, TopologyContext } from '../topology/component.js'
import { stream, t, type Stream } from '../topology/stream.js'
import type { Files } from './files.js'
import { LineReader } from './line-reader.js'
import { nodeFiles } from './node-files.js'

/** What a file spout emits. */
type Lines = { readonly default: Stream<{ line: string }> }

export interface FileSpoutLimits {
  /** Bytes that a line may have; 64 MiB. */
  readonly lineBytesMax: number
  /** Characters of undecided lines that a task holds before it reads on; 8 Mi. One line more may always be read. */
  readonly heldCharsMax: number
}

const usualLimits: FileSpoutLimits = { lineBytesMax: 64 * 0x10_0000, heldCharsMax: 8 * 0x10_0000 }

/**
 * A spout of the lines of files, in their order, for a machine with Node; `-` is standard input.
 *
 * Each of n tasks takes every n-th line of the whole input: line i, counted from 0 over all files, goes to the task with
 * index i mod n, and i is its message id. A line is what stands before a newline, without one carriage return at its
 * end; the last line of a file need not end with a newline, and never joins the next file. A byte-order mark at the
 * beginning of a file is dropped; what is not UTF-8 is read as U+FFFD. Files are read as they are needed: a task holds
 * the text of its undecided lines, 8 Mi characters and a line at most, and emits the ones that fail again, in the order in
 * which they failed, before it reads on.
 *
 * Throws, when the spout is made: BAD_PATHS for anything but a list of paths, STDIN_TWICE; when it is opened:
 * STDIN_ONE_TASK; when it is asked for tuples: FILE_NOT_FOUND, PERMISSION, NOT_A_REGULAR_FILE, READ_FAILED, LINE_TOO_LONG
 * (64 MiB) and, where there are no files, NEEDS_NODE. Every error names the path.
 */
export function fileSpout(paths: readonly string[]): () => Spout<Lines, number> {
  return fileSpoutFrom(nodeFiles, paths)
}

/** The same over any `Files`, with limits of one's own. */
export function fileSpoutFrom(
  files: Files,
  paths: readonly string[],
  limits: Partial<FileSpoutLimits> = {},
): () => Spout<Lines, number> {
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) {
    throw new StormError('BAD_PATHS', `fileSpout(…) takes a list of paths; it got ${describeValue(paths)}.`)
  }
  if (paths.filter((path) => path === '-').length > 1) {
    throw new StormError('STDIN_TWICE', "fileSpout(…) is given '-' twice; standard input can be read only once.")
  }
  const list: readonly string[] = [...paths]
  return () => new FileSpout(files, list, { ...usualLimits, ...limits })
}

const lines: Lines = { default: stream({ line: t.string }) }

class FileSpout implements Spout<Lines, number> {
  readonly outputs = lines
  readonly #files: Files
  readonly #paths: readonly string[]
  readonly #limits: FileSpoutLimits
  #reader: LineReader | undefined
  /** The text of undecided lines, by number. */
  readonly #textByLine = new Map<number, string>()
  /** Characters in `#textByLine`. */
  #heldChars = 0
  readonly #failed = new Ring<number>()
  /** Ends the wait for input that `nextTuple` is in. */
  #endWait: (() => void) | undefined

  constructor(files: Files, paths: readonly string[], limits: FileSpoutLimits) {
    this.#files = files
    this.#paths = paths
    this.#limits = limits
  }

  open({ component, taskCount, taskIndex }: TopologyContext): void {
    if (taskCount > 1 && this.#paths.includes('-')) {
      throw new StormError(
        'STDIN_ONE_TASK',
        `Component '${component}' reads standard input ('-') and has ${taskCount} tasks; it can have one only.`,
      )
    }
    const { lineBytesMax } = this.#limits
    this.#reader = new LineReader({
      files: this.#files,
      paths: this.#paths,
      every: taskCount,
      first: taskIndex,
      lineBytesMax,
    })
  }

  nextTuple(out: SpoutCollector<Lines, number>): void | Promise<void> {
    if (this.#emitFailed(out)) return undefined
    const reader = this.#reader
    if (reader === undefined || this.#heldChars >= this.#limits.heldCharsMax || this.#emitNext(reader, out))
      return undefined
    if (!reader.isAtEnd) return this.#waitForLine(reader, out)
    out.exhausted()
    return undefined
  }

  ack(line: number): void {
    const text = this.#textByLine.get(line)
    if (text === undefined) return
    this.#textByLine.delete(line)
    this.#heldChars -= text.length
  }

  fail(line: number): void {
    if (!this.#textByLine.has(line)) return
    this.#failed.push(line)
    // Input may come late, as from a terminal: what failed must not wait for it.
    this.#endWait?.()
  }

  deactivate(): void {
    this.#endWait?.()
  }

  async close(): Promise<void> {
    this.#endWait?.()
    await this.#reader?.close()
  }

  #emitFailed(out: SpoutCollector<Lines, number>): boolean {
    const id = this.#failed.shift()
    if (id === undefined) return false
    const line = this.#textByLine.get(id)
    if (line !== undefined) out.emit({ line }, id)
    return true
  }

  #emitNext(reader: LineReader, out: SpoutCollector<Lines, number>): boolean {
    const line = reader.next()
    if (line === undefined) return false
    // Before the emit, which tells the ack at once where nothing is tracked.
    this.#textByLine.set(reader.index, line)
    this.#heldChars += line.length
    out.emit({ line }, reader.index)
    return true
  }

  /** Settles when a line is emitted, the input is at its end, a line has failed or the spout is closed. */
  #waitForLine(reader: LineReader, out: SpoutCollector<Lines, number>): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        if (this.#endWait === end) this.#endWait = undefined
        resolve()
      }
      this.#endWait = end
      const read = async (): Promise<void> => {
        await reader.more()
        while (this.#endWait === end && !this.#emitNext(reader, out) && !reader.isAtEnd) await reader.more()
      }
      read().then(end, (error: Error) => {
        if (this.#endWait === end) this.#endWait = undefined
        reject(error)
      })
    })
  }
}
