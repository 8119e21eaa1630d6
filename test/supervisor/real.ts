import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { readConfig, type Config } from '../../src/cluster/config.js'
import { runSupervisor, type RunningSupervisor } from '../../src/supervisor/main.js'
import { markOf } from '../../src/supervisor/process-table.js'
import { fetchBundle, Nimbus } from './nimbus.js'

/** An empty folder that goes when the test is over. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'storm-ts-supervisor-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Resolves when `isTrue` is; asks often, and gives up after 20 s. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !isTrue();) {
    if (performance.now() > end) throw new Error(`still waiting until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function isAlive(pid: number): boolean {
  return markOf(pid) !== undefined
}

export interface Rig {
  readonly supervisor: RunningSupervisor
  readonly nimbus: Nimbus
  readonly port: number
  readonly log: string[]
}

export function configOf(folder: string, flags: Partial<Record<keyof Config, unknown>> = {}): Config {
  return readConfig({ flags: { dataDir: folder, slots: 1, workerMemoryMb: 64, ...flags } })
}

/** A supervisor of real processes in `folder`; when the test is over it is closed with all that it runs. */
export async function startSupervisor(
  folder: string,
  flags: Partial<Record<keyof Config, unknown>> = {},
  refusals = 0,
): Promise<Rig> {
  const nimbus = new Nimbus()
  nimbus.refusals = refusals
  const log: string[] = []
  const supervisor = await runSupervisor(configOf(folder, flags), {
    log: (level, text) => log.push(`${level}: ${text}`),
    version: '0.1.0',
    dial: nimbus.dial,
    fetchArtefact: fetchBundle,
    workerEntry: fileURLToPath(new URL('./fake-worker.mjs', import.meta.url)),
  })
  onTestFinished(() => supervisor.close({ workers: 'stop' }))
  return { supervisor, nimbus, log, port: supervisor.ports[0] as number }
}

export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
}
