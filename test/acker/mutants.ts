import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { AckLedger } from '../../src/acker/ledger.js'

/** What the properties ask of a ledger. */
export type Ledger = Pick<
  AckLedger,
  | 'init'
  | 'ack'
  | 'fail'
  | 'resetTimeout'
  | 'rotate'
  | 'size'
  | 'spoutTask'
  | 'pendingSlot'
  | 'reason'
  | 'refused'
  | 'repeatedInits'
  | 'conflictingInits'
>
export type LedgerFactory = (options: { entriesMax: number; cells?: number }) => Ledger

/** One line of the ledger's source and what it is replaced by. */
export interface Mutant {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** The ledger as it stands in the source, with one line changed on purpose. The line must be there exactly once. */
export async function mutatedLedger(mutant: Mutant): Promise<LedgerFactory> {
  const folder = fileURLToPath(new URL('../../src/acker/', import.meta.url))
  const source = readFileSync(`${folder}ledger.ts`, 'utf8')
  const parts = source.split(mutant.from)
  if (parts.length !== 2) throw new Error(`${mutant.name}: its line is ${parts.length - 1} times in the ledger`)
  const built = await build({
    stdin: { contents: parts.join(mutant.to), resolveDir: folder, loader: 'ts' },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    write: false,
  })
  const code = Buffer.from(built.outputFiles[0]!.contents).toString('base64')
  const module = (await import(/* @vite-ignore */ `data:text/javascript;base64,${code}`)) as {
    AckLedger: typeof AckLedger
  }
  return (options) => new module.AckLedger(options)
}
