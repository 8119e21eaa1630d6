import { StormError } from '../errors.js'
import type { JsonObject } from '../cluster/records.js'
import type { BlobInfo, BlobStore, DocumentChange, Lease, StateStore, StoredDocument } from './state-store.js'

/** What a faulty disk does to one write: how many of its changes get onto it, and what the writer is told. */
export interface WriteFault {
  /** Changes that are stored in spite of it, from the first; 0. */
  readonly stored?: number
  /** Undefined: the write is never answered, as when the process dies meanwhile. */
  readonly error?: 'STORE_FULL' | 'STORE_IO'
}

/** What several stores of a test share, as processes share a disk: it outlives each of them. */
export class MemoryDisk {
  readonly documents = new Map<string, { readonly text: string; readonly revision: number }>()
  readonly blobs = new Map<string, Uint8Array>()
  readonly listeners = new Set<(documents: readonly StoredDocument[]) => void>()
  fence = 0
  loseLease: (reason: string) => void = () => {}
}

export interface MemoryStoreOptions {
  readonly disk?: MemoryDisk
  /** SHA-256 in hexadecimal digits. */
  readonly sha256: (bytes: Uint8Array) => string
  /** Asked before every write: what goes wrong with it; undefined: nothing. */
  readonly fault?: (changes: readonly DocumentChange[]) => WriteFault | undefined
  /** Carries out what takes time; at once unless told. A simulator has its own times. */
  readonly schedule?: (work: () => void) => void
}

/** The store's interface over maps: for tests and the simulator. Documents go through JSON, as on any disk. */
export class MemoryStore implements StateStore {
  readonly disk: MemoryDisk
  readonly blobs: BlobStore
  readonly #options: MemoryStoreOptions

  constructor(options: MemoryStoreOptions) {
    this.#options = options
    this.disk = options.disk ?? new MemoryDisk()
    this.blobs = new MemoryBlobs(this.disk, options.sha256)
  }

  lead(holder: string): Promise<Lease> {
    this.disk.loseLease(`${holder} leads now`)
    const lost = new Promise<string>((resolve) => (this.disk.loseLease = resolve))
    return this.#later(() => ({ fence: ++this.disk.fence, lost }))
  }

  read(): Promise<readonly StoredDocument[]> {
    return this.#later(() =>
      [...this.disk.documents]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, { text, revision }]) => ({ key, value: JSON.parse(text) as JsonObject, revision })),
    )
  }

  write(fence: number, changes: readonly DocumentChange[]): Promise<readonly number[]> {
    const texts = changes.map(({ value }) => (value === undefined ? undefined : JSON.stringify(value)))
    const fault = this.#options.fault?.(changes)
    return new Promise((resolve, reject) => {
      this.#schedule(() => {
        const { documents } = this.disk
        if (fence < this.disk.fence) {
          reject(new StormError('STORE_FENCED', `Fence ${fence} may write no more: ${this.disk.fence} leads.`))
          return
        }
        const stale = changes.find(({ key, expected }) => (documents.get(key)?.revision ?? 0) !== expected)
        if (stale !== undefined) {
          reject(
            new StormError('STORE_CONFLICT', `The document '${stale.key}' is not as it was: somebody else wrote it.`),
          )
          return
        }
        const stored = changes.slice(0, fault === undefined ? changes.length : (fault.stored ?? 0))
        const revisions = stored.map(({ key, expected }, i) => {
          const text = texts[i]
          if (text === undefined) documents.delete(key)
          else documents.set(key, { text, revision: expected + 1 })
          return text === undefined ? 0 : expected + 1
        })
        if (fault?.error !== undefined) reject(new StormError(fault.error, 'The disk of the test says so.'))
        if (fault !== undefined) return
        const news = changes.map(({ key, value }, i) => ({ key, value, revision: revisions[i] ?? 0 }))
        for (const listener of this.disk.listeners) listener(news)
        resolve(revisions)
      })
    })
  }

  watch(listener: (documents: readonly StoredDocument[]) => void): () => void {
    this.disk.listeners.add(listener)
    return () => void this.disk.listeners.delete(listener)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #later<T>(make: () => T): Promise<T> {
    return new Promise((resolve) => this.#schedule(() => resolve(make())))
  }

  #schedule(work: () => void): void {
    if (this.#options.schedule === undefined) work()
    else this.#options.schedule(work)
  }
}

class MemoryBlobs implements BlobStore {
  readonly #disk: MemoryDisk
  readonly #sha256: (bytes: Uint8Array) => string

  constructor(disk: MemoryDisk, sha256: (bytes: Uint8Array) => string) {
    this.#disk = disk
    this.#sha256 = sha256
  }

  async put(source: AsyncIterable<Uint8Array>, sizeMax: number): Promise<BlobInfo> {
    let bytes = new Uint8Array(0)
    for await (const piece of source) {
      if (bytes.length + piece.length > sizeMax) throw tooLarge(sizeMax)
      const longer = new Uint8Array(bytes.length + piece.length)
      longer.set(bytes)
      longer.set(piece, bytes.length)
      bytes = longer
    }
    const hash = this.#sha256(bytes)
    this.#disk.blobs.set(hash, bytes)
    return { hash, size: bytes.length }
  }

  info(hash: string): Promise<BlobInfo | undefined> {
    const bytes = this.#disk.blobs.get(hash)
    return Promise.resolve(bytes === undefined ? undefined : { hash, size: bytes.length })
  }

  async *get(hash: string): AsyncIterable<Uint8Array> {
    const bytes = this.#disk.blobs.get(hash)
    if (bytes === undefined) throw noBlob(hash)
    yield Promise.resolve(bytes)
  }

  list(): Promise<readonly BlobInfo[]> {
    return Promise.resolve([...this.#disk.blobs].map(([hash, { length }]) => ({ hash, size: length })))
  }

  delete(hash: string): Promise<void> {
    this.#disk.blobs.delete(hash)
    return Promise.resolve()
  }
}

export function tooLarge(sizeMax: number): StormError {
  return new StormError('TOO_LARGE', `The artefact is larger than ${sizeMax} bytes, which is the most that is taken.`)
}

export function noBlob(hash: string): StormError {
  return new StormError('NOT_FOUND', `There is no artefact ${hash}.`)
}
