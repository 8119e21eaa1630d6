import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  BasicBolt,
  stream,
  t,
  TopologyBuilder,
  type BasicCollector,
  type Bolt,
  type FailReason,
  type OutputCollector,
  type Spout,
  type SpoutCollector,
  type Topology,
  type TopologyContext,
  type Tuple,
} from 'storm-ts'

/**
 * A topology to be killed at: a replayable source of numbered ids, a fan, a join that anchors to both sides, and a sink.
 * All that a checker needs is in files of one folder, which survive every death of a process:
 *
 * - `source`: an id a line, appended to from outside; `end`: there will be no more.
 * - `acked-<spout task>`: `id time`, written by `ack`. A spout that starts anew emits what is not in there.
 * - `failed-<spout task>`: `id time reason`.
 * - `sink-<task>-<pid>`: `id time pids`, written before the tuple is acked; `pids` are those of all whose hands it went through.
 *
 * Arguments: FOLDER [NAME]. Deployed by the tests; it imports the public door alone.
 */
export default function numbered([folder = '', name = 'numbered']: string[]): Topology {
  const builder = new TopologyBuilder(name)
  const ids = builder.setSpout('ids', () => new Ids(folder), 2)
  const fan = builder
    .setBolt('fan', () => new Fan(), 3)
    .tasks(6)
    .shuffleGrouping(ids)
  const join = builder
    .setBolt('join', () => new Join(), 3)
    .tick(1_000)
    .fieldsGrouping(fan, ['id'], 'left')
    .fieldsGrouping(fan, ['id'], 'right')
  builder.setBolt('sink', () => new Sink(folder), 4).shuffleGrouping(join)
  return builder.createTopology({ workers: 4, messageTimeoutMs: 10_000 })
}

/** `attempt`: of one emission of the id. `pids`: of the processes that it came through. */
const Numbered = stream({ id: t.number, attempt: t.string, pids: t.string })
interface Values {
  readonly id: number
  readonly attempt: string
  readonly pids: string
}
type One = { default: typeof Numbered }

class Ids implements Spout<One, number> {
  readonly outputs = { default: Numbered }
  readonly #folder: string
  readonly #acked = new Set<number>()
  readonly #replays: number[] = []
  readonly #chunk = Buffer.alloc(64 * 1024)
  #ids: number[] = []
  #at = 0
  #rest = ''
  #attempts = 0
  #lookAtMs = 0
  #index = 0
  #count = 1
  #source = -1
  #ackedFile = -1
  #failedPath = ''

  constructor(folder: string) {
    this.#folder = folder
  }

  open({ taskIndex, taskCount }: TopologyContext): void {
    this.#index = taskIndex
    this.#count = taskCount
    const path = join(this.#folder, `acked-${taskIndex}`)
    this.#ackedFile = openSync(path, 'a')
    this.#failedPath = join(this.#folder, `failed-${taskIndex}`)
    for (const line of readFileSync(path, 'utf8').split('\n'))
      if (line !== '') this.#acked.add(Number.parseInt(line, 10))
    this.#source = openSync(join(this.#folder, 'source'), 'r')
  }

  nextTuple(out: SpoutCollector<One, number>): void {
    const id = this.#replays.shift() ?? this.#next(out)
    if (id === undefined) return
    out.emit({ id, attempt: `${process.pid}.${this.#attempts++}`, pids: String(process.pid) }, id)
  }

  ack(id: number): void {
    writeSync(this.#ackedFile, `${id} ${Date.now()}\n`)
  }

  fail(id: number, reason: FailReason): void {
    appendFileSync(this.#failedPath, `${id} ${Date.now()} ${reason}\n`)
    this.#replays.push(id)
  }

  close(): void {
    closeSync(this.#source)
    closeSync(this.#ackedFile)
  }

  #next(out: SpoutCollector<One, number>): number | undefined {
    for (;;) {
      while (this.#at < this.#ids.length) {
        const id = this.#ids[this.#at++] as number
        if (id % this.#count === this.#index && !this.#acked.delete(id)) return id
      }
      const nowMs = performance.now()
      if (nowMs < this.#lookAtMs) return undefined
      // In this order: what was there before the end is read.
      const isEnded = existsSync(join(this.#folder, 'end'))
      if (this.#read()) continue
      this.#lookAtMs = nowMs + 10
      if (isEnded) out.exhausted()
      return undefined
    }
  }

  #read(): boolean {
    const length = readSync(this.#source, this.#chunk)
    const lines = (this.#rest + this.#chunk.toString('latin1', 0, length)).split('\n')
    this.#rest = lines.pop() ?? ''
    this.#ids = lines.map(Number)
    this.#at = 0
    return length > 0
  }
}

class Fan extends BasicBolt<Values, { left: typeof Numbered; right: typeof Numbered }> {
  override readonly outputs = { left: Numbered, right: Numbered }

  override execute(
    { values }: Tuple<Values>,
    out: BasicCollector<{ left: typeof Numbered; right: typeof Numbered }>,
  ): void {
    const through = { ...values, pids: `${values.pids},${process.pid}` }
    out.emitTo('left', through)
    out.emitTo('right', through)
  }
}

/** Waits for both sides of an attempt. One that has lost its other side times out; it is forgotten after a while. */
class Join implements Bolt<Values, One> {
  readonly outputs = { default: Numbered }
  #young = new Map<string, Tuple<Values>>()
  #old = new Map<string, Tuple<Values>>()
  #ticks = 0

  execute(tuple: Tuple<Values>, out: OutputCollector<One>): void {
    if (tuple.isTick) {
      if (++this.#ticks % 15 === 0) {
        this.#old = this.#young
        this.#young = new Map()
      }
      return out.ack(tuple)
    }
    const { id, attempt, pids } = tuple.values
    const other = this.#young.get(attempt) ?? this.#old.get(attempt)
    if (other === undefined) {
      this.#young.set(attempt, tuple)
      return
    }
    this.#young.delete(attempt)
    this.#old.delete(attempt)
    out.emit({ id, attempt, pids: `${pids},${process.pid}` }, [other, tuple])
    out.ack(other)
    out.ack(tuple)
  }
}

class Sink implements Bolt<Values> {
  readonly #folder: string
  #file = -1

  constructor(folder: string) {
    this.#folder = folder
  }

  prepare({ task }: TopologyContext): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#file = openSync(join(this.#folder, `sink-${task}-${process.pid}`), 'a')
  }

  execute(tuple: Tuple<Values>, out: OutputCollector<{}>): void {
    const { id, pids } = tuple.values
    writeSync(this.#file, `${id} ${Date.now()} ${pids}\n`)
    out.ack(tuple)
  }

  cleanup(): void {
    closeSync(this.#file)
  }
}
