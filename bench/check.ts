import type { Shape } from './options.js'
import { keyTotals, wordTotals } from './sentences.js'
import { dataOf } from './topologies.js'

/** All that a drained run says of its own work: what spout and sink counted, and what the engine did. */
export interface Work {
  readonly shape: Pick<Shape, 'topology' | 'acks' | 'fanout' | 'payload' | 'keys'>
  readonly spout: {
    readonly emitted: number
    readonly acked: number
    readonly failed: number
    readonly emittedIds: number
    readonly ackedIds: number
    readonly failReason?: string | undefined
  }
  readonly sink: { readonly taken: number; readonly checksum: number; readonly words: ReadonlyMap<string, number> }
  readonly metrics: {
    readonly pending: number
    readonly spout: { readonly emitted: number; readonly acked: number; readonly failed: number }
    /** Executes of the last bolt. */
    readonly sinkExecuted: number
  }
  /** What went wrong while it ran: errors of components, a drain that did not end. */
  readonly problems: readonly string[]
}

/** Holds a drained run against arithmetic. Returns `ok`, or a sentence about the first thing that is wrong. */
export function checkWork(work: Work): string {
  return firstProblem(work) ?? 'ok'
}

function firstProblem({ shape, spout, sink, metrics, problems }: Work): string | undefined {
  if (problems.length > 0) return problems[0]
  if (spout.failed > 0) return `${spout.failed} tuples failed, the last with '${spout.failReason}'`
  if (spout.emitted === 0) return 'nothing was emitted'
  if (shape.acks === 'on') {
    const undecided = spout.emitted - spout.failed - spout.acked
    if (undecided !== metrics.pending) {
      return `acked ${spout.acked} of ${spout.emitted} emitted with ${metrics.pending} pending`
    }
    if (metrics.pending !== 0) return `${metrics.pending} trees undecided after the end`
    if (spout.ackedIds !== spout.emittedIds) return 'the ids acked are not the ids emitted'
    if (metrics.spout.acked !== spout.acked) {
      return `the engine counted ${metrics.spout.acked} acked, the spout ${spout.acked}`
    }
  }
  if (metrics.spout.failed !== spout.failed) return `the engine counted ${metrics.spout.failed} failed, the spout none`
  if (metrics.spout.emitted !== spout.emitted) {
    return `the engine counted ${metrics.spout.emitted} emitted, the spout ${spout.emitted}`
  }
  switch (shape.topology) {
    case 'T0':
      return undefined
    case 'T3':
      return wordProblem(wordTotals(spout.emitted), sink, metrics)
    case 'T3w':
      return wordProblem(keyTotals(spout.emitted, shape.keys), sink, metrics)
    default:
      return constProblem(spout.emitted * partsOf(shape), dataOf(shape).length, sink, metrics)
  }
}

/** Tuples that reach the sink for each of the spout's. Of T3 it differs from sentence to sentence. */
export function partsOf({ topology, fanout }: Pick<Shape, 'topology' | 'fanout'>): number {
  return topology === 'T4' ? fanout : 1
}

function constProblem(count: number, length: number, sink: Work['sink'], metrics: Work['metrics']): string | undefined {
  return sinkProblem(sink, metrics, count, int32(BigInt(count) * BigInt(length)))
}

function wordProblem(
  totals: ReadonlyMap<string, number>,
  sink: Work['sink'],
  metrics: Work['metrics'],
): string | undefined {
  const { words } = sink
  let count = 0
  let checksum = 0n
  for (const [word, total] of totals) {
    const counted = words.get(word) ?? 0
    if (counted !== total) return `'${word}' was counted ${counted} times instead of ${total}`
    count += total
    // All of the running counts 1 to total of a word were emitted, in whatever order.
    checksum += BigInt(total) * BigInt(word.length) + (BigInt(total) * BigInt(total + 1)) / 2n
  }
  if (words.size !== totals.size) return `${words.size} different words instead of ${totals.size}`
  return sinkProblem(sink, metrics, count, int32(checksum))
}

function sinkProblem(
  sink: Work['sink'],
  metrics: Work['metrics'],
  count: number,
  checksum: number,
): string | undefined {
  if (sink.taken !== count) return `the sink took ${sink.taken} tuples instead of ${count}`
  if (metrics.sinkExecuted !== count) return `the engine counted ${metrics.sinkExecuted} executes instead of ${count}`
  if (sink.checksum !== checksum) return `checksum ${sink.checksum} instead of ${checksum}`
  return undefined
}

function int32(sum: bigint): number {
  return Number(BigInt.asIntN(32, sum))
}
