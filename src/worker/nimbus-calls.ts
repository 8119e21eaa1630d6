import type { LogSink } from '../executor/reports.js'
import { describeError } from '../stdx/describe-error.js'
import type { Rng } from '../stdx/rng.js'
import { LinkEnd, type Dial } from '../wire/carrier.js'
import type { LinkTools } from '../wire/connection.js'
import { dialControl, type ControlLink } from '../wire/control.js'
import type { LinkIdentity, Secrets } from '../wire/handshake.js'
import type { Text } from '../wire/text.js'

export interface NimbusCallsParts {
  readonly tools: LinkTools
  readonly secrets: Secrets
  readonly rng: Rng
  readonly text: Text
  readonly dial: Dial
  readonly key: Uint8Array
  readonly identity: LinkIdentity
  /** There is a connection: whoever dials speaks first. */
  readonly opened: () => void
  /** A message, not checked. What it throws is logged, and the connection goes on. */
  readonly received: (message: unknown) => void
  readonly log: LogSink
}

const firstWaitMs = 100
const longestWaitMs = 5_000

/** Calls nimbus, again and again: a worker does its work without, and is told what has changed when it is there again. */
export class NimbusCalls {
  readonly #parts: NimbusCallsParts
  #link: ControlLink | undefined
  #failures = 0
  #cancel: (code: LinkEnd, reason: string) => void = () => {}
  #isStopped = false

  constructor(parts: NimbusCallsParts) {
    this.#parts = parts
  }

  get isOpen(): boolean {
    return this.#link !== undefined
  }

  start(): void {
    const { tools, secrets, text, dial, key, identity, opened, received, log } = this.#parts
    this.#cancel = dialControl(
      { tools, secrets, text, dial, key, identity, judge: (peer) => (peer.role === 'nimbus' ? 'accept' : 'forbidden') },
      {
        opened: (link) => {
          this.#link = link
          this.#failures = 0
          // Not from within the handshake: the link takes messages when that is over.
          tools.clock.soon(() => {
            if (this.#link === link) opened()
          })
        },
        received: (message) => {
          try {
            received(message)
          } catch (error) {
            log.write('warn', `a message of nimbus was not understood: ${describeError(error).message}`, {})
          }
        },
        closed: (_code, reason) => this.#closed(reason),
      },
    )
  }

  send(message: unknown): void {
    this.#link?.send(message)
  }

  /** Calls anew, whatever there is: what nimbus says from now on, it says to who we are now. */
  again(reason: string): void {
    if (this.#isStopped) return
    this.#link = undefined
    this.#cancel(LinkEnd.leaving, reason)
    this.start()
  }

  stop(reason: string): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#link = undefined
    this.#cancel(LinkEnd.leaving, reason.slice(0, 100))
  }

  #closed(reason: string): void {
    if (this.#isStopped) return
    if (this.#link !== undefined) this.#parts.log.write('info', `nimbus is away: ${reason}`, {})
    this.#link = undefined
    const whole = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(this.#failures++, 10))
    const waitMs = whole / 2 + this.#parts.rng.below(Math.floor(whole / 2) + 1)
    const cancel = this.#parts.tools.clock.after(waitMs, () => this.start())
    this.#cancel = () => cancel()
  }
}
