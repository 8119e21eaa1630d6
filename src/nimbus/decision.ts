import type {
  SupervisorHeartbeat,
  SupervisorHello,
  ToSupervisor,
  ToWorker,
  WorkerHeartbeat,
  WorkerHello,
} from '../cluster/messages.js'
import type { TopologyRecord } from '../cluster/records.js'
import type { ErrorCode, Problem } from '../errors.js'
import type { NimbusWrite } from './documents.js'
import type { DelayedEvent } from './status.js'
import type { Submission } from './submission.js'

/** What comes to nimbus. `topology`: a name, or an id. `by`: whose token it was. `link`: a connection's number. */
export type NimbusInput =
  | { readonly kind: 'submit'; readonly submission: Submission }
  | { readonly kind: 'activate' | 'deactivate'; readonly topology: string; readonly by: string }
  | { readonly kind: 'kill'; readonly topology: string; readonly by: string; readonly waitMs?: number | undefined }
  | {
      readonly kind: 'rebalance'
      readonly topology: string
      readonly by: string
      readonly waitMs?: number | undefined
      readonly workers?: number | undefined
      readonly executors?: { readonly [component: string]: number } | undefined
    }
  | { readonly kind: 'supervisor'; readonly link: number; readonly message: SupervisorHello | SupervisorHeartbeat }
  | { readonly kind: 'worker'; readonly link: number; readonly message: WorkerHello | WorkerHeartbeat }
  /** The connection is gone. */
  | { readonly kind: 'closed'; readonly link: number }
  | { readonly kind: 'tick' }
  /** Places what has no slot. Given whenever `isPlacingDue`, when nothing else waits. */
  | { readonly kind: 'place' }

/** `nowMs`: monotonic, for deadlines. `wallMs`: since 1970, for what people read. */
export interface Moment {
  readonly nowMs: number
  readonly wallMs: number
}

/** What follows from an input: first the writes, in their order, then `apply`, then the effects, in theirs. */
export interface Decision {
  readonly writes: readonly NimbusWrite[]
  readonly effects: readonly NimbusEffect[]
  /** To whoever asked: of submit and the life cycle. */
  readonly reply?: Reply
  /** For `apply`: when the delayed event of a topology is due. */
  readonly due: readonly { readonly topology: string; readonly event: DelayedEvent; readonly atMs: number }[]
}

export type NimbusEffect =
  | { readonly kind: 'tell supervisor'; readonly link: number; readonly message: ToSupervisor }
  | { readonly kind: 'tell worker'; readonly link: number; readonly message: ToWorker }
  /** After what was told to it before has left. */
  | { readonly kind: 'close'; readonly link: number; readonly reason: string }
  /** Nobody needs the artefact any more. */
  | { readonly kind: 'drop artefact'; readonly artefact: string }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn'; readonly message: string }

export type Reply =
  /** `topology`: as it is now; undefined: a damaged one, which is removed. */
  | { readonly kind: 'done'; readonly topology: TopologyRecord | undefined }
  | {
      readonly kind: 'refused'
      readonly code: ErrorCode
      readonly message: string
      readonly problems?: readonly Problem[]
    }

/** Nothing follows. */
export const nothing: Decision = { writes: [], effects: [], due: [] }

export function done(topology: TopologyRecord): Decision {
  return { ...nothing, reply: { kind: 'done', topology } }
}

export function refused(code: ErrorCode, message: string, problems?: readonly Problem[]): Decision {
  return { ...nothing, reply: { kind: 'refused', code, message, ...(problems === undefined ? {} : { problems }) } }
}

export function audit(by: string, what: string): NimbusEffect {
  return { kind: 'log', level: 'info', message: `${by} ${what}` }
}

export function refusedLink(link: number, code: ErrorCode, message: string): Decision {
  return {
    ...nothing,
    effects: [
      { kind: 'tell supervisor', link, message: { kind: 'refused', code, message } },
      { kind: 'close', link, reason: code },
      { kind: 'log', level: 'warn', message: `${message} (${code})` },
    ],
  }
}

export function fencedLink(link: number, reason: string): Decision {
  return {
    ...nothing,
    effects: [
      { kind: 'tell worker', link, message: { kind: 'fenced', reason } },
      { kind: 'close', link, reason: 'fenced' },
    ],
  }
}

export function closed(link: number | undefined, reason: string): NimbusEffect[] {
  return link === undefined ? [] : [{ kind: 'close', link, reason }]
}

/** Of a connection that has not said hello, or is replaced. */
export function unknownLink(link: number): Decision {
  return { ...nothing, effects: [{ kind: 'close', link, reason: 'nothing was said before hello' }] }
}
