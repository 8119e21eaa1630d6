const windowMs = 60_000
const addressesMax = 1_024

/** Counts what an address got wrong within the last minute or so, of so many addresses and no more. */
export class Failures {
  readonly #max: number
  readonly #byAddress = new Map<string, { fromMs: number; count: number }>()

  constructor(max: number) {
    this.#max = max
  }

  /** Takes one down. True: it was one of too many. */
  note(address: string, nowMs: number): boolean {
    let seen = this.#byAddress.get(address)
    if (seen === undefined || nowMs - seen.fromMs >= windowMs) {
      seen = { fromMs: nowMs, count: 0 }
      // The oldest goes when there is no room: whoever has so many addresses is not held by this anyhow.
      this.#byAddress.delete(address)
      const oldest = this.#byAddress.size >= addressesMax ? this.#byAddress.keys().next() : undefined
      if (oldest?.done === false) this.#byAddress.delete(oldest.value)
      this.#byAddress.set(address, seen)
    }
    return ++seen.count > this.#max
  }
}
