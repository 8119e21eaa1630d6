import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of the package that this very module belongs to: what `storm-ts` is for whatever is loaded here. */
export const engineFolder = fileURLToPath(new URL('../..', import.meta.url))

/** The version of this package. */
export function engineVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
