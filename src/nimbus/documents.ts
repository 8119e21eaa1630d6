import { z } from 'zod'
import { StormError } from '../errors.js'
import { firstIssue } from '../cluster/messages.js'
import { slotKey, type JsonObject, type TopologyRecord } from '../cluster/records.js'
import { id, milliseconds, text, topologyRecord } from '../cluster/shapes.js'

/**
 * What nimbus stores, and in which documents. Each write is sound on its own: whatever of a decision's writes is there
 * after a crash, in their order, is a state that nimbus can go on from.
 */
export type NimbusWrite =
  | { readonly kind: 'topology'; readonly record: TopologyRecord }
  | { readonly kind: 'forget'; readonly number: number; readonly id: string }
  /** How many topologies there ever were: before the first write of the one that has this number. */
  | { readonly kind: 'counter'; readonly topologies: number }
  | { readonly kind: 'history'; readonly entries: readonly HistoryEntry[] }

/** A topology that was. */
export interface HistoryEntry {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly request: string
  readonly submittedAtMs: number
  readonly endedAtMs: number
}

/** A document of the store. */
export interface Document {
  readonly key: string
  readonly value: JsonObject
}

/** What the documents say. */
export interface StoredState {
  /** By id, in the order of their numbers. */
  readonly topologies: ReadonlyMap<string, TopologyRecord>
  readonly counter: number
  readonly history: readonly HistoryEntry[]
  /** Topologies whose document makes no sense: they are shown, and can be killed, and harm nobody else. */
  readonly invalid: readonly InvalidTopology[]
}

export interface InvalidTopology {
  readonly number: number
  readonly id: string
  readonly name: string
  readonly problem: string
}

/** Those of topologies that are gone. */
const historyMax = 200

const counterKey = 'counter'
const historyKey = 'history'
const topologyPrefix = 'topology.'

const counterShape = z.object({ topologies: z.number().int().min(0) })
const historyShape: z.ZodType<{ entries: HistoryEntry[] }> = z.object({
  entries: z
    .array(
      z.object({
        id,
        name: text(512),
        owner: text(256),
        request: text(256),
        submittedAtMs: milliseconds,
        endedAtMs: milliseconds,
      }),
    )
    .max(historyMax),
})

/** The document that a write puts, or takes away where the value is undefined. */
export function documentOf(write: NimbusWrite): { readonly key: string; readonly value: JsonObject | undefined } {
  switch (write.kind) {
    case 'topology':
      return { key: topologyPrefix + write.record.number, value: write.record as unknown as JsonObject }
    case 'forget':
      return { key: topologyPrefix + write.number, value: undefined }
    case 'counter':
      return { key: counterKey, value: { topologies: write.topologies } }
    case 'history':
      return { key: historyKey, value: { entries: write.entries as unknown as JsonObject[] } }
  }
}

/** The newest entries, with one more: a topology is in it once. */
export function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  return [...history.filter((other) => other.id !== entry.id), entry].slice(-historyMax)
}

/**
 * The state that the documents hold. A topology that makes no sense is set apart; anything else that does not is a
 * damaged store: throws STORE_CORRUPT, as a counter that begins anew would give numbers twice.
 */
export function stateOf(documents: Iterable<Document>): StoredState {
  const records: TopologyRecord[] = []
  const invalid: InvalidTopology[] = []
  let counter = 0
  let history: readonly HistoryEntry[] = []
  for (const { key, value } of documents) {
    if (key === counterKey) counter = Math.max(counter, read(counterShape, key, value).topologies)
    else if (key === historyKey) history = read(historyShape, key, value).entries
    else if (/^topology\.\d{1,10}$/.test(key)) {
      const number = Number(key.slice(topologyPrefix.length))
      counter = Math.max(counter, number)
      const result = topologyRecord.safeParse(value)
      if (result.success && result.data.number === number) records.push(result.data)
      else invalid.push(invalidTopology(number, value, result.error))
    } else throw corrupt(key, 'nobody knows it')
  }
  records.sort((a, b) => a.number - b.number)
  return {
    topologies: new Map(withoutConflicts(records).map((record) => [record.id, record])),
    counter,
    history,
    invalid,
  }
}

/**
 * Of two topologies that claim a slot, or a name's id, the older one has it. It cannot come to that by the order in which
 * writes are made; if it does, the younger one is placed anew.
 */
function withoutConflicts(records: readonly TopologyRecord[]): TopologyRecord[] {
  const taken = new Set<string>()
  return records.map((record) => {
    if (record.assignment === undefined) return record
    const workers = record.assignment.workers.filter(({ slot }) => !taken.has(slotKey(slot)))
    for (const { slot } of workers) taken.add(slotKey(slot))
    if (workers.length === record.assignment.workers.length) return record
    return { ...record, assignment: { ...record.assignment, workers } }
  })
}

function invalidTopology(number: number, value: JsonObject, error: z.ZodError | undefined): InvalidTopology {
  const { where, wrong } = error === undefined ? { where: 'number', wrong: 'another number' } : firstIssue(error)
  const named = (key: string) => (typeof value[key] === 'string' ? value[key].slice(0, 512) : `invalid-${number}`)
  return { number, id: named('id'), name: named('name'), problem: `its record is damaged at '${where}': ${wrong}` }
}

function read<T>(shape: z.ZodType<T>, key: string, value: unknown): T {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const { where, wrong } = firstIssue(result.error)
  throw corrupt(key, `at '${where}': ${wrong}`)
}

function corrupt(key: string, what: string): StormError {
  return new StormError('STORE_CORRUPT', `The document '${key}' of nimbus' store is damaged: ${what}.`)
}
