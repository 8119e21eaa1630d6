import { ClassicLevel } from 'classic-level'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, open, readFile, writeFile, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { StormError, type ErrorCode } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import type { JsonObject } from '../cluster/records.js'
import { BlobFiles } from './blob-files.js'
import type { DocumentChange, Lease, StateStore, StoredDocument } from './state-store.js'

/**
 * The store of a single nimbus: LevelDB in a folder, every write synced to the disk before it is answered. A shell.
 *
 *     <folder>/state/    LevelDB: one entry a document, and one that sums them up
 *     <folder>/blobs/    one file a blob, named by its hash
 *     <folder>/mark      the number of the newest write
 *     <folder>/holder    who has the store open
 *
 * LevelDB drops a torn or damaged record at the end of its log, and quietly those in the middle too. So every entry has
 * a CRC of its own, the summing entry has the count and the sum of all of them and goes with every write, and the mark
 * outside tells whether writes are missing that were answered. What does not agree is STORE_CORRUPT, and nothing is ever
 * begun anew where something was.
 */
export class LevelStore implements StateStore {
  readonly blobs: BlobFiles
  readonly #folder: string
  readonly #mark: FileHandle
  readonly #entries: Map<string, Entry>
  readonly #listeners = new Set<(documents: readonly StoredDocument[]) => void>()
  #level: ClassicLevel
  #sequence: number
  #fence: number
  /** After a write that failed: what to do before the next one. What is on the disk of it is not known. */
  #isBroken = false
  #isClosed = false

  /** Opens the folder, or makes it. Errors: STORE_LOCKED, STORE_CORRUPT, STORE_FULL, STORE_IO. */
  static async open(folder: string): Promise<LevelStore> {
    try {
      for (const path of [folder, join(folder, 'blobs')]) await mkdir(path, { recursive: true, mode: 0o700 })
      const blobs = await BlobFiles.open(join(folder, 'blobs'))
      const marked = await readMark(folder)
      const isNew = marked === undefined && (await blobs.list()).length === 0
      if (!isNew && !existsSync(join(folder, 'state'))) {
        throw corrupt(
          folder,
          `there are ${marked === undefined ? 'blobs' : `${marked} writes`} that belong to a state, and the state is gone`,
        )
      }
      const level = await openLevel(folder, isNew)
      const { entries, summary } = await readState(folder, level, isNew)
      if (summary.sequence < (marked ?? 0)) {
        await level.close()
        throw corrupt(
          folder,
          `it ends with write ${summary.sequence}, but write ${marked} was answered: the newest ones are lost`,
        )
      }
      const mark = await open(join(folder, 'mark'), isNew ? 'w' : 'r+', 0o600).catch(() =>
        open(join(folder, 'mark'), 'w', 0o600),
      )
      return new LevelStore(folder, level, blobs, mark, entries, summary)
    } catch (error) {
      throw told(error, 'opened')
    }
  }

  private constructor(
    folder: string,
    level: ClassicLevel,
    blobs: BlobFiles,
    mark: FileHandle,
    entries: Map<string, Entry>,
    { sequence, fence }: Summary,
  ) {
    this.#folder = folder
    this.#level = level
    this.blobs = blobs
    this.#mark = mark
    this.#entries = entries
    this.#sequence = sequence
    this.#fence = fence
  }

  /** The lock on the folder keeps everybody else out, so the lease is lost with the process only. */
  async lead(holder: string): Promise<Lease> {
    await this.#commit(new Map(), this.#fence + 1)
    await writeFile(join(this.#folder, 'holder'), JSON.stringify({ holder, pid: process.pid, host: hostname() }), {
      mode: 0o600,
    })
    return { fence: this.#fence, lost: new Promise(() => {}) }
  }

  read(): Promise<readonly StoredDocument[]> {
    return Promise.resolve(
      [...this.#entries]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, { text, revision }]) => ({ key, value: parse(text).value, revision })),
    )
  }

  async write(fence: number, changes: readonly DocumentChange[]): Promise<readonly number[]> {
    if (fence !== this.#fence)
      throw new StormError('STORE_FENCED', `Fence ${fence} may write no more: ${this.#fence} leads.`)
    const stale = changes.find(({ key, expected }) => (this.#entries.get(key)?.revision ?? 0) !== expected)
    if (stale !== undefined)
      throw new StormError('STORE_CONFLICT', `The document '${stale.key}' is not as it was: somebody else wrote it.`)
    const entries = changes.map(({ key, value, expected }): [string, Entry | undefined] => [
      key,
      value === undefined ? undefined : entryOf(value, expected + 1),
    ])
    await this.#commit(new Map(entries), this.#fence)
    const documents = changes.map(({ key, value }) => ({ key, value, revision: this.#entries.get(key)?.revision ?? 0 }))
    for (const listener of this.#listeners) listener(documents)
    return documents.map(({ revision }) => revision)
  }

  watch(listener: (documents: readonly StoredDocument[]) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#level.close()
    await this.#mark.close()
  }

  /** Changes entries and the summary at once: LevelDB stores all of a batch or nothing. */
  async #commit(changes: ReadonlyMap<string, Entry | undefined>, fence: number): Promise<void> {
    try {
      if (this.#isBroken) await this.#mend()
      const after = new Map(this.#entries)
      for (const [key, entry] of changes) {
        if (entry === undefined) after.delete(key)
        else after.set(key, entry)
      }
      const sequence = this.#sequence + 1
      await batch(this.#level, changes, summaryOf(after, sequence, fence))
      for (const [key, entry] of changes) {
        if (entry === undefined) this.#entries.delete(key)
        else this.#entries.set(key, entry)
      }
      this.#sequence = sequence
      this.#fence = fence
    } catch (error) {
      this.#isBroken = true
      throw told(error, 'written')
    }
    // Not synced: a mark that is behind is no alarm, and one that is ahead of the state cannot be.
    await this.#mark.write(markOf(this.#sequence), 0).catch(() => {})
  }

  /**
   * After a failure the file may end in half a record, which would swallow what is written after it: so everything is
   * read anew and goes on in a new file. If the write that failed got onto the disk after all, it is taken back, as it
   * was told to have failed.
   */
  async #mend(): Promise<void> {
    await this.#level.close().catch(() => {})
    this.#level = await openLevel(this.#folder, false)
    const { entries, summary } = await readState(this.#folder, this.#level, false)
    if (summary.sequence > this.#sequence) {
      const undone = new Map<string, Entry | undefined>()
      for (const key of new Set([...entries.keys(), ...this.#entries.keys()])) {
        if (entries.get(key)?.text !== this.#entries.get(key)?.text) undone.set(key, this.#entries.get(key))
      }
      await batch(this.#level, undone, summaryOf(this.#entries, summary.sequence + 1, this.#fence))
      this.#sequence = summary.sequence + 1
    } else if (summary.sequence < this.#sequence || summary.sum !== summaryOf(this.#entries, 0, 0).sum)
      throw corrupt(this.#folder, 'after a failed write, something that was stored before it is not there')
    this.#isBroken = false
  }
}

/** A document as it is stored: `<CRC32 of the rest, 8 hexadecimal digits> {"revision":…,"value":…}`. */
interface Entry {
  readonly text: string
  readonly revision: number
  readonly crc: number
}

/** All entries in a few numbers; stored under `summaryKey`. */
interface Summary {
  readonly format: number
  /** Counts the writes. */
  readonly sequence: number
  readonly fence: number
  readonly count: number
  /** Of the CRCs of keys and entries, modulo 2^32. */
  readonly sum: number
}

const format = 1
const summaryKey = 'summary'
const prefix = 'document.'

function entryOf(value: JsonObject, revision: number): Entry {
  const json = JSON.stringify({ revision, value })
  const crc = crc32(json)
  return { text: `${hex(crc)} ${json}`, revision, crc }
}

function parse(text: string): { readonly revision: number; readonly value: JsonObject } {
  return JSON.parse(text.slice(9)) as { revision: number; value: JsonObject }
}

function summaryOf(entries: ReadonlyMap<string, Entry>, sequence: number, fence: number): Summary {
  let sum = 0
  for (const [key, { crc }] of entries) sum = (sum + crc32(key, crc)) >>> 0
  return { format, sequence, fence, count: entries.size, sum }
}

async function batch(
  level: ClassicLevel,
  changes: ReadonlyMap<string, Entry | undefined>,
  summary: Summary,
): Promise<void> {
  const json = JSON.stringify(summary)
  await level.batch(
    [
      ...[...changes].map(([key, entry]) =>
        entry === undefined
          ? { type: 'del' as const, key: prefix + key }
          : { type: 'put' as const, key: prefix + key, value: entry.text },
      ),
      { type: 'put' as const, key: summaryKey, value: `${hex(crc32(json))} ${json}` },
    ],
    { sync: true },
  )
}

async function openLevel(folder: string, isNew: boolean): Promise<ClassicLevel> {
  const path = join(folder, 'state')
  const level = new ClassicLevel(path, { createIfMissing: isNew })
  try {
    await level.open()
    return level
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    if (cause?.code === 'LEVEL_LOCKED') throw new StormError('STORE_LOCKED', await lockedBy(folder))
    const message = cause?.message ?? describeError(error).message
    if (noSpace.test(message)) throw new StormError('STORE_FULL', `${path}: ${message}`)
    if (
      cause?.code === 'LEVEL_CORRUPTION' ||
      /create_if_missing|Corruption|CURRENT|MANIFEST|No such file/.test(message)
    )
      throw corrupt(folder, message)
    throw new StormError('STORE_IO', `${path}: ${message}`)
  }
}

/** Everything that is in there, each checked by itself and all of it by the summary. */
async function readState(
  folder: string,
  level: ClassicLevel,
  isNew: boolean,
): Promise<{ entries: Map<string, Entry>; summary: Summary }> {
  const entries = new Map<string, Entry>()
  let summary: Summary | undefined
  try {
    for await (const [key, text] of level.iterator()) {
      const json = text.slice(9)
      const crc = crc32(json)
      if (text.slice(0, 9) !== `${hex(crc)} `)
        throw corrupt(folder, `the entry '${key}' has CRC ${text.slice(0, 8)}, and ${hex(crc)} is expected`)
      if (key === summaryKey) summary = JSON.parse(json) as Summary
      else if (key.startsWith(prefix))
        entries.set(key.slice(prefix.length), { text, crc, revision: parse(text).revision })
      else throw corrupt(folder, `nobody knows the entry '${key.slice(0, 100)}'`)
    }
    if (summary === undefined) {
      if (isNew && entries.size === 0) return { entries, summary: summaryOf(entries, 0, 0) }
      throw corrupt(folder, 'its summary is missing')
    }
    if (summary.format !== format)
      throw corrupt(folder, `its format is ${summary.format}, and this version of storm-ts knows ${format}`)
    const { count, sum } = summaryOf(entries, 0, 0)
    if (summary.count !== count || summary.sum !== sum)
      throw corrupt(
        folder,
        `it should have ${summary.count} documents with the sum ${hex(summary.sum)}, and has ${count} with ${hex(sum)}`,
      )
    return { entries, summary }
  } catch (error) {
    await level.close().catch(() => {})
    const { code } = error as { code?: unknown }
    throw code === 'LEVEL_CORRUPTION' ? corrupt(folder, describeError(error).message) : error
  }
}

/** `<sequence, 16 digits> <CRC32 of these>`, always as long, so that it is written over in one go. */
function markOf(sequence: number): string {
  const digits = String(sequence).padStart(16, '0')
  return `${digits} ${hex(crc32(digits))}\n`
}

/** Undefined: there is none, or it makes no sense, which a crash of the machine may have done to it. */
async function readMark(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'mark'), 'utf8').catch(() => '')
  const sequence = Number(text.slice(0, 16))
  return text !== '' && text === markOf(sequence) ? sequence : undefined
}

async function lockedBy(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'holder'), 'utf8').catch(() => '')
  let who = 'another process'
  try {
    const { pid, host } = JSON.parse(text) as { pid: unknown; host: unknown }
    who = `process ${String(pid)} on ${String(host)}`
  } catch {
    // It has only just been opened, and did not get to say who it is.
  }
  return `The store in ${folder} is open already, by ${who}. A folder belongs to one nimbus.`
}

const noSpace = /No space left|ENOSPC|EDQUOT|Disk quota/i

/** An error of the disk, as one with a code. */
function told(error: unknown, what: string): StormError {
  if (error instanceof StormError) return error
  const { message } = describeError(error)
  const cause = (error as { cause?: unknown } | undefined)?.cause
  const text = cause === undefined ? message : `${message} (${describeError(cause).message})`
  const code: ErrorCode = noSpace.test(text) ? 'STORE_FULL' : 'STORE_IO'
  return new StormError(code, `The store could not be ${what}: ${text}`, { cause: error })
}

function corrupt(folder: string, what: string): StormError {
  const files = existsSync(join(folder, 'state')) ? readdirSync(join(folder, 'state')).length : 0
  return new StormError(
    'STORE_CORRUPT',
    `The store in ${folder} is damaged: ${what}. It is left as it is (${files} files in ${join(folder, 'state')}): restore the folder from a backup, or move it away to begin with nothing.`,
  )
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
