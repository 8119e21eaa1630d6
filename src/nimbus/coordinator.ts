import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import { Ring } from '../stdx/ring.js'
import { documentOf, stateOf, type Document } from './documents.js'
import type { Decision, NimbusEffect, NimbusInput, Reply } from './decision.js'
import { Nimbus, type NimbusParts } from './nimbus.js'
import type { StateStore } from './state-store.js'

export interface CoordinatorParts {
  readonly store: StateStore
  /** Who leads, for people: host and process. */
  readonly holder: string
  readonly clock: Clock
  readonly nimbus: Omit<NimbusParts, 'stored' | 'fence' | 'nowMs'>
  /** Carries out an effect; must not throw. */
  readonly perform: (effect: NimbusEffect) => void
  /** This nimbus leads no more: it must end. Called once. */
  readonly onLost: (reason: string) => void
}

/** What the connections say. */
type Message = Extract<NimbusInput, { readonly kind: 'supervisor' | 'worker' | 'closed' }>
/** What somebody waits to have answered. */
export type Request = Extract<
  NimbusInput,
  { readonly kind: 'submit' | 'activate' | 'deactivate' | 'kill' | 'rebalance' }
>

interface Asked {
  readonly request: Request
  readonly answer: (reply: Reply) => void
  readonly fail: (error: Error) => void
}

/** Requests that may wait; one more is told to come again. */
const requestsMax = 1_000
/** How often a store that failed is tried, if nobody else does. */
const probeMs = 5_000

/**
 * Runs a `Nimbus` on a store: persist, then apply, then answer, one input at a time. What connections say goes before
 * what is asked for, so that a crowd of requests lets no heartbeat wait for longer than one write.
 *
 * When a write fails, whoever asked is told, and everything is as it was; the next write is tried as if nothing had been.
 */
export class Coordinator {
  readonly nimbus: Nimbus
  readonly #parts: CoordinatorParts
  readonly #fence: number
  readonly #revisions: Map<string, number>
  readonly #messages = new Ring<Message>()
  /** Heartbeats that wait, by link: a later one takes the place of an earlier. */
  readonly #heartbeats = new Map<number, Message>()
  readonly #requests = new Ring<Asked>()
  #isTickDue = false
  #isRunning = false
  /** Nothing is begun of one's own accord before the next tick, as the store has just failed. */
  #isResting = false
  #isClosed = false
  #cancelTick: () => void
  #storeError: StormError | undefined
  #probedAtMs = -Infinity

  /** Takes the lease, reads the store, and begins. Errors: those of the store; STORE_CORRUPT. */
  static async start(parts: CoordinatorParts): Promise<Coordinator> {
    const lease = await parts.store.lead(parts.holder)
    const documents = await parts.store.read()
    const coordinator = new Coordinator(parts, lease.fence, documents as readonly (Document & { revision: number })[])
    void lease.lost.then((reason) => coordinator.#lose(reason))
    return coordinator
  }

  private constructor(
    parts: CoordinatorParts,
    fence: number,
    documents: readonly (Document & { readonly revision: number })[],
  ) {
    this.#parts = parts
    this.#fence = fence
    this.#revisions = new Map(documents.map(({ key, revision }) => [key, revision]))
    this.nimbus = new Nimbus({ ...parts.nimbus, stored: stateOf(documents), fence, nowMs: parts.clock.now() })
    this.#cancelTick = this.#tickAfter()
    // Not at once: whoever made this has to get it before the first effect.
    parts.clock.soon(() => this.#run())
  }

  get fence(): number {
    return this.#fence
  }

  /** Why the last write failed; undefined if it did not. */
  get storeError(): StormError | undefined {
    return this.#storeError
  }

  /** Resolves with the answer. Rejects with BUSY when too many wait, and with what the store threw. */
  ask(request: Request): Promise<Reply> {
    if (this.#requests.size >= requestsMax)
      return Promise.reject(new StormError('BUSY', `${requestsMax} requests wait already; try again in a moment.`))
    return new Promise((answer, fail) => {
      this.#requests.push({ request, answer, fail })
      this.#run()
    })
  }

  /** Takes what a connection said, or that it is gone. Of one link, in order. */
  tell(message: Message): void {
    if (message.kind !== 'closed' && message.message.kind === 'heartbeat') {
      const waiting = this.#heartbeats.get(message.link)
      this.#heartbeats.set(message.link, waiting === undefined ? message : merged(waiting, message))
      if (waiting !== undefined) return
    }
    this.#messages.push(message)
    this.#run()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelTick()
  }

  #tickAfter(): () => void {
    return this.#parts.clock.after(this.#parts.nimbus.tickMs, () => {
      this.#isTickDue = true
      this.#isResting = false
      if (!this.#isClosed) this.#cancelTick = this.#tickAfter()
      this.#run()
    })
  }

  #run(): void {
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    // What it throws is our own mistake, and ends the process.
    void this.#work()
  }

  /** Does what there is to do, until there is nothing. Everything that needs no write is done without giving up the turn. */
  async #work(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) await next
    // In the same turn in which nothing was found: what comes from now on runs anew.
    this.#isRunning = false
  }

  /** Begins the next thing that takes its time, after all that does not; undefined if there is nothing. */
  #next(): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift())
      this.#decide(this.#newest(message))
    if (this.#isTickDue || (!this.#isResting && this.nimbus.isTickDue(this.#now().nowMs))) {
      this.#isTickDue = false
      return this.#tick()
    }
    const asked = this.#requests.shift()
    if (asked !== undefined) return this.#answer(asked)
    return this.nimbus.isPlacingDue && !this.#isResting ? this.#carryOut({ kind: 'place' }) : undefined
  }

  async #tick(): Promise<void> {
    await this.#carryOut({ kind: 'tick' })
    await this.#probe()
  }

  #newest(message: Message): Message {
    if (message.kind === 'closed' || message.message.kind !== 'heartbeat') return message
    const newest = this.#heartbeats.get(message.link)
    this.#heartbeats.delete(message.link)
    return newest ?? message
  }

  /** Of an input that never writes. */
  #decide(input: NimbusInput): Decision {
    const decision = this.nimbus.decide(input, this.#now())
    for (const effect of decision.effects) this.#parts.perform(effect)
    return decision
  }

  async #answer({ request, answer, fail }: Asked): Promise<void> {
    const decision = this.nimbus.decide(request, this.#now())
    const error = await this.#store(decision)
    const { reply } = decision
    if (error !== undefined) {
      this.#tellRefused(request, error.code)
      fail(error)
    } else if (reply === undefined) fail(new Error('an input that is answered had no answer'))
    else {
      if (reply.kind === 'refused') this.#tellRefused(request, reply.code)
      answer(reply)
    }
  }

  /** What is done is told by the decision itself; together, all that was asked for can be read in the log. */
  #tellRefused(request: Request, code: string): void {
    const { by, what } =
      request.kind === 'submit'
        ? { by: request.submission.owner, what: request.submission.name ?? request.submission.graph.name }
        : { by: request.by, what: request.topology }
    const message = `${by} may not ${request.kind} '${what.slice(0, 200)}': ${code}`
    this.#parts.perform({ kind: 'log', level: 'info', message })
  }

  async #carryOut(input: NimbusInput): Promise<void> {
    await this.#store(this.nimbus.decide(input, this.#now()))
  }

  /** Persist, apply, carry out. Returns why it could not be stored. */
  async #store(decision: Decision): Promise<StormError | undefined> {
    if (decision.writes.length > 0) {
      const error = await this.#write(decision)
      if (error !== undefined) return error
    }
    this.nimbus.apply(decision, this.#now())
    for (const effect of decision.effects) this.#parts.perform(effect)
    return undefined
  }

  async #write({ writes }: Pick<Decision, 'writes'>): Promise<StormError | undefined> {
    const changes = writes.map((write) => {
      const { key, value } = documentOf(write)
      return { key, value, expected: this.#revisions.get(key) ?? 0 }
    })
    try {
      const revisions = await this.#parts.store.write(this.#fence, changes)
      changes.forEach(({ key, value }, i) => {
        if (value === undefined) this.#revisions.delete(key)
        else this.#revisions.set(key, revisions[i] as number)
      })
      this.#storeError = undefined
      return undefined
    } catch (error) {
      this.#isResting = true
      return this.#failed(error)
    }
  }

  #failed(thrown: unknown): StormError {
    const error =
      thrown instanceof StormError
        ? thrown
        : new StormError('STORE_IO', describeError(thrown).message, { cause: thrown })
    if (error.code === 'STORE_FENCED' || error.code === 'STORE_CONFLICT') this.#lose(error.message)
    if (this.#storeError?.code !== error.code) {
      const message = `The store cannot be written: ${error.message} (${error.code}). Everything stays as it is until it can.`
      this.#parts.perform({ kind: 'log', level: 'warn', message })
    }
    this.#storeError = error
    return error
  }

  /** Whether a store that failed works again is found out without anybody's having to ask for something. */
  async #probe(): Promise<void> {
    const { nowMs } = this.#now()
    if (this.#storeError === undefined || nowMs - this.#probedAtMs < probeMs) return
    this.#probedAtMs = nowMs
    if ((await this.#write({ writes: [this.nimbus.probe] })) === undefined)
      this.#parts.perform({ kind: 'log', level: 'info', message: 'The store can be written again.' })
  }

  #lose(reason: string): void {
    if (this.#isClosed) return
    this.close()
    this.#parts.onLost(reason)
  }

  #now() {
    return { nowMs: this.#parts.clock.now(), wallMs: this.#parts.clock.wall() }
  }
}

/** A later heartbeat, with the errors that the earlier one told of. */
function merged(earlier: Message, later: Message): Message {
  if (earlier.kind !== 'worker' || later.kind !== 'worker') return later
  if (earlier.message.kind !== 'heartbeat' || later.message.kind !== 'heartbeat') return later
  const errors = [...earlier.message.errors, ...later.message.errors].slice(-100)
  return { ...later, message: { ...later.message, errors } }
}
