import { StormError } from '../errors.js'

/** What an artefact tells of itself, in its first line, without being run. */
export interface Manifest {
  readonly format: 1
  /** The name of the file that was bundled. */
  readonly entry: string
  /** The version of storm-ts that it was bundled with. */
  readonly engine: string
  /** The oldest major version of Node that its syntax is for. */
  readonly node: number
}

/**
 * A comment, so that the artefact is a module like any other:
 *
 *     // storm-ts artefact {"format":1,"entry":"topology.ts","engine":"0.1.0","node":20}
 */
const prefix = '// storm-ts artefact '
const lengthMax = 4_096

/** The first line of an artefact, without its end. */
export function manifestLine(manifest: Manifest): string {
  return prefix + JSON.stringify(manifest)
}

/** The manifest at the beginning of a text; undefined if there is none, so that it is no artefact. */
export function readManifest(text: string): Manifest | undefined {
  if (!text.startsWith(prefix)) return undefined
  const line = text.slice(prefix.length, lengthMax).split('\n', 1)[0] ?? ''
  try {
    const { format, entry, engine, node } = JSON.parse(line) as Partial<Record<keyof Manifest, unknown>>
    if (format === 1 && typeof entry === 'string' && typeof engine === 'string' && typeof node === 'number')
      return { format, entry, engine, node }
  } catch {
    // No JSON: somebody's comment that only begins like a manifest.
  }
  return undefined
}

/**
 * Throws ENGINE_MISMATCH for an artefact that was bundled with a version of storm-ts whose interface may be another one:
 * another major version, or, before 1.0, another minor one.
 */
export function checkEngine({ engine, entry }: Manifest, running: string): void {
  if (interfaceOf(engine) === interfaceOf(running)) return
  throw new StormError(
    'ENGINE_MISMATCH',
    `The artefact of '${entry}' was bundled with storm-ts ${engine}, and this is storm-ts ${running}; bundle it again with a version like this one.`,
  )
}

function interfaceOf(version: string): string {
  const [major = '', minor = ''] = version.split('.')
  return major === '0' ? `0.${minor}` : major
}
