import type { CustomGrouping } from './component.js'
import type { TopologyOptions } from './options.js'
import type { Streams, Values, ValuesOf } from './stream.js'
import type { Grouping } from './topology.js'

/** A component as a source, for the groupings; carries the types of its streams. */
export interface Source<O extends Streams = Streams> {
  readonly id: string
  readonly '~outputs'?: O
}

/** What `setSpout` returns: the spout as a source of others, and the place to say more about it. */
export interface SpoutHandle<O extends Streams> extends Source<O> {
  /** Instances that there are, spread over the executors; as many as executors unless told. Fixed while it runs. */
  tasks(count: number): this
  /** Options for this component alone. */
  set(options: Partial<TopologyOptions>): this
}

/**
 * Nothing more is asked of a source that fits; of one that does not, something that no source has, to be read in the
 * compiler's message. Where a stream is named that is not there, the compiler puts all that are in place of `S`: then it
 * is enough if one of them fits, so that the message is about the name.
 */
type Fit<O extends Streams, S extends keyof O, In> =
  ValuesOf<O[S]> extends In ? unknown : keyof O extends S ? FitOfAny<O, S, In> : Misfit<In, ValuesOf<O[S]>>
type FitOfAny<O extends Streams, S extends keyof O, In> = S extends S
  ? ValuesOf<O[S]> extends In
    ? unknown
    : Misfit<In, ValuesOf<O[S]>>
  : never
interface Misfit<In, Values> {
  'the stream does not fit this bolt, which reads': In
  'but the stream carries': Values
}

/**
 * What `setBolt` returns: the bolt as a source of others, and the place to say what it reads.
 *
 * Each grouping subscribes the bolt to one stream of one component, `default` unless named; a bolt reads any number of
 * streams, each once. A source is a handle, or an id as in Storm: of a handle the compiler checks stream, fields and
 * payload, of an id `createTopology` checks all that can be known. Both are checked at `createTopology`.
 */
// The overload for ids stands before the typed one: of a call that fits none, the compiler tells about the last.
export interface BoltHandle<In extends object, O extends Streams> extends Source<O> {
  /** Evenly over the tasks, each in its turn. */
  shuffleGrouping(source: string, stream?: string): this
  shuffleGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** As shuffle, among the tasks in the emitter's worker if there are any there. */
  localOrShuffleGrouping(source: string, stream?: string): this
  localOrShuffleGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** Tuples with the same values of these fields go to the same task. */
  fieldsGrouping(source: string, fields: readonly string[], stream?: string): this
  fieldsGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    fields: readonly (keyof ValuesOf<P[S]> & string)[],
    stream?: S,
  ): this
  /** As fields, over two tasks a key, the one that got less from this emitter; for keys that are skewed. */
  partialKeyGrouping(source: string, fields: readonly string[], stream?: string): this
  partialKeyGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    fields: readonly (keyof ValuesOf<P[S]> & string)[],
    stream?: S,
  ): this
  /** Each tuple to every task. */
  allGrouping(source: string, stream?: string): this
  allGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** Every tuple to the task with the lowest id. */
  globalGrouping(source: string, stream?: string): this
  globalGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** Any task will do. */
  noneGrouping(source: string, stream?: string): this
  noneGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** The emitter names the task, with `emitDirect`; for streams declared with `direct: true`. */
  directGrouping(source: string, stream?: string): this
  directGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    stream?: S,
  ): this
  /** A rule of the user's own, made anew for each task that emits. */
  customGrouping(source: string, grouping: () => CustomGrouping, stream?: string): this
  customGrouping<P extends Streams, S extends keyof P & string = 'default'>(
    source: Source<P> & Fit<P, S, In>,
    grouping: () => CustomGrouping<ValuesOf<P[S]>>,
    stream?: S,
  ): this
  /** Instances that there are, spread over the executors; as many as executors unless told. Fixed while it runs. */
  tasks(count: number): this
  /** Sends this bolt a tick every so many ms. */
  tick(everyMs: number): this
  /** Options for this component alone. */
  set(options: Partial<TopologyOptions>): this
}

/** What was said about a component, as it was said: nothing of it is checked before `createTopology`. */
export interface Declaration {
  readonly kind: 'spout' | 'bolt'
  readonly id: unknown
  readonly create: unknown
  readonly parallelism: unknown
  tasks: unknown
  readonly options: unknown[]
  readonly subscriptions: SubscriptionRequest[]
}

export interface SubscriptionRequest {
  readonly source: unknown
  readonly stream: unknown
  readonly kind: Grouping['kind']
  /** The fields, or the factory of a custom grouping. */
  readonly argument?: unknown
}

/**
 * The handle at run time, of spouts too: an untyped caller who subscribes a spout is told so with the other problems.
 * Only takes down what is said.
 */
export class Handle {
  readonly id: string
  readonly #declaration: Declaration

  constructor(declaration: Declaration) {
    // A wrong id is refused at createTopology.
    this.id = declaration.id as string
    this.#declaration = declaration
  }

  /** The declaration behind a handle; undefined for anything else. */
  static declarationOf(source: Values): Declaration | undefined {
    return typeof source === 'object' && source !== null && #declaration in source ? source.#declaration : undefined
  }

  shuffleGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'shuffle', source, stream })
  }

  localOrShuffleGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'localOrShuffle', source, stream })
  }

  fieldsGrouping(source: unknown, fields: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'fields', source, stream, argument: fields })
  }

  partialKeyGrouping(source: unknown, fields: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'partialKey', source, stream, argument: fields })
  }

  allGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'all', source, stream })
  }

  globalGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'global', source, stream })
  }

  noneGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'none', source, stream })
  }

  directGrouping(source: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'direct', source, stream })
  }

  customGrouping(source: unknown, grouping: unknown, stream?: unknown): this {
    return this.#subscribe({ kind: 'custom', source, stream, argument: grouping })
  }

  tasks(count: unknown): this {
    this.#declaration.tasks = count
    return this
  }

  tick(everyMs: unknown): this {
    this.#declaration.options.push({ tickMs: everyMs })
    return this
  }

  set(options: unknown): this {
    this.#declaration.options.push(options)
    return this
  }

  #subscribe(request: SubscriptionRequest): this {
    this.#declaration.subscriptions.push(request)
    return this
  }
}
