import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stormTs, type Ended } from '../cli/storm-ts.js'
import { isAlive, processesIn, signal } from './processes.js'
import { until } from './until.js'

export interface ClusterOptions {
  /** The built package. */
  readonly built: string
  /** A folder of its own: its processes are known by it. */
  readonly folder: string
  readonly supervisors?: number
  readonly slots?: number
  /** Settings of nimbus, as flags. */
  readonly nimbus?: readonly string[]
  /** Settings of the supervisors, as flags. */
  readonly supervisor?: readonly string[]
}

/** A worker as nimbus tells of it. */
export interface WorkerSeen {
  readonly supervisor: string
  readonly port: number
  readonly since: number
  readonly state: string
  readonly isReady: boolean
  readonly isActive?: boolean
  readonly pid?: number
  readonly incarnation?: number
  readonly restarts: number
  readonly uptimeMs?: number
  readonly tasks: readonly (readonly [number, number])[]
}

export interface TopologySeen {
  readonly id: string
  readonly status: string
  readonly exhausted: boolean
  readonly ready: boolean
  readonly generation: number
  readonly pending: number
  readonly unplaced: number
  readonly workers: readonly WorkerSeen[]
}

export interface SupervisorSeen {
  readonly id: string
  readonly slots: readonly number[]
  readonly incarnation: number
  readonly isConnected: boolean
  readonly isAlive: boolean
  readonly running: readonly { readonly port: number; readonly pid?: number; readonly state: string }[]
}

/** A daemon that whoever runs the test may kill, and starts anew, as systemd would. */
export class Daemon {
  readonly name: string
  readonly #args: readonly string[]
  readonly #options: ClusterOptions
  #child: ChildProcess | undefined

  constructor(name: string, args: readonly string[], options: ClusterOptions) {
    this.name = name
    this.#args = args
    this.#options = options
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  start(): void {
    const { built, folder } = this.#options
    const log = openSync(join(folder, `${this.name}.log`), 'a')
    this.#child = spawn(process.execPath, [join(built, 'dist/cli/main.js'), ...this.#args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
  }

  /** The last of its log. */
  get said(): string {
    return readFileSync(join(this.#options.folder, `${this.name}.log`), 'utf8').slice(-2_000)
  }

  /** Resolves when it has ended. */
  async end(how: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(how)
    await ended
  }
}

/** A cluster of processes of their own: nimbus, supervisors, workers. Linux only. */
export class Cluster {
  readonly folder: string
  readonly nimbus: Daemon
  readonly supervisors: readonly Daemon[]
  readonly #options: ClusterOptions
  readonly #url: string

  private constructor(options: ClusterOptions, port: number) {
    const { folder, slots = 2, supervisors = 2 } = options
    this.folder = folder
    this.#options = options
    this.#url = `http://127.0.0.1:${port}`
    const dataDir = join(folder, 'nimbus')
    const nimbusArgs = ['nimbus', '--data-dir', dataDir, '--port', String(port), ...(options.nimbus ?? [])]
    this.nimbus = new Daemon('nimbus', nimbusArgs, options)
    this.supervisors = Array.from({ length: supervisors }, (_, index) => {
      const name = `supervisor-${index + 1}`
      const args = ['supervisor', '--supervisor', name, '--data-dir', join(folder, name), '--nimbus', this.#url]
      args.push('--slots', String(slots), '--secret-file', join(dataDir, 'supervisor-token'))
      return new Daemon(name, [...args, ...(options.supervisor ?? [])], options)
    })
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    mkdirSync(options.folder, { recursive: true })
    const cluster = new Cluster(options, await freePort())
    process.once('exit', () => cluster.#killAll())
    try {
      cluster.nimbus.start()
      await until(
        () => `nimbus answers: ${cluster.nimbus.said}`,
        30_000,
        () => cluster.isAnswering(),
      )
      for (const supervisor of cluster.supervisors) supervisor.start()
      let seen: unknown
      await until(
        () => `all supervisors are there: ${JSON.stringify(seen)}\n${cluster.#said()}`,
        30_000,
        async () => {
          const there = await cluster.supervisorsSeen()
          seen = there
          return there.filter(({ isConnected }) => isConnected).length === cluster.supervisors.length
        },
      )
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  /** Kills whatever is left of it, and waits until nothing is. */
  async end(): Promise<void> {
    // Supervisors first, so that nobody starts what is killed.
    await Promise.all(this.supervisors.map((supervisor) => supervisor.end('SIGKILL')))
    this.#killAll()
    await until('all processes have ended', 20_000, () => this.processes.length === 0)
  }

  /** All that run, daemons and workers. */
  get processes(): readonly number[] {
    return processesIn(this.folder)
      .map(({ pid }) => pid)
      .filter((pid) => pid !== process.pid && isAlive(pid))
  }

  /** Worker processes that run. */
  get workerProcesses(): readonly number[] {
    return processesIn(this.folder)
      .filter(({ words }) => words.some((word) => word.endsWith('dist/worker/main.js')))
      .map(({ pid }) => pid)
      .filter(isAlive)
  }

  /** Runs the command line. */
  storm(...args: readonly string[]): Promise<Ended> {
    const { built, folder } = this.#options
    const [verb = '', ...rest] = args
    // Before what belongs to the topology.
    const words = verb === 'jar' ? ['jar', rest[0] ?? ''] : [verb]
    const own = ['--nimbus', this.#url, '--token-file', join(folder, 'nimbus', 'token')]
    return stormTs(built, [...words, ...own, ...args.slice(words.length)], { cwd: folder }).ended
  }

  /** The same, and throws if it fails. */
  async done(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.storm(...args)
    if (code !== 0) throw new Error(`storm-ts ${args.join(' ')} ended with ${code}:\n${out}${err}`)
    return out
  }

  /** Undefined: there is none. Throws while nobody answers. */
  async topology(name: string): Promise<TopologySeen | undefined> {
    const answer = await this.#get(`/api/v2/topologies/${name}`)
    return answer.status === 404 ? undefined : ((await answer.json()) as TopologySeen)
  }

  /** The workers of a topology, when all of them are ready and their processes known. */
  async workers(name: string, count: number, limitMs = 60_000): Promise<readonly Required<WorkerSeen>[]> {
    let last: unknown
    return until(
      () => `${count} workers of ${name} are ready: ${JSON.stringify(last)}`,
      limitMs,
      async () => {
        const topology = await this.topology(name).catch((error: unknown) => void (last = error))
        if (topology === undefined) return undefined
        last = topology.workers
        const { workers } = topology
        const isThere = workers.length === count && workers.every(({ isReady, pid }) => isReady && pid !== undefined)
        return isThere ? (workers as readonly Required<WorkerSeen>[]) : undefined
      },
    )
  }

  async supervisorsSeen(): Promise<readonly SupervisorSeen[]> {
    const answer = await this.#get('/api/v2/supervisors')
    return ((await answer.json()) as { supervisors: readonly SupervisorSeen[] }).supervisors
  }

  async isAnswering(): Promise<boolean> {
    return this.#get('/api/v2/topologies').then(
      ({ ok }) => ok,
      () => false,
    )
  }

  /** The last heartbeat that the worker in a slot has left; undefined while there is none, or it is being written. */
  beat({ supervisor, port }: { readonly supervisor: string; readonly port: number }) {
    try {
      const file = join(this.folder, supervisor, 'supervisor/slots', String(port), 'heartbeat')
      return JSON.parse(readFileSync(file, 'utf8')) as { readonly incarnation: number; readonly isReady: boolean }
    } catch {
      return undefined
    }
  }

  #said(): string {
    return [this.nimbus, ...this.supervisors].map(({ name, said }) => `${name}:\n${said}`).join('\n')
  }

  #get(path: string): Promise<Response> {
    let token = ''
    try {
      token = readFileSync(join(this.folder, 'nimbus/token'), 'utf8').trim()
    } catch {
      // Nimbus has not made it yet.
    }
    const headers = { authorization: `Bearer ${token}` }
    return fetch(`${this.#url}${path}`, { headers, signal: AbortSignal.timeout(5_000) })
  }

  #killAll(): void {
    for (const { pid } of processesIn(this.folder)) if (pid !== process.pid) signal(pid, 'SIGKILL')
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
