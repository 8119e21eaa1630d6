import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { engineVersion } from '../artefact/engine.js'
import { loadTopology } from '../artefact/load.js'
import { beatFileName, encodeBeat, type Beat } from '../cluster/beat.js'
import { layoutOf } from '../cluster/layout.js'
import type { WorkerLaunch } from '../cluster/records.js'
import { StormError } from '../errors.js'
import { loadKeyHash } from '../grouping/hash.js'
import { describeError } from '../stdx/describe-error.js'
import { cryptoRng } from '../stdx/entropy.js'
import { hostAndPort } from '../stdx/host-and-port.js'
import { tuneV8 } from '../stdx/tune-v8.js'
import { systemClock } from '../stdx/system-clock.js'
import { specOf } from '../topology/topology.js'
import { nodeCrc32c } from '../wire/node-crc32c.js'
import { nodeSecrets } from '../wire/node-secrets.js'
import { nodeText } from '../wire/node-text.js'
import { dialWebSocket, listenForLinks } from '../wire/websocket.js'
import { WorkerProcess, type ProcessEnd } from './process.js'
import { NoteCell, startWatchdog } from './watchdog.js'
import { openWorkerLog } from './worker-log.js'

/**
 * The entry of a worker process: `main.js LAUNCH-FILE`. A shell: it connects `WorkerProcess` to files, sockets, signals
 * and the code of the topology, and decides nothing.
 */

/** How long what is on its way out is given. */
const farewellMs = 300
const exitOfFailure = 1
const exitOfCrash = 70

tuneV8()
const launchPath = process.argv[2] as string
const launch = JSON.parse(readFileSync(launchPath, 'utf8')) as WorkerLaunch
const { topology, slot, since, incarnation } = launch
const log = openWorkerLog(launch.logDir, { pid: process.pid, topology: topology.id, port: slot.port })
// Not emptied: written over, it needs no room on a full disk.
const beatFile = openSync(join(dirname(launchPath), beatFileName), constants.O_WRONLY | constants.O_CREAT, 0o600)

function beat(told: Beat): void {
  try {
    writeSync(beatFile, encodeBeat(told), 0)
  } catch (error) {
    log.write('warn', `the heartbeat could not be written: ${describeError(error).message}`, {})
  }
}

function exit(code: number): void {
  setTimeout(() => {
    closeSync(beatFile)
    process.exit(code)
  }, farewellMs)
}

let lastMemory = { rssBytes: 0, heapBytes: 0 }

function memory(): typeof lastMemory {
  try {
    const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage()
    lastMemory = { rssBytes, heapBytes }
  } catch {
    // User code has all the files open that this process may: what was seen last has to do.
  }
  return lastMemory
}

/** Before there is a WorkerProcess that could say it. */
function fail(error: unknown): void {
  const code = error instanceof StormError ? error.code : errorCode(error)
  const { message, stack } = describeError(error)
  log.write('error', `this worker cannot start: ${message} (${code})`, { stack })
  beat({ incarnation, beat: 1, isReady: false, error: { code, message } })
  exit(exitOfFailure)
}

function errorCode(error: unknown): string {
  return (error as { code?: unknown } | null)?.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'INTERNAL'
}

/** The worker's own certificate, and what it checks those of others against. */
function readTls() {
  const { cert, key, ca } = launch.tls ?? {}
  const read = (path: string) => readFileSync(path, 'utf8')
  const shown = cert === undefined || key === undefined ? undefined : { cert: read(cert), key: read(key) }
  return { shown, checked: ca === undefined ? undefined : { ca: read(ca) } }
}

async function run(): Promise<void> {
  const clock = systemClock()
  const { shown, checked } = readTls()
  const loaded = await loadTopology({
    path: launch.artefactPath,
    sha256: topology.artefact,
    args: topology.args,
    cwd: topology.cwd,
    folder: join(launch.dataDir, 'code'),
  })
  const { componentOf } = layoutOf(topology)
  const notes = startWatchdog(Object.fromEntries(componentOf.entries()))
  const worker = new WorkerProcess({
    launch,
    spec: specOf(loaded),
    version: engineVersion(),
    pid: process.pid,
    clock,
    rng: cryptoRng(),
    hash: await loadKeyHash(),
    text: nodeText(),
    checksum: nodeCrc32c(),
    secrets: nodeSecrets(),
    log,
    linkKey: Buffer.from(launch.linkKey, 'base64'),
    controlKey: Buffer.from(launch.controlKey, 'base64'),
    dialPeer: ({ host, slot: { port } }) =>
      dialWebSocket(`${shown === undefined ? 'ws' : 'wss'}://${hostAndPort(host, port)}/link/data`, checked),
    dialNimbus: dialWebSocket(`${launch.nimbusUrl.replace(/^http/, 'ws').replace(/\/$/, '')}/link/worker`, checked),
    memory,
    beat,
    note: { set: (task) => Atomics.store(notes, NoteCell.task, task) },
    onEnd: (end) => exit(exitCodeOf(end)),
  })
  log.captureConsole(() => worker.running)
  process.on('SIGTERM', () => void worker.stop())
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (thrown: unknown) => {
      const { message, stack } = describeError(thrown)
      log.write('error', `nobody caught: ${message}`, { stack })
      worker.crashed(thrown)
    })
  }
  await listenForLinks(
    { host: launch.bind, port: slot.port, tls: shown },
    { '/link/data': (carrier, address) => worker.accept(carrier, address) },
  )
  log.write('info', `this worker has started`, { since, incarnation })
  worker.start()
}

function exitCodeOf(end: ProcessEnd | undefined): number {
  if (end === undefined) return 0
  return end.code === 'WORKER_CRASHED' || end.code === 'INTERNAL' ? exitOfCrash : exitOfFailure
}

run().catch(fail)
