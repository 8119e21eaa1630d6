import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Cluster, type Daemon, type WorkerSeen } from '../cluster/cluster.js'
import { account, Acked, failuresIn, firstArrivalOf, Source, type Account } from '../cluster/numbered-files.js'
import { isAlive } from '../cluster/processes.js'
import { until } from '../cluster/until.js'
import { Figures } from './figures.js'

export interface CampaignOptions {
  readonly built: string
  readonly folder: string
  /** Who is killed, one after the other. */
  readonly plan: readonly Victim[]
  readonly idsPerSecond: number
  /** 0: nothing is tracked, so that what a kill loses is lost. */
  readonly ackers?: number
  readonly tell: (line: string) => void
}

export type Victim = 'worker' | 'supervisor' | 'nimbus' | 'all workers'

export interface Campaign extends Account {
  readonly figures: Figures
  /** What must not be and was, in words. */
  readonly wrong: readonly string[]
}

type Worker = Required<WorkerSeen>

const name = 'numbered'
const workerCount = 4
/** Far beyond what is promised: a machine may be busy with other things. */
const backMsMax = 60_000
/** The trees that were cut time out within 11 s. */
const ackedMsMax = 120_000

/**
 * Kills, with SIGKILL and one at a time, workers in rotation, supervisors in rotation and nimbus, while ids stream
 * through. Every kill has to be got over before the next: all are back, and every id is acked that was offered before.
 */
export async function campaign(options: CampaignOptions): Promise<Campaign> {
  const { built, folder, idsPerSecond, ackers, tell } = options
  mkdirSync(folder, { recursive: true })
  const files = join(folder, 'ids')
  const source = new Source(files)
  const cluster = await Cluster.start({ built, folder, supervisors: 2, slots: 2 })
  try {
    const topology = fileURLToPath(new URL('../cluster/topologies/numbered.ts', import.meta.url))
    const given = ackers === undefined ? [] : ['-c', `ackers=${ackers}`]
    await cluster.done('jar', 'deploy', ...given, topology, files)
    source.start(idsPerSecond)
    const killer = new Killer(cluster, source, files, tell)
    await killer.calm()
    for (const victim of options.plan) await killer.kill(victim)
    source.end()
    const acked = new Acked(files)
    await acked.allBelow(source.offered, ackedMsMax)
    await cluster.done('kill', name, '-w', '0')
    await until('no worker is left', 30_000, () => cluster.workerProcesses.length === 0)
    return { ...account(files), figures: killer.figures, wrong: killer.wrong }
  } finally {
    await cluster.end()
  }
}

class Killer {
  readonly figures = new Figures()
  readonly wrong: string[] = []
  readonly #cluster: Cluster
  readonly #source: Source
  readonly #files: string
  readonly #acked: Acked
  readonly #tell: (line: string) => void
  /** How often there was one of the kind: they take turns. */
  readonly #rounds = new Map<Victim, number>()

  constructor(cluster: Cluster, source: Source, files: string, tell: (line: string) => void) {
    this.#cluster = cluster
    this.#source = source
    this.#files = files
    this.#acked = new Acked(files)
    this.#tell = tell
  }

  /** Until the stream flows. */
  async calm(): Promise<void> {
    await this.#workers()
    await this.#acked.allBelow(this.#source.offered + 1_000, ackedMsMax)
  }

  async kill(victim: Victim): Promise<void> {
    const round = this.#rounds.get(victim) ?? 0
    this.#rounds.set(victim, round + 1)
    const workers = await this.#workers()
    switch (victim) {
      case 'worker': {
        const worker = workers[round % workers.length] as Worker
        await this.#healthy(worker)
        return this.#kill(`worker ${worker.supervisor}:${worker.port}`, workers, [worker], victim)
      }
      case 'all workers':
        return this.#kill(victim, workers, workers, victim)
      case 'supervisor': {
        const { supervisors } = this.#cluster
        const daemon = supervisors[round % supervisors.length] as Daemon
        const incarnation = async () => {
          const seen = (await this.#cluster.supervisorsSeen()).find(({ id }) => id === daemon.name)
          return seen?.isConnected === true ? seen.incarnation : 0
        }
        const before = await incarnation()
        return this.#daemon(victim, daemon, async () => (await incarnation()) > before)
      }
      case 'nimbus':
        return this.#daemon(victim, this.#cluster.nimbus, () => this.#cluster.isAnswering())
    }
  }

  /** A worker that dies again within a minute is started after a pause, which is not what is measured here. */
  async #healthy({ incarnation, uptimeMs }: Worker): Promise<void> {
    const waitMs = incarnation === 1 ? 0 : 61_000 - uptimeMs
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }

  async #kill(what: string, all: readonly Worker[], victims: readonly Worker[], kind: Victim): Promise<void> {
    const failed = failuresIn(this.#files).length
    const atMs = Date.now()
    for (const { pid } of victims) process.kill(pid, 'SIGKILL')
    const readyMs = await Promise.all(
      victims.map(async (victim) => {
        const isBack = () => {
          const beat = this.#cluster.beat(victim)
          return beat !== undefined && beat.incarnation > victim.incarnation && beat.isReady
        }
        await until(`${what} is back`, backMsMax, isBack, 10)
        return Date.now() - atMs
      }),
    )
    for (const ms of readyMs) this.figures.add(`${kind}: ready again`, ms)
    const workers = await this.#workers()
    const servingMs: number[] = []
    for (const victim of victims) {
      const now = workers.find(({ supervisor, port }) => supervisor === victim.supervisor && port === victim.port)
      if (now === undefined) {
        this.wrong.push(`${what} came back elsewhere`)
        continue
      }
      const first = await until(`${what} serves`, backMsMax, () => firstArrivalOf(this.#files, now.pid), 10)
      servingMs.push(first - atMs)
    }
    for (const ms of servingMs) this.figures.add(`${kind}: serving again`, ms)
    const spared = all.filter((worker) => !victims.includes(worker))
    this.#mustBeSpared(what, spared, workers)
    // What came while it was away, too: nothing of this kill is left for the next one.
    const offered = this.#source.offered
    await this.#acked.allBelow(offered, ackedMsMax)
    const ackedMs = this.#acked.lastMsOf(offered) - atMs
    this.figures.add(`${kind}: all till then acked`, ackedMs)
    const replays = failuresIn(this.#files).length - failed
    this.figures.add(`${kind}: failed tuples`, replays)
    this.#tell(
      `${what}: ready after ${list(readyMs)} ms, serving after ${list(servingMs)} ms, ${replays} tuples failed, all till then acked after ${ackedMs} ms`,
    )
  }

  async #daemon(kind: Victim, victim: Daemon, isBack: () => Promise<boolean>): Promise<void> {
    const workers = await this.#workers()
    const failed = failuresIn(this.#files).length
    const atMs = Date.now()
    await victim.end('SIGKILL')
    // Half a second, in which everything has to go on without it.
    await until('half a second has passed', 5_000, () => Date.now() - atMs > 500)
    const startMs = Date.now()
    victim.start()
    await until(`${victim.name} is back`, backMsMax, () => isBack().catch(() => false), 20)
    const backMs = Date.now() - startMs
    this.figures.add(`${kind}: back after its start`, backMs)
    const after = await this.#workers()
    this.#mustBeSpared(victim.name, workers, after)
    await this.#acked.allBelow(this.#source.offered, ackedMsMax)
    const failures = failuresIn(this.#files).length - failed
    this.figures.add(`${kind}: failed tuples`, failures)
    if (failures > 0) this.wrong.push(`${failures} tuples failed when ${victim.name} was killed`)
    this.#tell(`${victim.name}: back ${backMs} ms after its start, ${failures} tuples failed`)
  }

  #workers(): Promise<readonly Worker[]> {
    return this.#cluster.workers(name, workerCount)
  }

  #mustBeSpared(what: string, spared: readonly Worker[], now: readonly Worker[]): void {
    for (const { supervisor, port, pid, incarnation } of spared) {
      const same = now.find((worker) => worker.supervisor === supervisor && worker.port === port)
      if (same?.pid !== pid || same.incarnation !== incarnation || !isAlive(pid))
        this.wrong.push(`worker ${supervisor}:${port} did not outlive ${what}`)
    }
  }
}

function list(numbers: readonly number[]): string {
  return numbers.join(', ')
}
