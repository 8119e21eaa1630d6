import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import { crc32c, type Crc32c } from './crc32c.js'

/** Of so many bytes the addon is worth its call, which costs as much as the table for some hundreds. */
const worthBytes = 768

/** Of an addon: over all of the bytes; an unsigned number. */
export type NativeCrc32c = (bytes: Buffer) => number

/** As the processor computes it, by an addon, where there is one for this machine; else by table. A shell. */
export function nodeCrc32c(load: () => NativeCrc32c = addon): Crc32c {
  let native: NativeCrc32c
  try {
    native = load()
  } catch {
    // There is no binary for this machine, or it was left out of the install.
    return crc32c
  }
  return (arena, start, end) => {
    if (end - start < worthBytes) return crc32c(arena, start, end)
    const { buffer, byteOffset } = arena.bytes
    return native(Buffer.from(buffer, byteOffset + start, end - start)) | 0
  }
}

function addon(): NativeCrc32c {
  const require = createRequire(import.meta.url)
  return (require('@node-rs/crc32') as { readonly crc32c: NativeCrc32c }).crc32c
}
