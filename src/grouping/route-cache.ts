/**
 * A bounded memory of where keys go: keys that are used again and again stay, the others are forgotten, without a clock
 * and without a list of uses. A `Map` compares its keys just as the grouping does (NaN is NaN, −0 is 0, `1`, `1n` and
 * `'1'` differ), so a primitive is its own key; give it nothing else, and no long strings.
 *
 * Two generations of 8,192 keys: what is asked for moves to the recent one, and when that is full it becomes the older
 * one, whose keys are dropped. Until that has happened once every key is taken in, afterwards one new key in eight:
 * a key that comes often is soon in all the same, and a stream whose keys hardly ever come back, for which taking in
 * costs three times what the hash would, pays it for few of them.
 */
export class RouteCache {
  private recent = new Map<unknown, number>()
  private older: ReadonlyMap<unknown, number> | undefined
  private lottery = 1

  get(key: unknown): number | undefined {
    return this.recent.get(key) ?? this.fromOlder(key)
  }

  /** Offers a route that `get` did not know; it need not be kept. */
  offer(key: unknown, route: number): void {
    if (this.older === undefined || this.draw()) this.keep(typeof key === 'string' ? ownCopy(key) : key, route)
  }

  private fromOlder(key: unknown): number | undefined {
    const route = this.older?.get(key)
    if (route !== undefined) this.keep(key, route)
    return route
  }

  private keep(key: unknown, route: number): void {
    if (this.recent.size >= generationSize) {
      this.older = this.recent
      this.recent = new Map()
    }
    this.recent.set(key, route)
  }

  /** True one time in eight, by a linear congruence: in every eighth call, a key that comes in step would never be in. */
  private draw(): boolean {
    this.lottery = (Math.imul(this.lottery, 1_664_525) + 1_013_904_223) | 0
    return this.lottery >>> 29 === 0
  }
}

const generationSize = 8_192

/** A part of a string keeps the whole of it alive in V8, so a word of a line would keep the line, of any length. */
function ownCopy(text: string): string {
  return text.length < 13 ? text : ` ${text}`.slice(1)
}
