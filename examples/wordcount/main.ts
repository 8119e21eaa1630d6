import { LocalCluster, type RunningTopology } from 'storm-ts'
import { readCommandLine, type WordCountOptions } from './command-line.js'
import type { Counts } from './count.js'
import { wrongInput } from './input-check.js'
import { keepMemoryLow } from './memory.js'
import { figuresOf, showProgress, summaryOf } from './progress.js'
import { rowsOf, writeRows } from './table.js'
import { wordCount } from './topology.js'

/**
 * `wordcount FILE… [--top N] [--json]`: counts words with a topology in this process. The table goes to standard output
 * and nothing else does. Exit codes: 0 done, 1 failed under way, 2 wrong usage or a bad file, 130 and 143 interrupted.
 */
async function main(): Promise<number> {
  const options = readCommandLine(process.argv.slice(2))
  if (typeof options === 'number') return options
  const wrong = await wrongInput(options.paths)
  if (wrong !== undefined) return failed(wrong, 2)
  try {
    return await count(options)
  } catch (error) {
    return failed(messageOf(error), 1)
  }
}

function failed(why: string, code: number): number {
  process.stderr.write(`wordcount: ${why}${why.endsWith('.') ? '' : '.'}\n`)
  return code
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function count({ paths, top, json }: WordCountOptions): Promise<number> {
  const tables: Counts[] = []
  const ending = new Ending()
  const cluster = new LocalCluster({
    log: {
      write: (level, message) => {
        if (level === 'error') ending.fail(message)
      },
    },
  })
  const startMs = performance.now()
  const run = await cluster.submit(
    // All tasks are in this process: each hands over its table at its end.
    wordCount(paths, () => ({ ended: (counts) => void tables.push(counts) })),
    // Nothing is lost within one process, so a timeout could only count a line twice that is being worked on.
    { workers: 1, freeze: false, messageTimeoutMs: dayMs },
  )
  const figures = () => figuresOf(run, startMs, performance.now())
  const hideProgress = process.stderr.isTTY ? showProgress(process.stderr, figures) : () => undefined
  const letMemoryGo = keepMemoryLow()
  const end = await ending.of(run)
  letMemoryGo()
  const last = figures()
  await cluster.shutdown()
  hideProgress()
  if (end.kind === 'settled') await writeRows(rowsOf(tables, top), json, process.stdout)
  if (end.kind === 'failed') failed(run.errors()[0]?.message ?? end.why, 1)
  process.stderr.write(`${summaryOf(last)}\n`)
  return end.kind === 'settled' ? 0 : end.kind === 'failed' ? 1 : end.code
}

const dayMs = 24 * 60 * 60 * 1_000

type End =
  | { readonly kind: 'settled' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'interrupted'; readonly code: number }

/** How a run ends: by itself, by the first error in it, as no line could be counted right after it, or by a signal. */
class Ending {
  readonly #early: Promise<End>
  #end: (end: End) => void = () => undefined

  constructor() {
    this.#early = new Promise((resolve) => {
      this.#end = resolve
    })
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      // Once: a second one ends the process as if nobody listened.
      process.once(signal, () => this.#end({ kind: 'interrupted', code }))
    }
  }

  fail(why: string): void {
    this.#end({ kind: 'failed', why })
  }

  of(run: RunningTopology): Promise<End> {
    const settled = run.settled().then(
      (): End => ({ kind: 'settled' }),
      (error: unknown): End => ({ kind: 'failed', why: messageOf(error) }),
    )
    return Promise.race([settled, this.#early])
  }
}

// A terminal or log that has gone away is no reason to stop counting.
process.stderr.on('error', () => undefined)
process.exitCode = await main()
