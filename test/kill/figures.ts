/** Figures by what they are of, as a table with percentiles of the raw values. */
export class Figures {
  readonly #values = new Map<string, number[]>()

  add(of: string, value: number): void {
    const values = this.#values.get(of)
    if (values === undefined) this.#values.set(of, [value])
    else values.push(value)
  }

  of(name: string): readonly number[] {
    return this.#values.get(name) ?? []
  }

  get table(): string {
    const rows = [...this.#values].map(([of, values]) => {
      const sorted = [...values].sort((a, b) => a - b)
      return [of, String(sorted.length), ...[0.5, 0.95, 1].map((share) => String(quantile(sorted, share)))]
    })
    const all = [['', 'times', 'p50', 'p95', 'max'], ...rows]
    return all.map(([of = '', ...cells]) => of.padEnd(36) + cells.map((cell) => cell.padStart(8)).join('')).join('\n')
  }
}

/** The least value that so great a share of them does not pass. */
function quantile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0)
}
