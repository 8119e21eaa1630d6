import { StormError } from '../errors.js'
import type { Chooser, OneChooser } from '../grouping/grouping.js'
import { didYouMean } from '../stdx/nearest.js'
import { describeValue } from '../stdx/describe-error.js'
import { listed } from '../stdx/listed.js'
import type { Lane, TaskId } from './tuple.js'

/** The lanes of one subscription by index of the target, for all tasks of this worker that feed it. */
export class Lanes {
  /** In ascending order. */
  readonly targets: readonly TaskId[]
  private readonly lanes: (Lane | undefined)[]
  private readonly open: (target: TaskId) => Lane

  constructor(targets: readonly TaskId[], open: (target: TaskId) => Lane) {
    this.targets = targets
    this.lanes = new Array<Lane | undefined>(targets.length).fill(undefined)
    this.open = open
  }

  /** Opened when a tuple first goes there. */
  at(index: number): Lane {
    return this.lanes[index] ?? (this.lanes[index] = this.open(this.targets[index] as TaskId))
  }
}

/**
 * One subscription of one component, at an emitting task: its chooser, and the lanes to the tasks it chooses from. Where
 * the chooser goes by the values alone, one route serves all tasks of the worker.
 */
export class Route {
  readonly chooser: Chooser
  private readonly lanes: Lanes

  constructor(chooser: Chooser, lanes: Lanes) {
    this.chooser = chooser
    this.lanes = lanes
  }

  /** A chooser answers with indexes into it. */
  get targets(): readonly TaskId[] {
    return this.lanes.targets
  }

  /** The lane to the target at this index. */
  lane(index: number): Lane {
    return this.lanes.at(index)
  }
}

/** One output stream of one task: who reads it, and what is counted on it. */
export class OutputStream {
  emitted = 0
  transferred = 0
  /** Of a spout: verdicts on the trees that began here. */
  acked = 0
  failed = 0
  /** The common case, one reader and one task a tuple: its chooser, and its route. */
  readonly one: OneChooser | null
  readonly route: Route | null
  /** Some component reads it, though perhaps by a direct grouping only. */
  readonly hasReaders: boolean
  private readonly routes: readonly Route[]
  /** The lanes of direct subscriptions, by task. */
  private readonly directLanes: ReadonlyMap<TaskId, () => Lane>
  private readonly guard: ((values: object) => void) | null

  constructor(
    readonly component: string,
    readonly id: string,
    readonly isDirect: boolean,
    routes: readonly Route[],
    /** Freezes or validates values before they leave; null where neither is asked for. */
    guard: ((values: object) => void) | null,
  ) {
    const [only] = routes
    const isSimple = routes.length === 1 && only !== undefined && only.chooser.kind === 'one'
    this.one = isSimple && only.chooser.kind === 'one' ? only.chooser.one : null
    this.route = isSimple ? only : null
    this.hasReaders = routes.length > 0
    this.routes = routes
    this.directLanes = new Map(
      routes.flatMap((route) =>
        route.chooser.kind === 'direct'
          ? route.targets.map((target, index) => [target, () => route.lane(index)] as const)
          : [],
      ),
    )
    this.guard = guard
  }

  /** Refuses what is no values object, Storm's lists of values among it; then what freezing or validating asks for. */
  check(values: object): void {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) this.refuse(values)
    if (this.guard !== null) this.guard(values)
  }

  private refuse(values: unknown): never {
    throw new StormError(
      'BAD_VALUES',
      `Component '${this.component}' emitted ${describeValue(values)} on its stream '${this.id}'; values are an object with the stream's fields.`,
    )
  }

  /** Appends the lanes that a plain emit takes to `lanes`. Everything that can be refused is refused here, before anything is sent. */
  select(values: object, lanes: Lane[]): void {
    if (this.isDirect) {
      throw new StormError(
        'DIRECT_STREAM',
        `Stream '${this.id}' of component '${this.component}' is direct: name the task with emitDirect.`,
      )
    }
    for (const route of this.routes) {
      const { chooser } = route
      switch (chooser.kind) {
        case 'one':
          lanes.push(route.lane(chooser.one.choose(values)))
          break
        case 'all':
          for (let i = 0; i < route.targets.length; i++) lanes.push(route.lane(i))
          break
        case 'many':
          for (const index of chooser.many(values)) lanes.push(route.lane(index))
          break
        case 'direct':
          break
      }
    }
  }

  /** The lane to a task that reads this direct stream. */
  directLane(task: TaskId): Lane {
    if (!this.isDirect) {
      throw new StormError(
        'NOT_DIRECT',
        `Stream '${this.id}' of component '${this.component}' is not direct: emitDirect to task ${task} needs stream(…, { direct: true }).`,
      )
    }
    const lane = this.directLanes.get(task)
    if (lane === undefined) {
      const known = [...this.directLanes.keys()]
      throw new StormError(
        'UNKNOWN_TASK',
        `Task ${describeValue(task)} does not read stream '${this.id}' of component '${this.component}'; ${known.length === 0 ? 'nobody does' : `tasks ${known.join(', ')} do`}.`,
      )
    }
    return lane()
  }
}

const noStreams: ReadonlyMap<string, OutputStream> = new Map()

/** All output streams of one task. Nothing leaves on them before `open` and after `close`. */
export class Router {
  readonly streams: ReadonlyMap<string, OutputStream>
  private readonly component: string
  private readonly task: TaskId
  // While it is closed there are no streams, so that whether it is costs no emit anything.
  private openStreams = noStreams
  private defaultStream: OutputStream | undefined

  constructor(component: string, task: TaskId, streams: ReadonlyMap<string, OutputStream>) {
    this.component = component
    this.task = task
    this.streams = streams
  }

  open(): void {
    this.openStreams = this.streams
    this.defaultStream = this.streams.get('default')
  }

  close(): void {
    this.openStreams = noStreams
    this.defaultStream = undefined
  }

  /** The stream that `emit` uses. */
  get default(): OutputStream {
    return this.defaultStream ?? this.stream('default')
  }

  stream(id: string): OutputStream {
    return this.openStreams.get(id) ?? this.refuse(id)
  }

  private refuse(id: string): never {
    if (this.openStreams !== this.streams) {
      throw new StormError(
        'TASK_CLOSED',
        `Task ${this.task} of component '${this.component}' emitted before it was ready or after its end.`,
      )
    }
    const known = [...this.streams.keys()]
    throw new StormError(
      'UNKNOWN_STREAM',
      `Component '${this.component}' has no stream ${describeValue(id)}; it declares ${listed(known)}.${typeof id === 'string' ? didYouMean(id, known) : ''}`,
    )
  }
}

/** The tasks that a tuple went to, as `emit` answers them. */
export function targetsOf(lanes: readonly Lane[]): readonly TaskId[] {
  return lanes.map((lane) => lane.target)
}
