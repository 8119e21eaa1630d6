import { engineVersion } from '../../artefact/engine.js'
import type { Config } from '../../cluster/config.js'
import { findConfig } from '../config-file.js'
import { daemonLog, type DaemonLogLevel } from '../daemon-log.js'
import { exitCodes } from '../exit-codes.js'
import { machineFacts, rootWarning } from '../node-machine.js'
import { parentProcess } from '../parent-process.js'
import type { Terminal } from '../terminal.js'

/** By the names of settings, as typed; `config` is the configuration file. */
type DaemonOptions = { readonly [setting: string]: unknown } & { readonly config?: string }

interface Running {
  readonly url: string
  close(how: { readonly workers: 'leave' | 'stop' }): Promise<void>
}

interface Start {
  readonly log: (level: DaemonLogLevel, message: string) => void
  readonly version: string
  /** It has closed by itself, and will not come back. */
  readonly onLost: (reason: string) => void
}

/** `storm-ts nimbus`: the coordinator, in the foreground. */
export async function nimbus(terminal: Terminal, options: DaemonOptions): Promise<number> {
  return runDaemon(terminal, 'nimbus', options, async (config, start) => {
    const { runNimbus } = await import('../../nimbus/main.js')
    return runNimbus(config, start)
  })
}

/** `storm-ts supervisor`: starts and watches over workers on this machine, in the foreground. They outlive it. */
export async function supervisor(terminal: Terminal, options: DaemonOptions): Promise<number> {
  return runDaemon(terminal, 'supervisor', options, async (config, start) => {
    const { runSupervisor } = await import('../../supervisor/main.js')
    const running = await runSupervisor(config, start)
    start.log('info', `Supervisor ${running.id} has slots at the ports ${running.ports.join(', ')}.`)
    return { url: config.nimbus, close: (how) => running.close(how) }
  })
}

/**
 * Until a signal comes, whoever started it asks or is gone, or it cannot go on. A daemon that was started by another
 * process of ours takes its workers with it.
 */
async function runDaemon(
  terminal: Terminal,
  name: string,
  { config: file, ...flags }: DaemonOptions,
  run: (config: Config, start: Start) => Promise<Running>,
): Promise<number> {
  const { config } = await findConfig(terminal, flags, file)
  const log = daemonLog(terminal.err, terminal.clock, { name, least: config.logLevel })
  const parent = parentProcess()
  // Who started it has told so already.
  if (parent === undefined && machineFacts().isRoot) log('warn', rootWarning)
  let lost = () => {}
  const end = new Promise<{ readonly exitCode: number; readonly workers: 'leave' | 'stop' }>((resolve) => {
    terminal.onInterrupt((exitCode) => resolve({ exitCode, workers: 'leave' }))
    parent?.onEnd(() => resolve({ exitCode: exitCodes.done, workers: 'stop' }))
    lost = () => resolve({ exitCode: exitCodes.failed, workers: 'leave' })
  })
  const running = await run(config, { log, version: engineVersion(), onLost: () => lost() })
  parent?.ready(running.url)
  const { exitCode, workers } = await end
  await running.close({ workers })
  return exitCode
}
