import { readFileSync } from 'node:fs'

/** Every line of a file of answers that Apache Storm gave, whichever lines stand there. */
export function readVectors<Line>(name: string): Line[] {
  const text = readFileSync(new URL(`../vectors/${name}.jsonl`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** Counts how lines were answered: as Storm does, or otherwise by a rule of a departure that has a name. */
export class Tally {
  readonly #name: string
  readonly #departure: string
  readonly #linesByRule = new Map<string, number>()
  #asStorm = 0

  /** `departure`: its short name, "D1". */
  constructor(name: string, departure: string) {
    this.#name = name
    this.#departure = departure
  }

  asStorm(): void {
    this.#asStorm++
  }

  /** `rule`: why the answer is another than Storm's, in words. */
  departs(rule: string): void {
    this.#linesByRule.set(rule, (this.#linesByRule.get(rule) ?? 0) + 1)
  }

  toString(): string {
    const rules = [...this.#linesByRule].sort(([, a], [, b]) => b - a)
    const departed = rules.reduce((sum, [, lines]) => sum + lines, 0)
    const asStorm = `${this.#name}: ${this.#asStorm} of ${this.#asStorm + departed} as Storm`
    if (departed === 0) return asStorm
    return `${asStorm}, ${departed} by departure ${this.#departure} (${rules.map(([rule, lines]) => `${lines}: ${rule}`).join('; ')})`
  }
}
