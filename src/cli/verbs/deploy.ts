import { resolve } from 'node:path'
import { bundleTopology, type Artefact } from '../../artefact/bundle.js'
import { checkEntryFile } from '../../artefact/entry-file.js'
import type { TopologyGraph } from '../../cluster/records.js'
import { InvalidTopologyError, StormError } from '../../errors.js'
import { hostAndPort } from '../../stdx/host-and-port.js'
import { listed, quoted } from '../../stdx/listed.js'
import { nearest } from '../../stdx/nearest.js'
import { cryptoRng } from '../../stdx/entropy.js'
import { checkName } from '../../topology/check-name.js'
import type { TopologyOptions } from '../../topology/options.js'
import type { NimbusClient } from '../client.js'
import { connect, type ConnectionOptions } from '../connection.js'
import { durationText, readDuration } from '../duration.js'
import { readGivenOptions } from '../given-options.js'
import { graphText } from '../graph-text.js'
import { printable } from '../printable.js'
import { StatusLine } from '../status-line.js'
import { interruption, pause, type InterruptCode, type Terminal } from '../terminal.js'
import { topologyArgs } from '../topology-args.js'
import { lateWorkers, topologyPath, type TopologyView, type WorkerView } from '../topology-view.js'
import { graphIn, tellWarnings } from './build.js'

export interface DeployOptions extends ConnectionOptions {
  readonly name?: string
  readonly workers?: string
  /** Each `-c key=value`. */
  readonly c: readonly string[]
  readonly inactive?: boolean
  readonly wait: boolean
  readonly timeout: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/**
 * `storm-ts jar deploy FILE [args…]`: bundles the topology, looks at it in a process of its own, uploads and submits it,
 * and waits until every worker reports. Each step is a line on standard error; the topology's id is the result.
 */
export async function deploy(
  terminal: Terminal,
  file: string,
  args: readonly string[],
  options: DeployOptions,
): Promise<number> {
  const given = readGivenOptions({ config: options.c, workers: options.workers })
  const waitMs = readDuration(options.timeout, '--timeout')
  const badName = options.name === undefined ? undefined : checkName(options.name)
  if (badName !== undefined) throw new InvalidTopologyError([badName])
  await checkEntryFile(resolve(terminal.cwd, file)).catch((error: unknown) => {
    throw misspeltVerb(file) ?? error
  })
  const steps = new Steps(terminal)
  // Before any work: a wrong token, or no nimbus, shows at once.
  const client = options.dryRun === true ? undefined : await connect(terminal, options)
  await client?.get('/api/v2/topologies')
  try {
    const artefact = await steps.run('bundling', () => bundleTopology(resolve(terminal.cwd, file)))
    steps.done(`bundled ${artefact.manifest.entry}: ${artefact.bytes.length.toLocaleString('en')} bytes`)
    tellWarnings(terminal, artefact)
    const graph = await steps.run('looking at the topology', () => graphIn(terminal, artefact, args))
    steps.done(`found topology ${graph.name}: ${listed(graph.components.map(({ id }) => id))}`)
    const submission = {
      artefact: artefact.sha256,
      args: topologyArgs(args),
      cwd: terminal.cwd,
      ...(options.name === undefined ? {} : { name: options.name }),
      options: given,
      inactive: options.inactive === true,
    }
    if (client === undefined) return tellDryRun(terminal, submission, graph, options.json === true)
    await upload(client, artefact, steps)
    const submitted = await steps.run('submitting', () => submit(client, submission))
    steps.done(`submitted ${submitted.name} as ${submitted.id}`)
    const topology = options.wait
      ? await steps.run('waiting for the workers', (tell) => untilReady(terminal, client, submitted, { waitMs, tell }))
      : submitted
    if (typeof topology === 'number') {
      steps.done(`${submitted.id} goes on; 'storm-ts kill ${submitted.name}' would end it`)
      return topology
    }
    if (options.wait) steps.done(workersText(topology))
    terminal.out.write(options.json === true ? `${JSON.stringify(topology)}\n` : `${topology.id}\n`)
    return 0
  } finally {
    steps.end()
  }
}

/** `jar FILE` deploys, and so does `jar depoly FILE`, with the verb taken for the file. */
function misspeltVerb(file: string): StormError | undefined {
  const near = /^\w+$/.test(file) ? nearest(file, ['deploy', 'build', 'inspect']) : undefined
  if (near === undefined) return undefined
  return new StormError(
    'UNKNOWN_COMMAND',
    `There is neither a verb nor a file ${quoted(file)}. Did you mean '${near}'?`,
  )
}

interface Submission {
  readonly artefact: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly name?: string
  readonly options: Partial<TopologyOptions>
  readonly inactive: boolean
}

function tellDryRun({ out }: Terminal, submission: Submission, graph: TopologyGraph, json: boolean): number {
  const { artefact, args, name = graph.name, options, inactive } = submission
  if (json) {
    out.write(`${JSON.stringify({ ...submission, name, graph })}\n`)
    return 0
  }
  const given = Object.entries(options).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  out.write(
    printable(
      `would submit '${name}'${inactive ? ', inactive' : ''}: artefact ${artefact}, arguments ${JSON.stringify(args)}${given.length === 0 ? '' : `, ${given.join(' ')}`}\n\n`,
      'lines',
    ) + graphText(graph),
  )
  return 0
}

async function upload(client: NimbusClient, { sha256, bytes }: Artefact, steps: Steps): Promise<void> {
  const path = `/api/v2/artefacts/${sha256}`
  if (await client.has(path)) {
    steps.done('uploaded nothing: nimbus has this artefact')
    return
  }
  await steps.run('uploading', () => client.put(path, bytes))
  steps.done(`uploaded artefact ${sha256.slice(0, 12)}…`)
}

/** Nimbus looks into the artefact, too, which may take a while. */
const submitMs = 120_000

/** A number of its own lets nimbus know a submission that comes twice: then it is safe to say it again. */
async function submit(client: NimbusClient, submission: Submission): Promise<TopologyView> {
  const rng = cryptoRng()
  const request = Array.from({ length: 4 }, () => rng.uint32().toString(16).padStart(8, '0')).join('')
  const ask = () => client.post<TopologyView>('/api/v2/topologies', { request, ...submission }, submitMs)
  return ask().catch((error: unknown) => {
    if (error instanceof StormError && error.code === 'UNREACHABLE') return ask()
    throw error
  })
}

const askEveryMs = 250

/** Asks until every worker of the topology reports, or Ctrl-C. Throws TIMED_OUT with what is not there yet. */
async function untilReady(
  terminal: Terminal,
  client: NimbusClient,
  { id, name }: TopologyView,
  { waitMs, tell }: { readonly waitMs: number; readonly tell: (what: string) => void },
): Promise<TopologyView | InterruptCode> {
  const { clock } = terminal
  const interrupted = interruption(terminal)
  const deadlineMs = clock.now() + waitMs
  for (;;) {
    const topology = await client.get<TopologyView>(topologyPath(id)).catch((error: unknown) => {
      // Nimbus may be restarted; what was submitted is kept.
      if (error instanceof StormError && error.code === 'UNREACHABLE' && clock.now() < deadlineMs) return undefined
      throw error
    })
    const missing = topology === undefined ? 'nimbus does not answer' : missingOf(topology)
    if (topology !== undefined && missing === undefined) return topology
    tell(missing ?? '')
    if (clock.now() >= deadlineMs)
      throw new StormError(
        'TIMED_OUT',
        `Topology '${name}' is submitted, but not complete after ${durationText(waitMs)}: ${missing}.`,
      )
    await pause(clock, askEveryMs, interrupted.happened)
    if (interrupted.code !== undefined) return interrupted.code
  }
}

function workersText({ workers }: TopologyView): string {
  return workers.length === 1 ? 'its worker reports' : `all ${workers.length} workers report`
}

/** What is not there yet of a topology, in words. */
function missingOf(topology: TopologyView): string | undefined {
  const { workers, unplaced } = topology
  const late = lateWorkers(topology).map(lateText)
  if (unplaced > 0) late.push(`${unplaced} executors have no slot: no supervisor has a free one`)
  if (workers.length === 0 && unplaced === 0) late.push('it is not placed yet')
  return late.length === 0 ? undefined : late.join('; ')
}

function lateText({ host, port, state, reason }: WorkerView): string {
  return `the worker at ${hostAndPort(host, port)} is ${state}${reason === undefined ? '' : ` (${reason})`}`
}

/** What is under way on standard error, and what is done as a line each. */
class Steps {
  readonly #status: StatusLine
  readonly #terminal: Terminal

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    this.#status = new StatusLine(terminal)
  }

  async run<T>(what: string, step: (tell: (detail: string) => void) => Promise<T>): Promise<T> {
    let detail = ''
    this.#status.show(() => `… ${what}${detail === '' ? '' : `: ${printable(detail)}`}`)
    try {
      return await step((told) => {
        detail = told
      })
    } finally {
      this.#status.end()
    }
  }

  done(what: string): void {
    this.#status.print(`${this.#terminal.err.colors.green('✓')} ${printable(what)}`)
  }

  end(): void {
    this.#status.end()
  }
}
