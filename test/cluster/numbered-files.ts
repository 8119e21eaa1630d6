import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { until } from './until.js'

/** The source of `topologies/numbered.ts`: offers ids at some rate, for as long as it is wanted. */
export class Source {
  /** So many were offered: 0 to this, without it. */
  offered = 0
  readonly folder: string
  readonly #file: number
  #timer: NodeJS.Timeout | undefined

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.folder = folder
    this.#file = openSync(join(folder, 'source'), 'a')
  }

  start(idsPerSecond: number): void {
    const everyMs = 20
    const startMs = performance.now()
    const before = this.offered
    this.#timer = setInterval(() => {
      const due = before + Math.floor(((performance.now() - startMs) * idsPerSecond) / 1_000)
      if (due > this.offered) this.offer(due - this.offered)
    }, everyMs)
  }

  offer(count: number): void {
    let lines = ''
    for (const end = this.offered + count; this.offered < end; this.offered++) lines += `${this.offered}\n`
    writeSync(this.#file, lines)
  }

  /** There will be no more. */
  end(): void {
    clearInterval(this.#timer)
    closeSync(this.#file)
    writeFileSync(join(this.folder, 'end'), '')
  }
}

/** What has been acked, as the spouts write it down. */
export class Acked {
  readonly #folder: string
  readonly #tails = new Map<string, Tail>()
  /** By id: when it was acked, for the first time. */
  readonly #atMs: (number | undefined)[] = []
  #below = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** All ids below this are acked. */
  get below(): number {
    this.#read()
    while (this.#atMs[this.#below] !== undefined) this.#below++
    return this.#below
  }

  /** When the last of the ids below was acked, in ms since 1970. */
  lastMsOf(below: number): number {
    return this.#atMs.slice(0, below).reduce<number>((last, atMs) => Math.max(last, atMs ?? Infinity), 0)
  }

  async allBelow(count: number, limitMs: number): Promise<void> {
    await until(
      () => `all ${count} ids are acked, ${this.#below} is not`,
      limitMs,
      () => this.below >= count,
    )
  }

  #read(): void {
    for (const name of namesOf(this.#folder, 'acked-')) {
      let tail = this.#tails.get(name)
      if (tail === undefined) this.#tails.set(name, (tail = new Tail(join(this.#folder, name))))
      for (const line of tail.lines()) {
        const [id, atMs] = line.split(' ').map(Number) as [number, number]
        this.#atMs[id] ??= atMs
      }
    }
  }
}

/** A file that grows. */
class Tail {
  readonly #file: number
  #rest = ''

  constructor(path: string) {
    this.#file = openSync(path, 'r')
  }

  /** Those that have been added since. */
  lines(): string[] {
    const chunk = Buffer.alloc(256 * 1024)
    let text = this.#rest
    for (let length = 1; length > 0;) {
      length = readSync(this.#file, chunk)
      text += chunk.toString('latin1', 0, length)
    }
    const lines = text.split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
  }
}

/** A line of a sink. */
export interface Arrival {
  readonly id: number
  readonly atMs: number
  /** Of the sink's process. */
  readonly pid: number
  /** Of the processes that it came through: spout, fan, join. */
  readonly through: readonly number[]
}

export interface Failure {
  readonly id: number
  readonly atMs: number
  readonly reason: string
}

export function arrivalsIn(folder: string): Arrival[] {
  return namesOf(folder, 'sink-').flatMap((name) => {
    const pid = Number(name.split('-')[2])
    return linesOf(join(folder, name)).map((line): Arrival => {
      const [id, atMs, pids = ''] = line.split(' ')
      return { id: Number(id), atMs: Number(atMs), pid, through: pids.split(',').map(Number) }
    })
  })
}

/** When each process wrote its first line, in ms since 1970; undefined: it has not. */
export function firstArrivalOf(folder: string, pid: number): number | undefined {
  const times = namesOf(folder, 'sink-').flatMap((name) => {
    if (!name.endsWith(`-${pid}`)) return []
    const file = openSync(join(folder, name), 'r')
    const head = Buffer.alloc(Math.min(100, fstatSync(file).size))
    readSync(file, head)
    closeSync(file)
    return head.includes('\n') ? [Number(head.toString('latin1').split(' ')[1])] : []
  })
  return times.length === 0 ? undefined : Math.min(...times)
}

export function failuresIn(folder: string): Failure[] {
  return namesOf(folder, 'failed-').flatMap((name) =>
    linesOf(join(folder, name)).map((line): Failure => {
      const [id, atMs, ...reason] = line.split(' ')
      return { id: Number(id), atMs: Number(atMs), reason: reason.join(' ') }
    }),
  )
}

export interface Account {
  readonly ids: number
  readonly acked: number
  /** Ids that no sink has. */
  readonly missing: readonly number[]
  /** Ids that were acked and that no sink has: the mistake that cannot be forgiven. */
  readonly falselyAcked: readonly number[]
  /** Lines of sinks beyond the first of their id. */
  readonly repeats: number
  readonly failed: Readonly<Record<string, number>>
}

/** Reads the files, nothing else, and says what became of the ids. */
export function account(folder: string): Account {
  const ids = linesOf(join(folder, 'source')).length
  const arrivals = arrivalsIn(folder)
  const sunk = new Set(arrivals.map(({ id }) => id))
  const acked = new Set(
    namesOf(folder, 'acked-').flatMap((name) => linesOf(join(folder, name)).map((line) => Number.parseInt(line, 10))),
  )
  const failed: Record<string, number> = {}
  for (const { reason } of failuresIn(folder)) failed[reason] = (failed[reason] ?? 0) + 1
  return {
    ids,
    acked: acked.size,
    missing: Array.from({ length: ids }, (_, id) => id).filter((id) => !sunk.has(id)),
    falselyAcked: [...acked].filter((id) => !sunk.has(id)),
    repeats: arrivals.length - sunk.size,
    failed,
  }
}

function namesOf(folder: string, prefix: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : []
}

/** Whole lines: a process may have died in the middle of one. */
function linesOf(path: string): string[] {
  return readFileSync(path, 'latin1').split('\n').slice(0, -1)
}
