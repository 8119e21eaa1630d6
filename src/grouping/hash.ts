import xxhash from 'xxhash-wasm'

/**
 * A hash of the first `length` of `bytes`: uniform over 0 … 2^32 − 1, the same on every machine. Different seeds
 * (0 … 2^32 − 1; 0 if not given) give hashes that are independent of one another.
 */
export type KeyHash = (bytes: Uint8Array, length: number, seed?: number) => number

/** Longer keys go through in pieces, since the memory that the hash copies its input into never shrinks. */
const pieceBytes = 65_536

let loading: Promise<KeyHash> | undefined

/** xxHash (32 bits). It is WebAssembly and so starts asynchronously: load it once before the first chooser is made. */
export function loadKeyHash(): Promise<KeyHash> {
  return (loading ??= start())
}

async function start(): Promise<KeyHash> {
  const { h32Raw, create32 } = await xxhash()
  const inPieces = (bytes: Uint8Array, length: number, seed: number) => {
    const hash = create32(seed)
    for (let from = 0; from < length; from += pieceBytes) {
      hash.update(bytes.subarray(from, Math.min(from + pieceBytes, length)))
    }
    return hash.digest()
  }
  return (bytes, length, seed = 0) => {
    if (length > pieceBytes) return inPieces(bytes, length, seed)
    return h32Raw(bytes.length === length ? bytes : bytes.subarray(0, length), seed)
  }
}
