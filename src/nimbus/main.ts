import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { extractGraph } from '../artefact/extract.js'
import type { Config } from '../cluster/config.js'
import { StormError } from '../errors.js'
import { systemClock } from '../stdx/system-clock.js'
import { Frames } from '../wire/frame.js'
import { nodeSecrets } from '../wire/node-secrets.js'
import { nodeText } from '../wire/node-text.js'
import { readPrivate, readTlsPair } from '../wire/secret-files.js'
import { Artefacts } from './artefacts.js'
import { Coordinator } from './coordinator.js'
import { HostNames, isAnyAddress, isLoopback } from './hosts.js'
import { LevelStore } from './level-store.js'
import { Links } from './links.js'
import { LogBroker } from './log-broker.js'
import type { NimbusEffect } from './decision.js'
import type { Api } from './routes.js'
import { openSecrets, type Secrets } from './secrets.js'
import { serve } from './server.js'
import { Submissions, type ExtractGraph } from './submissions.js'
import { Tokens } from './tokens.js'

export type NimbusLog = (level: 'info' | 'warn' | 'error', message: string) => void

export interface RunNimbusOptions {
  readonly log: NimbusLog
  /** The version of the package. */
  readonly version: string
  /** It leads no more and has closed by itself. */
  readonly onLost?: (reason: string) => void
  /** Instead of a process of its own. */
  readonly extract?: ExtractGraph
}

export interface RunningNimbus {
  /** Where it is reached. */
  readonly url: string
  /** Everything that runs goes on. */
  close(): Promise<void>
}

const tickMs = 1_000
/** What tells the command line of this machine where nimbus is; in the data folder. */
const addressName = 'address'

/**
 * Nimbus in this process. A shell. Resolves when it answers. Errors: INSECURE_BIND, INSECURE_FILE, INVALID_SETTING,
 * PORT_IN_USE, STORE_LOCKED, STORE_CORRUPT, STORE_FULL, STORE_IO.
 */
export async function runNimbus(config: Config, options: RunNimbusOptions): Promise<RunningNimbus> {
  const { log, version, onLost } = options
  const clock = systemClock()
  const dataDir = resolve(config.dataDir)
  const warnings = checkBind(config)
  for (const warning of warnings) log('warn', warning)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const secrets = openSecrets(dataDir)
  const tokens = tokensOf(secrets, config)
  const tls = readTlsPair(config)
  const store = await LevelStore.open(join(dataDir, 'nimbus'))
  let close = async () => {}
  /** What has to end when the start comes to nothing, the last first. */
  const begun: (() => void)[] = []
  try {
    const perform = (effect: NimbusEffect) => {
      switch (effect.kind) {
        case 'log':
          log(effect.level, effect.message)
          return
        case 'drop artefact':
          artefacts.touched(effect.artefact)
          return
        case 'tell supervisor':
        case 'tell worker':
        case 'close':
          links.perform(effect)
      }
    }
    const coordinator = await Coordinator.start({
      store,
      holder: `process ${process.pid} on ${hostname()}`,
      clock,
      nimbus: {
        version,
        keys: secrets.workerKeys,
        supervisorTimeoutMs: config.supervisorTimeoutMs,
        tickMs,
        topologiesMax: config.topologiesMax,
      },
      perform,
      onLost: (reason) => {
        log('error', `This nimbus leads no more: ${reason}`)
        void close().finally(() => onLost?.(reason))
      },
    })
    begun.push(() => coordinator.close())
    const { nimbus } = coordinator
    const logs = new LogBroker(clock, (link, message) => links.send(link, message))
    const links = new Links(
      {
        tools: { frames: new Frames(), clock },
        text: nodeText(),
        secrets: nodeSecrets(),
        supervisorKey: new TextEncoder().encode(secrets.supervisorToken),
        workerKey: (...of) => Buffer.from(secrets.workerKeys.control(...of), 'base64'),
        takeLogChunk: (link, chunk) => logs.take(link, chunk),
        gone: (link) => logs.closed(link),
        warn: (message) => log('warn', message),
      },
      coordinator.fence,
    )
    links.begin(coordinator)
    const submissions = new Submissions(coordinator, options.extract ?? extractIn(store, config.deployMs))
    const artefacts = new Artefacts({
      blobs: store.blobs,
      clock,
      isNeeded: (artefact) =>
        submissions.needs(artefact) || [...nimbus.topologies.values()].some((record) => record.artefact === artefact),
      warn: (message) => log('warn', message),
    })
    begun.push(() => artefacts.close())
    await artefacts.begin()
    const address = { host: isAnyAddress(config.bind) ? hostname() : config.bind, port: config.port }
    const api: Api = {
      coordinator,
      submissions,
      artefacts,
      blobs: store.blobs,
      logs,
      config,
      address,
      warnings,
      look: () => ({ nimbus, nowMs: clock.now(), wallMs: clock.wall(), version }),
    }
    const server = await serve({
      api,
      tokens,
      hosts: new HostNames(config.bind, config.allowedHosts),
      clock,
      version,
      bind: config.bind,
      port: config.port,
      tls,
      bodyBytesMax: config.bodyBytesMax,
      openReads: config.openReads,
      logError: (message) => log('error', message),
      links: {
        '/link/supervisor': (carrier, address) => links.acceptSupervisor(carrier, address),
        '/link/worker': (carrier, address) => links.acceptWorker(carrier, address),
      },
    })
    address.port = server.port
    const addressFile = join(dataDir, addressName)
    writeFileSync(addressFile, `${server.url}\n`, { mode: 0o600 })
    let closed: Promise<void> | undefined
    close = () =>
      (closed ??= (async () => {
        rmSync(addressFile, { force: true })
        coordinator.close()
        links.close()
        artefacts.close()
        await server.close()
        await store.close()
      })())
    log(
      'info',
      `Nimbus listens at ${server.url}, fence ${coordinator.fence}, with ${nimbus.topologies.size} topologies.`,
    )
    return { url: server.url, close: () => close() }
  } catch (error) {
    for (const end of begun.reverse()) end()
    await store.close()
    throw error
  }
}

/** Warnings that whoever runs it should see at each start. Throws INSECURE_BIND. */
function checkBind({ bind, tlsCert, allowPlaintext }: Config): string[] {
  if (isLoopback(bind) || tlsCert !== undefined) return []
  if (allowPlaintext)
    return [`Nimbus listens at ${bind} without TLS: whoever is on the network between can read tokens and take them.`]
  throw new StormError(
    'INSECURE_BIND',
    `'bind' is ${bind}, which others reach, and there is no TLS. Three ways out: a certificate ('tlsCert' and 'tlsKey'); 'bind: 127.0.0.1'; or 'allowPlaintext: true', if the network is private.`,
  )
}

function tokensOf({ adminToken, supervisorToken }: Secrets, { tokensFile }: Config): Tokens {
  const tokens = new Tokens()
  tokens.add({ name: 'admin', role: 'admin' }, adminToken)
  tokens.add({ name: 'supervisor', role: 'supervisor' }, supervisorToken)
  if (tokensFile === undefined) return tokens
  const text = readPrivate(tokensFile)
  if (text === undefined) throw new StormError('INVALID_SETTING', `'tokensFile': ${tokensFile} is not there.`)
  tokens.addFile(tokensFile, text)
  return tokens
}

/** In a process of its own, which has only so long. */
function extractIn(store: LevelStore, limitMs: number): ExtractGraph {
  return async (artefact, { args, cwd }) => {
    const path = store.blobs.pathOf(artefact)
    return (await extractGraph({ path, sha256: artefact, args, cwd, limitMs })).graph
  }
}
