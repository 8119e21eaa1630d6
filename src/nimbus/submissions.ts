import { StormError } from '../errors.js'
import type { JsonObject, TopologyGraph, TopologyRecord } from '../cluster/records.js'
import { topologyGraph } from '../cluster/shapes.js'
import { firstIssue } from '../cluster/messages.js'
import type { Coordinator } from './coordinator.js'
import { problemOf } from './http-problem.js'
import type { Reply } from './decision.js'

/** What a client submits. */
export interface SubmitRequest {
  readonly request: string
  readonly artefact: string
  readonly name?: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly options: JsonObject
  readonly inactive: boolean
}

/** Looks into an artefact, in a process of its own: what its code does there hurts nobody. */
export type ExtractGraph = (artefact: string, given: Pick<SubmitRequest, 'args' | 'cwd'>) => Promise<TopologyGraph>

/** Artefacts that are looked into at a time, and those that may wait for it. */
const extractingMax = 2
const waitingMax = 200

/**
 * From what a client submits to a topology: the artefact is looked into, and the coordinator decides on what is in it. The
 * same request, however often it comes, is answered by one topology.
 */
export class Submissions {
  readonly #coordinator: Coordinator
  readonly #extract: ExtractGraph
  readonly #underWay = new Map<string, Promise<TopologyRecord>>()
  /** How many submissions need an artefact that no topology has yet. */
  readonly #inUse = new Map<string, number>()
  readonly #turns: (() => void)[] = []
  #extracting = 0

  constructor(coordinator: Coordinator, extract: ExtractGraph) {
    this.#coordinator = coordinator
    this.#extract = extract
  }

  /** Whether an artefact is needed by a submission that is under way. */
  needs(artefact: string): boolean {
    return this.#inUse.has(artefact)
  }

  /** Rejects with what the topology, or the coordinator, has against it. */
  submit(submission: SubmitRequest, owner: string): Promise<TopologyRecord> {
    const { request } = submission
    const underWay = this.#underWay.get(request)
    if (underWay !== undefined) return underWay
    const submitted = this.#submit(submission, owner).finally(() => this.#underWay.delete(request))
    this.#underWay.set(request, submitted)
    return submitted
  }

  async #submit(submission: SubmitRequest, owner: string): Promise<TopologyRecord> {
    const { artefact } = submission
    const { nimbus } = this.#coordinator
    // It may be there from an earlier nimbus, or an earlier time: then nobody has to look into anything.
    for (const record of nimbus.topologies.values()) if (record.request === submission.request) return record
    this.#inUse.set(artefact, (this.#inUse.get(artefact) ?? 0) + 1)
    try {
      const told = await this.#inTurn(() => this.#extract(artefact, submission))
      const graph = topologyGraph.safeParse(told)
      if (!graph.success) {
        const { where, wrong } = firstIssue(graph.error)
        throw new StormError(
          'NOT_A_TOPOLOGY',
          `What the artefact tells of its topology cannot be: at '${where}': ${wrong}.`,
        )
      }
      return recordIn(
        await this.#coordinator.ask({ kind: 'submit', submission: { ...submission, owner, graph: graph.data } }),
      )
    } finally {
      const count = (this.#inUse.get(artefact) ?? 1) - 1
      if (count === 0) this.#inUse.delete(artefact)
      else this.#inUse.set(artefact, count)
    }
  }

  /** So many at a time, the others in the order in which they came. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#extracting >= extractingMax) {
      if (this.#turns.length >= waitingMax)
        throw new StormError('BUSY', `${waitingMax} submissions wait already; try again in a moment.`)
      await new Promise<void>((turn) => this.#turns.push(turn))
    } else this.#extracting++
    try {
      return await work()
    } finally {
      const next = this.#turns.shift()
      if (next === undefined) this.#extracting--
      else next()
    }
  }
}

/** The topology of a reply; throws what it was refused for. */
export function recordIn(reply: Reply): TopologyRecord {
  if (reply.kind === 'refused') throw problemOf(reply.code, reply.message, reply.problems)
  if (reply.topology === undefined) throw new Error('a reply without its topology')
  return reply.topology
}
