import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StormError } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import type { ArtefactStore } from './artefact-store.js'
import { folderError, syncFolder } from './durable-file.js'

/** The bytes of an artefact, from nimbus. Rejects if it does not answer, or has no such artefact. */
export type FetchArtefact = (hash: string) => Promise<AsyncIterable<Uint8Array>>

const triesMax = 3
/** Of artefacts that nobody uses now, so many are kept: who kills a topology often submits it again. */
const unusedMax = 8
const isHash = /^[0-9a-f]{64}$/

export interface ArtefactCacheOptions {
  readonly folder: string
  readonly fetch: FetchArtefact
  readonly bytesMax: number
  /** Between two tries. */
  readonly pause: () => Promise<void>
}

/**
 * Artefacts in files named by their hashes. A shell. A file gets its name when it is whole and has that hash, and is
 * hashed again before every use: what was changed, cut or replaced on the disk is fetched anew and never run.
 */
export class ArtefactCache implements ArtefactStore {
  readonly #options: ArtefactCacheOptions
  /** One fetch for all who ask for the same. */
  readonly #open = new Map<string, Promise<string>>()

  constructor(options: ArtefactCacheOptions) {
    this.#options = options
  }

  ready(hash: string): Promise<string> {
    const open = this.#open.get(hash)
    if (open !== undefined) return open
    const ready = this.#ready(hash).finally(() => this.#open.delete(hash))
    this.#open.set(hash, ready)
    return ready
  }

  keep(hashes: readonly string[]): void {
    void this.#prune(new Set([...hashes, ...this.#open.keys()])).catch(() => {
      // They lie there until the next time.
    })
  }

  async #ready(hash: string): Promise<string> {
    if (!isHash.test(hash)) throw new StormError('ARTEFACT_MISMATCH', `'${hash.slice(0, 80)}' is no SHA-256.`)
    const path = join(this.#options.folder, `${hash}.mjs`)
    let failure = await this.#wrongWith(path, hash)
    for (let tries = 1; failure !== undefined && tries <= triesMax; tries++) {
      if (tries > 1) await this.#options.pause()
      failure = await this.#fetch(path, hash)
    }
    if (failure !== undefined) throw failure
    return path
  }

  /** Undefined: nothing. */
  async #wrongWith(path: string, hash: string): Promise<StormError | undefined> {
    try {
      if (!(await lstat(path)).isFile()) await rm(path, { recursive: true, force: true })
      const digest = createHash('sha256')
      for await (const chunk of createReadStream(path)) digest.update(chunk as Uint8Array)
      if (digest.digest('hex') === hash) return undefined
    } catch {
      // It is not there.
    }
    return mismatch(hash, 'the file on this machine is another')
  }

  async #fetch(path: string, hash: string): Promise<StormError | undefined> {
    const { folder, bytesMax } = this.#options
    let chunks
    try {
      chunks = await this.#options.fetch(hash)
    } catch (error) {
      return unavailable(hash, error)
    }
    const temporary = join(folder, `${randomUUID()}.tmp`)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const failure = await write(temporary, chunks, { hash, bytesMax })
      if (failure !== undefined) return failure
      await rename(temporary, path)
      syncFolder(folder)
      return undefined
    } catch (error) {
      throw folderError(path, error)
    } finally {
      await rm(temporary, { force: true })
    }
  }

  async #prune(used: ReadonlySet<string>): Promise<void> {
    const { folder } = this.#options
    const names = await readdir(folder)
    // Left by a crash in the middle of a fetch, unless one is going on.
    if (this.#open.size === 0) {
      for (const name of names.filter((name) => name.endsWith('.tmp'))) await rm(join(folder, name), { force: true })
    }
    const unused = names.filter((name) => name.endsWith('.mjs') && !used.has(name.slice(0, -4)))
    const dated = await Promise.all(
      unused.map(async (name) => ({ name, usedMs: (await lstat(join(folder, name))).atimeMs })),
    )
    dated.sort((a, b) => b.usedMs - a.usedMs || (a.name < b.name ? -1 : 1))
    for (const { name } of dated.slice(unusedMax)) await rm(join(folder, name), { force: true })
  }
}

async function write(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { hash, bytesMax }: { readonly hash: string; readonly bytesMax: number },
): Promise<StormError | undefined> {
  const digest = createHash('sha256')
  const source = chunks[Symbol.asyncIterator]()
  const file = await open(path, 'wx', 0o600)
  try {
    let size = 0
    for (;;) {
      // A broken link is the other side's, a failed write is this machine's.
      let next
      try {
        next = await source.next()
      } catch (error) {
        return unavailable(hash, error)
      }
      if (next.done === true) break
      size += next.value.byteLength
      if (size > bytesMax) {
        return mismatch(hash, `nimbus sent more than the ${bytesMax} bytes that 'artefactBytesMax' allows`)
      }
      digest.update(next.value)
      await file.writeFile(next.value)
    }
    await file.sync()
    return digest.digest('hex') === hash ? undefined : mismatch(hash, `nimbus sent ${size} bytes with another hash`)
  } finally {
    await file.close()
    // What has not come yet is wanted no more.
    await source.return?.()
  }
}

function mismatch(hash: string, why: string): StormError {
  return new StormError('ARTEFACT_MISMATCH', `The artefact ${hash.slice(0, 12)}… is not what it should be: ${why}.`)
}

function unavailable(hash: string, error: unknown): StormError {
  const { message } = describeError(error)
  return new StormError('ARTEFACT_UNAVAILABLE', `The artefact ${hash.slice(0, 12)}… can't be fetched: ${message}.`, {
    cause: error,
  })
}
