import type { Rng } from '../../src/stdx/rng.js'
import { shuffled } from '../../src/stdx/rng.js'
import type { SimulatedCluster } from '../../src/testing/simulated-cluster.js'
import type { Machine } from '../../src/testing/simulation/machine.js'
import type { SimulatedProcess } from '../../src/testing/simulation/simulated-process.js'
import type { SimulatedWorker } from '../../src/testing/simulation/simulated-worker.js'
import type { Sometimes } from './trace.js'

export interface FaultParts {
  readonly cluster: SimulatedCluster
  readonly rng: Rng
  readonly sometimes: Sometimes
  readonly note: (what: string) => void
  /** Names of topologies that may be killed, and are submitted anew then. */
  readonly mortal: readonly string[]
  readonly submit: (name: string) => void
  /** Something happens to the so many-th frame from now. */
  readonly meddle: (how: 'damage' | 'lose', after: number) => void
  readonly failStarts: (count: number) => void
  readonly paused: (process: string) => void
  readonly killed: (id: string) => void
  /** Nimbus died between the wish and its answer, so nobody knows which topology of this name is killed. */
  readonly perhapsKilled: (name: string) => void
  /** Executors that a rebalance may ask for. */
  readonly executors: () => Record<string, number>
  /** Has nimbus write something; undefined: a rebalance does. */
  readonly change: (() => void) | undefined
}

type Act = (faults: Faults) => void

/**
 * What a fault can do harm to. `control`: to nimbus, supervisors and the links to them; no tuple fails, no worker ends.
 * `link`: to connections between processes that live on; no tuple fails. `data`: to anything.
 */
export type Reach = 'control' | 'link' | 'data'

/** Weighted; those of the control plane alone fail no tuple. */
const kinds: Readonly<Record<string, { readonly weight: number; readonly reach: Reach; readonly act: Act }>> = {
  'kill nimbus': { weight: 4, reach: 'control', act: (it) => it.cluster.nimbus.kill() },
  'kill nimbus in a write': { weight: 4, reach: 'control', act: (it) => it.killNimbusInWrite() },
  'end nimbus in order': { weight: 1, reach: 'control', act: (it) => it.cluster.nimbus.close() },
  'pause nimbus': { weight: 4, reach: 'control', act: (it) => it.pause([it.cluster.nimbus.process], 25_000) },
  'fill the disk of nimbus': { weight: 2, reach: 'control', act: (it) => it.fillDisk() },
  'kill a supervisor': { weight: 5, reach: 'control', act: (it) => it.anyMachine()?.killSupervisor() },
  'end a supervisor in order': { weight: 1, reach: 'control', act: (it) => it.endSupervisor('leave') },
  'end a supervisor and its workers': { weight: 1, reach: 'data', act: (it) => it.endSupervisor('stop') },
  'pause a supervisor': { weight: 3, reach: 'control', act: (it) => it.pause([it.anyMachine()?.supervisor], 25_000) },
  'turn a wall clock': { weight: 1, reach: 'control', act: (it) => it.turnClock() },
  'cut a control link': { weight: 3, reach: 'control', act: (it) => it.cut((to) => to.startsWith('nimbus')) },
  'kill a worker': { weight: 8, reach: 'data', act: (it) => it.killWorkers(1) },
  'kill all workers': { weight: 2, reach: 'data', act: (it) => it.killWorkers(Infinity) },
  'user code exits': { weight: 2, reach: 'data', act: (it) => it.anyWorker()?.exit({ exitCode: 7 }) },
  'components do not begin': { weight: 2, reach: 'data', act: (it) => it.failStarts() },
  'stop a worker': { weight: 1, reach: 'data', act: (it) => it.anyWorker()?.signal('SIGTERM') },
  'kill a worker and its supervisor': { weight: 2, reach: 'data', act: (it) => it.killBoth() },
  'a supervisor dies at a write': { weight: 3, reach: 'data', act: (it) => it.dieAtWrite() },
  'pause a worker': { weight: 6, reach: 'data', act: (it) => it.pause([it.anyWorker()?.process], 14_000) },
  'pause a machine': { weight: 5, reach: 'data', act: (it) => it.pauseMachine() },
  'cut data links': { weight: 6, reach: 'data', act: (it) => it.cut((to) => !to.startsWith('nimbus')) },
  'cut all links': { weight: 2, reach: 'data', act: (it) => it.cut(() => true) },
  'part two machines': { weight: 4, reach: 'data', act: (it) => it.part(true) },
  'stall one way': { weight: 5, reach: 'data', act: (it) => it.part(false) },
  'isolate a machine': { weight: 4, reach: 'data', act: (it) => it.isolate() },
  'swizzle links': { weight: 2, reach: 'data', act: (it) => it.swizzle() },
  'take the power of a machine': { weight: 3, reach: 'data', act: (it) => it.losePower([it.anyMachine()]) },
  'take all power': { weight: 1, reach: 'data', act: (it) => it.losePower(it.cluster.machines) },
  rebalance: { weight: 6, reach: 'data', act: (it) => it.rebalance() },
  deactivate: { weight: 2, reach: 'data', act: (it) => it.deactivate() },
  'kill a topology': { weight: 3, reach: 'data', act: (it) => it.killTopology() },
}

/** By the reach of a fault: what a seed may be that has it. */
const reaches: Readonly<Record<Reach, readonly Reach[]>> = {
  control: ['control', 'link', 'data'],
  link: ['link', 'data'],
  data: ['data'],
}

/** How often those who fell are looked for. */
const initMs = 100

/** Does harm to a world, as its seed will have it, and takes it back. */
export class Faults {
  readonly cluster: SimulatedCluster
  readonly #parts: FaultParts
  readonly #undos = new Set<() => void>()
  readonly #restarting = new Set<object>()
  #isHealed = false

  constructor(parts: FaultParts) {
    this.#parts = parts
    this.cluster = parts.cluster
  }

  /** One fault, of those that reach no further. */
  strike(reach: Reach): void {
    const { rng, sometimes, note } = this.#parts
    const possible = Object.entries(kinds).filter(([, kind]) => reaches[kind.reach].includes(reach))
    let left = rng.below(possible.reduce((sum, [, { weight }]) => sum + weight, 0))
    const [name, { act }] = possible.find(([, { weight }]) => (left -= weight) < 0) as (typeof possible)[number]
    note(`fault: ${name}`)
    sometimes.add(`fault: ${name}`)
    act(this)
  }

  /** As the system of a machine does: who has fallen is started again, after a while. */
  keepUp(): void {
    const { cluster } = this
    const { rng } = this.#parts
    const restart = (who: object, start: () => void) => {
      if (this.#restarting.has(who)) return
      this.#restarting.add(who)
      const isLong = !this.#isHealed && rng.below(6) === 0
      const delayMs = isLong ? 2_000 + rng.below(23_000) : 20 + rng.below(2_000)
      this.#later(delayMs, () => {
        this.#restarting.delete(who)
        start()
      })
    }
    if (cluster.nimbus.process === undefined) restart(cluster.nimbus, () => cluster.nimbus.start())
    for (const machine of cluster.machines)
      if (machine.isUp && machine.supervisor === undefined) restart(machine, () => machine.startSupervisor())
    cluster.timeline.after(initMs, () => this.keepUp())
  }

  /** All harm ends, and all who fell are there again. */
  heal(): void {
    const { cluster } = this
    this.#isHealed = true
    for (const undo of this.#undos) undo()
    cluster.nimbus.fault = () => undefined
    cluster.nimbus.isDiskFull = false
    for (const machine of cluster.machines) {
      machine.dieAtWrite = 0
      machine.powerOn()
      machine.startSupervisor()
    }
    cluster.nimbus.start()
  }

  // Targets.

  anyMachine(): Machine | undefined {
    return this.#any(this.cluster.machines)
  }

  anyWorker(): SimulatedWorker | undefined {
    return this.#any(this.cluster.workers)
  }

  // What is done.

  killWorkers(count: number): void {
    const { rng, sometimes } = this.#parts
    const workers = shuffled([...this.cluster.workers], rng).slice(0, count)
    if (count > 1 && workers.length > 1) sometimes.add('all workers killed at once')
    for (const worker of workers) worker.exit({ signal: 'SIGKILL' })
  }

  killBoth(): void {
    const worker = this.anyWorker()
    if (worker === undefined) return
    this.cluster.machines.find(({ host }) => host === worker.machine.host)?.killSupervisor()
    worker.exit({ signal: 'SIGKILL' })
  }

  endSupervisor(workers: 'leave' | 'stop'): void {
    const machine = this.anyMachine()
    // One that stands still is asked in vain.
    if (machine?.supervisor?.state === 'running') void machine.endSupervisor(workers)
  }

  /** The next few calls of `open` or `prepare` throw. */
  failStarts(): void {
    this.#parts.failStarts(1 + this.#parts.rng.below(4))
    this.anyWorker()?.exit({ signal: 'SIGKILL' })
  }

  dieAtWrite(): void {
    const machine = this.anyMachine()
    if (machine === undefined) return
    machine.dieAtWrite = 1 + this.#parts.rng.below(6)
    this.#any([...machine.workers])?.exit({ signal: 'SIGKILL' })
  }

  killNimbusInWrite(): void {
    const { nimbus, timeline } = this.cluster
    const { rng, sometimes } = this.#parts
    nimbus.fault = () => {
      nimbus.fault = () => undefined
      sometimes.add('nimbus killed in a write')
      timeline.after(rng.below(20), () => nimbus.kill())
      return { stored: rng.below(3) }
    }
    // So that there is one.
    if (rng.below(3) > 0) this.#change()
  }

  fillDisk(): void {
    const { nimbus } = this.cluster
    nimbus.isDiskFull = true
    if (this.#parts.rng.below(2) === 0) this.#change()
    this.#undo(this.#parts.rng.below(12_000), () => (nimbus.isDiskFull = false))
  }

  pause(processes: readonly (SimulatedProcess | undefined)[], msMax: number): void {
    const { rng, sometimes } = this.#parts
    const ms = rng.below(3) === 0 ? msMax : rng.below(msMax)
    const timersFirst = rng.below(2) === 0
    for (const one of processes) {
      if (one?.state !== 'running') continue
      one.pause()
      this.#parts.paused(one.name)
      this.#parts.note(`${one.name} stands still for ${ms} ms`)
      if (ms > 10_000) sometimes.add('paused past the timeouts')
      this.#undo(ms, () => {
        // Nimbus gives everybody a whole timeout then.
        if (one === this.cluster.nimbus.process) this.cluster.nimbus.ledSinceMs = this.cluster.nowMs
        one.resume({ timersFirst })
      })
    }
  }

  pauseMachine(): void {
    const machine = this.anyMachine()
    if (machine !== undefined)
      this.pause([machine.supervisor, ...[...machine.workers].map((worker) => worker.process)], 30_000)
  }

  pauseBoth(): void {
    const worker = this.anyWorker()
    const machine = this.cluster.machines.find(({ host }) => host === worker?.machine.host)
    this.pause([worker?.process, machine?.supervisor], 30_000)
  }

  /** With one of the next frames, whoever gets it. */
  meddle(how: 'damage' | 'lose'): void {
    this.#parts.meddle(how, 1 + this.#parts.rng.below(100))
  }

  turnClock(): void {
    const machine = this.anyMachine()
    if (machine !== undefined) machine.wallSkewMs += this.#parts.rng.below(7_200_000) - 3_600_000
  }

  cut(isMeant: (address: string) => boolean): void {
    const meant = [...this.cluster.network.connections].filter(({ address }) => isMeant(address))
    const count = 1 + this.#parts.rng.below(Math.max(1, meant.length))
    for (const connection of shuffled(meant, this.#parts.rng).slice(0, count)) connection.cut()
  }

  /** Two machines hear nothing of each other any more, or one hears nothing of the other. */
  part(bothWays: boolean, msMax = 20_000): void {
    const [from, to] = shuffled(this.#hosts(), this.#parts.rng) as [string, string]
    this.#stall([[from, to], ...(bothWays ? ([[to, from]] as const) : [])], this.#parts.rng.below(msMax))
  }

  isolate(): void {
    const [host, ...others] = shuffled(this.#hosts(), this.#parts.rng) as [string, ...string[]]
    const ways = others.flatMap((other) => [[host, other] as const, [other, host] as const])
    this.#stall(ways, 1_000 + this.#parts.rng.below(25_000))
  }

  /** Ways stop one by one and come back in another order. */
  swizzle(): void {
    const { rng } = this.#parts
    const hosts = this.#hosts()
    const ways = hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => [from, to] as const))
    for (const way of shuffled(ways, rng).slice(0, 1 + rng.below(ways.length)))
      this.#later(rng.below(4_000), () => {
        if (!this.#isHealed) this.#stall([way], 500 + rng.below(8_000))
      })
  }

  losePower(machines: readonly (Machine | undefined)[]): void {
    const { rng, sometimes } = this.#parts
    for (const machine of machines) {
      if (machine?.isUp !== true) continue
      if (machine.losePower() > 0) sometimes.add('un-synced write lost')
      this.#undo(200 + rng.below(rng.below(3) === 0 ? 60_000 : 15_000), () => machine.powerOn())
    }
  }

  rebalance(): void {
    this.#ask('rebalance', 'main')
  }

  deactivate(): void {
    this.#ask('deactivate', 'main')
    this.#undo(100 + this.#parts.rng.below(6_000), () => this.#ask('activate', 'main'))
  }

  killTopology(): void {
    const { rng, mortal, submit, sometimes, killed, perhapsKilled } = this.#parts
    const name = this.#any(mortal)
    if (name === undefined) return
    const waitMs = rng.below(2_000)
    const asked = this.cluster.nimbus.process
    void this.cluster.ask({ kind: 'kill', topology: name, by: 'simulation', waitMs }).then((reply) => {
      if (this.cluster.nimbus.process !== asked) perhapsKilled(name)
      if (reply.kind !== 'done' || reply.topology === undefined) return
      killed(reply.topology.id)
      sometimes.add('topology killed')
      this.#later(waitMs + rng.below(8_000), () => {
        if (!this.#isHealed) submit(name)
      })
    })
  }

  #change(): void {
    const { change } = this.#parts
    if (change === undefined) this.#ask('rebalance', 'main')
    else change()
  }

  #ask(kind: 'rebalance' | 'activate' | 'deactivate', topology: string): void {
    const { rng, sometimes } = this.#parts
    const request =
      kind === 'rebalance'
        ? {
            kind,
            topology,
            by: 'simulation',
            waitMs: rng.below(3_000),
            workers: 1 + rng.below(4),
            ...(rng.below(2) === 0 ? {} : { executors: this.#parts.executors() }),
          }
        : { kind, topology, by: 'simulation' }
    void this.cluster.ask(request).then((reply) => {
      this.#parts.note(`${kind}: ${reply.kind}`)
      if (reply.kind === 'done') sometimes.add(`${kind} answered`)
    })
  }

  #stall(ways: readonly (readonly [from: string, to: string])[], ms: number): void {
    this.#parts.note(`nothing gets through for ${ms} ms: ${ways.map((way) => way.join(' → ')).join(', ')}`)
    for (const [from, to] of ways) this.cluster.network.way(from, to).stall()
    this.#undo(ms, () => {
      for (const [from, to] of ways) this.cluster.network.way(from, to).flow()
    })
  }

  #hosts(): string[] {
    return [...this.cluster.machines.map(({ host }) => host), this.cluster.nimbus.host]
  }

  #any<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.#parts.rng.below(list.length)]
  }

  #later(delayMs: number, act: () => void): void {
    this.cluster.timeline.after(delayMs, act)
  }

  /** Takes harm back after a while, or when all is healed. */
  #undo(delayMs: number, act: () => void): void {
    const undo = () => {
      if (this.#undos.delete(undo)) act()
    }
    this.#undos.add(undo)
    this.#later(delayMs, undo)
  }
}
