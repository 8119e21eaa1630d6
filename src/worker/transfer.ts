import type { AckTarget, VerdictTarget } from '../executor/ack-target.js'
import type { AckerTask } from '../executor/acker-task.js'
import type { BoltTask } from '../executor/bolt-task.js'
import type { SpoutTask } from '../executor/spout-task.js'
import { Lane, type TaskId } from '../executor/tuple.js'

/** From where and on which stream a lane comes. */
export interface LaneSource {
  readonly component: string
  readonly stream: string
  readonly task: TaskId
}

/**
 * Which task is where. Asked once per lane, acker and spout, when they are first needed, never per tuple: what it
 * answers is kept by those who ask.
 */
export class Transfer {
  readonly #bolts = new Map<TaskId, BoltTask>()
  readonly #spouts = new Map<TaskId, SpoutTask>()
  readonly #ackers = new Map<TaskId, AckerTask>()

  addBolt(bolt: BoltTask): void {
    this.#bolts.set(bolt.id, bolt)
  }

  addSpout(spout: SpoutTask): void {
    this.#spouts.set(spout.id, spout)
  }

  addAcker(acker: AckerTask): void {
    this.#ackers.set(acker.id, acker)
  }

  lane({ component, stream, task }: LaneSource, target: TaskId): Lane {
    const bolt = this.bolt(target)
    return new Lane(component, stream, task, false, target, bolt.inbox, bolt.input(component, stream))
  }

  bolt(task: TaskId): BoltTask {
    return this.#bolts.get(task) as BoltTask
  }

  acker(task: TaskId): AckTarget {
    return this.#ackers.get(task) as AckerTask
  }

  spout(task: TaskId): VerdictTarget | undefined {
    return this.#spouts.get(task)
  }
}
