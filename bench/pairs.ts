import { WrongRun } from './children.js'
import { median, type Line } from './report.js'

/** Two sides of a comparison, run in turn. */
export interface Sides {
  readonly a: () => Promise<readonly Line[]>
  readonly b: () => Promise<readonly Line[]>
}

export interface Paired {
  readonly a: readonly Line[]
  readonly b: readonly Line[]
  /** Of a to b, pair by pair. */
  readonly ratios: readonly number[]
  /** CPU-ms of one and the same loop, before and after each run. */
  readonly canariesMs: readonly number[]
}

/** Runs A B B A A B …, so that neither is always the first, and sets the figures of each pair against each other. */
export async function pairUp(
  sides: Sides,
  pairs: number,
  canaryMs: () => number,
  onPair: (ratio: number, number: number) => void = () => {},
): Promise<Paired> {
  const a: Line[] = []
  const b: Line[] = []
  const ratios: number[] = []
  const canariesMs = [canaryMs()]
  for (let number = 1; number <= pairs; number += 1) {
    for (const side of number % 2 === 1 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
      const lines = await sides[side]()
      ;(side === 'a' ? a : b).push(...lines.slice(-1))
      canariesMs.push(canaryMs())
    }
    const ratio = costOf(a.at(-1)) / costOf(b.at(-1))
    ratios.push(ratio)
    onPair(ratio, number)
  }
  return { a, b, ratios, canariesMs }
}

export function costOf(line: Line | undefined): number {
  const cost = line?.cpuUsPerTuple
  if (typeof cost === 'number' && cost > 0) return cost
  throw new WrongRun(`${line?.peer} has no figure for ${line?.topology}`)
}

/** `0.182 (0.176–0.191 over 7 pairs)`. */
export function ratioText({ ratios }: Pick<Paired, 'ratios'>): string {
  const show = (ratio: number) => ratio.toPrecision(3)
  return `${show(median(ratios))} (${show(Math.min(...ratios))}–${show(Math.max(...ratios))} over ${ratios.length} pairs)`
}

/** How much the machine changed meanwhile. */
export function canaryText({ canariesMs }: Pick<Paired, 'canariesMs'>): string {
  return `canary ${median(canariesMs).toFixed(0)} ms CPU (${Math.min(...canariesMs).toFixed(0)}–${Math.max(...canariesMs).toFixed(0)})`
}
