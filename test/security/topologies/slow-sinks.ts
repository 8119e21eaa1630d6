import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  stream,
  t,
  TopologyBuilder,
  type Bolt,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type Topology,
  type TopologyContext,
  type Tuple,
} from 'storm-ts'

/**
 * Two spouts that emit as fast as they are let, each read by a bolt in the other process that takes 10 ms for a tuple.
 * One of them has its tuples followed, of the other nothing but the back pressure bounds what is on its way. The names
 * of the components are such that with two workers every tuple goes from one to the other. Argument: FOLDER, in which
 * each leaves what it has done, as `<component>.json`.
 */
export default function slowSinks([folder = '']: string[]): Topology {
  const builder = new TopologyBuilder('slow-sinks')
  const fast = builder.setSpout('fast', () => new Source(folder, true))
  const flood = builder.setSpout('flood', () => new Source(folder, false))
  builder.setBolt('slow-flood', () => new Sink(folder)).shuffleGrouping(flood)
  builder.setBolt('slow-followed', () => new Sink(folder)).shuffleGrouping(fast)
  return builder.createTopology({ workers: 2 })
}

const Numbered = stream({ id: t.number, text: t.string })
type One = { default: typeof Numbered }
/** A KiB: what piles up shows. */
const text = 'x'.repeat(1_024)

class Source implements Spout<One, number> {
  readonly outputs = { default: Numbered }
  readonly #folder: string
  readonly #isFollowed: boolean
  #component = ''
  #emitted = 0
  #acked = 0
  #failed = 0

  constructor(folder: string, isFollowed: boolean) {
    this.#folder = folder
    this.#isFollowed = isFollowed
  }

  open({ component }: TopologyContext): void {
    this.#component = component
  }

  nextTuple(out: SpoutCollector<One, number>): void {
    const id = this.#emitted++
    if (this.#isFollowed) out.emit({ id, text }, id)
    else out.emit({ id, text })
  }

  ack(): void {
    this.#acked++
  }

  fail(): void {
    this.#failed++
  }

  deactivate(): void {
    this.#tell()
  }

  close(): void {
    this.#tell()
  }

  #tell(): void {
    const { pid } = process
    const told = { pid, emitted: this.#emitted, acked: this.#acked, failed: this.#failed }
    writeFileSync(join(this.#folder, `${this.#component}.json`), JSON.stringify(told))
  }
}

class Sink implements Bolt<{ id: number; text: string }> {
  readonly #folder: string
  #component = ''
  #taken = 0
  /** Tuples that were not the next one: some are missing, or here again. */
  #outOfOrder = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  prepare({ component }: TopologyContext): void {
    this.#component = component
  }

  async execute(tuple: Tuple<{ id: number; text: string }>, out: OutputCollector<{}>): Promise<void> {
    await delay(10)
    if (tuple.values.id !== this.#taken) this.#outOfOrder++
    this.#taken++
    out.ack(tuple)
  }

  cleanup(): void {
    const told = { pid: process.pid, taken: this.#taken, outOfOrder: this.#outOfOrder }
    writeFileSync(join(this.#folder, `${this.#component}.json`), JSON.stringify(told))
  }
}
