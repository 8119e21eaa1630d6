import type { AckTarget, VerdictTarget } from '../executor/ack-target.js'
import type { AckerTask } from '../executor/acker-task.js'
import type { BoltTask } from '../executor/bolt-task.js'
import type { Gate } from '../executor/gate.js'
import type { SpoutTask } from '../executor/spout-task.js'
import { InputCounters } from '../executor/stats.js'
import { Lane, type Destination, type TaskId } from '../executor/tuple.js'
import { assert } from '../stdx/assert.js'

/** The stream that a lane comes from. */
export interface LaneSource {
  readonly component: string
  readonly stream: string
}

/** The tasks of other processes, as this one reaches them. */
export interface RemoteTasks {
  destination(source: LaneSource, target: TaskId): Destination
  /** Of the inbox of this bolt task. */
  gate(task: TaskId): Gate
  /** By place among the topology's ackers. */
  acker(task: TaskId, index: number): AckTarget
  spout(task: TaskId): VerdictTarget
}

/** What every tuple on a lane of this process goes through before it comes to the lane's own destination. */
export type Hop = (lane: Lane) => Destination

/**
 * Which task is where. Asked once per lane, acker and spout, when they are first needed, never per tuple: what it
 * answers is kept by those who ask.
 */
export class Transfer {
  readonly #bolts = new Map<TaskId, BoltTask>()
  readonly #spouts = new Map<TaskId, SpoutTask>()
  readonly #ackers = new Map<TaskId, AckerTask>()
  readonly #remote: RemoteTasks | undefined
  readonly #hop: Hop | undefined

  /** Without `remote`, every task is in this process. `hop`: for tests. */
  constructor(remote?: RemoteTasks, hop?: Hop) {
    this.#remote = remote
    this.#hop = hop
  }

  addBolt(bolt: BoltTask): void {
    this.#bolts.set(bolt.id, bolt)
  }

  addSpout(spout: SpoutTask): void {
    this.#spouts.set(spout.id, spout)
  }

  addAcker(acker: AckerTask): void {
    this.#ackers.set(acker.id, acker)
  }

  /** A new one: who asks keeps it, for all tasks that emit on the stream here. */
  lane(source: LaneSource, target: TaskId): Lane {
    const { component, stream } = source
    const bolt = this.#bolts.get(target)
    if (bolt !== undefined) {
      const lane = new Lane(component, stream, false, target, bolt.inbox, bolt.input(component, stream))
      if (this.#hop === undefined) return lane
      return new Lane(component, stream, false, target, this.#hop(lane), lane.input)
    }
    // The receiver counts what it reads; these counters stay at zero.
    const input = new InputCounters(component, stream)
    return new Lane(component, stream, false, target, this.#elsewhere(target).destination(source, target), input)
  }

  gate(task: TaskId): Gate {
    return this.#bolts.get(task)?.inbox.gate ?? this.#elsewhere(task).gate(task)
  }

  acker(task: TaskId, index: number): AckTarget {
    return this.#ackers.get(task) ?? this.#elsewhere(task).acker(task, index)
  }

  /** Undefined for a task that is not in this process, when there are no others. */
  spout(task: TaskId): VerdictTarget | undefined {
    return this.#spouts.get(task) ?? this.#remote?.spout(task)
  }

  localBolt(task: TaskId): BoltTask | undefined {
    return this.#bolts.get(task)
  }

  localSpout(task: TaskId): SpoutTask | undefined {
    return this.#spouts.get(task)
  }

  localAcker(task: TaskId): AckerTask | undefined {
    return this.#ackers.get(task)
  }

  #elsewhere(task: TaskId): RemoteTasks {
    assert(this.#remote !== undefined, `task ${task} is in no process`)
    return this.#remote
  }
}
