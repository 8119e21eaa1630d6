import type { RunningWorker } from '../cluster/records.js'
import type { Rng } from '../stdx/rng.js'
import { afterFailure, isHopeless, noRestarts, type Failure, type Restarts } from './restarts.js'

/**
 * One slot as a pure machine: what is wanted there, what is there, and the time give what to do next and why.
 *
 * Protocol of use: the owner keeps the slot, and tells it what happened by the functions below. After each of them, and
 * when `untilMs` has come, it asks `decide` and does what that says, by `acted` first, until it says `keep`.
 *
 * A slot never has two processes: it starts one only when nothing is there, and takes what was there for gone only when
 * its end was seen. A process that does what is wanted is never signalled.
 */
export interface SlotState {
  readonly port: number
  /** The number of the last process that was started here; it only grows. */
  readonly incarnation: number
  readonly occupant: Occupant
  /** Of `work`; another work begins anew. */
  readonly restarts: Restarts
  readonly work: Work | undefined
}

/** What a worker is there for. Another `since` is another worker; changes that leave it are nothing to the slot. */
export interface Work {
  /** The topology's id. */
  readonly topology: string
  readonly since: number
}

export type Occupant =
  | { readonly kind: 'nobody' }
  /** The artefact is fetched and checked. */
  | { readonly kind: 'preparing'; readonly work: Work }
  /** A process is being started; whether there is one is not known until that has been told. */
  | { readonly kind: 'launching'; readonly work: Work }
  | WorkerProcess

export interface WorkerProcess {
  readonly kind: 'process'
  readonly work: Work
  readonly incarnation: number
  readonly mark: ProcessMark
  /** When it first said that it is ready. */
  readonly readyAtMs: number | undefined
  /** The number of the last heartbeat. */
  readonly beat: number | undefined
  /** When that was seen; before there was one, when the process was started or adopted. */
  readonly beatAtMs: number
  readonly rssBytes: number | undefined
  /** Readings in a row that were over the limit. */
  readonly readingsOver: number
  readonly ending: Ending | undefined
}

/** A process for good: the number of a process is given again to others, its start time is not. */
export interface ProcessMark {
  readonly pid: number
  /** As the system tells it; two processes with one pid have different ones. */
  readonly startTime: string
}

/** It was told to end. */
export interface Ending {
  readonly signal: 'SIGTERM' | 'SIGKILL'
  readonly atMs: number
  readonly reason: string
  /** Of a failure; undefined if the worker is just not wanted any more. */
  readonly code: string | undefined
}

export type SlotAction =
  /** Prepares a process of what is wanted, and then starts it. */
  | { readonly kind: 'start'; readonly reason: string }
  /** Gives up a start before there is a process. */
  | { readonly kind: 'abandon'; readonly reason: string }
  | { readonly kind: 'stop'; readonly signal: Ending['signal']; readonly reason: string; readonly code?: string }
  /** Nothing is to be done until something happens, or until `untilMs`. */
  | { readonly kind: 'keep'; readonly reason: string; readonly untilMs?: number }

export interface SlotLimits {
  /** How long a worker that is not ready yet may go without a heartbeat, from its start on. */
  readonly startMs: number
  /** How long a worker that is ready may go without a heartbeat. */
  readonly hungMs: number
  /** From the request to end until a process is killed. */
  readonly stopMs: number
  readonly rssBytesMax: number
}

/** Readings over the limit before a worker is ended: one may be a peak before a collection of garbage. */
const readingsOverMax = 3
/** A kill is repeated, should it not show: the process may have stood in a call of the system. */
const killAgainMs = 5_000

/** What to do next, and why. */
export function decide(wish: Work | undefined, slot: SlotState, nowMs: number, limits: SlotLimits): SlotAction {
  const { occupant } = slot
  switch (occupant.kind) {
    case 'nobody':
      return decideStart(wish, slot, nowMs)
    case 'preparing':
      if (isSame(wish, occupant.work)) return { kind: 'keep', reason: 'its artefact is fetched' }
      return { kind: 'abandon', reason: whyNot(wish, occupant.work) }
    case 'launching':
      return { kind: 'keep', reason: 'its process is being started' }
    case 'process':
      if (occupant.ending !== undefined) return decideEnding(occupant.ending, nowMs, limits)
      if (!isSame(wish, occupant.work)) return stop('SIGTERM', whyNot(wish, occupant.work))
      return decideHealth(occupant, nowMs, limits)
  }
}

function decideStart(wish: Work | undefined, slot: SlotState, nowMs: number): SlotAction {
  if (wish === undefined) return { kind: 'keep', reason: 'nothing is wanted here' }
  const { dueAtMs, last } = restartsOf(slot, wish)
  if (nowMs >= dueAtMs) return { kind: 'start', reason: last === undefined ? 'it is wanted' : last.reason }
  return { kind: 'keep', reason: last?.reason ?? 'it waits to be started again', untilMs: dueAtMs }
}

function decideEnding({ signal, atMs, reason }: Ending, nowMs: number, { stopMs }: SlotLimits): SlotAction {
  const untilMs = atMs + (signal === 'SIGTERM' ? stopMs : killAgainMs)
  if (nowMs < untilMs) return { kind: 'keep', reason, untilMs }
  return stop('SIGKILL', reason)
}

function decideHealth(worker: WorkerProcess, nowMs: number, limits: SlotLimits): SlotAction {
  const { readyAtMs, beatAtMs, rssBytes, readingsOver } = worker
  if (readingsOver >= readingsOverMax) {
    const used = `it took ${mebibytes(rssBytes ?? 0)} of memory, and may take ${mebibytes(limits.rssBytesMax)}`
    return { ...stop('SIGTERM', used), code: 'OOM' }
  }
  const isReady = readyAtMs !== undefined
  // What is prepared may hold the loop for long, and in a topology that is not active there is nothing to be ready for.
  const untilMs = beatAtMs + (isReady ? limits.hungMs : limits.startMs)
  if (nowMs < untilMs) return { kind: 'keep', reason: isReady ? 'it runs' : 'it is starting', untilMs }
  if (isReady) return { ...stop('SIGKILL', `its loop stood still for ${limits.hungMs} ms`), code: 'WORKER_HUNG' }
  const silent = `it gave no sign of life for ${limits.startMs} ms while it started`
  return { ...stop('SIGKILL', silent), code: 'WORKER_START_TIMEOUT' }
}

/** An empty slot, in which processes were started before up to that number. */
export function emptySlot(port: number, incarnation: number): SlotState {
  return { port, incarnation, occupant: { kind: 'nobody' }, restarts: noRestarts, work: undefined }
}

/** A slot with a worker that was running before its supervisor was. */
export function adoptedSlot(
  port: number,
  found: { readonly work: Work; readonly incarnation: number; readonly mark: ProcessMark },
  nowMs: number,
): SlotState {
  const { work, incarnation, mark } = found
  return { port, incarnation, occupant: freshProcess(work, incarnation, mark, nowMs), restarts: noRestarts, work }
}

/** `action` is what `decide` said of this slot; a `start` is of `wish`. */
export function acted(slot: SlotState, action: SlotAction, wish: Work | undefined, nowMs: number): SlotState {
  const { occupant } = slot
  if (action.kind === 'start' && wish !== undefined) {
    return { ...slot, occupant: { kind: 'preparing', work: wish }, work: wish, restarts: restartsOf(slot, wish) }
  }
  if (action.kind === 'abandon') return { ...slot, occupant: { kind: 'nobody' } }
  if (action.kind !== 'stop' || occupant.kind !== 'process') return slot
  const { signal, reason, code } = action
  // The first reason is why it ends, whatever comes on top of it.
  const first = occupant.ending ?? { reason, code }
  return { ...slot, occupant: { ...occupant, ending: { ...first, signal, atMs: nowMs } } }
}

/** All is there for a process: it may be started, under the next number. */
export function launching(slot: SlotState): SlotState {
  if (slot.occupant.kind !== 'preparing') return slot
  const { work } = slot.occupant
  return { ...slot, incarnation: slot.incarnation + 1, occupant: { kind: 'launching', work } }
}

export function launched(slot: SlotState, mark: ProcessMark, nowMs: number): SlotState {
  if (slot.occupant.kind !== 'launching') return slot
  return { ...slot, occupant: freshProcess(slot.occupant.work, slot.incarnation, mark, nowMs) }
}

/** What a look at a worker showed. */
export interface WorkerLook {
  readonly beat: number | undefined
  readonly isReady: boolean
  readonly rssBytes: number | undefined
}

export function looked(slot: SlotState, look: WorkerLook, nowMs: number, { rssBytesMax }: SlotLimits): SlotState {
  const { occupant } = slot
  if (occupant.kind !== 'process') return slot
  const isNew = look.beat !== undefined && look.beat !== occupant.beat
  const rssBytes = look.rssBytes ?? occupant.rssBytes
  return {
    ...slot,
    occupant: {
      ...occupant,
      beat: look.beat ?? occupant.beat,
      beatAtMs: isNew ? nowMs : occupant.beatAtMs,
      readyAtMs: occupant.readyAtMs ?? (isNew && look.isReady ? nowMs : undefined),
      rssBytes,
      // A reading counts with a heartbeat only: between two of them nothing new may have been read.
      readingsOver: !isNew ? occupant.readingsOver : (rssBytes ?? 0) > rssBytesMax ? occupant.readingsOver + 1 : 0,
    },
  }
}

/** The supervisor itself stood still for so long, so that it saw no heartbeat: nobody is blamed for that. */
export function paused(slot: SlotState, ms: number): SlotState {
  const { occupant } = slot
  if (occupant.kind !== 'process') return slot
  return { ...slot, occupant: { ...occupant, beatAtMs: occupant.beatAtMs + ms } }
}

/** A start came to nothing, or the process ended: `failure` tells how, unless it was told to. */
export function ended(slot: SlotState, failure: Failure, nowMs: number, rng: Rng): SlotState {
  const { occupant } = slot
  if (occupant.kind === 'nobody') return slot
  const free: SlotState = { ...slot, occupant: { kind: 'nobody' } }
  const told = occupant.kind === 'process' ? occupant.ending : undefined
  if (told !== undefined && told.code === undefined) return { ...free, restarts: noRestarts, work: undefined }
  const readyAtMs = occupant.kind === 'process' ? occupant.readyAtMs : undefined
  const readyMs = readyAtMs === undefined ? 0 : nowMs - readyAtMs
  const why = told === undefined ? failure : { reason: reasonOf(told, failure), code: told.code }
  const what = { failure: why, readyMs, nowMs }
  return { ...free, work: occupant.work, restarts: afterFailure(restartsOf(slot, occupant.work), what, rng) }
}

function reasonOf({ reason, code }: Ending, { heldUpBy }: Failure): string {
  return code === 'WORKER_HUNG' && heldUpBy !== undefined ? `${reason}: ${heldUpBy}` : reason
}

/** What the supervisor says of the slot: what is there, else what is waited for. Undefined: nothing is. */
export function reportOf(slot: SlotState, wish: Work | undefined): RunningWorker | undefined {
  const { port, incarnation, occupant } = slot
  const work = occupant.kind === 'nobody' ? wish : occupant.work
  if (work === undefined) return undefined
  const restarts = restartsOf(slot, work)
  const { count, isLooping, last } = restarts
  const base = { port, ...work, incarnation, restarts: count }
  switch (occupant.kind) {
    case 'nobody': {
      const state = isHopeless(restarts) ? 'failed' : isLooping ? 'crash-looping' : 'backoff'
      return { ...base, state, ...wordsOf(last) }
    }
    case 'preparing':
    case 'launching':
      return { ...base, state: isLooping ? 'crash-looping' : 'starting', ...wordsOf(last) }
    case 'process': {
      const { ending, readyAtMs, rssBytes, mark } = occupant
      const there = { ...base, pid: mark.pid, ...(rssBytes === undefined ? {} : { rssBytes }) }
      if (ending !== undefined) return { ...there, state: 'stopping', ...wordsOf(ending) }
      if (readyAtMs !== undefined) return { ...there, state: 'running' }
      return { ...there, state: isLooping ? 'crash-looping' : 'starting', ...wordsOf(last) }
    }
  }
}

export function isSame(one: Work | undefined, other: Work | undefined): boolean {
  return one?.topology === other?.topology && one?.since === other?.since
}

function restartsOf(slot: SlotState, work: Work): Restarts {
  return isSame(slot.work, work) ? slot.restarts : noRestarts
}

function freshProcess(work: Work, incarnation: number, mark: ProcessMark, nowMs: number): WorkerProcess {
  return {
    kind: 'process',
    work,
    incarnation,
    mark,
    readyAtMs: undefined,
    beat: undefined,
    beatAtMs: nowMs,
    rssBytes: undefined,
    readingsOver: 0,
    ending: undefined,
  }
}

function whyNot(wish: Work | undefined, work: Work): string {
  if (wish === undefined) return 'nothing is wanted here any more'
  if (wish.topology !== work.topology) return `the slot is given to ${wish.topology}`
  return `its executors are others since generation ${wish.since}`
}

function stop(signal: Ending['signal'], reason: string): Extract<SlotAction, { kind: 'stop' }> {
  return { kind: 'stop', signal, reason }
}

function wordsOf(told: { readonly reason: string; readonly code?: string | undefined } | undefined) {
  if (told === undefined) return {}
  return { reason: told.reason, ...(told.code === undefined ? {} : { code: told.code }) }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
