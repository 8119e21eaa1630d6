import { createHash, timingSafeEqual } from 'node:crypto'
import { parse } from 'yaml'
import { z } from 'zod'
import { StormError } from '../errors.js'
import { firstIssue } from '../cluster/messages.js'
import { roles, type Identity } from './access.js'

interface TokenEntry extends Identity {
  readonly sha256: Uint8Array
  /** Milliseconds since 1970: from then on it is none; by the time of day, as people gave it. */
  readonly expiresAtMs?: number
}

export type TokenAnswer = Identity | 'unknown' | 'expired'

/** No token is longer, and no longer one is looked at. */
const lengthMax = 1_024

/** The tokens that are known, by their hashes: what is kept opens nothing. A shell. */
export class Tokens {
  readonly #entries: TokenEntry[] = []

  add(identity: Identity, token: string): void {
    this.#entries.push({ ...identity, sha256: sha256(token) })
  }

  /**
   * Takes those of a file, which has their hashes only:
   *
   *     - { name: grafana, role: viewer, sha256: 9f86d0…, expires: 2030-01-01 }
   *
   * Throws INVALID_SETTING with what is wrong and where.
   */
  addFile(name: string, text: string): void {
    const result = fileShape.safeParse(readYaml(name, text))
    if (!result.success) {
      const { where, wrong } = firstIssue(result.error)
      throw new StormError('INVALID_SETTING', `${name}: at '${where}': ${wrong}.`)
    }
    for (const { expires, sha256: hash, ...identity } of result.data) {
      const entry = { ...identity, sha256: Buffer.from(hash, 'hex') }
      this.#entries.push(expires === undefined ? entry : { ...entry, expiresAtMs: Date.parse(expires) })
    }
  }

  /** Takes as long whichever of them it is, and whether or not it is one. */
  find(token: string, wallMs: number): TokenAnswer {
    const hash = sha256(token.slice(0, lengthMax))
    let found: TokenEntry | undefined
    for (const entry of this.#entries) if (timingSafeEqual(entry.sha256, hash)) found = entry
    if (found === undefined || token.length > lengthMax) return 'unknown'
    if (found.expiresAtMs !== undefined && wallMs >= found.expiresAtMs) return 'expired'
    return { name: found.name, role: found.role }
  }
}

const fileShape = z
  .array(
    z.strictObject({
      name: z.string().min(1).max(128),
      role: z.enum(roles),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the token in 64 hexadecimal digits is expected'),
      expires: z
        .string()
        .refine((text) => !Number.isNaN(Date.parse(text)), 'a date is expected, such as 2030-01-31T12:00:00Z')
        .exactOptional(),
    }),
  )
  .max(1_000)

function readYaml(name: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0, schema: 'core' }) as unknown
  } catch (error) {
    throw new StormError('INVALID_SETTING', `${name}: ${(error as Error).message}`)
  }
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
