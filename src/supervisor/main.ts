import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../cluster/config.js'
import type { WorkerTls } from '../cluster/records.js'
import { StormError } from '../errors.js'
import type { Clock } from '../stdx/clock.js'
import { describeError } from '../stdx/describe-error.js'
import { cryptoRng } from '../stdx/entropy.js'
import type { Rng } from '../stdx/rng.js'
import { systemClock } from '../stdx/system-clock.js'
import { Frames } from '../wire/frame.js'
import { nodeSecrets } from '../wire/node-secrets.js'
import { nodeText } from '../wire/node-text.js'
import { readPrivate, readTlsPair } from '../wire/secret-files.js'
import { dialWebSocket } from '../wire/websocket.js'
import { ArtefactCache, type FetchArtefact } from './artefact-cache.js'
import { SupervisorDaemon, type SupervisorLog } from './daemon.js'
import { DataFolder, newSupervisorId, type SupervisorRecord } from './data-folder.js'
import { controlDialer } from './dial-nimbus.js'
import { codeOf } from './durable-file.js'
import { lockFolder } from './folder-lock.js'
import { pickFreePorts } from './free-ports.js'
import { httpArtefacts } from './http-artefacts.js'
import { LogFiles } from './log-files.js'
import type { DialNimbus } from './nimbus-link.js'
import { ProcessLauncher } from './process-launcher.js'

export interface RunSupervisorOptions {
  readonly log: SupervisorLog
  /** The version of the package. */
  readonly version: string
  /** Instead of a WebSocket to nimbus. */
  readonly dial?: DialNimbus
  /** Instead of nimbus' API. */
  readonly fetchArtefact?: FetchArtefact
  /** The script that is the worker, instead of the package's own. */
  readonly workerEntry?: string
  /** The folder was taken from this supervisor: it has closed by itself. */
  readonly onLost?: (reason: string) => void
}

export interface RunningSupervisor {
  readonly id: string
  /** Of its slots. Those that it picked by chance may turn out to be another's; then these change. */
  readonly ports: readonly number[]
  /** The supervisor ends; its workers go on and are found by the next one, unless they are to be stopped, too. */
  close(options?: { readonly workers?: 'leave' | 'stop' }): Promise<void>
}

const lockRefreshMs = 20_000
/** What a process takes besides its heap before that is too much. */
const besidesHeapMb = 256
const fetchPauseMs = 1_000

/**
 * A supervisor on this machine. A shell. Resolves when it works, which it does with or without nimbus. Errors:
 * INVALID_SETTING, INSECURE_BIND, INSECURE_FILE, FOLDER_LOCKED, FOLDER_UNUSABLE, NO_SPACE.
 */
export async function runSupervisor(config: Config, options: RunSupervisorOptions): Promise<RunningSupervisor> {
  const clock = systemClock()
  const rng = cryptoRng()
  const { log, onLost } = options
  checkBind(config, log)
  const folder = new DataFolder(join(resolve(config.dataDir), 'supervisor'))
  const lock = lockFolder(folder.lock, () => clock.wall())
  const start = (record: SupervisorRecord): SupervisorDaemon => {
    folder.keep(record)
    const daemon = daemonOf(
      record,
      { config, folder, clock, rng, onPortsTaken: () => void (change ??= changePorts()) },
      options,
    )
    daemon.start()
    return daemon
  }
  let isClosed = false
  let change: Promise<void> | undefined
  /** Ports picked by chance that another supervisor of this machine has picked, too: it keeps them, this one takes others. */
  const changePorts = async () => {
    if (config.ports !== undefined) return
    try {
      const next = await nextRecord(config, { ...record, ports: [] }, rng)
      if (isClosed) return
      await daemon.close()
      record = next
      daemon = start(record)
      log('info', `Supervisor ${record.id} has slots at other ports now: ${record.ports.join(', ')}.`)
    } catch (error) {
      log('error', `There are no other ports for this supervisor: ${describeError(error).message}`)
    }
    change = undefined
  }

  let record: SupervisorRecord
  let daemon: SupervisorDaemon
  try {
    record = await nextRecord(config, folder.record(), rng)
    daemon = start(record)
  } catch (error) {
    lock.release()
    throw error
  }

  let cancelRefresh = () => {}
  const close: RunningSupervisor['close'] = async (how) => {
    isClosed = true
    await change
    await daemon.close(how)
    cancelRefresh()
    lock.release()
  }
  const refresh = () => {
    if (lock.refresh()) {
      cancelRefresh = clock.after(lockRefreshMs, refresh)
      return
    }
    const reason = `Somebody else has taken the folder of this supervisor: ${folder.lock} is not its own any more.`
    log('error', reason)
    void close().finally(() => onLost?.(reason))
  }
  refresh()
  return {
    id: record.id,
    get ports() {
      return record.ports
    },
    close,
  }
}

interface Machine {
  readonly config: Config
  readonly folder: DataFolder
  readonly clock: Clock
  readonly rng: Rng
  readonly onPortsTaken: () => void
}

function daemonOf(
  record: SupervisorRecord,
  { config, folder, clock, rng, onPortsTaken }: Machine,
  options: RunSupervisorOptions,
): SupervisorDaemon {
  const { log, version, workerEntry } = options
  const { id, ports, incarnation } = record
  const { dial, fetchArtefact } = nimbusOf(config, record, { clock, ...options })
  const { workerStartMs: startMs, workerTimeoutMs: hungMs, workerMemoryMb } = config
  const limits = { startMs, hungMs, stopMs: 3_000, rssBytesMax: (workerMemoryMb + besidesHeapMb) * 2 ** 20 }
  return new SupervisorDaemon({
    settings: {
      id,
      version,
      host: config.host ?? (isWildcard(config.bind) ? hostname() : config.bind),
      ports,
      incarnation,
      session: randomUUID(),
      limits,
    },
    bind: config.bind,
    nimbusUrl: config.nimbus,
    ...workerTls(config),
    workerMemoryMb,
    traces: folder.traces(ports),
    slots: folder,
    logs: new LogFiles(folder.logs, () => clock.wall()),
    artefacts: new ArtefactCache({
      folder: folder.artefacts,
      fetch: fetchArtefact,
      bytesMax: config.artefactBytesMax,
      pause: () => new Promise((done) => clock.after(fetchPauseMs, done)),
    }),
    launcher: new ProcessLauncher(workerEntry ?? fileURLToPath(new URL('../worker/main.js', import.meta.url))),
    dial,
    clock,
    rng,
    log,
    onPortsTaken,
  })
}

/** The two ways to nimbus: the link, and its API. */
function nimbusOf(
  config: Config,
  { id, incarnation }: SupervisorRecord,
  { clock, dial, fetchArtefact }: { clock: Clock } & Pick<RunSupervisorOptions, 'dial' | 'fetchArtefact'>,
): { readonly dial: DialNimbus; readonly fetchArtefact: FetchArtefact } {
  if (dial !== undefined && fetchArtefact !== undefined) return { dial, fetchArtefact }
  const token = readSecret(config)
  const ca = config.tlsCa === undefined ? undefined : readCertificates(config.tlsCa)
  const url = `${config.nimbus.replace(/^http/, 'ws')}/link/supervisor`
  const link = controlDialer({
    tools: { frames: new Frames(), clock },
    text: nodeText(),
    secrets: nodeSecrets(),
    dial: dialWebSocket(url, ca === undefined ? undefined : { ca }),
    token,
    supervisor: id,
    incarnation,
  })
  return { dial: dial ?? link, fetchArtefact: fetchArtefact ?? httpArtefacts({ url: config.nimbus, token, ca }) }
}

/** Of this start. The id and the ports are chosen once. */
async function nextRecord(
  { supervisor, ports, slots, bind }: Config,
  kept: SupervisorRecord | undefined,
  rng: Rng,
): Promise<SupervisorRecord> {
  if (kept !== undefined && supervisor !== undefined && supervisor !== kept.id) {
    throw invalid(
      `'supervisor' is '${supervisor}', and the data folder is of '${kept.id}'; expected is that, or another folder.`,
    )
  }
  if (ports !== undefined && (ports.length === 0 || new Set(ports).size < ports.length)) {
    throw invalid(`'ports' is ${ports.join(',')}; at least one is expected, and none twice.`)
  }
  const { id = supervisor ?? newSupervisorId(), incarnation = 0, ports: before = [] } = kept ?? {}
  const stay = before.slice(0, slots)
  const more = ports === undefined ? await pickFreePorts(slots - stay.length, { taken: stay, bind, rng }) : []
  return { id, incarnation: incarnation + 1, ports: [...(ports ?? [...stay, ...more])].sort((a, b) => a - b) }
}

/** Workers listen at `bind`. Throws INSECURE_BIND. */
function checkBind({ bind, tlsCert, allowPlaintext }: Config, log: SupervisorLog): void {
  if (/^(localhost|::1|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/.test(bind) || tlsCert !== undefined) return
  if (!allowPlaintext) {
    throw new StormError(
      'INSECURE_BIND',
      `'bind' is ${bind}, which others reach, and there is no TLS. Three ways out: a certificate ('tlsCert' and 'tlsKey'); 'bind: 127.0.0.1'; or 'allowPlaintext: true', if the network is private.`,
    )
  }
  log('warn', `Workers listen at ${bind} without TLS: whoever is on the network between can read tuples.`)
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`'tlsCa': ${path} can't be read (${codeOf(error)}).`)
  }
}

/** Every address of the machine, which is no address to call. */
function isWildcard(bind: string): boolean {
  return ['0.0.0.0', '::', '*'].includes(bind)
}

/** The token in a copy of nimbus' `supervisor-token` file. */
function readSecret({ secretFile, dataDir }: Config): string {
  const path = resolve(secretFile ?? join(dataDir, 'supervisor-token'))
  const token = readPrivate(path)
  if (token === undefined)
    throw invalid(`'secretFile': ${path} is not there; a copy of nimbus' file of that name is expected.`)
  if (token === '') throw new StormError('INSECURE_FILE', `${path} is empty; a copy of nimbus' file is expected there.`)
  return token
}

function invalid(message: string): StormError {
  return new StormError('INVALID_SETTING', message)
}

/** Where workers find it. What is wrong with it shows at the start, and not as workers that end again and again. */
function workerTls(config: Config): { tls?: WorkerTls } {
  readTlsPair(config)
  const { tlsCert, tlsKey, tlsCa } = config
  const pair = tlsCert === undefined || tlsKey === undefined ? {} : { cert: resolve(tlsCert), key: resolve(tlsKey) }
  const tls = tlsCa === undefined ? pair : { ...pair, ca: resolve(tlsCa) }
  return Object.keys(tls).length === 0 ? {} : { tls }
}
