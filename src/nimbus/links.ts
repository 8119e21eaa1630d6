import { parseSupervisorMessage, parseWorkerMessage, type LogChunk, type Refused } from '../cluster/messages.js'
import { slotKey } from '../cluster/records.js'
import { StormError } from '../errors.js'
import { Acceptor } from '../wire/acceptor.js'
import { LinkEnd, type Carrier, type CarrierEvents } from '../wire/carrier.js'
import type { LinkTools } from '../wire/connection.js'
import { admitControl, type ControlEvents, type ControlLink } from '../wire/control.js'
import type { LinkIdentity, Secrets } from '../wire/handshake.js'
import type { Text } from '../wire/text.js'
import type { Coordinator } from './coordinator.js'
import { Failures } from './failures.js'
import type { NimbusEffect } from './decision.js'
import type { WorkerKeys } from './telling.js'

export interface LinksParts {
  readonly tools: LinkTools
  readonly text: Text
  readonly secrets: Secrets
  /** What a supervisor has to have. */
  readonly supervisorKey: Uint8Array
  /** What a worker has to have: that of the topology, slot and `since` that it says it is of. */
  readonly workerKey: (...of: Parameters<WorkerKeys['control']>) => Uint8Array
  readonly takeLogChunk: (link: number, chunk: LogChunk) => void
  /** A connection is gone. */
  readonly gone: (link: number) => void
  readonly warn: (message: string) => void
}

/** Refusals of one address that are told within a minute. */
const refusalsToldMax = 10

type LinkEffect = Extract<NimbusEffect, { readonly link: number }>

/**
 * The control links of supervisors and workers. Nobody says anything before he has proven who he is, and nobody speaks for
 * another: a supervisor's hello has to name the one who authenticated, a worker's the slot that its key is for.
 *
 * Protocol of use: `begin`, once; then connections are handed to `acceptSupervisor` and `acceptWorker`, and the effects of
 * the coordinator that have a link to `perform`.
 */
export class Links {
  readonly #parts: LinksParts
  readonly #links = new Map<number, ControlLink>()
  readonly #supervisors: Acceptor
  readonly #workers: Acceptor
  readonly #refusals = new Failures(refusalsToldMax)
  #coordinator: Coordinator | undefined
  #count = 0

  /** `fence`: of nimbus' lease, as the incarnation by which it is known to others. */
  constructor(parts: LinksParts, fence: number) {
    this.#parts = parts
    const { tools, secrets, supervisorKey, workerKey, text } = parts
    const identity: LinkIdentity = {
      role: 'nimbus',
      topology: '',
      topologyNumber: 0,
      supervisor: '',
      port: 0,
      since: 0,
      incarnation: fence,
    }
    const common = {
      tools,
      secrets,
      identity,
      purpose: 'control',
      unwanted: () => {},
      refused: (address: string, code: LinkEnd, reason: string) => {
        // Whoever tries without end does not fill the log.
        if (code === LinkEnd.leaving || this.#refusals.note(address, tools.clock.now())) return
        parts.warn(`A connection from ${address} is refused: ${reason} (${code})`)
      },
    } as const
    this.#supervisors = new Acceptor({
      ...common,
      keyOf: ({ role }) => (role === 'supervisor' ? supervisorKey : undefined),
      admit: () =>
        admitControl(tools, text, (link) => this.#opened(link, (id, message) => this.#supervisor(id, link, message))),
    })
    this.#workers = new Acceptor({
      ...common,
      keyOf: ({ role, topology, supervisor, port, since }) =>
        role === 'worker' ? workerKey(topology, { supervisor, port }, since) : undefined,
      admit: () =>
        admitControl(tools, text, (link) => this.#opened(link, (id, message) => this.#worker(id, link, message))),
    })
  }

  begin(coordinator: Coordinator): void {
    this.#coordinator = coordinator
  }

  acceptSupervisor(carrier: Carrier, address: string): CarrierEvents {
    return this.#supervisors.accept(carrier, address)
  }

  acceptWorker(carrier: Carrier, address: string): CarrierEvents {
    return this.#workers.accept(carrier, address)
  }

  perform(effect: LinkEffect): void {
    const link = this.#links.get(effect.link)
    if (link === undefined) return
    if (effect.kind === 'close')
      this.#end(effect.link, effect.reason === 'fenced' ? LinkEnd.fenced : LinkEnd.leaving, effect.reason)
    else link.send(effect.message)
  }

  /** Asks whoever is at the other end of a link; nothing happens if it is gone. */
  send(link: number, message: object): void {
    this.#links.get(link)?.send(message)
  }

  close(): void {
    this.#supervisors.close()
    this.#workers.close()
    for (const id of this.#links.keys()) this.#end(id, LinkEnd.leaving, 'nimbus goes away')
  }

  #opened(link: ControlLink, take: (id: number, message: unknown) => void): ControlEvents {
    const id = ++this.#count
    this.#links.set(id, link)
    return {
      received: (message) => {
        try {
          take(id, message)
        } catch (error) {
          if (!(error instanceof StormError)) throw error
          this.#parts.warn(`${whoIs(link.peer)} said what cannot be: ${error.message} (${error.code})`)
          link.send({ kind: 'refused', code: error.code, message: error.message } satisfies Refused)
          this.#end(id, LinkEnd.badFrame, error.code)
        }
      },
      closed: () => this.#gone(id),
    }
  }

  #supervisor(id: number, { peer }: ControlLink, value: unknown): void {
    const message = parseSupervisorMessage(value)
    if (message.kind === 'logChunk') return this.#parts.takeLogChunk(id, message)
    if (
      message.kind === 'hello' &&
      (message.supervisor !== peer.supervisor || message.incarnation !== peer.incarnation)
    )
      throw notHimself(peer, `supervisor '${message.supervisor}', start ${message.incarnation}`)
    this.#coordinator?.tell({ kind: 'supervisor', link: id, message })
  }

  #worker(id: number, { peer }: ControlLink, value: unknown): void {
    const message = parseWorkerMessage(value)
    if (message.kind === 'hello') {
      const { topology, slot, since, incarnation } = message
      const isHimself =
        topology === peer.topology &&
        slot.supervisor === peer.supervisor &&
        slot.port === peer.port &&
        since === peer.since &&
        incarnation === peer.incarnation
      if (!isHimself) throw notHimself(peer, `${topology} in ${slotKey(slot)}, since ${since}, start ${incarnation}`)
    }
    this.#coordinator?.tell({ kind: 'worker', link: id, message })
  }

  #end(id: number, code: LinkEnd, reason: string): void {
    const link = this.#links.get(id)
    if (link === undefined) return
    link.close(code, reason)
    this.#gone(id)
  }

  #gone(id: number): void {
    if (!this.#links.delete(id)) return
    this.#coordinator?.tell({ kind: 'closed', link: id })
    this.#parts.gone(id)
  }
}

function whoIs({ role, topology, supervisor, port }: LinkIdentity): string {
  return role === 'worker' ? `The worker of ${topology} in ${supervisor}:${port}` : `Supervisor '${supervisor}'`
}

function notHimself(peer: LinkIdentity, claimed: string): StormError {
  return new StormError('FORBIDDEN', `${whoIs(peer)} says hello as ${claimed}.`)
}
