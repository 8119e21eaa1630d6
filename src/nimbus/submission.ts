import type { Problem } from '../errors.js'
import type { JsonObject, TopologyGraph, TopologyRecord } from '../cluster/records.js'
import { quoted } from '../stdx/listed.js'
import { checkName } from '../topology/check-name.js'
import { checkOptions, resolveOptions, type ResolvedOptions } from '../topology/options.js'
import { taskCountOf } from '../topology/tasks.js'
import { layoutOf } from '../cluster/layout.js'
import { recordOf } from './life-record.js'
import { step } from './status.js'

/** What a client submits, with the graph that its artefact turned out to have. */
export interface Submission {
  readonly request: string
  /** Instead of the topology's own. */
  readonly name?: string
  readonly artefact: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly options: JsonObject
  readonly inactive: boolean
  readonly owner: string
  readonly graph: TopologyGraph
}

/** Executors of one topology: with more, its assignment would not fit into one message. */
const executorsMax = 20_000

/** All that is wrong with a submission; the topology itself was checked when it was made. */
export function checkSubmission(submission: Submission): Problem[] {
  const problems = [
    ...checkGraph(submission.graph),
    ...checkOptions(submission.graph.options, 'of the topology'),
    ...checkOptions(submission.options, 'given at submission'),
  ]
  const badName = checkName(nameOf(submission))
  if (badName !== undefined) problems.push(badName)
  if (problems.length > 0) return problems
  const shape = shapeOf(submission.graph, optionsOf(submission))
  const { executors } = layoutOf(shape)
  if (executors.length > executorsMax) {
    const message = `The topology has ${executors.length} executors; ${executorsMax} are the most.`
    problems.push({ code: 'INVALID_PARALLELISM', message })
  }
  return problems
}

/** A graph comes from a process that ran the user's code, which may have said what no builder would. */
function checkGraph({ components }: TopologyGraph): Problem[] {
  const ids = components.map(({ id }) => id)
  const reserved = ids.find((id) => id.startsWith('__'))
  if (reserved !== undefined)
    return [
      { code: 'RESERVED_ID', message: `A component is called ${quoted(reserved)}; ids with '__' are the engine's.` },
    ]
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) return [{ code: 'DUPLICATE_ID', message: `Two components are called ${quoted(twice)}.` }]
  if (components.some(({ kind }) => kind === 'spout')) return []
  return [{ code: 'NO_SPOUT', message: 'The topology has no spout.' }]
}

/** The record of a submission that was found sound. */
export function topologyRecordOf(submission: Submission, number: number, wallMs: number): TopologyRecord {
  const { artefact, args, cwd, options, graph, owner, request, inactive } = submission
  const resolved = optionsOf(submission)
  const shape = shapeOf(graph, resolved)
  const life = step(undefined, {
    kind: 'submit',
    inactive,
    shape: {
      workers: resolved.workers,
      messageTimeoutMs: resolved.messageTimeoutMs,
      executors: new Map(Object.entries(shape.executors)),
    },
  })?.next
  if (life === undefined) throw new Error('a submission makes a topology')
  const name = nameOf(submission)
  return {
    id: `${name}-${number}-${Math.floor(wallMs / 1_000)}`,
    number,
    name,
    artefact,
    args,
    cwd,
    options,
    graph,
    ackers: shape.ackers,
    tasks: shape.tasks,
    life: recordOf(life),
    submittedAtMs: wallMs,
    owner,
    request,
  }
}

export function nameOf({ name, graph }: Submission): string {
  return name ?? graph.name
}

function optionsOf({ graph, options }: Pick<Submission, 'graph' | 'options'>): ResolvedOptions {
  return resolveOptions(graph.options, options)
}

/** Storm's rules give the tasks; they and the ackers are what they are from then on. */
function shapeOf({ components }: TopologyGraph, options: ResolvedOptions) {
  const tasks: Record<string, number> = {}
  const executors: Record<string, number> = {}
  for (const { id, parallelism, taskCount, maxTaskParallelism } of components) {
    const own = maxTaskParallelism === undefined ? {} : { maxTaskParallelism }
    const count = taskCountOf({ id, parallelism, taskCount, options: own }, options)
    tasks[id] = count
    executors[id] = Math.min(parallelism, count)
  }
  return { tasks, executors, ackers: options.ackers ?? options.workers }
}
