import type { Assignment, WorkerLaunch, WorkerTopology } from '../../cluster/records.js'
import type { KeyHash } from '../../grouping/hash.js'
import type { Rng } from '../../stdx/rng.js'
import type { TopologySpec } from '../../topology/topology.js'
import type { SimulatedDisk } from './disk.js'
import type { Secrets } from '../../wire/handshake.js'
import type { Text } from '../../wire/text.js'
import type { Network } from './network.js'
import type { SimulatedProcess } from './simulated-process.js'
import type { Timeline } from './timeline.js'

/** What runs in a slot, as those see it who watch. */
export interface WorkerView {
  readonly process: SimulatedProcess
  readonly machine: MachineView
  readonly port: number
  /** Undefined until it has read it. */
  readonly launch: WorkerLaunch | undefined
  /** Calls back when it is gone. */
  onEnd(listener: () => void): void
}

/** A machine, as its processes see it. */
export interface MachineView {
  readonly host: string
  readonly disk: SimulatedDisk
  /** Those that live. */
  readonly workers: ReadonlySet<WorkerView>
  readonly skewMs: () => number
}

/** Times of machines, each between two bounds in ms. */
export interface MachineTimes {
  /** From the start of a worker's process until its code is loaded. */
  readonly load: readonly [number, number]
  /** One write of nimbus' store. */
  readonly store: readonly [number, number]
  /** The artefact's way to a supervisor that does not have it. */
  readonly fetch: readonly [number, number]
}

/** Told of everything that changes in the world, beyond what the network's tap is told. */
export interface WorldObserver {
  /** Something has changed, in words that are the same whenever the same happens. */
  note(what: string): void
  /** What nobody caught, in a process of ours: always a bug. */
  threw(process: SimulatedProcess, error: unknown): void
  /** Nimbus tells somebody an assignment. */
  told(assignment: Assignment, to: string): void
  workerStarted(worker: WorkerView): void
  /** Its components are loaded and it takes links. */
  workerRuns(worker: WorkerView): void
  /** `code`: why, where it said so itself. */
  workerEnded(worker: WorkerView, code: string | undefined): void
}

/** What all parts of one simulated cluster share. */
export interface World {
  readonly timeline: Timeline
  readonly rng: Rng
  readonly network: Network
  readonly secrets: Secrets
  readonly text: Text
  readonly hash: KeyHash
  readonly times: MachineTimes
  readonly observer: WorldObserver
  /** The token of supervisors. */
  readonly token: string
  startProcess(name: string, host: string, skewMs?: () => number): SimulatedProcess
  /** What the artefact of a topology holds, as a worker loads it. */
  load(topology: WorkerTopology, worker: WorkerView): TopologySpec
}

/** The version of the package, as the simulated processes say it. */
export const simulatedVersion = '0.0.0-simulated'

/** Somewhere within the bounds. */
export function within([fromMs, toMs]: readonly [number, number], rng: Rng): number {
  return fromMs + (rng.uint32() / 0x1_0000_0000) * (toMs - fromMs)
}
