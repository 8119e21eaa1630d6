/** A source of random numbers that is handed in, so that a run can be had again by its seed. */
export interface Rng {
  /** Uniform over 0 … 2^32 − 1. */
  uint32(): number
  /** Uniform over 0 … `limit` − 1; `limit` is an integer of 1 … 2^32. */
  below(limit: number): number
}

/**
 * The same numbers for the same seed: a Weyl counter through the 32-bit finaliser of MurmurHash3 (the construction of
 * SplitMix). Multiplicative, so not linear over GF(2).
 */
export function seededRng(seed: number): Rng {
  let state = seed | 0
  const uint32 = () => {
    state = (state + 0x9e3779b9) | 0
    let x = state
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (x ^ (x >>> 16)) >>> 0
  }
  return { uint32, below: (limit) => Math.floor((uint32() / 0x1_0000_0000) * limit) }
}

/** `list` in a random order, in place (Fisher and Yates). Returns it. */
export function shuffled<T>(list: T[], rng: Rng): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    const kept = list[i] as T
    list[i] = list[j] as T
    list[j] = kept
  }
  return list
}
