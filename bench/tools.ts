import { canaryMs } from './canary.js'
import { runOurs, type RunChild } from './children.js'
import { measureLedger, type LedgerFigures } from './ledger.js'

/** What commands measure with. */
export interface Tools {
  readonly runChild: RunChild
  readonly canaryMs: () => number
  readonly measureLedger: () => Promise<LedgerFigures>
}

export const tools: Tools = { runChild: runOurs, canaryMs, measureLedger }
