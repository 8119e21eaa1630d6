import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { beatBytes, beatFileName, parseBeat, type Beat } from '../cluster/beat.js'
import { StormError } from '../errors.js'
import type { WorkerLaunch } from '../cluster/records.js'
import { count, generation, id, port } from '../cluster/shapes.js'
import { unusable, writeDurably } from './durable-file.js'
import { isRunning, processesWith } from './process-table.js'
import type { SlotFiles, SlotFolders, SlotTrace } from './slot-folders.js'
import type { ProcessMark } from './slots.js'

/** What a supervisor keeps of itself: `supervisor.json`. */
export interface SupervisorRecord {
  readonly id: string
  /** The number of its last start. */
  readonly incarnation: number
  readonly ports: readonly number[]
}

const supervisorShape: z.ZodType<SupervisorRecord> = z.object({ id, incarnation: count, ports: z.array(port) })

/** `slots/<port>/slot.json`. */
interface SlotRecord {
  readonly incarnation: number
  readonly topology: string
  readonly since: number
  readonly mark?: ProcessMark
}

const slotShape: z.ZodType<SlotRecord> = z.object({
  incarnation: count,
  topology: id,
  since: generation,
  mark: z.object({ pid: count, startTime: z.string() }).exactOptional(),
})

/**
 * The folder of a supervisor. A shell: whoever opens it holds its lock.
 *
 * Numbers that may never go back, of starts of the supervisor and of processes, are on the disk before they are used. A
 * file that says nothing sensible is not taken for one that is not there: it is named, and the supervisor does not start.
 */
export class DataFolder implements SlotFolders {
  readonly #path: string
  readonly #heartbeats = new Uint8Array(beatBytes)

  /** Makes what is not there yet. Throws FOLDER_UNUSABLE. */
  constructor(path: string) {
    this.#path = path
    for (const folder of [path, this.artefacts, this.logs, join(path, 'slots')]) {
      unusable(folder, () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        chmodSync(folder, 0o700)
      })
    }
  }

  get lock(): string {
    return join(this.#path, 'lock')
  }

  get artefacts(): string {
    return join(this.#path, 'artefacts')
  }

  get logs(): string {
    return join(this.#path, 'logs')
  }

  /** Undefined: this supervisor was never started. */
  record(): SupervisorRecord | undefined {
    return readRecord(join(this.#path, 'supervisor.json'), supervisorShape)
  }

  keep(record: SupervisorRecord): void {
    writeDurably(join(this.#path, 'supervisor.json'), `${JSON.stringify(record)}\n`)
  }

  /** What an earlier supervisor left in the slots, of `ports` and of any other. */
  traces(ports: readonly number[]): SlotTrace[] {
    const known = readdirSync(join(this.#path, 'slots')).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
    const all = [...new Set([...ports, ...known])].sort((a, b) => a - b)
    const traces = all.map((port) => this.#trace(port))
    // There was no time to write down who was started: it is known by its argument.
    const unknown = traces.flatMap(({ port, record, worker }) => (record && !worker ? [this.#slot(port).launch] : []))
    const found = processesWith(unknown)
    return traces.map(({ port, record, launch, worker }) => {
      const mark = worker ?? found.get(this.#slot(port).launch)
      if (record === undefined) return { port, incarnation: 0, launch: undefined, worker: undefined }
      const { incarnation, topology, since } = record
      return { port, incarnation, launch, worker: mark && { topology, since, mark } }
    })
  }

  begin(launch: Omit<WorkerLaunch, 'dataDir'>): SlotFiles {
    const { slot, topology, since, incarnation } = launch
    const { port } = slot
    const paths = this.#slot(port)
    return unusable(paths.folder, () => {
      mkdirSync(paths.data, { recursive: true, mode: 0o700 })
      // What another topology has left is not this one's.
      if (readRecord(paths.record, slotShape)?.topology !== topology.id) {
        rmSync(paths.data, { recursive: true, force: true })
        mkdirSync(paths.data, { mode: 0o700 })
      }
      writeRecord(paths.record, { incarnation, topology: topology.id, since })
      writeDurably(paths.launch, JSON.stringify({ ...launch, dataDir: paths.data } satisfies WorkerLaunch))
      // Full of blanks: the worker writes over it, for which there is room even on a full disk.
      rmSync(paths.beat, { force: true })
      writeFileSync(paths.beat, ' '.repeat(beatBytes), { mode: 0o600, flag: 'wx' })
      return { launchPath: paths.launch, dataDir: paths.data }
    })
  }

  started(port: number, mark: ProcessMark): void {
    const { record } = this.#slot(port)
    const begun = readRecord(record, slotShape)
    if (begun !== undefined) writeRecord(record, { ...begun, mark })
  }

  beat(port: number): Beat | undefined {
    try {
      const file = openSync(this.#slot(port).beat, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        const length = readSync(file, this.#heartbeats, 0, beatBytes, 0)
        return parseBeat(new TextDecoder().decode(this.#heartbeats.subarray(0, length)))
      } finally {
        closeSync(file)
      }
    } catch {
      // It is not there: no heartbeat.
      return undefined
    }
  }

  clear(port: number): void {
    const { launch, beat, data } = this.#slot(port)
    for (const path of [launch, beat, data]) unusable(path, () => rmSync(path, { recursive: true, force: true }))
  }

  #trace(port: number) {
    const paths = this.#slot(port)
    const record = readRecord(paths.record, slotShape)
    const worker = record?.mark !== undefined && isRunning(record.mark) ? record.mark : undefined
    return { port, record, launch: readLaunch(paths.launch), worker }
  }

  #slot(port: number) {
    const folder = join(this.#path, 'slots', String(port))
    return {
      folder,
      record: join(folder, 'slot.json'),
      launch: join(folder, 'launch.json'),
      beat: join(folder, beatFileName),
      data: join(folder, 'data'),
    }
  }
}

/** A name that nobody else has, with the machine's in it for those who read it. */
export function newSupervisorId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .slice(0, 40)
  return `${host === '' ? 'supervisor' : host}-${randomBytes(4).toString('hex')}`
}

function readRecord<T>(path: string, shape: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined
  const text = unusable(path, () => readFileSync(path, 'utf8'))
  const record = shape.safeParse(parseJson(text)).data
  if (record === undefined) {
    throw new StormError('FOLDER_UNUSABLE', `${path} is damaged. Restore it; if you delete it, numbers begin anew.`)
  }
  return record
}

function writeRecord(path: string, record: SlotRecord): void {
  writeDurably(path, `${JSON.stringify(record)}\n`)
}

/** This supervisor wrote it, or an earlier one: its own word is trusted, as far as it is whole. */
function readLaunch(path: string): WorkerLaunch | undefined {
  try {
    const launch = parseJson(readFileSync(path, 'utf8'))
    return typeof launch === 'object' && launch !== null && 'topology' in launch ? (launch as WorkerLaunch) : undefined
  } catch {
    return undefined
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
