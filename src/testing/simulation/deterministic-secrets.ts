import type { Rng } from '../../stdx/rng.js'
import type { Secrets } from '../../wire/handshake.js'

/**
 * What handshakes need, the same for the same seed and quickly: a keyed hash of the right shape, which keeps nobody out
 * who wants to come in. For simulations only.
 */
export function deterministicSecrets(rng: Rng): Secrets {
  return {
    hmac(key, message) {
      const words = new Uint32Array(8)
      for (let i = 0; i < 8; i++) words[i] = Math.imul(i + 1, 0x9e3779b1)
      absorb(words, key)
      absorb(words, message)
      for (let round = 0; round < 24; round++) mix(words, round & 7, round)
      return new Uint8Array(words.buffer)
    },
    nonce() {
      const nonce = new Uint32Array(8)
      for (let i = 0; i < 8; i++) nonce[i] = rng.uint32()
      return new Uint8Array(nonce.buffer)
    },
  }
}

function absorb(words: Uint32Array, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) mix(words, i & 7, bytes[i] as number)
  mix(words, 0, bytes.length)
}

function mix(words: Uint32Array, at: number, value: number): void {
  const mixed = Math.imul((words[at] as number) ^ value ^ (words[(at + 7) & 7] as number), 0x85ebca6b)
  words[at] = mixed ^ (mixed >>> 15)
}
