import { appendFileSync, closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
 * Topologies whose bolt does to its worker what user code can do. Arguments: WHAT FOLDER. What is done once leaves
 * `<what>` in the folder, with the time, before it begins, and `<what>-after` when the next tuple is taken, be it by the
 * same process or by the one that came after it.
 */
export default function harm([what = '', folder = '']: string[]): Topology {
  const builder = new TopologyBuilder(`harm-${what}`)
  const ticks = builder.setSpout('ticks', () => new Ticks())
  builder.setBolt('culprit', () => new Culprit(what, folder)).shuffleGrouping(ticks)
  return builder.createTopology()
}

const Tick = stream({ n: t.number })
type One = { default: typeof Tick }

class Ticks implements Spout<One, number> {
  readonly outputs = { default: Tick }
  #n = 0
  #nextMs = 0

  nextTuple(out: SpoutCollector<One, number>): void {
    const nowMs = performance.now()
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + 50
    out.emit({ n: this.#n }, this.#n++)
  }
}

const kept: unknown[] = []
const spinFor = (ms: number) => {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}

/** Done once. */
const once: Record<string, () => void> = {
  loop: () => spinFor(Infinity),
  wait: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  pause: () => spinFor(3_000),
  leak() {
    for (;;) kept.push(Array.from({ length: 1_000 }, (_, n) => ({ n })))
  },
  giant: () => void kept.push(Buffer.alloc(8e9)),
  files() {
    const files: number[] = []
    // Some are given back, so that what comes after can be told.
    setTimeout(() => files.splice(0, 10).forEach((file) => closeSync(file)), 3_000)
    for (let i = 0; i < 100_000; i++) files.push(openSync('/dev/null', 'r'))
  },
}
/** Done with every tuple. */
const always: Record<string, () => void> = {
  buffers: () => void kept.push(Buffer.alloc(8 * 2 ** 20, 1)),
  lines() {
    console.log('a line of fifty megabytes', 'x'.repeat(50e6))
    for (let i = 0; i < 3_000; i++) console.log(`\u001b[2J\u0007 \u202e${i}\u0000`, 'y'.repeat(300))
  },
  output() {
    const text = 'z'.repeat(2 ** 20 - 1) + '\n'
    for (let i = 0; i < 10; i++) process.stdout.write(text)
  },
}

class Culprit implements Bolt<{ n: number }> {
  readonly #what: string
  readonly #folder: string
  #isAfter = false

  constructor(what: string, folder: string) {
    this.#what = what
    this.#folder = folder
  }

  prepare({ task }: TopologyContext): void {
    appendFileSync(join(this.#folder, `${this.#what}-started`), `${task} ${process.pid} ${Date.now()}\n`)
  }

  execute(tuple: Tuple<{ n: number }>, out: OutputCollector<{}>): void {
    const mark = join(this.#folder, this.#what)
    if (!existsSync(mark)) {
      writeFileSync(mark, String(Date.now()))
      once[this.#what]?.()
    } else if (!this.#isAfter) {
      if (!existsSync(`${mark}-after`)) writeFileSync(`${mark}-after`, String(Date.now()))
      this.#isAfter = true
    }
    if (!existsSync(join(this.#folder, 'enough'))) always[this.#what]?.()
    out.ack(tuple)
  }
}
