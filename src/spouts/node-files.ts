import { StormError, type ErrorCode } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import type { ByteSource, Files } from './files.js'

// A shell: it reaches Node through `process`, and not by an import, so that what imports it also loads where there is no
// Node; and it says what it uses of Node in types of its own, so that a browser's project can read the declarations.
declare const process: { getBuiltinModule?(id: string): unknown; readonly stdin: StandardInput } | undefined
/** There in a process that was started with `--expose-gc`. */
declare const gc: (() => void) | undefined

interface FileSystem {
  readonly promises: { open(path: string, flags: 'r'): Promise<Handle> }
}
interface Handle {
  read(into: Uint8Array, offset: number, length: number, position: null): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}
interface StandardInput extends AsyncIterable<Uint8Array> {
  destroy(): void
}
interface NodeBuffer extends Uint8Array {
  toString(encoding?: 'utf8', start?: number, end?: number): string
}
interface BufferModule {
  readonly Buffer: {
    allocUnsafeSlow(size: number): NodeBuffer
    from(buffer: ArrayBufferLike, offset: number, size: number): NodeBuffer
    isBuffer(value: unknown): boolean
  }
}

/** Large enough that a read costs little beside the work on its lines, small enough that two of them are nothing. */
const chunkSize = 256 * 1024

/** Node's files, and its standard input. */
export const nodeFiles: Files = {
  async open(path) {
    const { fs, buffer, stdin } = node(path)
    if (path === '-') return new StandardSource(stdin)
    try {
      return new FileSource(path, await fs.promises.open(path, 'r'), buffer)
    } catch (thrown) {
      throw told(thrown, path, 'opened')
    }
  },

  text(bytes, start, end) {
    const { Buffer } = node('').buffer
    // A buffer's own search and decoding are several times as fast as a TextDecoder on short lines.
    const buffer = Buffer.isBuffer(bytes)
      ? (bytes as NodeBuffer)
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return buffer.toString('utf8', start, end)
  },

  /**
   * V8 does not hurry to free a string of 64 MiB, and would keep three of them beside the one that is used. Pages are
   * given back by threads in the background, so this comes a good while before the next one is made.
   */
  makeRoom() {
    if (typeof gc === 'function') gc()
  },
}

/** Reads by turns into two buffers: the one is worked on while the other is filled. */
class FileSource implements ByteSource {
  readonly #path: string
  readonly #handle: Handle
  #next: NodeBuffer
  #other: NodeBuffer
  #isClosed = false

  constructor(path: string, handle: Handle, { Buffer }: BufferModule) {
    this.#path = path
    this.#handle = handle
    this.#next = Buffer.allocUnsafeSlow(chunkSize)
    this.#other = Buffer.allocUnsafeSlow(chunkSize)
  }

  async read(): Promise<Uint8Array | undefined> {
    const into = this.#next
    try {
      const { bytesRead } = await this.#handle.read(into, 0, chunkSize, null)
      if (bytesRead === 0) return undefined
      this.#next = this.#other
      this.#other = into
      return into.subarray(0, bytesRead)
    } catch (thrown) {
      throw told(thrown, this.#path, 'read')
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#handle.close()
  }
}

/** Standard input as it comes. Its chunks are new ones each time. */
class StandardSource implements ByteSource {
  readonly #stdin: StandardInput
  readonly #chunks: AsyncIterator<Uint8Array>
  #isClosed = false

  constructor(stdin: StandardInput) {
    this.#stdin = stdin
    this.#chunks = stdin[Symbol.asyncIterator]()
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#chunks.next()
      return done === true ? undefined : value
    } catch (thrown) {
      if (this.#isClosed) return undefined
      throw told(thrown, '-', 'read')
    }
  }

  /** Ends an open read, too, which the iterator's own `return` would wait for. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stdin.destroy()
  }
}

interface Node {
  readonly fs: FileSystem
  readonly buffer: BufferModule
  readonly stdin: StandardInput
}
let found: Node | undefined

function node(path: string): Node {
  if (found !== undefined) return found
  const host = typeof process === 'undefined' ? undefined : process
  if (typeof host?.getBuiltinModule !== 'function') {
    throw new StormError('NEEDS_NODE', `${quoted(path)} cannot be read here: fileSpout needs Node 20.16 or later.`)
  }
  found = {
    fs: host.getBuiltinModule('node:fs') as FileSystem,
    buffer: host.getBuiltinModule('node:buffer') as BufferModule,
    get stdin() {
      return host.stdin
    },
  }
  return found
}

/** What Node says, as an error of ours that names the path. */
function told(thrown: unknown, path: string, done: 'opened' | 'read'): StormError {
  const systemCode = (thrown as { code?: unknown } | null)?.code
  const name = path === '-' ? "Standard input ('-')" : `The file ${quoted(path)}`
  const cause = { cause: thrown }
  const known: Readonly<Record<string, readonly [ErrorCode, string]>> = {
    ENOENT: ['FILE_NOT_FOUND', 'is not there'],
    ENOTDIR: ['FILE_NOT_FOUND', 'is not there: part of its path is a file'],
    EACCES: ['PERMISSION', 'may not be read by this user'],
    EPERM: ['PERMISSION', 'may not be read by this user'],
    EISDIR: ['NOT_A_REGULAR_FILE', 'is a directory'],
  }
  const [code, what] = known[String(systemCode)] ?? [
    'READ_FAILED',
    `could not be ${done}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  ]
  return new StormError(code, `${name} ${what}.`, cause)
}
