import type { ChooserContext, OneChooser } from './chooser.js'
import { KeyRoutes } from './key-routes.js'

/**
 * Equal keys, equal task: on every emitter, in every worker, on every machine, today and after a restart. The route is
 * the hash of the key's canonical encoding (key.ts) and depends on the values and the number of targets alone.
 */
export class FieldsChooser implements OneChooser {
  private readonly routes: KeyRoutes

  constructor(fields: readonly string[], { component, stream, targets, hash }: ChooserContext) {
    const count = targets.length
    this.routes = new KeyRoutes(
      fields,
      `component '${component}', stream '${stream}'`,
      (key, length) => hash(key, length) % count,
    )
  }

  choose(values: object): number {
    return this.routes.of(values)
  }
}
