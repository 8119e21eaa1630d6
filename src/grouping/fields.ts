import type { ChooserContext, OneChooser } from './chooser.js'
import { isShortPrimitive, KeyRoutes, shortMax } from './key-routes.js'

/**
 * Equal keys, equal task: on every emitter, in every worker, on every machine, today and after a restart. The route is
 * the hash of the key's canonical encoding (key.ts) and depends on the values and the number of targets alone.
 */
export class FieldsChooser implements OneChooser {
  private readonly routes: KeyRoutes
  /** The fields where there is but one target: what is surely a key need not be looked at any further. */
  private readonly surely: readonly string[] | null
  /** The field of such a key that has only one. */
  private readonly only: string | null

  constructor(fields: readonly string[], { component, stream, targets, hash }: ChooserContext) {
    const count = targets.length
    this.surely = count === 1 ? fields : null
    this.only = count === 1 && fields.length === 1 ? (fields[0] as string) : null
    this.routes = new KeyRoutes(
      fields,
      `component '${component}', stream '${stream}'`,
      (key, length) => hash(key, length) % count,
    )
  }

  choose(values: object): number {
    if (this.only !== null) {
      const key = (values as Record<string, unknown>)[this.only]
      if (typeof key === 'string' && key.length <= shortMax) return 0
    }
    return this.chooseAny(values)
  }

  private chooseAny(values: object): number {
    return this.surely !== null && this.areKeys(this.surely, values) ? 0 : this.routes.of(values)
  }

  private areKeys(fields: readonly string[], values: object): boolean {
    for (let i = 0; i < fields.length; i++) {
      if (!isShortPrimitive((values as Record<string, unknown>)[fields[i] as string])) return false
    }
    return true
  }
}
