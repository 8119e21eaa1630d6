import { slotKey, type Assignment } from '../../cluster/records.js'
import { Coordinator, type Request } from '../../nimbus/coordinator.js'
import { Links } from '../../nimbus/links.js'
import { MemoryDisk, MemoryStore, type WriteFault } from '../../nimbus/memory-store.js'
import type { NimbusEffect, Reply, WorkerKeys } from '../../nimbus/nimbus.js'
import { Frames } from '../../wire/frame.js'
import type { SimulatedProcess } from './simulated-process.js'
import { simulatedVersion, within, type World } from './world.js'

declare const TextEncoder: new () => { encode(text: string): Uint8Array }

const tickMs = 1_000
/** Until it is gone when it ends in order. */
const closeMs = 50
const supervisorTimeoutMs = 15_000

const keys: WorkerKeys = {
  link: (topology) => `link ${topology}`,
  control: (topology, slot, since) => `control ${topology} ${slotKey(slot)} ${since}`,
}

/** Nimbus on a machine of its own: what `nimbus/main.ts` is to a real one, without HTTP. */
export class SimulatedNimbus {
  readonly host = 'nimbus'
  readonly disk = new MemoryDisk()
  /** Undefined while there is none. */
  process: SimulatedProcess | undefined
  /** What goes wrong with the next write. */
  fault: () => WriteFault | undefined = () => undefined
  /** The disk fails every write. */
  isDiskFull = false
  /** When this one began to lead. */
  ledSinceMs = 0
  readonly #world: World
  #coordinator: Coordinator | undefined
  #links: Links | undefined
  #starts = 0
  /** Writes that are not done. */
  readonly #writing = new Set<() => void>()

  constructor(world: World) {
    this.#world = world
  }

  /** Undefined until it leads. */
  get coordinator(): Coordinator | undefined {
    return this.#coordinator
  }

  /** A write is on its way. */
  get isWriting(): boolean {
    return this.#writing.size > 0
  }

  start(): void {
    if (this.process !== undefined) return
    const own = this.#world.startProcess(`nimbus #${++this.#starts}`, this.host)
    this.process = own
    this.#world.observer.note(`${own.name} starts`)
    own.run(() => void this.#begin(own))
  }

  /** It ends in order. */
  close(): void {
    const own = this.process
    own?.run(() => {
      this.#world.observer.note(`${own.name} is to end`)
      this.#coordinator?.close()
      this.#links?.close()
      own.clock.after(closeMs, () => this.#gone(own, true))
    })
  }

  /** As by SIGKILL. What it was writing may be on the disk, or not. */
  kill(): void {
    const own = this.process
    if (own === undefined) return
    const { rng, observer } = this.#world
    observer.note(`${own.name} is killed`)
    this.#gone(own, rng.below(2) === 0)
    const writing = [...this.#writing]
    this.#writing.clear()
    if (rng.below(2) === 0) for (const write of writing) write()
  }

  /** Rejects with what it rejects with; never settles when it dies meanwhile. Undefined: there is none. */
  ask(request: Request): Promise<Reply> | undefined {
    return this.process?.state === 'running' ? this.#coordinator?.ask(request) : undefined
  }

  async #begin(own: SimulatedProcess): Promise<void> {
    const { network, secrets, text, token, observer } = this.#world
    const { clock } = own
    const encoder = new TextEncoder()
    const frames = new Frames()
    const perform = (effect: NimbusEffect) => {
      if (own.isEnded) return
      this.#observe(own, effect)
      if (effect.kind !== 'log' && effect.kind !== 'drop artefact') links.perform(effect)
    }
    const coordinator = await Coordinator.start({
      store: this.#storeOf(own),
      holder: own.name,
      clock,
      nimbus: { version: simulatedVersion, keys, supervisorTimeoutMs, tickMs, topologiesMax: 100 },
      perform,
      onLost: (reason) => {
        if (own.isEnded) return
        observer.note(`${own.name} leads no more: ${reason}`)
        this.#gone(own, true)
      },
    })
    if (own.isEnded) return
    const links = new Links(
      {
        tools: { frames, clock },
        text,
        secrets,
        supervisorKey: encoder.encode(token),
        workerKey: (...of) => encoder.encode(keys.control(...of)),
        takeLogChunk: () => undefined,
        gone: () => undefined,
        warn: (message) => observer.note(`${own.name} ${message}`),
      },
      coordinator.fence,
    )
    links.begin(coordinator)
    this.#coordinator = coordinator
    this.ledSinceMs = this.#world.timeline.nowMs
    this.#links = links
    network.listen(own, 'nimbus:1', (carrier, from) => links.acceptSupervisor(carrier, from))
    network.listen(own, 'nimbus:2', (carrier, from) => links.acceptWorker(carrier, from))
    observer.note(`${own.name} leads, fence ${coordinator.fence}`)
  }

  #storeOf(own: SimulatedProcess): MemoryStore {
    const { rng, times, observer } = this.#world
    return new MemoryStore({
      disk: this.disk,
      sha256: () => '0'.repeat(64),
      fault: (changes) => {
        for (const { key, value } of changes) observer.note(`${own.name} writes ${key} ${JSON.stringify(value)}`)
        return this.isDiskFull ? { error: 'STORE_FULL' } : this.fault()
      },
      schedule: (work) => {
        if (own.isEnded) return
        this.#writing.add(work)
        own.clock.after(within(times.store, rng), () => {
          this.#writing.delete(work)
          work()
        })
      },
    })
  }

  #observe(own: SimulatedProcess, effect: NimbusEffect): void {
    const { observer } = this.#world
    if (effect.kind === 'log') observer.note(`${own.name} ${effect.level} ${effect.message}`)
    else if (effect.kind === 'tell worker' || effect.kind === 'tell supervisor') {
      for (const assignment of assignmentsIn(effect)) observer.told(assignment, `${effect.kind} ${effect.link}`)
    }
  }

  #gone(own: SimulatedProcess, isFlushed: boolean): void {
    this.process = undefined
    this.#coordinator = undefined
    this.#links = undefined
    own.end()
    this.#world.network.processEnded(own, isFlushed)
  }
}

function assignmentsIn({ message }: Extract<NimbusEffect, { kind: 'tell worker' | 'tell supervisor' }>): Assignment[] {
  if (message.kind === 'topology') return [message.assignment]
  if (message.kind === 'slots') return message.wishes.map(({ assignment }) => assignment)
  return []
}
