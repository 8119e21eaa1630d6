import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { isStream, type Default, type Named, type Stream, type Streams, type Values, type ValuesOf } from './stream.js'
import type { Tuple } from './tuple.js'

/**
 * What users implement, spouts and bolts, and what they are handed, collectors and a context.
 *
 * A component is given to the builder as a factory; every task makes an instance of its own with it. All calls into one
 * instance come one after another, but for `execute` of an asynchronous bolt with a `concurrency` above 1.
 */

/** Why a tuple tree failed. */
export type FailReason =
  'timeout' | 'bolt failed' | 'bolt threw' | 'worker lost' | 'acker lost' | 'link lost' | 'killed'

// ---- spouts ---------------------------------------------------------------------------------------------------------

/**
 * A source of tuples. `implements Spout<…>` is enough, there is no base class.
 *
 * Calls: `open` once, then `activate`, then `nextTuple` again and again while the topology is active and fewer trees than
 * `maxSpoutPending` are undecided; `ack` or `fail` once for every id emitted; `close` at the end of an orderly kill.
 */
export interface Spout<O extends Streams = Streams, Id = Values> {
  readonly outputs: O
  open?(context: TopologyContext, out: SpoutCollector<O, Id>): void | Promise<void>
  /**
   * Emits zero or more tuples and returns, or a promise that settles when it has. After a call that emitted nothing the
   * spout is left alone for some milliseconds, counted from the beginning of that call: one that waits in its promise
   * until it has something is asked again at once.
   */
  nextTuple(out: SpoutCollector<O, Id>): void | Promise<void>
  ack?(id: Id): void
  /** Nothing is emitted again by itself: a spout that wants at-least-once emits the id's tuple anew. */
  fail?(id: Id, reason: FailReason): void
  activate?(): void
  deactivate?(): void
  close?(): void | Promise<void>
}

/** A spout task's way out. Good for the life of the task. Unknown streams and direct mismatches throw. */
export interface SpoutCollector<O extends Streams, Id = unknown> {
  /**
   * Emits on the default stream. With `id` the tree is tracked and `ack` or `fail` is called with it exactly once;
   * without, nobody is told. Returns the tasks it went to.
   */
  emit(values: Default<O>, id?: Id): readonly number[]
  emitTo<S extends keyof O & string>(stream: S, values: ValuesOf<O[S]>, id?: Id): readonly number[]
  /** To one task, on a direct stream. */
  emitDirect<S extends keyof O & string = 'default'>(task: number, values: ValuesOf<O[S]>, id?: Id, stream?: S): void
  /**
   * Nothing to emit now, nor later unless a pending tuple fails. A later `fail` takes it back: `nextTuple` is called
   * again, and this may be said again.
   */
  exhausted(): void
  /** Trees of this task that are not decided yet. */
  readonly pending: number
}

// ---- bolts ----------------------------------------------------------------------------------------------------------

/**
 * A consumer of tuples that acks by itself. `implements Bolt<…>` is enough.
 *
 * Calls: `prepare` once, then `execute` per tuple, `cleanup` at the end of an orderly kill, when calls that are open have had a second to end.
 */
export interface Bolt<In extends object = Values, O extends Streams = Values> {
  readonly outputs?: O
  prepare?(context: TopologyContext, out: OutputCollector<O>): void | Promise<void>
  /** Acks or fails every tuple sooner or later, here or afterwards. A throw fails this tuple and is reported. */
  execute(tuple: Tuple<In>, out: OutputCollector<O>): void | Promise<void>
  cleanup?(): void | Promise<void>
}

/** A bolt that emits very many tuples from one input asks now and then: `if (out.full) await out.drained()`. */
interface Drain {
  /** Whether those who read this task's tuples are behind, so that a further emit adds to a queue that is full. */
  readonly full: boolean
  /** Resolves when there is room again; at once if there is. */
  drained(): Promise<void>
}

export interface OutputCollector<O extends Streams> extends Drain {
  /** Anchored to the tuples given; to none, and so untracked, when none is given (as in Storm's rich bolt). */
  emit(values: Default<O>, anchors?: Tuple | readonly Tuple[]): readonly number[]
  emitTo<S extends keyof O & string>(
    stream: S,
    values: ValuesOf<O[S]>,
    anchors?: Tuple | readonly Tuple[],
  ): readonly number[]
  /** To one task, on a direct stream. */
  emitDirect<S extends keyof O & string = 'default'>(
    task: number,
    values: ValuesOf<O[S]>,
    anchors?: Tuple | readonly Tuple[],
    stream?: S,
  ): void
  ack(tuple: Tuple): void
  fail(tuple: Tuple, reason?: string): void
  /** Gives the tuple's trees their whole timeout again. */
  resetTimeout(tuple: Tuple): void
}

/** Every emit is anchored to the tuple being executed. */
export interface BasicCollector<O extends Streams> extends Drain {
  emit(values: Default<O>): readonly number[]
  emitTo<S extends keyof O & string>(stream: S, values: ValuesOf<O[S]>): readonly number[]
  /** To one task, on a direct stream. */
  emitDirect<S extends keyof O & string = 'default'>(task: number, values: ValuesOf<O[S]>, stream?: S): void
}

/** A bolt whose tuple is acked when `execute` returns or resolves and failed when it throws or rejects. */
export abstract class BasicBolt<In extends object = Values, O extends Streams = Values> {
  // `declare`: a field written here would lay `undefined` over what a subclass puts on its prototype.
  declare readonly outputs?: O
  prepare?(context: TopologyContext): void | Promise<void>
  abstract execute(tuple: Tuple<In>, out: BasicCollector<O>): void | Promise<void>
  cleanup?(): void | Promise<void>
}

// A mark and not `instanceof`, so that a bolt made with another copy of this package is known too.
const basicMark = Symbol.for('storm-ts.BasicBolt')
Object.defineProperty(BasicBolt.prototype, basicMark, { value: true })

/** Whether the engine acks for this bolt. */
export function isBasicBolt(bolt: Bolt | BasicBolt): bolt is BasicBolt {
  return basicMark in bolt
}

/** What `basicBolt` takes. */
interface BasicBoltDefinition<I extends Stream, O extends Streams | Stream> {
  /** The stream that it reads, or a list of them; for types. */
  input: I | readonly I[]
  /** The streams that it emits by id, or the one that it emits. */
  outputs?: O
  /** Called once a task; what it returns is called per tuple, so state lives in its closure. */
  create?(context: TopologyContext): Execute<I, O>
  /** Called per tuple; for a bolt without state. */
  execute?(tuple: Tuple<ValuesOf<I>>, out: BasicCollector<Named<O>>): void | Promise<void>
}
type Execute<I extends Stream, O extends Streams | Stream> = (
  tuple: Tuple<ValuesOf<I>>,
  out: BasicCollector<Named<O>>,
) => void | Promise<void>

/**
 * A BasicBolt as a value: types flow from `input` and `outputs`. Give either `create`, which runs once a task, or
 * `execute`. Returns a factory for `setBolt`. Throws NOT_A_COMPONENT for a definition with neither or both.
 */
export function basicBolt<I extends Stream, const O extends Streams | Stream = {}>(
  def: BasicBoltDefinition<I, O>,
): () => BasicBolt<ValuesOf<I>, Named<O>> {
  if (typeof def !== 'object' || def === null) {
    throw new StormError(
      'NOT_A_COMPONENT',
      `basicBolt(…) takes { input, outputs, create or execute }; it got ${describeValue(def)}.`,
    )
  }
  const { create, execute } = def
  if ((typeof create === 'function') === (typeof execute === 'function')) {
    throw new StormError(
      'NOT_A_COMPONENT',
      `basicBolt(…) takes a function either as 'create', called once a task, or as 'execute', called per tuple; it got ${typeof create === 'function' ? 'both' : 'neither'}.`,
    )
  }
  const outputs = (
    def.outputs === undefined ? {} : isStream(def.outputs) ? { default: def.outputs } : def.outputs
  ) as Named<O>
  const input = Array.isArray(def.input) ? def.input : [def.input]
  const made = typeof create === 'function' ? create.bind(def) : undefined
  const called = typeof execute === 'function' ? execute.bind(def) : undefined
  return () => new DefinedBolt<ValuesOf<I>, Named<O>>(input, outputs, made, called)
}

class DefinedBolt<In extends object, O extends Streams> extends BasicBolt<In, O> {
  /** What it says that it reads, for the builder to compare with what it is given. */
  readonly '~input': readonly Stream[]
  override readonly outputs: O
  readonly #create: ((context: TopologyContext) => BasicBolt<In, O>['execute']) | undefined
  #execute: BasicBolt<In, O>['execute'] | undefined

  constructor(
    input: readonly unknown[],
    outputs: O,
    create: ((context: TopologyContext) => BasicBolt<In, O>['execute']) | undefined,
    execute: BasicBolt<In, O>['execute'] | undefined,
  ) {
    super()
    this['~input'] = input.filter(isStream)
    this.outputs = outputs
    this.#create = create
    this.#execute = execute
  }

  override prepare(context: TopologyContext): void {
    if (this.#create === undefined) return
    const execute: unknown = this.#create(context)
    if (typeof execute !== 'function') {
      throw new StormError(
        'NOT_A_COMPONENT',
        `'create' of the basic bolt '${context.component}' returned ${describeValue(execute)}; a function that executes a tuple is expected.`,
      )
    }
    this.#execute = execute as BasicBolt<In, O>['execute']
  }

  override execute(tuple: Tuple<In>, out: BasicCollector<O>): void | Promise<void> {
    return (this.#execute as BasicBolt<In, O>['execute'])(tuple, out)
  }
}

// ---- what a task is told --------------------------------------------------------------------------------------------

/** A task's view of its topology, given to `open` and `prepare`. */
export interface TopologyContext {
  readonly topology: string
  readonly component: string
  /**
   * Task ids start at 1 and are unique in the topology; `taskIndex` is 0-based within the component's `taskCount` tasks.
   */
  readonly task: number
  readonly taskIndex: number
  readonly taskCount: number
  readonly workerPort: number
  /** Every option as it holds for this component, and the user's own keys. */
  readonly config: Readonly<Record<string, unknown>>
  /** Task ids of a component, ascending. */
  tasksOf(component: string): readonly number[]
  readonly log: {
    debug(message: string, fields?: object): void
    info(message: string, fields?: object): void
    warn(message: string, fields?: object): void
    error(message: string, fields?: object): void
  }
  readonly metrics: {
    counter(name: string): { add(n?: number): void }
    gauge(name: string): { set(value: number): void }
    histogram(name: string): { record(value: number): void }
  }
  /** Shown by `storm-ts errors`; the task goes on. */
  reportError(error: unknown): void
  /** The hook is told of this task from now on. Its `prepare` is called at once. */
  addTaskHook(hook: TaskHook): void
}

/**
 * Told of what a task does: for audits and measurements. Every part is optional; one that is not there costs nothing.
 * Called synchronously, in the order of events; a hook that throws is reported as an error of its task. Latencies are
 * there for the tuples whose latency is sampled (option `latencySampleEvery`).
 */
export interface TaskHook {
  prepare?(context: TopologyContext): void
  cleanup?(): void
  emit?(info: {
    readonly task: number
    readonly stream: string
    readonly values: object
    /** The tasks that it went to. */
    readonly tasks: readonly number[]
  }): void
  spoutAck?(info: {
    readonly task: number
    readonly id: unknown
    readonly completeLatencyMs?: number | undefined
  }): void
  spoutFail?(info: {
    readonly task: number
    readonly id: unknown
    readonly reason: FailReason
    readonly completeLatencyMs?: number | undefined
  }): void
  boltExecute?(info: {
    readonly task: number
    readonly tuple: Tuple
    readonly executeLatencyMs?: number | undefined
  }): void
  boltAck?(info: { readonly task: number; readonly tuple: Tuple; readonly processLatencyMs?: number | undefined }): void
  boltFail?(info: {
    readonly task: number
    readonly tuple: Tuple
    readonly processLatencyMs?: number | undefined
  }): void
}

/** Chooses the tasks of each tuple of one subscription. One instance a source task. */
export interface CustomGrouping<V extends object = Values> {
  /** Called once, before the first tuple. `targetTasks`: the subscriber's task ids, ascending. */
  prepare?(context: TopologyContext, targetTasks: readonly number[]): void
  /** Task ids out of the target tasks; any other is an error of the emit, BAD_GROUPING. */
  chooseTasks(sourceTask: number, values: V): readonly number[]
}
