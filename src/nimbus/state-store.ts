import type { JsonObject } from '../cluster/records.js'

/**
 * Where the state of a cluster is kept: small documents, blobs, and a lease that says who may change them. Small enough
 * for one process with files as well as for a service that several share; nimbus knows this interface alone.
 *
 * Errors, by code: STORE_FULL and STORE_IO (nothing was changed, it may be tried again), STORE_FENCED (somebody else
 * leads), STORE_CONFLICT (a document is not as it was expected to be), STORE_LOCKED and STORE_CORRUPT when it is opened.
 */
export interface StateStore {
  /**
   * Makes the caller the one who may write. `holder`: who that is, for people. Whoever led before can write no more, as
   * its fence is smaller.
   */
  lead(holder: string): Promise<Lease>
  /** All documents. */
  read(): Promise<readonly StoredDocument[]>
  /**
   * Changes documents, durably: what has been answered is there after any crash. After a crash before the answer the
   * first few of the changes may be there, in their order, or none, or all. Returns the new revision of each.
   */
  write(fence: number, changes: readonly DocumentChange[]): Promise<readonly number[]>
  /** Calls back with every change after it was stored; returns how to end that. */
  watch(listener: (documents: readonly StoredDocument[]) => void): () => void
  readonly blobs: BlobStore
  close(): Promise<void>
}

export interface Lease {
  /** Greater than that of any lease before. */
  readonly fence: number
  /** Resolves with the reason when the lease is lost; never before `close`, otherwise. */
  readonly lost: Promise<string>
}

export interface StoredDocument {
  /** Letters, digits, '.', '-', '_'. */
  readonly key: string
  /** Undefined: it was taken away. */
  readonly value: JsonObject | undefined
  readonly revision: number
}

export interface DocumentChange {
  readonly key: string
  /** Undefined: the document is taken away. */
  readonly value: JsonObject | undefined
  /** The revision that it has now; 0: there is none. */
  readonly expected: number
}

/** Bytes by the SHA-256 of them, 64 hexadecimal digits. */
export interface BlobStore {
  /**
   * Stores what comes and answers when it is durable. What is cut off leaves nothing behind. Errors: TOO_LARGE past
   * `sizeMax` bytes, and whatever the source throws.
   */
  put(source: AsyncIterable<Uint8Array>, sizeMax: number): Promise<BlobInfo>
  /** Undefined: there is none. */
  info(hash: string): Promise<BlobInfo | undefined>
  /** The bytes, in pieces. Errors: NOT_FOUND. */
  get(hash: string): AsyncIterable<Uint8Array>
  list(): Promise<readonly BlobInfo[]>
  delete(hash: string): Promise<void>
}

export interface BlobInfo {
  readonly hash: string
  readonly size: number
}
