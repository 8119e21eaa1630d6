import type { Beat } from '../../cluster/beat.js'
import type { WorkerLaunch } from '../../cluster/records.js'
import type { SlotFiles, SlotFolders, SlotTrace } from '../../supervisor/slot-folders.js'
import type { ProcessMark } from '../../supervisor/slots.js'
import type { SimulatedDisk } from './disk.js'

/** Where a worker leaves its heartbeats. */
export function beatPath(port: number): string {
  return `slots/${port}/heartbeat`
}

interface SlotRecord {
  readonly incarnation: number
  readonly topology: string
  readonly since: number
  readonly mark?: ProcessMark
}

/** What is seen of the processes of the machine. */
export interface ProcessTable {
  isRunning(mark: ProcessMark): boolean
  /** The process that was started with this launch file and still runs. */
  startedWith(launchPath: string): ProcessMark | undefined
}

/** The folder of a supervisor on a simulated disk: file by file what `supervisor/data-folder.ts` does on a real one. */
export class SlotDisk implements SlotFolders {
  readonly #disk: SimulatedDisk
  /** Called before each change; the supervisor may die just then, in which case nothing is changed any more. */
  readonly #before: () => void

  constructor(disk: SimulatedDisk, before: () => void) {
    this.#disk = disk
    this.#before = before
  }

  begin(launch: Omit<WorkerLaunch, 'dataDir'>): SlotFiles {
    const { slot, topology, since, incarnation } = launch
    const paths = pathsOf(slot.port)
    const dataDir = `slots/${slot.port}/data`
    this.#write(paths.record, { incarnation, topology: topology.id, since } satisfies SlotRecord)
    this.#write(paths.launch, { ...launch, dataDir } satisfies WorkerLaunch)
    this.#before()
    this.#disk.write(beatPath(slot.port), '', { isSynced: false })
    return { launchPath: paths.launch, dataDir }
  }

  started(port: number, mark: ProcessMark): void {
    const { record } = pathsOf(port)
    const begun = this.#read(record) as SlotRecord | undefined
    if (begun !== undefined) this.#write(record, { ...begun, mark })
  }

  beat(port: number): Beat | undefined {
    return this.#read(beatPath(port)) as Beat | undefined
  }

  clear(port: number): void {
    for (const path of [pathsOf(port).launch, beatPath(port)]) {
      this.#before()
      this.#disk.remove(path)
    }
  }

  /** What an earlier supervisor left in the slots. */
  traces(ports: readonly number[], processes: ProcessTable): SlotTrace[] {
    return ports.map((port) => {
      const paths = pathsOf(port)
      const record = this.#read(paths.record) as SlotRecord | undefined
      if (record === undefined) return { port, incarnation: 0, launch: undefined, worker: undefined }
      const { incarnation, topology, since } = record
      const isKnown = record.mark !== undefined && processes.isRunning(record.mark)
      const mark = isKnown ? record.mark : processes.startedWith(paths.launch)
      const worker = mark === undefined ? undefined : { topology, since, mark }
      return { port, incarnation, launch: this.#read(paths.launch) as WorkerLaunch | undefined, worker }
    })
  }

  #read(path: string): unknown {
    const text = this.#disk.read(path)
    return text === undefined || text === '' ? undefined : (JSON.parse(text) as unknown)
  }

  #write(path: string, value: object): void {
    this.#before()
    this.#disk.write(path, JSON.stringify(value), { isSynced: true })
  }
}

function pathsOf(port: number) {
  return { record: `slots/${port}/slot.json`, launch: `slots/${port}/launch.json` }
}
