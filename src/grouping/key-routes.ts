import { KeyEncoder } from './key.js'
import { RouteCache } from './route-cache.js'

/** What a key's bytes (the first `length` of `key`) come to: a number, not negative, that depends on them alone. */
export type Route = (key: Uint8Array, length: number) => number

/**
 * From a tuple's selected fields to their route, remembered where that pays: for a key of one short primitive a look
 * into the cache costs a tenth of encoding and hashing it. Remembered or not, the answer is the same.
 */
export class KeyRoutes {
  private readonly fields: readonly string[]
  /** The field of a key that has only one. */
  private readonly only: string | undefined
  private readonly encoder: KeyEncoder
  private readonly route: Route
  private readonly cache = new RouteCache()

  /** `asker`: who is named in an error's sentence, as `KeyEncoder` takes it. */
  constructor(fields: readonly string[], asker: string, route: Route) {
    this.fields = fields
    this.only = fields.length === 1 ? fields[0] : undefined
    this.encoder = new KeyEncoder(asker)
    this.route = route
  }

  /** A field that is not there is `undefined`, which is a key like any other. Throws UNENCODABLE_KEY. */
  of(values: object): number {
    const { only } = this
    if (only === undefined) return this.compute(values)
    const key = (values as Record<string, unknown>)[only]
    return this.cache.get(key) ?? this.computeOne(values, key)
  }

  private computeOne(values: object, key: unknown): number {
    const route = this.compute(values)
    if (isShortPrimitive(key)) this.cache.offer(key, route)
    return route
  }

  private compute(values: object): number {
    const { fields, encoder } = this
    encoder.begin()
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as string
      encoder.add(field, (values as Record<string, unknown>)[field])
    }
    return this.route(encoder.exact(), encoder.length)
  }
}

/** The longest string that is a short key. */
export const shortMax = 256

/** Long strings would make the cache's memory theirs to decide, and so would bigints, which have any size. */
export function isShortPrimitive(key: unknown): boolean {
  switch (typeof key) {
    case 'string':
      return key.length <= shortMax
    case 'number':
    case 'boolean':
    case 'undefined':
      return true
    default:
      return key === null
  }
}
