import type { SupervisorMessage } from '../cluster/messages.js'

/** A link to nimbus, from the call on: a seam. */
export interface NimbusLink {
  /** Only between `opened` and `closed`. */
  send(message: SupervisorMessage): void
  /** `closed` is not called then. */
  close(reason: string): void
}

export interface NimbusLinkEvents {
  /** Both sides know each other. */
  opened(): void
  /** A message as it came: plain data, not yet checked. */
  received(message: unknown): void
  /** It is over, or it never came to be; called at most once. */
  closed(reason: string): void
}

/** Calls nimbus; the events come later, never before this has returned. */
export type DialNimbus = (events: NimbusLinkEvents) => NimbusLink
