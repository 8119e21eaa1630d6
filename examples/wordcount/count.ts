import { BasicBolt, type TopologyContext, type Tuple } from 'storm-ts'

/** How often each word came to one task. */
export type Counts = ReadonlyMap<string, number>

/** Where the counts of one task go. */
export interface Outlet {
  /** Called about every second in which something changed. */
  changed?(counts: Counts): void | Promise<void>
  /** Called at the end of an orderly run. */
  ended(counts: Counts): void | Promise<void>
}

/** Makes the outlet of one task, in the process that the task runs in. */
export type OpenOutlet = (context: TopologyContext) => Outlet | Promise<Outlet>

/** Counts words. Fields grouping brings a word always to the same task, so that no word is in two tables. */
export class Count extends BasicBolt<{ word: string }> {
  // A map, as a word may be called `__proto__`.
  readonly #counts = new Map<string, number>()
  readonly #openOutlet: OpenOutlet
  #outlet: Outlet | undefined
  #hasChanged = false

  constructor(openOutlet: OpenOutlet) {
    super()
    this.#openOutlet = openOutlet
  }

  override async prepare(context: TopologyContext): Promise<void> {
    this.#outlet = await this.#openOutlet(context)
  }

  override execute({ isTick, values: { word } }: Tuple<{ word: string }>): void | Promise<void> {
    if (isTick) return this.#tell()
    const count = this.#counts.get(word)
    if (count === undefined) this.#counts.set(ownString(word), 1)
    else this.#counts.set(word, count + 1)
    this.#hasChanged = true
    return undefined
  }

  override async cleanup(): Promise<void> {
    await this.#outlet?.ended(this.#counts)
  }

  async #tell(): Promise<void> {
    if (!this.#hasChanged) return
    await this.#outlet?.changed?.(this.#counts)
    this.#hasChanged = false
  }
}

/** Room that a word may waste. */
const wasteMax = 64 * 1024

/** A word that is kept for good, as a string of its own: the one that came may be a view of a longer one. */
function ownString(word: string): string {
  return word.length > wasteMax ? word : Buffer.from(word).toString()
}
