import { resolve } from 'node:path'
import { bundleTopology } from '../../artefact/bundle.js'
import { loadTopology } from '../../artefact/load.js'
import { InvalidTopologyError } from '../../errors.js'
import { LocalCluster, type SubmitOptions } from '../../local/local-cluster.js'
import type { RunningTopology } from '../../local/running-topology.js'
import { readDuration } from '../duration.js'
import { exitCodes } from '../exit-codes.js'
import { readGivenOptions } from '../given-options.js'
import { printable } from '../printable.js'
import { refuse } from '../refusal.js'
import { withScratch } from '../scratch.js'
import { StatusLine } from '../status-line.js'
import { TaskLog } from '../task-log.js'
import { interruption, type Terminal } from '../terminal.js'
import { topologyArgs } from '../topology-args.js'

export interface LocalOptions {
  readonly name?: string
  readonly workers?: string
  /** Each `-c key=value`. */
  readonly c: readonly string[]
  readonly timeout?: string
}

/**
 * `storm-ts local FILE [args…]`: the topology in this process, until it is settled. Ctrl-C stops its spouts and waits for
 * what is pending, for as long as `--timeout` says, or else the topology's message timeout.
 */
export async function local(
  terminal: Terminal,
  file: string,
  args: readonly string[],
  { name, workers, c, timeout }: LocalOptions,
): Promise<number> {
  const options: SubmitOptions = readGivenOptions({ config: c, workers })
  if (name !== undefined) options.name = name
  const kill = timeout === undefined ? {} : { waitMs: readDuration(timeout, '--timeout') }
  const artefact = await bundleTopology(resolve(terminal.cwd, file), { isLocal: true })
  const status = new StatusLine(terminal)
  for (const warning of artefact.warnings) status.print(terminal.err.colors.yellow(printable(warning)))
  const topology = await withScratch(artefact, (path, folder) =>
    loadTopology({ path, folder, args: topologyArgs(args), cwd: terminal.cwd }),
  )
  const cluster = new LocalCluster({
    clock: terminal.clock,
    log: new TaskLog(terminal.err, terminal.clock, (line) => status.print(line)),
  })
  // Only now: before, code of the user's may run that never comes to its end, and then nobody would hear a signal.
  const interrupted = interruption(terminal).happened
  let figures: (() => Figures) | undefined
  try {
    const run = await Promise.race([cluster.submit(topology, options), interrupted])
    if (typeof run === 'number') return run
    figures = figuresOf(run, terminal)
    status.show(progressOf(figures))
    const end = await Promise.race([run.settled().then(() => exitCodes.done), interrupted])
    if (end === exitCodes.done) return end
    status.print('The spouts are stopped; waiting for what is pending. Ctrl-C once more ends it at once.')
    await run.kill(kill)
    return end
  } catch (error) {
    status.end()
    const exitCode = refuse(error, terminal)
    return error instanceof InvalidTopologyError ? exitCode : exitCodes.failed
  } finally {
    await cluster.shutdown()
    status.end()
    if (figures !== undefined) terminal.err.write(`${summaryOf(figures())}\n`)
  }
}

interface Figures {
  /** Tuples that spouts emitted with an id, each time that they did. */
  readonly emitted: number
  readonly acked: number
  readonly failed: number
  readonly pending: number
  /** Tuples that any bolt has executed. */
  readonly executed: number
  readonly seconds: number
}

function figuresOf(run: RunningTopology, { clock }: Terminal): () => Figures {
  const startMs = clock.now()
  return () => {
    const { components, pending } = run.metrics()
    const figures = { emitted: 0, acked: 0, failed: 0, executed: 0 }
    for (const { isSpout, emitted, acked, failed, executed } of Object.values(components)) {
      figures.executed += executed
      if (!isSpout) continue
      figures.emitted += emitted
      figures.acked += acked
      figures.failed += failed
    }
    return { ...figures, pending, seconds: (clock.now() - startMs) / 1_000 }
  }
}

/** A line about a run under way; the rate is that since the line before. */
function progressOf(figures: () => Figures): () => string {
  let before = figures()
  const told = (count: number) => count.toLocaleString('en')
  return () => {
    const now = figures()
    const rate = Math.round((now.executed - before.executed) / Math.max(0.001, now.seconds - before.seconds))
    before = now
    return `${told(rate)} tuples/s · acked ${told(now.acked)} · failed ${told(now.failed)} · pending ${told(now.pending)} · ${now.seconds.toFixed(1)} s`
  }
}

/** The one line that is left of a run. */
function summaryOf({ emitted, acked, failed, seconds }: Figures): string {
  return `emitted: ${emitted}, acked: ${acked}, failed: ${failed}, seconds: ${seconds.toFixed(2)}`
}
