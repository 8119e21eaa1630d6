import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What the ledger costs by itself. */
export interface LedgerFigures {
  readonly roots: number
  /** Of memory that it takes with so many roots open. */
  readonly bytes: number
  /** Of each update, an init or an ack, with few and with all of the roots open. */
  readonly nsFew: number
  readonly nsMany: number
}

interface Ledger {
  init(lo: number, hi: number, checkLo: number, checkHi: number, task: number, slot: number): number
  ack(lo: number, hi: number, checkLo: number, checkHi: number): number
}

const roots = 1_000_000
const few = 1_000
const rounds = 8

/**
 * Measures the acker's ledger. It is no part of the public API, so its module is loaded from the package by its path:
 * the one place where the benchmark looks behind the door.
 */
export async function measureLedger(): Promise<LedgerFigures> {
  const folder = dirname(createRequire(import.meta.url).resolve('storm-ts/package.json'))
  const path = pathToFileURL(join(folder, 'dist/acker/ledger.js')).href
  const { AckLedger } = (await import(path)) as { AckLedger: new (options: { entriesMax: number }) => Ledger }
  const ids = new Int32Array(2 * roots)
  for (let i = 0; i < ids.length; i += 1) ids[i] = mixed(i)

  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  const open = new AckLedger({ entriesMax: 2 ** 21 })
  for (let i = 0; i < roots; i += 1) open.init(ids[2 * i] ?? 0, ids[2 * i + 1] ?? 0, i + 1, 1, 1, i)
  // The smaller tables that it had while it grew.
  collectGarbage()
  const bytes = process.memoryUsage().arrayBuffers - before

  const nsFew = best(() => lives(new AckLedger({ entriesMax: 2 ** 21 }), ids, few, roots))
  const nsMany = best(() => lives(open, ids, roots, 0))
  return { roots, bytes, nsFew, nsMany }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

function best(run: () => number): number {
  return Math.min(...Array.from({ length: rounds }, run))
}

/**
 * Every root goes through an init and an ack that completes it, `window` of them being open at a time. `prefilled` 0: all
 * are open already, and the oldest is completed and begun anew. Returns ns for each update.
 */
function lives(ledger: Ledger, ids: Int32Array, window: number, total: number): number {
  const count = ids.length / 2
  let updates = 0
  const before = process.cpuUsage()
  if (total === 0) {
    for (let i = 0; i < count; i += 1) {
      const lo = ids[2 * i] ?? 0
      const hi = ids[2 * i + 1] ?? 0
      ledger.ack(lo, hi, i + 1, 1)
      ledger.init(lo, hi, i + 1, 1, 1, i)
      updates += 2
    }
  } else {
    for (let i = 0; i < total + window; i += 1) {
      if (i < total) {
        ledger.init(ids[2 * i] ?? 0, ids[2 * i + 1] ?? 0, i + 1, 1, 1, i)
        updates += 1
      }
      const done = i - window
      if (done >= 0) {
        ledger.ack(ids[2 * done] ?? 0, ids[2 * done + 1] ?? 0, done + 1, 1)
        updates += 1
      }
    }
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / updates
}

/** Numbers spread evenly over 32 bits; each only once. */
function mixed(n: number): number {
  const x = Math.imul(n, 0x9e3779b1)
  const y = Math.imul(x ^ (x >>> 15), 0x85ebca6b)
  return y ^ (y >>> 13)
}
