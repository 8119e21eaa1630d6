import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StormError } from '../errors.js'
import { noBlob, tooLarge } from './memory-store.js'
import type { BlobInfo, BlobStore } from './state-store.js'

/** Blobs as files that are named by their hashes. What is on its way is in a folder of its own until it is whole. A shell. */
export class BlobFiles implements BlobStore {
  readonly #folder: string
  readonly #incoming: string

  /** What an earlier process left half done is removed. */
  static async open(folder: string): Promise<BlobFiles> {
    const blobs = new BlobFiles(folder)
    await rm(blobs.#incoming, { recursive: true, force: true })
    await mkdir(blobs.#incoming, { recursive: true, mode: 0o700 })
    return blobs
  }

  private constructor(folder: string) {
    this.#folder = folder
    this.#incoming = join(folder, 'incoming')
  }

  async put(source: AsyncIterable<Uint8Array>, sizeMax: number): Promise<BlobInfo> {
    const path = join(this.#incoming, randomBytes(12).toString('hex'))
    const sha256 = createHash('sha256')
    let size = 0
    try {
      const file = await open(path, 'wx', 0o600)
      try {
        for await (const piece of source) {
          size += piece.length
          if (size > sizeMax) throw tooLarge(sizeMax)
          sha256.update(piece)
          await file.writeFile(piece)
        }
        await file.sync()
      } finally {
        await file.close()
      }
      const hash = sha256.digest('hex')
      await rename(path, join(this.#folder, hash))
      await this.#syncFolder()
      return { hash, size }
    } catch (error) {
      await rm(path, { force: true })
      throw blobError(error)
    }
  }

  /** The file of a blob, for those who read it by themselves. */
  pathOf(hash: string): string {
    return join(this.#folder, hash)
  }

  async info(hash: string): Promise<BlobInfo | undefined> {
    if (!isHash(hash)) return undefined
    const found = await stat(join(this.#folder, hash)).catch(() => undefined)
    return found?.isFile() === true ? { hash, size: found.size } : undefined
  }

  async *get(hash: string): AsyncIterable<Uint8Array> {
    if ((await this.info(hash)) === undefined) throw noBlob(hash)
    yield* createReadStream(join(this.#folder, hash)) as AsyncIterable<Uint8Array>
  }

  async list(): Promise<readonly BlobInfo[]> {
    const names = await readdir(this.#folder)
    const infos = await Promise.all(names.filter(isHash).map((hash) => this.info(hash)))
    return infos.filter((info) => info !== undefined)
  }

  async delete(hash: string): Promise<void> {
    if (isHash(hash)) await rm(join(this.#folder, hash), { force: true })
  }

  /** A name is durable when its folder is. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

/** Whatever comes from outside is a name of a file only if it is one of ours. */
function isHash(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

function blobError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof StormError || typeof code !== 'string' || !code.startsWith('E')) return error
  return new StormError(
    code === 'ENOSPC' || code === 'EDQUOT' ? 'STORE_FULL' : 'STORE_IO',
    `The artefact could not be stored: ${message}`,
    { cause: error },
  )
}
