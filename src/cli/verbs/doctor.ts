import { resolve } from 'node:path'
import { engineVersion } from '../../artefact/engine.js'
import { hostAndPort } from '../../stdx/host-and-port.js'
import { NimbusClient } from '../client.js'
import { findConnection, type Connection, type ConnectionOptions } from '../connection.js'
import { durationText } from '../duration.js'
import { folderFacts, machineFacts, rootWarning } from '../node-machine.js'
import { printable } from '../printable.js'
import { refusalOf } from '../refusal.js'
import type { Terminal } from '../terminal.js'
import type { TopologySummary, TopologyView } from '../topology-view.js'
import { lateWorkers, topologyPath } from '../topology-view.js'

interface Check {
  readonly about: string
  readonly state: 'well' | 'odd' | 'wrong'
  readonly message: string
  readonly code?: string
}

interface StormSupervisors {
  readonly supervisors: readonly {
    readonly id: string
    readonly host: string
    readonly uptimeSeconds: number
    readonly slotsTotal: number
    readonly slotsUsed: number
  }[]
}

const spaceMin = 2 ** 30
const clockMaxMs = 2_000

/**
 * `storm-ts doctor`: looks at everything between this command line and a running topology, in the order in which it is
 * needed, and tells what is wrong. Ends with the exit code that a verb would end with on account of the first wrong thing.
 */
export async function doctor(
  terminal: Terminal,
  options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> {
  const checks: Check[] = []
  let exitCode = 0
  const show = (check: Check) => {
    checks.push(check)
    if (options.json !== true) terminal.out.write(lineOf(check, terminal))
  }
  /** What depends on something that is wrong is not looked at. */
  const look = async (about: string, find: () => Promise<Omit<Check, 'about'>[]>): Promise<boolean> => {
    try {
      const found = await find()
      for (const check of found) show({ about, ...check })
      return true
    } catch (error) {
      const refusal = refusalOf(error)
      show({
        about,
        state: 'wrong',
        message: refusal.text,
        ...(refusal.code === undefined ? {} : { code: refusal.code }),
      })
      exitCode ||= refusal.exitCode
      return false
    }
  }
  await look('machine', async () => lookAtMachine())
  let connection: Connection | undefined
  const isFound = await look('configuration', async () => {
    connection = await findConnection(terminal, options)
    return [well(connection.configFile === undefined ? 'no file; defaults hold' : `from ${connection.configFile}`)]
  })
  if (isFound && connection !== undefined) {
    const client = new NimbusClient({ ...connection, version: engineVersion() })
    const { config, url, urlFrom, token, tokenFile } = connection
    await look('data folder', async () => lookAtFolder(resolve(terminal.cwd, config.dataDir)))
    const isThere = await look('nimbus', async () => {
      const atMs = terminal.clock.wall()
      const health = await client.getBytes('/health')
      const theirs = new Date(health.header('date') ?? '').getTime()
      const aside = Number.isNaN(theirs) ? 0 : Math.abs(theirs - atMs)
      const told = [
        well(`answers at ${url} (from ${urlFrom}), storm-ts ${health.header('storm-ts-version') ?? '?'}`),
        ...warningsIn(health.body).map(odd),
      ]
      // The header counts whole seconds. Nothing waits by the time of day, but logs are read by it.
      return aside < clockMaxMs ? told : [...told, odd(`its time of day is ${durationText(aside)} off from here`)]
    })
    if (isThere) {
      let topologies: readonly TopologySummary[] = []
      const isLetIn = await look('token', async () => {
        const { name, role } = await client.get<{ name: string; role: string }>('/api/v2/whoami')
        topologies = (await client.get<{ topologies: readonly TopologySummary[] }>('/api/v2/topologies')).topologies
        return [well(`${token === undefined ? 'none' : `of ${tokenFile}`}: you are ${name}, with the role ${role}`)]
      })
      if (isLetIn) {
        await look('supervisors', () => lookAtSupervisors(client))
        for (const topology of topologies)
          await look(`topology ${topology.name}`, () => lookAtTopology(client, topology))
      }
    }
  }
  if (options.json === true) terminal.out.write(`${JSON.stringify({ checks })}\n`)
  return exitCode
}

const well = (message: string): Omit<Check, 'about'> => ({ state: 'well', message })
const odd = (message: string): Omit<Check, 'about'> => ({ state: 'odd', message })

function warningsIn(body: Uint8Array): string[] {
  const { warnings } = JSON.parse(new TextDecoder().decode(body)) as { warnings?: unknown }
  return Array.isArray(warnings) ? warnings.map(String) : []
}

function lookAtMachine(): Omit<Check, 'about'>[] {
  const { nodeVersion, platform, isRoot } = machineFacts()
  const told = well(`storm-ts ${engineVersion()} on Node ${nodeVersion}, ${platform}`)
  return isRoot ? [told, odd(rootWarning)] : [told]
}

async function lookAtFolder(path: string): Promise<Omit<Check, 'about'>[]> {
  const facts = await folderFacts(path)
  if (facts === undefined)
    return [well(`${path} is not there; fine, unless a daemon of this machine keeps its data there`)]
  const { mode, isPrivate, freeBytes } = facts
  const told = [well(`${path}, ${Math.floor(freeBytes / 2 ** 20).toLocaleString('en')} MiB free`)]
  if (!isPrivate) told.push(odd(`${path} may be read by others (mode ${mode}); chmod 700 ${path}`))
  if (freeBytes < spaceMin) told.push(odd(`there is little space in ${path}`))
  return told
}

async function lookAtSupervisors(client: NimbusClient): Promise<Omit<Check, 'about'>[]> {
  const { supervisors } = await client.get<StormSupervisors>('/api/v1/supervisor/summary')
  if (supervisors.length === 0) return [odd("there is none, so nothing can run: start one with 'storm-ts supervisor'")]
  const all = supervisors.map(({ id, host, slotsTotal, slotsUsed }) =>
    well(`${id} at ${host}, ${slotsTotal - slotsUsed} of ${slotsTotal} slots free`),
  )
  const free = supervisors.reduce((sum, { slotsTotal, slotsUsed }) => sum + slotsTotal - slotsUsed, 0)
  return free > 0 ? all : [...all, odd('there is no free slot: the next topology would wait for one')]
}

async function lookAtTopology(
  client: NimbusClient,
  { id, status: summarised, problem }: TopologySummary,
): Promise<Omit<Check, 'about'>[]> {
  if (problem !== undefined) return [odd(`${summarised}: ${problem}`)]
  const topology = await client.get<TopologyView>(topologyPath(id))
  const { workers, unplaced, status } = topology
  const told = lateWorkers(topology).map(({ host, port, state, reason }) =>
    odd(`its worker at ${hostAndPort(host, port)} is ${state}${reason === undefined ? '' : ` (${reason})`}`),
  )
  if (unplaced > 0) told.push(odd(`${unplaced} of its executors have no slot`))
  return told.length > 0 ? told : [well(`${status}, ${workers.length} workers`)]
}

function lineOf({ about, state, message, code }: Check, { out }: Terminal): string {
  const { green, yellow, red } = out.colors
  const mark = state === 'well' ? green('✓') : state === 'odd' ? yellow('!') : red('✗')
  return `${mark} ${printable(`${about}: ${message}`, 'lines')}${code === undefined ? '' : ` (${code})`}\n`
}
