import type { TopologyOptions } from '../topology/options.js'

/** A slot is a port of a supervisor: the place of one worker, which belongs to one topology. */
export interface Slot {
  /** The supervisor's id. */
  readonly supervisor: string
  readonly port: number
}

/** The tasks of one executor, `first` to `last`, both included. */
export type ExecutorRange = readonly [first: number, last: number]

/** What one slot has to run of a topology. */
export interface WorkerAssignment {
  readonly slot: Slot
  /** Where the supervisor is reached by others: with the slot's port, the address of the worker. */
  readonly host: string
  /** Sorted by first task, at least one. */
  readonly executors: readonly ExecutorRange[]
  /**
   * The generation at which this slot got just these executors. A worker process goes on over changes of its topology's
   * assignment for as long as its slot's `since` stands; when it does not, the process is superseded and ends.
   */
  readonly since: number
}

/** Where a topology runs. */
export interface Assignment {
  /** The topology's id. */
  readonly topology: string
  /** Grows by one with every change of the assignment, from 1, and never goes back. */
  readonly generation: number
  /** Sorted by supervisor, then port. */
  readonly workers: readonly WorkerAssignment[]
}

/**
 * A worker process as everybody names it. `incarnation`: the number of the process start in that slot, given by its
 * supervisor, which only grows.
 */
export interface WorkerId {
  readonly topology: string
  readonly slot: Slot
  readonly since: number
  readonly incarnation: number
}

/** A topology as an artefact describes it, without the code: what nimbus knows of it. */
export interface TopologyGraph {
  /** The topology's own name; a submission may give another. */
  readonly name: string
  /** The user's components, in the order of their declaration. */
  readonly components: readonly GraphComponent[]
  /** As the topology gave them to `createTopology`, without those that are functions. */
  readonly options: JsonObject
  /** What is allowed but seldom meant, each as a sentence. */
  readonly warnings: readonly GraphWarning[]
}

export interface GraphWarning {
  readonly code: string
  readonly message: string
}

export interface GraphComponent {
  readonly id: string
  readonly kind: 'spout' | 'bolt'
  /** Executors that it asks for. */
  readonly parallelism: number
  /** What `.tasks(n)` said. */
  readonly taskCount?: number
  /** Its own cap of tasks. */
  readonly maxTaskParallelism?: number
  readonly streams: readonly GraphStream[]
  /** Of a bolt; none for a spout. */
  readonly subscriptions: readonly GraphSubscription[]
}

export interface GraphStream {
  readonly id: string
  readonly fields: readonly string[]
  readonly direct: boolean
}

export interface GraphSubscription {
  readonly component: string
  readonly stream: string
  /** The kind: 'shuffle', 'fields', 'custom' … */
  readonly grouping: string
  /** Of fields and partial key grouping. */
  readonly fields?: readonly string[]
}

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/**
 * What a topology's layout follows from: task numbers and executors are a function of it, so that nobody sends them
 * (`layoutOf`). Tasks and ackers are fixed at submission; only executors change, by rebalance.
 */
export interface TopologyShape {
  readonly ackers: number
  /** Tasks by component of the user. */
  readonly tasks: { readonly [component: string]: number }
  /** Executors by component of the user, no more than its tasks. */
  readonly executors: { readonly [component: string]: number }
}

/** All that supervisors and workers have to know of a topology, besides its assignment. */
export interface WorkerTopology extends TopologyShape {
  /** `<name>-<number>-<seconds since 1970>`; no two topologies ever have the same. */
  readonly id: string
  /** Counts the cluster's topologies; an int32, for the headers of frames, and for names of folders. */
  readonly number: number
  readonly name: string
  /** SHA-256 of the bundle, 64 hexadecimal digits: what it is stored and fetched by. */
  readonly artefact: string
  /** For the module's default export, if that is a function. */
  readonly args: readonly string[]
  /** Where `deploy` was typed: relative paths of the user's are meant against it. */
  readonly cwd: string
  /** Given at submission: the layer above the topology's own. */
  readonly options: Partial<TopologyOptions>
}

/** The status of a topology as it is stored: see the table of `nimbus/status.ts`, which alone changes it. */
export interface LifeRecord {
  readonly status: 'ACTIVE' | 'INACTIVE' | 'KILLED' | 'REBALANCING'
  readonly workers: number
  readonly executors: { readonly [component: string]: number }
  readonly messageTimeoutMs: number
  /** Of KILLED and REBALANCING. */
  readonly waitMs?: number
  /** Of REBALANCING: what it is again when that is done. */
  readonly back?: 'ACTIVE' | 'INACTIVE'
  /** Of REBALANCING: what it will change. */
  readonly change?: { readonly workers?: number; readonly executors?: { readonly [component: string]: number } }
}

/** A topology as nimbus stores it. */
export interface TopologyRecord {
  readonly id: string
  readonly number: number
  readonly name: string
  readonly artefact: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Given at submission. */
  readonly options: JsonObject
  readonly graph: TopologyGraph
  /** Of the submission; see `TopologyShape`. */
  readonly ackers: number
  readonly tasks: { readonly [component: string]: number }
  readonly life: LifeRecord
  /** Milliseconds since 1970: for people to read, never for a deadline. */
  readonly submittedAtMs: number
  /** Whose token submitted it. */
  readonly owner: string
  /** The client's name for the submission, by which a repeated one is known. */
  readonly request: string
  /** Where it runs; absent before it was first placed. With no workers: it waits for slots. */
  readonly assignment?: Assignment
}

/** A worker process as its supervisor sees it. */
export interface RunningWorker {
  readonly port: number
  /** The topology's id. */
  readonly topology: string
  readonly since: number
  readonly incarnation: number
  /** Undefined while there is no process. */
  readonly pid?: number
  readonly state: WorkerState
  /** Why it is in this state, in words: how the last process ended, what is waited for. */
  readonly reason?: string
  /** A code for the reason: ARTEFACT_MISMATCH, PORT_IN_USE, OOM … */
  readonly code?: string
  /** Processes started anew after the first, for this `since`. */
  readonly restarts: number
  readonly rssBytes?: number
}

export type WorkerState = 'starting' | 'running' | 'stopping' | 'backoff' | 'crash-looping' | 'failed'
export const workerStates: readonly WorkerState[] = [
  'starting',
  'running',
  'stopping',
  'backoff',
  'crash-looping',
  'failed',
]

/** What one component did in one worker since that process started; counts only grow. */
export interface ComponentSnapshot {
  readonly component: string
  /** What it emitted, by stream; of a spout also what was acked and failed of it. */
  readonly outputs: readonly OutputCounts[]
  /** Of a bolt: what it read, by source. */
  readonly inputs: readonly InputCounts[]
  /** Of a spout: from emit to ack. */
  readonly completeLatency?: Latency
  /** Of a bolt: the time within `execute`. */
  readonly executeLatency?: Latency
  /** Of a bolt: from `execute` to the ack. */
  readonly processLatency?: Latency
  /** What the component's own code counts. */
  readonly user?: { readonly [name: string]: number }
}

export interface OutputCounts {
  readonly stream: string
  readonly emitted: number
  readonly transferred: number
  readonly acked: number
  readonly failed: number
}

export interface InputCounts {
  readonly component: string
  readonly stream: string
  readonly executed: number
  readonly acked: number
  readonly failed: number
}

/** Of the sampled tuples since the process started. */
export interface Latency {
  readonly count: number
  readonly sumMs: number
  /**
   * How many samples were within each bucket of `latencyBucketOf`, from the first; zeros at the end may be left out.
   * Absent: percentiles are not known.
   */
  readonly buckets?: readonly number[]
}

/** An error of user code, as it was reported. */
export interface TaskError {
  readonly component: string
  readonly task: number
  readonly message: string
  readonly stack?: string
  readonly code?: string
  /** Milliseconds since 1970. */
  readonly atMs: number
}

/**
 * All that a worker needs to start: its supervisor writes it into the worker's launch file, which only the user of the
 * process can read. What changes later comes over the control link.
 */
export interface WorkerLaunch {
  readonly topology: WorkerTopology
  readonly assignment: Assignment
  readonly isActive: boolean
  readonly slot: Slot
  readonly since: number
  readonly incarnation: number
  /** The address to listen at for peers' data links. */
  readonly bind: string
  /** The bundle, its hash checked just before. */
  readonly artefactPath: string
  /** Base64: opens data links of this topology, no others. */
  readonly linkKey: string
  /** Base64: opens the control link of this worker (topology, slot, since) to nimbus. */
  readonly controlKey: string
  readonly nimbusUrl: string
  /** Where there is TLS: its files. */
  readonly tls?: WorkerTls
  readonly logDir: string
  /** The worker's own folder; is there, and empty at the first start. */
  readonly dataDir: string
}

/** Paths of PEM files, those of the worker's supervisor. */
export interface WorkerTls {
  /** What the worker shows to peers, with its key; without them, data links are in the clear. */
  readonly cert?: string
  readonly key?: string
  /** What nimbus and peers are checked against; the system's own without it. */
  readonly ca?: string
}

/** Orders slots, by supervisor and then port: by code units, so the same on every machine. */
export function compareSlots(a: Slot, b: Slot): number {
  if (a.supervisor !== b.supervisor) return a.supervisor < b.supervisor ? -1 : 1
  return a.port - b.port
}

/** A slot as a key, and as people read it: `supervisor:port`. */
export function slotKey({ supervisor, port }: Slot): string {
  return `${supervisor}:${port}`
}

/** What a slot has in an assignment; undefined if it has nothing there. */
export function workerIn(assignment: Assignment, slot: Slot): WorkerAssignment | undefined {
  return assignment.workers.find(
    ({ slot: { supervisor, port } }) => port === slot.port && supervisor === slot.supervisor,
  )
}
