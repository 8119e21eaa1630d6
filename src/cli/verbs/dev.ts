import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { engineVersion } from '../../artefact/engine.js'
import { StormError } from '../../errors.js'
import { quoted } from '../../stdx/listed.js'
import { NimbusClient } from '../client.js'
import { DaemonProcess } from '../daemon-process.js'
import { machineFacts, rootWarning } from '../node-machine.js'
import { printable } from '../printable.js'
import { readPrivateFile } from '../private-file.js'
import { interruption, pause, type Terminal } from '../terminal.js'

export interface DevOptions {
  readonly port: string
  readonly data: string
  readonly supervisors: string
  readonly slots: string
  readonly json?: boolean
}

const startMs = 20_000
const endMs = 15_000
/** Pauses before a daemon that ended is started anew: doubled each time, from the first to the last. */
const restartMs = [500, 30_000] as const
/** So long it must have run for its pauses to begin anew. */
const healthyMs = 60_000

/**
 * `storm-ts dev`: a whole cluster on this machine as children of one command, until Ctrl-C, which leaves no process; the
 * data stays. A daemon that ends is started anew.
 */
export async function dev(terminal: Terminal, options: DevOptions): Promise<number> {
  const port = numberOf(options.port, '--port', 0, 65_535)
  const supervisors = numberOf(options.supervisors, '--supervisors', 1, 64)
  const slots = numberOf(options.slots, '--slots', 1, 1_000)
  const folder = resolve(terminal.cwd, options.data)
  if (machineFacts().isRoot) terminal.err.write(`${terminal.err.colors.yellow(rootWarning)}\n`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // There are tokens in it: nobody's repository is the place for them.
  await writeFile(join(folder, '.gitignore'), '*\n')
  const interrupted = interruption(terminal).happened
  const cluster = new DevCluster(terminal, folder)
  try {
    const url = await Promise.race([cluster.startNimbus(port), interrupted])
    if (typeof url === 'number') return url
    for (let number = 1; number <= supervisors; number++) cluster.startSupervisor(number, slots, url)
    const isThere = await Promise.race([untilThere(terminal, folder, url, supervisors), interrupted])
    if (typeof isThere === 'number') return isThere
    tellAddress(terminal, { url, folder, supervisors, slots }, options.json === true)
    return await Promise.race([interrupted, cluster.failed])
  } finally {
    terminal.err.write('Ending …\n')
    await cluster.end()
  }
}

function numberOf(text: string, option: string, min: number, max: number): number {
  const number = Number(text)
  if (/^\d{1,6}$/.test(text) && number >= min && number <= max) return number
  throw new StormError('BAD_USAGE', `${option} is ${quoted(text)}; a whole number of ${min} to ${max} is expected.`)
}

/** Until nimbus knows as many supervisors. */
async function untilThere({ clock }: Terminal, folder: string, url: string, count: number): Promise<void> {
  const tokenFile = join(folder, 'token')
  const token = await readPrivateFile(tokenFile)
  const client = new NimbusClient({ url, token, tokenFile, ca: undefined, version: engineVersion() })
  const deadlineMs = clock.now() + startMs
  for (;;) {
    const { supervisors } = await client.get<{ supervisors: readonly unknown[] }>('/api/v1/supervisor/summary')
    if (supervisors.length >= count) return
    if (clock.now() >= deadlineMs)
      throw new StormError(
        'TIMED_OUT',
        `${supervisors.length} of ${count} supervisors are there; see ${join(folder, 'logs')}.`,
      )
    await pause(clock, 50)
  }
}

function tellAddress(
  { out, cwd }: Terminal,
  { url, folder, supervisors, slots }: { url: string; folder: string; supervisors: number; slots: number },
  json: boolean,
): void {
  if (json) {
    out.write(`${JSON.stringify({ url, dataDir: folder, supervisors, slots })}\n`)
    return
  }
  const { bold, dim } = out.colors
  // Only from this folder is the data folder found without being named.
  const where = folder === join(cwd, '.storm-ts') ? '' : ` --data-dir ${folder}`
  out.write(
    `nimbus at ${bold(url)}, ${supervisors} supervisors with ${slots} slots each; data in ${printable(folder)}\n` +
      `  deploy:  ${bold(`storm-ts jar deploy${where} topology.ts`)}\n` +
      `  look:    ${bold(`storm-ts list${where}`)}\n` +
      `${dim('Ctrl-C ends all of it; the data stays.')}\n`,
  )
}

/** The daemons, each started anew when it ends. */
class DevCluster {
  /** Something that cannot go on. */
  readonly failed: Promise<never>
  readonly #terminal: Terminal
  readonly #folder: string
  readonly #running = new Map<string, DaemonProcess>()
  readonly #ended: Promise<void>
  #end = () => {}
  #isEnding = false
  #fail: (error: Error) => void = () => undefined

  constructor(terminal: Terminal, folder: string) {
    this.#terminal = terminal
    this.#folder = folder
    this.failed = new Promise((_, reject) => (this.#fail = reject))
    this.failed.catch(() => undefined)
    this.#ended = new Promise((resolve) => (this.#end = resolve))
  }

  /** Resolves to the URL. A nimbus that is started anew listens at the same port. */
  async startNimbus(port: number): Promise<string> {
    const args = (at: number | string) => ['nimbus', '--data-dir', this.#folder, '--port', String(at)]
    const first = this.#start('nimbus', args(port))
    const url = await first.ready
    this.#keep('nimbus', args(new URL(url).port), first)
    return url
  }

  startSupervisor(number: number, slots: number, url: string): void {
    const name = `supervisor-${number}`
    const args = [
      'supervisor',
      '--supervisor',
      name,
      '--data-dir',
      join(this.#folder, name),
      '--nimbus',
      url,
      '--slots',
      String(slots),
    ]
    const all = [...args, '--secret-file', join(this.#folder, 'supervisor-token')]
    const first = this.#start(name, all)
    // The first time, it has to work: later, whatever is in its way may go away again.
    first.ready.then(
      () => this.#keep(name, all, first),
      (error: Error) => this.#fail(error),
    )
  }

  /** Supervisors first, as they end their workers. */
  async end(): Promise<void> {
    this.#isEnding = true
    this.#end()
    const nimbus = this.#running.get('nimbus')
    this.#running.delete('nimbus')
    await Promise.all([...this.#running.values()].map((supervisor) => supervisor.end(endMs)))
    await nimbus?.end(endMs)
  }

  #start(name: string, args: readonly string[]): DaemonProcess {
    const daemon = new DaemonProcess({
      args,
      env: this.#terminal.env,
      logPath: join(this.#folder, 'logs', `${name}.log`),
      onLine: (line) => this.#tellLine(name, line),
    })
    this.#running.set(name, daemon)
    return daemon
  }

  /** Watches over a daemon that is ready, and those that come after it. */
  #keep(name: string, args: readonly string[], first: DaemonProcess): void {
    const { clock, err } = this.#terminal
    void (async () => {
      let pauseMs: number = restartMs[0]
      for (let daemon = first; ; daemon = this.#start(name, args)) {
        const sinceMs = clock.now()
        const how = await daemon.ended
        if (this.#isEnding) return
        if (clock.now() - sinceMs >= healthyMs) pauseMs = restartMs[0]
        err.write(`${name} ended (${how}); it is started anew.\n`)
        await pause(clock, pauseMs, this.#ended)
        if (this.#isEnding) return
        pauseMs = Math.min(2 * pauseMs, restartMs[1])
      }
    })()
  }

  /** Only what somebody should look at; the rest is in its log. */
  #tellLine(name: string, line: string): void {
    const { err } = this.#terminal
    const level = Number(/"level":(\d+)/.exec(line.slice(0, 200))?.[1] ?? 0)
    if (level < 40 || this.#isEnding) return
    const message = /"msg":("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
    const told = message === undefined ? line : (JSON.parse(message) as string)
    err.write(`${(level >= 50 ? err.colors.red : err.colors.yellow)(printable(`${name}: ${told}`, 'lines'))}\n`)
  }
}
