import type {
  BasicBolt,
  Bolt,
  OutputCollector,
  RunningTopology,
  Spout,
  SpoutCollector,
  Stream,
  Streams,
  SubmitOptions,
  Topology,
  TopologyContext,
  Tuple,
} from 'storm-ts'
import { TopologyBuilder, stream, t } from 'storm-ts'
import { virtualCluster } from 'storm-ts/testing'
import type { LocalTopology } from '../../src/local/running-topology.js'

/** The stream that most tests need: one number. */
export const Num = stream({ n: t.number })
export type N = { readonly n: number }

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly component: unknown
  readonly task: unknown
  readonly atMs: number
}

/** A cluster on virtual time that keeps what is logged, and is shut down at the end of its scope. */
export function world(seed = 0) {
  const lines: LogLine[] = []
  const { cluster, clock } = virtualCluster({
    seed,
    log: {
      write: (level, message, { component, task }) =>
        void lines.push({ level, message, component, task, atMs: clock.now() }),
    },
  })
  return {
    cluster,
    clock,
    lines,
    warnings: (like = ''): LogLine[] =>
      lines.filter(({ level, message }) => level === 'warn' && message.includes(like)),
    submit: (topology: Topology, options?: SubmitOptions): Promise<RunningTopology> =>
      clock.until(cluster.submit(topology, options)),
    [Symbol.asyncDispose]: () => clock.until(cluster.shutdown()),
  }
}

/** The tasks behind a running topology, for what no user can see: sizes of inboxes, of the ledger, of what is kept. */
export function insides(run: RunningTopology) {
  const { workers } = run as LocalTopology
  return {
    workers,
    spouts: workers.flatMap((worker) => worker.spouts),
    bolts: workers.flatMap((worker) => worker.bolts),
    ackers: workers.flatMap((worker) => worker.ackers),
  }
}

export interface Verdict {
  readonly id: unknown
  /** `acked`, or the reason of the fail. */
  readonly verdict: string
  readonly atMs: number
}

export interface SourceOptions {
  /** Emitted in all, over all tasks; Infinity: without end. */
  readonly count?: number
  readonly perCall?: number
  /** Whether the numbers are emitted with themselves as message ids; true. */
  readonly isTracked?: boolean
  /** Whether what fails is emitted again; false. */
  readonly replays?: boolean
  readonly clock?: { now(): number }
}

/** A spout that emits 0, 1, 2, … and keeps the verdicts. All its tasks count together. */
export function source(options: SourceOptions = {}) {
  const { count = Infinity, perCall = 1, isTracked = true, replays = false, clock } = options
  const verdicts: Verdict[] = []
  const again: number[] = []
  const state = {
    next: 0,
    calls: 0,
    pendingMax: 0,
    overshootMax: 0,
    collectors: new Set<SpoutCollector<{ default: typeof Num }>>(),
  }
  const told = (id: unknown, verdict: string) => void verdicts.push({ id, verdict, atMs: clock?.now() ?? 0 })
  const spout = (): Spout<{ default: typeof Num }, number> => ({
    outputs: { default: Num },
    open(_context, out) {
      state.collectors.add(out)
    },
    nextTuple(out) {
      state.calls++
      state.pendingMax = Math.max(state.pendingMax, out.pending)
      for (let i = 0; i < perCall; i++) {
        const n = again.shift() ?? (state.next < count ? state.next++ : undefined)
        if (n === undefined) {
          out.exhausted()
          break
        }
        if (isTracked) out.emit({ n }, n)
        else out.emit({ n })
      }
      state.overshootMax = Math.max(state.overshootMax, out.pending)
    },
    ack: (id) => told(id, 'acked'),
    fail(id, reason) {
      told(id, reason)
      if (replays) again.push(id)
    },
  })
  return {
    spout,
    verdicts,
    state,
    acked: () => verdicts.filter(({ verdict }) => verdict === 'acked').map(({ id }) => id as number),
    failed: () => verdicts.filter(({ verdict }) => verdict !== 'acked').map(({ id }) => id as number),
  }
}

/** One task of a puppet: what it was given, and the collector to act with. */
export interface PuppetTask<O extends Streams> {
  readonly context: TopologyContext
  readonly out: OutputCollector<O>
  readonly tuples: Tuple[]
}

/** A bolt that does nothing by itself: a test acts in its stead, whenever it likes. Its tasks stand by task index. */
export function puppet<O extends Streams = {}>(outputs?: O) {
  const tasks: PuppetTask<O>[] = []
  const bolt = (): Bolt<object, O> => {
    const tuples: Tuple[] = []
    return {
      ...(outputs === undefined ? {} : { outputs }),
      prepare(context, out) {
        tasks[context.taskIndex] = { context, out, tuples }
      },
      execute: (tuple) => void tuples.push(tuple),
    }
  }
  return { bolt, tasks, task: (index = 0) => tasks[index] as PuppetTask<O> }
}

/** A bolt that acks by itself, out of its `execute`. */
export function rich<In extends object = object, O extends Streams = {}>(
  execute: Bolt<In, O>['execute'],
  more: Omit<Bolt<In, O>, 'execute'> = {},
): () => Bolt<In, O> {
  return () => ({ ...more, execute })
}

/** The error that a call throws, as code and message. */
export function thrownBy(call: () => unknown): { code: unknown; message: string } {
  try {
    call()
  } catch (error) {
    const { code, message } = error as { code: unknown; message: string }
    return { code, message }
  }
  return { code: undefined, message: 'nothing was thrown' }
}

/** One spout, one bolt that reads it by shuffle; to be added to or created. */
export function pair(spout: () => Spout<{ default: Stream<N> }>, bolt: () => Bolt | BasicBolt, name = 'pair') {
  const builder = new TopologyBuilder(name)
  const from = builder.setSpout('source', spout)
  const to = builder.setBolt('sink', bolt).shuffleGrouping(from)
  return { builder, from, to }
}
