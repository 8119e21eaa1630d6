import type { TopologyName } from './options.js'
import { DATA, wordTotals } from './sentences.js'

/** All that a drained run says of its own work: what spout and sink counted, and what the engine did. */
export interface Work {
  readonly topology: TopologyName
  readonly acks: 'on' | 'off'
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

function firstProblem({ topology, acks, spout, sink, metrics, problems }: Work): string | undefined {
  if (problems.length > 0) return problems[0]
  if (spout.failed > 0) return `${spout.failed} tuples failed, the last with '${spout.failReason}'`
  if (spout.emitted === 0) return 'nothing was emitted'
  if (acks === 'on') {
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
  return topology === 'T3' ? wordProblem(spout.emitted, sink, metrics) : constProblem(spout.emitted, sink, metrics)
}

function constProblem(emitted: number, sink: Work['sink'], metrics: Work['metrics']): string | undefined {
  return sinkProblem(sink, metrics, emitted, int32(BigInt(emitted) * BigInt(DATA.length)))
}

function wordProblem(sentences: number, sink: Work['sink'], metrics: Work['metrics']): string | undefined {
  const totals = wordTotals(sentences)
  let count = 0
  let checksum = 0n
  for (const [word, total] of totals) {
    const counted = sink.words.get(word) ?? 0
    if (counted !== total) return `'${word}' was counted ${counted} times instead of ${total}`
    count += total
    // All of the running counts 1 to total of a word were emitted, in whatever order.
    checksum += BigInt(total) * BigInt(word.length) + (BigInt(total) * BigInt(total + 1)) / 2n
  }
  if (sink.words.size !== totals.size) return `${sink.words.size} different words instead of ${totals.size}`
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
