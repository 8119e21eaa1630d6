import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Secrets } from './handshake.js'

/** By Node's own crypto. A shell. */
export function nodeSecrets(): Secrets {
  return {
    hmac: (key, message) => new Uint8Array(createHmac('sha256', key).update(message).digest()),
    nonce: () => new Uint8Array(randomBytes(32)),
  }
}

/**
 * A key of 32 bytes that is made from a secret for one purpose, such as `link`, and those it is for (HKDF-SHA-256). Who
 * has it cannot make the secret of it, nor another key.
 */
export function deriveKey(secret: Uint8Array, purpose: string, ...of: readonly (string | number)[]): Uint8Array {
  // As JSON, no two lists read the same.
  return new Uint8Array(hkdfSync('sha256', secret, 'storm-ts', JSON.stringify([purpose, ...of]), 32))
}
