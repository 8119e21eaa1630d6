import { layoutOf } from '../../src/cluster/layout.js'
import { slotKey, workerIn, type Assignment } from '../../src/cluster/records.js'
import type { SimulatedCluster } from '../../src/testing/simulated-cluster.js'
import type { NetworkEnd, NetworkTap } from '../../src/testing/simulation/network.js'
import type { SimulatedProcess } from '../../src/testing/simulation/simulated-process.js'
import type { WorkerView } from '../../src/testing/simulation/world.js'
import type { WorldObserver } from '../../src/testing/simulation/world.js'
import { AckDecoder } from '../../src/wire/ack-codec.js'
import { Frames, FrameType } from '../../src/wire/frame.js'
import { plainText } from '../../src/wire/text.js'
import { ValuePacker } from '../../src/wire/values.js'
import { describeError } from '../../src/stdx/describe-error.js'
import { ackerId } from '../../src/topology/tasks.js'
import type { Repeater } from './repeater.js'
import type { SourceLog } from './source-log.js'
import type { Sometimes, Trace } from './trace.js'

/** What is known to have happened by the words in which somebody says so. */
const told: readonly (readonly [words: string, name: string])[] = [
  ['(WORKER_HUNG); starts again', 'hung worker ended'],
  ['is down: nothing was heard', 'silent link given up'],
  ['The store cannot be written', 'store refused a write'],
  [' dies at a write', 'supervisor died at a write'],
]

/** From the word that it is superseded until a worker is gone, with its farewell. */
const fencedMsMax = 1_300
/** From the death of a machine until nimbus knows, and a little more. */
const noticedMs = 17_000
/** Until what was there is elsewhere. */
const recoveredMs = 20_000

/** Who a data frame is of, as one number that grows: generation of the slot, then start of a process there. */
type Rank = number

interface Known {
  readonly worker: WorkerView
  /** Its tasks in the assignment. */
  readonly tasks: readonly number[]
  readonly rank: Rank
}

/**
 * Watches a world: feeds the trace, counts what should happen sometimes, and says what must never be. It knows what
 * sources and sinks wrote, what nimbus said, and what frames came to whom; it looks into no process.
 */
export class Checker implements WorldObserver, NetworkTap {
  /** What broke first. */
  failure: string | undefined
  cluster!: SimulatedCluster
  /** By a topology's name, of the one that was submitted last under it. */
  readonly #logs = new Map<string, SourceLog>()
  readonly allLogs: SourceLog[] = []
  readonly #trace: Trace
  readonly #sometimes: Sometimes
  readonly #known = new Map<SimulatedProcess, Known>()
  readonly #told = new Map<string, { readonly generation: number; readonly text: string }>()
  /** By receiving process, then task: the newest process of the task that it has taken frames from. */
  readonly #newest = new Map<SimulatedProcess, Map<number, Rank>>()
  readonly #begun = new Set<NetworkEnd>()
  readonly #frames = new Frames()
  readonly #acks = new AckDecoder()
  readonly #packer = new ValuePacker(plainText(), { partsMax: 100_000, bytesMax: 1_048_576 })
  /** By slot: the start of the last process there. */
  readonly #starts = new Map<string, number>()
  readonly #roots = new Map<SimulatedProcess, Map<number, 'acked' | 'begun'>>()

  constructor(trace: Trace, sometimes: Sometimes) {
    this.#trace = trace
    this.#sometimes = sometimes
  }

  addLog(topology: string, log: SourceLog): void {
    this.#logs.set(topology, log)
    this.allLogs.push(log)
  }

  /** Ids that nimbus has said are killed, and those that it has said are there. */
  readonly killed = new Set<string>()
  readonly promised = new Set<string>()
  /** Processes of workers may not end. */
  isEverybodySafe = false
  /** Processes that stood still, by name. */
  readonly paused = new Set<string>()

  /** Each living process has the connections that it should have, and no others. */
  checkConnections(): void {
    const { workers, machines, network } = this.cluster
    const counts = new Map<string, number>()
    for (const { launch } of workers)
      if (launch !== undefined) counts.set(launch.topology.id, (counts.get(launch.topology.id) ?? 0) + 1)
    const data = [...counts.values()].reduce((sum, count) => sum + count * (count - 1), 0)
    const expected = data + workers.length + machines.length
    if (network.connections.size === expected) return
    const ends = ({ process, host, isGone }: NetworkEnd) => `${process?.name ?? host}${isGone ? ' (gone)' : ''}`
    const list = [...network.connections].map(({ dialer, acceptor }) => `${ends(dialer)} → ${ends(acceptor)}`)
    this.broken(`there are ${list.length} connections, and ${expected} should be: ${list.join(', ')}`)
  }

  /** What is promised by this name so far may be there or not. */
  perhapsKilled(name: string): void {
    for (const id of this.promised) if (id.startsWith(`${name}-`)) this.promised.delete(id)
  }

  /** What was answered holds. */
  checkAnswers(ids: Iterable<string>): void {
    const there = new Set(ids)
    for (const id of this.killed) if (there.has(id)) this.broken(`${id} was said to be killed, and is there`)
    for (const id of this.promised)
      if (!there.has(id) && !this.killed.has(id)) this.broken(`${id} was said to be submitted, and is not there`)
  }

  /** No attempt of a process that lives is still open after its time; a topology that came late goes on emitting. */
  checkVerdicts(workers: readonly WorkerView[]): void {
    const alive = new Set(workers.map(({ process }) => process.name))
    for (const { attempts, parts } of this.allLogs) {
      const latestMs = this.cluster.nowMs - parts.verdictMsMax
      const open = attempts.find(
        ({ process, verdict, atMs }) => verdict === undefined && atMs <= latestMs && alive.has(process),
      )
      if (open !== undefined)
        this.broken(`${parts.topology}: attempt ${open.number} of ${open.process} has no verdict after its time`)
    }
  }

  broken(what: string): void {
    if (this.failure === undefined) this.note(`BROKEN: ${what}`)
    this.failure ??= what
  }

  note(what: string): void {
    this.#trace.add(this.cluster.nowMs, what)
    for (const [words, name] of told) if (what.includes(words)) this.#sometimes.add(name)
  }

  threw(process: SimulatedProcess, error: unknown): void {
    const { message, stack } = describeError(error)
    this.broken(`${process.name} threw: ${stack ?? message}`)
  }

  told(assignment: Assignment, to: string): void {
    const { topology, generation } = assignment
    const text = JSON.stringify(assignment)
    this.note(`${to}: ${topology} generation ${generation}`)
    const before = this.#told.get(topology)
    if (before !== undefined && generation < before.generation)
      this.broken(`${topology}: generation ${generation} is told after ${before.generation}`)
    if (before?.generation === generation && before.text !== text)
      this.broken(`${topology}: generation ${generation} is told as ${text} and was ${before.text}`)
    if (before?.text === text) return
    if (before !== undefined) this.#sometimes.add('executors moved')
    this.#told.set(topology, { generation, text })
    this.#checkMachines(assignment, before?.text)
    this.note(text)
    this.#checkSlots()
  }

  workerStarted(worker: WorkerView): void {
    const others = [...worker.machine.workers].filter((other) => other !== worker && other.port === worker.port)
    if (others.length > 0) this.broken(`${worker.process.name} starts beside ${others[0]?.process.name}`)
    this.note(`${worker.process.name} starts`)
    worker.onEnd(() => this.#ended(worker))
  }

  workerRuns(worker: WorkerView): void {
    const { launch } = worker
    if (launch === undefined) return
    const { assignment, slot, since, incarnation } = launch
    const before = this.#starts.get(slotKey(slot)) ?? 0
    if (incarnation <= before)
      this.broken(`${worker.process.name} is start ${incarnation} in its slot, after start ${before}`)
    this.#starts.set(slotKey(slot), incarnation)
    const executors = workerIn(assignment, slot)?.executors ?? []
    const tasks = executors.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
    this.#known.set(worker.process, { worker, tasks, rank: since * 2 ** 20 + incarnation })
    this.note(`${worker.process.name} runs ${assignment.topology} since ${since}, start ${incarnation}`)
  }

  workerEnded(worker: WorkerView, code: string | undefined): void {
    this.note(`${worker.process.name} is over: ${code ?? 'stopped'}`)
    if (code === undefined) this.#sometimes.add('worker stopped in order')
    else this.#sometimes.add(code === 'FENCED' ? 'fence hit' : `worker ended: ${code}`)
  }

  /** Frames that come twice: set by seeds that have them. */
  repeater: Repeater | undefined

  /** Something happens to the so many-th frame from now. */
  meddling: { readonly how: 'damage' | 'lose'; left: number } | undefined

  frame(frame: Uint8Array, from: NetworkEnd, to: NetworkEnd): readonly Uint8Array[] {
    if (this.meddling !== undefined && --this.meddling.left <= 0) return this.#meddle(frame, to)
    const frames = this.repeater?.pass(frame, to) ?? [frame]
    if (frames.length > 1) {
      this.note(`a frame is repeated on ${to.connection.number}`)
      this.#sometimes.add('frame repeated')
    }
    for (const one of frames) this.#look(one, from, to)
    return frames
  }

  #look(frame: Uint8Array, from: NetworkEnd, to: NetworkEnd): void {
    this.#trace.frame(this.cluster.nowMs, to.connection.number, frame)
    const type = frame[9]
    if (type === FrameType.control && to.process !== undefined) this.#lookForFence(frame, to.process)
    if (type !== FrameType.tuples && type !== FrameType.acks) return
    if (from.process === undefined || to.process === undefined) return
    if (!this.#begun.has(to)) {
      this.#begun.add(to)
      if (new DataView(frame.buffer, frame.byteOffset).getUint32(32, true) > 1) this.#sometimes.add('link resumed')
    }
    this.#checkFence(from.process, to.process)
    if (type === FrameType.acks) this.#lookForEarlyAcks(frame, to.process)
  }

  event(what: 'called' | 'opened' | 'closed', to: NetworkEnd, reason: string): void {
    this.note(`${to.connection.number} ${what} at ${to.process?.name ?? to.host} ${reason}`)
    if (what === 'closed' && this.repeater?.has(to.connection) === true) this.#endReader(to.connection.dialer)
  }

  /** Those who have read something twice cannot go on with their peers. */
  endRepeatedReaders(): void {
    for (const end of this.repeater?.readers ?? []) this.#endReader(end)
    this.repeater = undefined
  }

  #meddle(frame: Uint8Array, { connection }: NetworkEnd): readonly Uint8Array[] {
    const how = this.meddling?.how
    this.meddling = undefined
    this.note(`a frame of type ${frame[9]} is ${how === 'lose' ? 'lost' : 'damaged'} on ${connection.number}`)
    if (how === 'lose') return []
    const damaged = frame.slice()
    const at = this.cluster.rng.below(damaged.length)
    damaged[at] = (damaged[at] as number) ^ (1 << this.cluster.rng.below(8))
    return [damaged]
  }

  #endReader({ process }: NetworkEnd): void {
    const worker = this.cluster.workers.find((one) => one.process === process)
    this.cluster.timeline.after(0, () => worker?.exit({ signal: 'SIGKILL' }))
  }

  /** Nobody is given anything on a machine that has been dead for so long that nimbus must know. */
  #checkMachines({ topology, workers }: Assignment, before: string | undefined): void {
    const { machines, nimbus, nowMs } = this.cluster
    const had = before === undefined ? [] : (JSON.parse(before) as Assignment).workers
    for (const { host, downSinceMs } of machines) {
      if (nowMs - Math.max(downSinceMs, nimbus.ledSinceMs) < noticedMs) continue
      const given = workers.find(
        ({ slot }) => slot.supervisor === host && !had.some((old) => slotKey(old.slot) === slotKey(slot)),
      )
      if (given !== undefined)
        this.broken(`${topology} is given ${slotKey(given.slot)}, and ${host} is dead since ${downSinceMs}`)
    }
  }

  /** What was on a machine that is dead for long is elsewhere, if there is room. Asked now and then. */
  checkRecovery(): void {
    const { nimbus, machines, nowMs } = this.cluster
    const leader = nimbus.coordinator
    if (leader === undefined || nimbus.process?.state !== 'running' || leader.storeError !== undefined) return
    const dead = machines.filter(({ downSinceMs }) => nowMs - Math.max(downSinceMs, nimbus.ledSinceMs) > recoveredMs)
    if (dead.length === 0) return
    const topologies = [...leader.nimbus.topologies.values()].filter(({ life }) => life.status !== 'KILLED')
    const taken = new Set(
      topologies.flatMap(({ assignment }) => assignment?.workers.map(({ slot }) => slotKey(slot)) ?? []),
    )
    const { usable } = leader.nimbus.sessions.machines(nimbus.process.clock.now())
    const free = usable
      .flatMap(({ id, ports }) => ports.map((port) => ({ supervisor: id, port })))
      .filter((slot) => !taken.has(slotKey(slot)) && !dead.some(({ host }) => host === slot.supervisor))
    for (const { id, assignment } of topologies) {
      const lost = assignment?.workers.find(({ slot }) => dead.some(({ host }) => host === slot.supervisor))
      if (lost !== undefined && free.length > 0)
        this.broken(
          `${id} has executors in ${slotKey(lost.slot)}, whose machine is dead for long, and ${free.length} slots are free`,
        )
    }
  }

  /** A slot belongs to one topology. */
  #checkSlots(): void {
    const owners = new Map<string, string>()
    for (const { id, assignment } of this.cluster.nimbus.coordinator?.nimbus.topologies.values() ?? []) {
      for (const { slot } of assignment?.workers ?? []) {
        const owner = owners.get(slotKey(slot))
        if (owner !== undefined) this.broken(`${slotKey(slot)} is given to ${owner} and to ${id}`)
        owners.set(slotKey(slot), id)
      }
    }
  }

  /** Nobody takes anything from a process whose tasks he has had from a newer one. */
  #checkFence(from: SimulatedProcess, to: SimulatedProcess): void {
    const sender = this.#known.get(from)
    if (sender === undefined) return
    let newest = this.#newest.get(to)
    if (newest === undefined) this.#newest.set(to, (newest = new Map()))
    for (const task of sender.tasks) {
      const before = newest.get(task) ?? 0
      if (before > sender.rank)
        this.broken(`${to.name} takes a frame of task ${task} from ${from.name}, which is superseded`)
      else newest.set(task, sender.rank)
    }
  }

  /** A worker that nimbus tells that it is superseded ends within a second. */
  #lookForFence(frame: Uint8Array, to: SimulatedProcess): void {
    const known = this.#known.get(to)
    if (known === undefined || this.#frames.read(frame) !== undefined) return
    const { arena, start, end } = this.#frames
    const message = this.#packer.unpack(arena.bytes, arena.view, start + 1, end, arena.bytes[start] === 1)
    if ((message as { kind?: unknown }).kind !== 'fenced') return
    const toldAtMs = this.cluster.nowMs
    known.worker.process.clock.after(fencedMsMax, () =>
      this.broken(`${to.name} was told at ${toldAtMs} that it is superseded, and is still there`),
    )
  }

  #lookForEarlyAcks(frame: Uint8Array, to: SimulatedProcess): void {
    if (this.#frames.read(frame) !== undefined) return
    let roots = this.#roots.get(to)
    if (roots === undefined) this.#roots.set(to, (roots = new Map()))
    const known = roots
    const { arena, start, end } = this.#frames
    const idOf = (lo: number, hi: number) => hi * 2 ** 20 + lo
    this.#acks.decode(arena, start, end, {
      init: (_, lo, hi) => {
        if (known.get(idOf(lo, hi)) === 'acked') this.#sometimes.add('ack before init')
        if (known.get(idOf(lo, hi)) === 'begun') this.#sometimes.add('init repeated')
        known.set(idOf(lo, hi), 'begun')
      },
      ack: (_, lo, hi) => {
        if (!known.has(idOf(lo, hi))) known.set(idOf(lo, hi), 'acked')
      },
      fail: () => undefined,
      resetTimeout: () => undefined,
      verdict: () => undefined,
      timeoutReset: () => undefined,
    })
  }

  /** A worker's process is gone. */
  #ended(worker: WorkerView): void {
    if (this.isEverybodySafe) this.broken(`${worker.process.name} has ended, although nobody did anything to it`)
    const { launch, process } = worker
    const known = this.#known.get(process)
    this.#newest.delete(process)
    this.#roots.delete(process)
    if (launch === undefined || known === undefined) return
    const { topology, assignment, slot } = launch
    const log = this.#logs.get(topology.name)
    if (log === undefined) return
    const { tasksOf } = layoutOf(topology)
    const ackers = tasksOf.get(ackerId) ?? []
    for (const { executors, slot: other } of assignment.workers) {
      if (slotKey(other) === slotKey(slot)) continue
      const has = (task: number) => executors.some(([first, last]) => first <= task && task <= last)
      const near = ackers.some(has) ? ackers.filter(has) : ackers
      for (const spout of (tasksOf.get('source') ?? []).filter(has)) {
        const acker = near[spout % near.length] as number
        if (known.tasks.includes(acker) && log.openOf(spout) > 0) this.#sometimes.add('acker died with open roots')
      }
    }
    log.forgotten(process.name)
  }
}
