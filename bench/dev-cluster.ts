import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A topology as `/api/v2` tells it; what is needed of it. */
export interface DeployedView {
  readonly id: string
  readonly pending: number
  readonly exhausted: boolean
  readonly workers: readonly {
    readonly pid?: number
    readonly restarts: number
    readonly tasks: readonly (readonly [first: number, last: number])[]
  }[]
}

/** Its counts over all time, as `/api/v1` tells them. */
export interface DeployedCounts {
  readonly spouts: readonly { readonly emitted: number; readonly acked: number; readonly failed: number }[]
  readonly bolts: readonly { readonly boltId: string; readonly executed: number }[]
}

const startMsMax = 60_000
const endMsMax = 30_000

/**
 * `storm-ts dev` as a child process: a Nimbus, and one supervisor with two slots, with a data folder of their own. Used by
 * way of its command line and its API, as anybody would.
 */
export class DevCluster {
  /** Where files of the run may be put; removed at the end. */
  readonly folder: string
  readonly #child: ChildProcess
  readonly #cli: string
  #url = ''
  #said = ''

  private constructor(cli: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'storm-ts-bench-'))
    this.#cli = cli
    const args = ['dev', '--port', '0', '--data', this.#data, '--supervisors', '1', '--slots', '2', '--json']
    this.#child = spawn(process.execPath, [cli, ...args], {
      cwd: this.folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
  }

  static async start(): Promise<DevCluster> {
    const cluster = new DevCluster(commandLine())
    try {
      await cluster.#untilReady()
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  /** The process that all others of the cluster come from. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What the cluster has told on its standard error. */
  get said(): string {
    return this.#said
  }

  /** Deploys a module with two workers and waits until they are ready. */
  async deploy(module: string, args: readonly string[], options: Readonly<Record<string, string>>): Promise<void> {
    const given = Object.entries(options).flatMap(([key, value]) => ['-c', `${key}=${value}`])
    await this.#run(['jar', 'deploy', '--data-dir', this.#data, '-n', '2', ...given, module, ...args])
  }

  view(topology: string): Promise<DeployedView> {
    return this.#get(`/api/v2/topologies/${topology}`)
  }

  counts(id: string): Promise<DeployedCounts> {
    return this.#get(`/api/v1/topology/${id}`)
  }

  /** Errors of the topology's own code, a sentence each. */
  async errors(topology: string): Promise<string[]> {
    const { errors } = await this.#get<{ errors: { component: string; message: string }[] }>(
      `/api/v2/topologies/${topology}/errors`,
    )
    return errors.map(({ component, message }) => `error of '${component}': ${message}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGINT')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMsMax)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  async #untilReady(): Promise<void> {
    let out = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
    const endMs = performance.now() + startMsMax
    while (!out.includes('\n')) {
      if (this.#child.exitCode !== null) throw new Error(`storm-ts dev ended:\n${this.#said}`)
      if (performance.now() > endMs) throw new Error(`storm-ts dev was not ready after a minute:\n${this.#said}`)
      await sleep(20)
    }
    this.#url = (JSON.parse(out) as { url: string }).url
  }

  async #run(args: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [this.#cli, ...args], { cwd: this.folder, env: environment() })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`storm-ts ${args.slice(0, 2).join(' ')} ended with ${code}:\n${err}`)
    return out
  }

  async #get<T>(path: string): Promise<T> {
    const token = readFileSync(join(this.#data, 'token'), 'utf8').trim()
    const answer = await fetch(new URL(path, this.#url), { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`nimbus answers ${answer.status} to ${path}: ${await answer.text()}`)
    return (await answer.json()) as T
  }
}

/** The command line of the package that this benchmark measures. */
function commandLine(): string {
  const manifest = createRequire(import.meta.url).resolve('storm-ts/package.json')
  return join(dirname(manifest), 'dist/cli/main.js')
}

/** Without settings that somebody has for a cluster of their own. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }) }
}
