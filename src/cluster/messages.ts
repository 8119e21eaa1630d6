import { z } from 'zod'
import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import {
  compareSlots,
  type Assignment,
  type ComponentSnapshot,
  type LifeRecord,
  type RunningWorker,
  type Slot,
  type TaskError,
  type WorkerAssignment,
  type WorkerTopology,
} from './records.js'
import {
  assignment,
  componentSnapshot,
  count,
  generation,
  id,
  milliseconds,
  port,
  runningWorker,
  slot,
  taskError,
  text,
  workerTopology,
} from './shapes.js'

/**
 * The control messages, one union for each direction. They are level-triggered: each says the whole of what is wanted or
 * what is, so that one which is repeated or overtaken does no harm, and the newest counts.
 *
 * Whoever dials says `hello` first, once a connection; the answer is `welcome` (to a worker: `topology`) or `refused`,
 * after which nimbus closes. Both name their protocol: other protocols than `protocolVersion` are refused with
 * PROTOCOL_MISMATCH.
 */
export const protocolVersion = 1

/** A supervisor speaks: `hello`, then a `heartbeat` every 2 s and whenever what runs has changed. */
export type SupervisorMessage = SupervisorHello | SupervisorHeartbeat | LogChunk

export interface SupervisorHello {
  readonly kind: 'hello'
  readonly protocol: number
  /** The version of the package. */
  readonly version: string
  readonly supervisor: string
  /** Where others reach its workers. */
  readonly host: string
  /** The ports of its slots. */
  readonly slots: readonly number[]
  /** The number of this supervisor's start, kept in its folder: it only grows. */
  readonly incarnation: number
  /** Random, of this process: by it, one that dials again is told from another one with a copy of its folder. */
  readonly session: string
  readonly running: readonly RunningWorker[]
}

export interface SupervisorHeartbeat {
  readonly kind: 'heartbeat'
  readonly running: readonly RunningWorker[]
}

/** The answer to `readLog`. */
export interface LogChunk {
  readonly kind: 'logChunk'
  readonly request: number
  /** Where `bytes` begin in the log, counted from the beginning of the newest file. */
  readonly from: number
  readonly bytes: Uint8Array
  /** How long the log is now. */
  readonly size: number
  /** There is no such log, or it can't be read. */
  readonly error?: { readonly code: string; readonly message: string }
}

/** Nimbus speaks to a supervisor. */
export type ToSupervisor = Welcome | Refused | SlotsMessage | ReadLog

export interface Welcome {
  readonly kind: 'welcome'
  readonly protocol: number
  readonly version: string
  /** Of nimbus' lease: a message with a smaller one than the highest seen is of a nimbus that leads no more. */
  readonly fence: number
}

export interface Refused {
  readonly kind: 'refused'
  readonly code: string
  readonly message: string
}

/** All that the supervisor's slots shall run. A slot of which nothing is said shall run nothing. */
export interface SlotsMessage {
  readonly kind: 'slots'
  readonly fence: number
  /** Counts these messages within a connection; the highest holds. */
  readonly version: number
  /** One for each topology that has a slot here: see `slotWishes`. */
  readonly wishes: readonly TopologyWish[]
}

export interface TopologyWish {
  readonly topology: WorkerTopology
  /** The whole of it, also what runs elsewhere. */
  readonly assignment: Assignment
  readonly isActive: boolean
  /** Base64: see `WorkerLaunch`. */
  readonly linkKey: string
  /** Of each slot that this supervisor has in the assignment. */
  readonly controlKeys: readonly { readonly port: number; readonly key: string }[]
}

/** What one slot shall run. */
export interface SlotWish {
  readonly slot: Slot
  readonly worker: WorkerAssignment
  readonly topology: WorkerTopology
  readonly assignment: Assignment
  readonly isActive: boolean
  readonly linkKey: string
  readonly controlKey: string
}

/** Bytes of a worker's log. */
export interface ReadLog {
  readonly kind: 'readLog'
  readonly request: number
  /** The topology's id. */
  readonly topology: string
  readonly port: number
  /** From this byte on; negative: so many before the end. */
  readonly from: number
  readonly maxBytes: number
}

/** A worker speaks: `hello`, then a `heartbeat` every second. */
export type WorkerMessage = WorkerHello | WorkerHeartbeat

export interface WorkerHello {
  readonly kind: 'hello'
  readonly protocol: number
  readonly version: string
  readonly topology: string
  readonly slot: Slot
  readonly since: number
  readonly incarnation: number
  readonly pid: number
}

export interface WorkerHeartbeat {
  readonly kind: 'heartbeat'
  /** Its components are prepared and open. */
  readonly isReady: boolean
  /** Its spouts emit. */
  readonly isActive: boolean
  /** It has nothing to emit, now nor later, unless a pending tuple fails. */
  readonly isExhausted: boolean
  /** Trees of its spouts that are not decided, and tuples that wait in it. */
  readonly pending: number
  readonly uptimeMs: number
  readonly rssBytes: number
  readonly heapBytes: number
  readonly loopLagMs: number
  readonly components: readonly ComponentSnapshot[]
  /** Since the last heartbeat of this connection. */
  readonly errors: readonly TaskError[]
}

/** Nimbus speaks to a worker. */
export type ToWorker = TopologyMessage | Fenced | Refused

/** On connect, and with each change. */
export interface TopologyMessage {
  readonly kind: 'topology'
  readonly fence: number
  readonly assignment: Assignment
  readonly status: LifeRecord['status']
  readonly isActive: boolean
}

/** This worker is superseded, or its topology is gone: it ends. */
export interface Fenced {
  readonly kind: 'fenced'
  readonly reason: string
}

/** What the slots of a supervisor shall run, sorted by port. */
export function slotWishes({ wishes }: SlotsMessage, supervisor: string): SlotWish[] {
  const all = wishes.flatMap(({ topology, assignment, isActive, linkKey, controlKeys }) =>
    assignment.workers
      .filter((worker) => worker.slot.supervisor === supervisor)
      .map((worker) => {
        const controlKey = controlKeys.find((known) => known.port === worker.slot.port)?.key ?? ''
        return { slot: worker.slot, worker, topology, assignment, isActive, linkKey, controlKey }
      }),
  )
  return all.sort((a, b) => compareSlots(a.slot, b.slot))
}

const key = text(256)
const anyPort = z.number().int()
const running = z.array(runningWorker).max(10_000)
const hello = { kind: z.literal('hello'), protocol: z.number().int(), version: text(64) }
const refused = z.object({ kind: z.literal('refused'), code: text(64), message: text(8_192) })

const supervisorMessage: z.ZodType<SupervisorMessage> = z.discriminatedUnion('kind', [
  // Host and slots are judged at registration, with sentences of their own.
  z.object({
    ...hello,
    supervisor: text(512),
    host: text(512),
    slots: z.array(anyPort),
    incarnation: count,
    session: text(64),
    running,
  }),
  z.object({ kind: z.literal('heartbeat'), running }),
  z.object({
    kind: z.literal('logChunk'),
    request: count,
    from: count,
    bytes: z.instanceof(Uint8Array),
    size: count,
    error: z.object({ code: text(64), message: text(8_192) }).exactOptional(),
  }),
])

const toSupervisor: z.ZodType<ToSupervisor> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('welcome'), protocol: z.number().int(), version: text(64), fence: count }),
  refused,
  z.object({
    kind: z.literal('slots'),
    fence: count,
    version: count,
    wishes: z
      .array(
        z.object({
          topology: workerTopology,
          assignment,
          isActive: z.boolean(),
          linkKey: key,
          controlKeys: z.array(z.object({ port, key })).max(10_000),
        }),
      )
      .max(10_000),
  }),
  z.object({
    kind: z.literal('readLog'),
    request: count,
    topology: id,
    port,
    from: z.number().int(),
    maxBytes: z.number().int().min(1).max(1_048_576),
  }),
])

const workerMessage: z.ZodType<WorkerMessage> = z.discriminatedUnion('kind', [
  z.object({ ...hello, topology: id, slot, since: generation, incarnation: count, pid: count }),
  z.object({
    kind: z.literal('heartbeat'),
    isReady: z.boolean(),
    isActive: z.boolean(),
    isExhausted: z.boolean(),
    pending: count,
    uptimeMs: milliseconds,
    rssBytes: count,
    heapBytes: count,
    loopLagMs: milliseconds,
    components: z.array(componentSnapshot).max(10_000),
    errors: z.array(taskError).max(100),
  }),
])

const toWorker: z.ZodType<ToWorker> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('topology'),
    fence: count,
    assignment,
    status: z.enum(['ACTIVE', 'INACTIVE', 'KILLED', 'REBALANCING']),
    isActive: z.boolean(),
  }),
  z.object({ kind: z.literal('fenced'), reason: text(8_192) }),
  refused,
])

/**
 * What a peer sent, as one of the messages that it may send: a fresh record of known fields with bounded sizes. Throws
 * BAD_MESSAGE, which names the first field that is not as expected, and PROTOCOL_MISMATCH for a peer of another protocol.
 */
export const parseSupervisorMessage = (value: unknown) => parse(supervisorMessage, value, 'a supervisor')
export const parseToSupervisor = (value: unknown) => parse(toSupervisor, value, 'nimbus')
export const parseWorkerMessage = (value: unknown) => parse(workerMessage, value, 'a worker')
export const parseToWorker = (value: unknown) => parse(toWorker, value, 'nimbus')

function parse<T extends { readonly kind: string }>(shape: z.ZodType<T>, value: unknown, sender: string): T {
  // Before anything else: another protocol may have other fields.
  checkProtocol(value, sender)
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const { where, wrong } = firstIssue(result.error)
  throw new StormError(
    'BAD_MESSAGE',
    `A message of ${sender} is not as expected${where === '' ? '' : ` at '${where}'`}: ${wrong}; got ${describeValue(at(value, where))}.`,
  )
}

function checkProtocol(value: unknown, sender: string): void {
  if (typeof value !== 'object' || value === null) return
  const { protocol, version } = value as { protocol?: unknown; version?: unknown }
  if (typeof protocol !== 'number' || protocol === protocolVersion) return
  throw new StormError(
    'PROTOCOL_MISMATCH',
    `${sender} speaks protocol ${protocol} (storm-ts ${describeValue(version)}), this process ${protocolVersion}; run the same version of storm-ts everywhere.`,
  )
}

/** What of a `ZodError` is looked at: declarations that others read should not need zod's. */
interface Issues {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

/** The first thing that a shape did not find as expected: the path to it, and what it says. */
export function firstIssue(error: Issues): { readonly where: string; readonly wrong: string } {
  const issue = error.issues[0]
  return { where: (issue?.path ?? []).map(String).join('.'), wrong: issue?.message ?? 'not as expected' }
}

function at(value: unknown, path: string): unknown {
  let found = value
  for (const step of path === '' ? [] : path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.hasOwn(found, step) ? (found as Record<string, unknown>)[step] : undefined
  }
  return found
}
