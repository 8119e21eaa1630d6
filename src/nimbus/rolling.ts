/** The windows that Storm shows, in seconds: ten minutes, three hours, a day. */
export const windowsSecs = [600, 10_800, 86_400] as const
export type WindowSecs = (typeof windowsSecs)[number]

/** Each window is as many buckets long; the oldest leaves as a whole. */
const bucketCount = 20

/** Sums of some numbers over the last ten minutes, three hours and day, in constant space: 20 buckets a window. */
export class Rolling {
  readonly #width: number
  readonly #windows: readonly {
    readonly bucketMs: number
    readonly sums: Float64Array
    readonly bucketOf: Float64Array
  }[]

  /** `width`: how many numbers there are. */
  constructor(width: number) {
    this.#width = width
    this.#windows = windowsSecs.map((secs) => ({
      bucketMs: (secs * 1_000) / bucketCount,
      sums: new Float64Array(bucketCount * width),
      bucketOf: new Float64Array(bucketCount).fill(-1),
    }))
  }

  add(values: readonly number[], nowMs: number): void {
    for (const { bucketMs, sums, bucketOf } of this.#windows) {
      const bucket = Math.floor(nowMs / bucketMs)
      const place = bucket % bucketCount
      if (bucketOf[place] !== bucket) {
        bucketOf[place] = bucket
        sums.fill(0, place * this.#width, (place + 1) * this.#width)
      }
      for (let i = 0; i < this.#width; i++) sums[place * this.#width + i]! += values[i] ?? 0
    }
  }

  sums(window: WindowSecs, nowMs: number): number[] {
    const { bucketMs, sums, bucketOf } = this.#windows[windowsSecs.indexOf(window)]!
    const newest = Math.floor(nowMs / bucketMs)
    const total = Array.from({ length: this.#width }, () => 0)
    for (let place = 0; place < bucketCount; place++) {
      const bucket = bucketOf[place]!
      if (bucket < 0 || bucket <= newest - bucketCount) continue
      for (let i = 0; i < this.#width; i++) total[i]! += sums[place * this.#width + i]!
    }
    return total
  }
}
