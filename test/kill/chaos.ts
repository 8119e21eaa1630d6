import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Cluster, type Daemon } from '../cluster/cluster.js'
import { account, Acked, Source, type Account } from '../cluster/numbered-files.js'
import { isAlive, signal } from '../cluster/processes.js'
import { until } from '../cluster/until.js'

export interface ChaosOptions {
  readonly built: string
  readonly folder: string
  readonly seed: number
  readonly seconds: number
  readonly idsPerSecond: number
  readonly tell: (line: string) => void
}

export interface Chaos extends Account {
  /** From the last fault until every id was acked. */
  readonly healedMs: number
  /** Worker processes at the end, and how many there ought to be. */
  readonly workers: readonly [running: number, assigned: number]
}

const name = 'numbered'

/**
 * Faults one upon the other, drawn from a seed, none waited for: processes are killed while they start, stopped and
 * continued, workers, supervisors and nimbus at once, while the topology is rebalanced, deactivated and activated. Then all
 * is healed, and everything must come through.
 */
export async function chaos(options: ChaosOptions): Promise<Chaos> {
  const { built, folder, seed, seconds, idsPerSecond, tell } = options
  mkdirSync(folder, { recursive: true })
  const files = join(folder, 'ids')
  const source = new Source(files)
  const nimbus = ['--supervisor-timeout-ms', '5s']
  const cluster = await Cluster.start({ built, folder, supervisors: 2, slots: 3, nimbus })
  try {
    const topology = fileURLToPath(new URL('../cluster/topologies/numbered.ts', import.meta.url))
    await cluster.done('jar', 'deploy', topology, files)
    source.start(idsPerSecond)
    const faults = new Faults(cluster, seed, tell)
    await faults.rage(seconds * 1_000)
    await faults.heal()
    const healedFromMs = Date.now()
    source.end()
    const acked = new Acked(files)
    await acked.allBelow(source.offered, 180_000)
    const healedMs = acked.lastMsOf(source.offered) - healedFromMs
    await until('it is exhausted', 60_000, async () => (await cluster.topology(name))?.exhausted)
    const { workers = [] } = (await cluster.topology(name)) ?? {}
    const running = cluster.workerProcesses.length
    await cluster.done('kill', name, '-w', '0')
    await until('no worker is left', 30_000, () => cluster.workerProcesses.length === 0)
    return { ...account(files), healedMs, workers: [running, workers.length] }
  } finally {
    await cluster.end()
  }
}

class Faults {
  readonly #cluster: Cluster
  readonly #tell: (line: string) => void
  readonly #startMs = performance.now()
  readonly #isDown = new Set<Daemon>()
  /** What ends a fault: restarts and continuations that are due later. */
  readonly #due: { readonly atMs: number; readonly act: () => void }[] = []
  readonly #commands: Promise<unknown>[] = []
  #seed: number

  constructor(cluster: Cluster, seed: number, tell: (line: string) => void) {
    this.#cluster = cluster
    this.#seed = seed
    this.#tell = tell
  }

  async rage(forMs: number): Promise<void> {
    const endMs = performance.now() + forMs
    let nextMs = performance.now() + 3_000
    while (performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      this.#settle(performance.now())
      if (performance.now() < nextMs) continue
      this.#fault()
      // Storms and calms in turn.
      const isCalm = Math.floor((performance.now() - this.#startMs) / 20_000) % 4 === 3
      nextMs = performance.now() + this.#below(isCalm ? 10_000 : 4_000)
    }
  }

  /** Everything is started, continued and active again. */
  async heal(): Promise<void> {
    this.#settle(Infinity)
    for (const pid of this.#cluster.processes) signal(pid, 'SIGCONT')
    await Promise.all(this.#commands)
    await until('nimbus answers', 60_000, () => this.#cluster.isAnswering())
    await until('it is active', 60_000, async () => {
      await this.#cluster.storm('activate', name)
      return (await this.#cluster.topology(name))?.status === 'ACTIVE'
    })
    this.#say('all is healed')
  }

  #settle(nowMs: number): void {
    for (const due of this.#due.filter(({ atMs }) => atMs <= nowMs)) {
      this.#due.splice(this.#due.indexOf(due), 1)
      due.act()
    }
  }

  #fault(): void {
    const { supervisors, nimbus } = this.#cluster
    const daemons = [nimbus, ...supervisors]
    switch (this.#below(10)) {
      case 0:
      case 1:
      case 2: {
        const pid = this.#pick(this.#cluster.workerProcesses)
        if (pid === undefined) return
        this.#say(`kill worker ${pid}`)
        return signal(pid, 'SIGKILL')
      }
      case 3:
        this.#say('kill all workers')
        for (const pid of this.#cluster.workerProcesses) signal(pid, 'SIGKILL')
        return
      case 4:
        return this.#down(this.#pick(supervisors) as Daemon, this.#below(6_000))
      case 5:
        return this.#down(nimbus, this.#below(6_000))
      case 6: {
        const pid = this.#pick(this.#cluster.workerProcesses)
        return pid === undefined ? undefined : this.#stop([pid], this.#below(15_000))
      }
      case 7: {
        const daemon = this.#pick(daemons) as Daemon
        return this.#stop([daemon.pid], this.#below(12_000))
      }
      case 8: {
        const pid = this.#pick(this.#cluster.workerProcesses)
        return this.#stop(
          [...(pid === undefined ? [] : [pid]), ...supervisors.map(({ pid }) => pid)],
          this.#below(15_000),
        )
      }
      default:
        return this.#command()
    }
  }

  #command(): void {
    const wait = String(this.#below(2))
    const args = this.#pick([
      ['rebalance', name, '-w', wait, '-n', String(1 + this.#below(5))],
      ['rebalance', name, '-w', wait, '-e', `fan=${1 + this.#below(6)}`, '-e', `join=${1 + this.#below(3)}`],
      ['deactivate', name],
    ] as const) as readonly string[]
    this.#say(args.join(' '))
    this.#commands.push(this.#cluster.storm(...args))
    if (args[0] !== 'deactivate') return
    this.#due.push({
      atMs: performance.now() + 1_000 + this.#below(3_000),
      act: () => void this.#commands.push(this.#cluster.storm('activate', name)),
    })
  }

  #down(daemon: Daemon, forMs: number): void {
    if (this.#isDown.has(daemon)) return
    this.#isDown.add(daemon)
    this.#say(`kill ${daemon.name} for ${forMs} ms`)
    const ended = daemon.end('SIGKILL')
    this.#due.push({
      atMs: performance.now() + forMs,
      act: () => {
        this.#commands.push(
          ended.then(() => {
            daemon.start()
            this.#isDown.delete(daemon)
          }),
        )
      },
    })
  }

  #stop(pids: readonly number[], forMs: number): void {
    this.#say(`stop ${pids.join(', ')} for ${forMs} ms`)
    const alive = pids.filter((pid) => pid > 0 && isAlive(pid))
    for (const pid of alive) signal(pid, 'SIGSTOP')
    const act = () => {
      for (const pid of alive) if (this.#cluster.processes.includes(pid)) signal(pid, 'SIGCONT')
    }
    this.#due.push({ atMs: performance.now() + forMs, act })
  }

  #say(what: string): void {
    this.#tell(`${((performance.now() - this.#startMs) / 1_000).toFixed(1).padStart(6)} s  ${what}`)
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.#below(list.length)]
  }

  #below(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#seed / 2 ** 32) * limit)
  }
}
