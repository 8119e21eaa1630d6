import type { Rng } from '../stdx/rng.js'

const firstMs = 100
const mostMs = 5_000

/** How long to wait after so many calls that led to nothing: 100 ms doubling to 5 s, between a half and the whole of it. */
export function redialDelayMs(failures: number, rng: Rng): number {
  const whole = Math.min(mostMs, firstMs * 2 ** failures)
  return whole / 2 + rng.below(Math.floor(whole / 2) + 1)
}
