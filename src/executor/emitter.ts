import type { IdGenerator } from '../acker/ids.js'
import { childOf, childOfAll, join, joinAll, looseTuple, mintEdges } from './anchors.js'
import { targetsOf, type OutputStream } from './router.js'
import type { TaskHooks } from './task-hooks.js'
import type { Lane, TaskId, TaskTuple } from './tuple.js'

const nobody: readonly TaskId[] = Object.freeze([])

/** How a bolt task's tuples leave it: choose the tasks, make a child of the anchors for each, send it. */
export class Emitter {
  private readonly task: TaskId
  private readonly ids: IdGenerator
  private readonly hooks: TaskHooks
  private readonly lanes: Lane[] = []

  constructor(task: TaskId, ids: IdGenerator, hooks: TaskHooks) {
    this.task = task
    this.ids = ids
    this.hooks = hooks
  }

  /**
   * Emits with one anchor or none. `held`: where the tuples are kept instead of being sent, for outputs that must wait
   * for those of earlier inputs; null: they are sent.
   */
  emit(stream: OutputStream, values: object, anchor: TaskTuple | null, held: TaskTuple[] | null): readonly TaskId[] {
    stream.check(values)
    if (stream.one === null || stream.route === null || this.hooks.any) {
      return this.sendAll(stream, values, anchor, held)
    }
    const lane = stream.route.lane(stream.one.choose(values))
    stream.emitted++
    stream.transferred++
    const tuple =
      anchor === null ? looseTuple(values, lane, this.task) : childOf(anchor, values, lane, this.task, this.ids)
    if (held === null) lane.destination.push(tuple)
    else held.push(tuple)
    if (anchor !== null) join(anchor, tuple)
    return lane.only
  }

  /** Emits with several anchors. */
  emitToTrees(stream: OutputStream, values: object, anchors: readonly TaskTuple[]): readonly TaskId[] {
    stream.check(values)
    return this.sendAll(stream, values, anchors, null)
  }

  /** Emits to one task on a direct stream. */
  emitDirect(stream: OutputStream, task: TaskId, values: object, anchors: Anchors, held: TaskTuple[] | null): void {
    stream.check(values)
    this.lanes.length = 0
    this.lanes.push(stream.directLane(task))
    this.send(stream, values, anchors, held)
  }

  private sendAll(stream: OutputStream, values: object, anchors: Anchors, held: TaskTuple[] | null): readonly TaskId[] {
    if (!stream.hasReaders && !stream.isDirect && !this.hooks.any) {
      stream.emitted++
      return nobody
    }
    this.lanes.length = 0
    stream.select(values, this.lanes)
    return this.send(stream, values, anchors, held)
  }

  private send(stream: OutputStream, values: object, anchors: Anchors, held: TaskTuple[] | null): readonly TaskId[] {
    stream.emitted++
    stream.transferred += this.lanes.length
    for (const lane of this.lanes) {
      if (isList(anchors)) this.sendTo(lane, values, anchors, held)
      else {
        const tuple =
          anchors === null ? looseTuple(values, lane, this.task) : childOf(anchors, values, lane, this.task, this.ids)
        if (held === null) lane.destination.push(tuple)
        else held.push(tuple)
        if (anchors !== null) join(anchors, tuple)
      }
    }
    const tasks = targetsOf(this.lanes)
    if (this.hooks.any) this.hooks.emit({ task: this.task, stream: stream.id, values, tasks })
    return tasks
  }

  private sendTo(lane: Lane, values: object, anchors: readonly TaskTuple[], held: TaskTuple[] | null): void {
    const edges = mintEdges(anchors, this.ids)
    const tuple = childOfAll(anchors, edges, values, lane, this.task)
    if (held === null) lane.destination.push(tuple)
    else held.push(tuple)
    joinAll(anchors, edges)
  }
}

/** What an emit is anchored to: nothing, one tuple, several. */
export type Anchors = TaskTuple | readonly TaskTuple[] | null

function isList(anchors: Anchors): anchors is readonly TaskTuple[] {
  return Array.isArray(anchors)
}
