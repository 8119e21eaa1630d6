import type { Rng } from './rng.js'

declare const crypto: { getRandomValues(array: Uint32Array): Uint32Array }

/** Numbers nobody can foretell, drawn from the machine's crypto source in blocks. A shell. */
export function cryptoRng(): Rng {
  const block = new Uint32Array(256)
  let used = block.length
  const uint32 = () => {
    if (used === block.length) {
      crypto.getRandomValues(block)
      used = 0
    }
    return block[used++] as number
  }
  return { uint32, below: (limit) => Math.floor((uint32() / 0x1_0000_0000) * limit) }
}
