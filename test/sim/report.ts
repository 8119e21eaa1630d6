import type { RunResult } from './run.js'

/** What has to happen sometimes, or else the worlds are too kind to show anything. */
const shouldHappen = [
  'acker died with open roots',
  'ack before init',
  'fence hit',
  'link resumed',
  'declared loss',
  'back pressure engaged',
  'nimbus killed in a write',
  'worker adopted',
  'all workers killed at once',
  'hung worker ended',
  'silent link given up',
  'paused past the timeouts',
  'un-synced write lost',
  'supervisor died at a write',
  'store refused a write',
  'executors moved',
  'topology killed',
  'deactivate answered',
  'rebalance answered',
  'frame repeated',
  'init repeated',
  'tree timed out',
  'user code failed a tuple',
  'worker stopped in order',
] as const

/** Of a thousand seeds, so many have to be different. */
const differentMin = 0.99
/** So many seeds have to show everything that should happen. */
const enoughSeeds = 1_000

/** What many seeds came to. */
export class Report {
  readonly failed: RunResult[] = []
  readonly #wanted: number
  readonly #startedMs = performance.now()
  readonly #hashes = new Set<string>()
  readonly #counts = new Map<string, { times: number; seeds: number }>()
  #seeds = 0
  #tuples = 0
  #fewestTuples = Infinity
  #longestMs = 0
  #events = 0

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  add(result: RunResult): void {
    const { seed, hash, failure, tuples, settledMs, events, sometimes } = result
    this.#seeds++
    this.#hashes.add(hash)
    this.#tuples += tuples
    this.#fewestTuples = Math.min(this.#fewestTuples, tuples)
    this.#longestMs = Math.max(this.#longestMs, settledMs)
    this.#events += events
    for (const [what, times] of Object.entries(sometimes)) {
      const count = this.#counts.get(what) ?? { times: 0, seeds: 0 }
      count.times += times
      count.seeds++
      this.#counts.set(what, count)
    }
    if (failure === undefined) return
    this.failed.push(result)
    console.log(`seed ${seed} fails: ${failure}\n  npm run sim -- --seed ${seed} --trace`)
  }

  get isGood(): boolean {
    return this.failed.length === 0 && this.#isVaried && (this.#seeds < enoughSeeds || this.#missing.length === 0)
  }

  get #isVaried(): boolean {
    return this.#hashes.size >= this.#seeds * differentMin
  }

  get #missing(): string[] {
    return shouldHappen.filter((what) => !this.#counts.has(what))
  }

  summary(): string[] {
    const seconds = (performance.now() - this.#startedMs) / 1_000
    const line = (what: string) => {
      const { times, seeds } = this.#counts.get(what) ?? { times: 0, seeds: 0 }
      return `  ${what.padEnd(36)} ${String(times).padStart(8)} times in ${seeds} seeds`
    }
    const others = [...this.#counts.keys()].filter((what) => !(shouldHappen as readonly string[]).includes(what)).sort()
    return [
      'sometimes:',
      ...shouldHappen.map(line),
      'and besides:',
      ...others.map(line),
      `${this.#seeds} of ${this.#wanted} seeds, ${this.#hashes.size} different hashes, ${this.#tuples} tuples (no seed under ${this.#fewestTuples}), ${this.#events} events, all settled within ${(this.#longestMs / 1_000).toFixed(1)} s of their time, ${seconds.toFixed(1)} s`,
      ...(this.#isVaried ? [] : ['too few different hashes']),
      ...(this.#missing.length === 0 ? [] : [`never happened: ${this.#missing.join(', ')}`]),
      this.failed.length === 0
        ? 'nothing broke'
        : `${this.failed.length} seeds fail: ${this.failed.map(({ seed }) => seed).join(', ')}`,
    ]
  }
}
