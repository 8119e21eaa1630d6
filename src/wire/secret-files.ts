import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { StormError } from '../errors.js'

/**
 * Files that hold what nobody else may know, as daemons read them at their start. A shell.
 */

/** The text of a file that nobody else may read. Throws INSECURE_FILE; undefined: it is not there. */
export function readPrivate(path: string): string | undefined {
  let file: number
  try {
    // A pipe without a writer must not hold us.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StormError('INSECURE_FILE', `The secret in ${path} cannot be read: ${message}.`)
  }
  try {
    const found = fstatSync(file)
    const mode = (found.mode & 0o777).toString(8)
    if (!found.isFile()) throw new StormError('INSECURE_FILE', `${path} is no regular file.`)
    if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
      throw new StormError(
        'INSECURE_FILE',
        `${path} holds a secret and may be read by others (mode ${mode}): chmod 600 ${path}`,
      )
    return readFileSync(file, 'utf8').trim()
  } finally {
    closeSync(file)
  }
}

/** What a server shows, in PEM. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
}

/**
 * The certificate and the key of the settings of these names, each of which needs the other. Undefined: there are none.
 * Throws INVALID_SETTING for what is missing or does not fit, INSECURE_FILE for a key that others may read: at the start,
 * and not when the first one calls.
 */
export function readTlsPair({
  tlsCert,
  tlsKey,
}: {
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
}): TlsPair | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw invalid("'tlsCert' and 'tlsKey' are needed together.")
  const key = readPrivate(tlsKey)
  if (key === undefined) throw invalid(`'tlsKey': ${tlsKey} is not there.`)
  let cert = ''
  try {
    cert = readFileSync(tlsCert, 'utf8')
  } catch (error) {
    throw invalid(`'tlsCert': ${tlsCert} cannot be read: ${(error as Error).message}.`)
  }
  check({ cert }, `'tlsCert': ${tlsCert} is no certificate in PEM`)
  check({ cert, key }, `'tlsKey': ${tlsKey} is not the key, in PEM, of the certificate ${tlsCert}`)
  return { cert, key }
}

function check(pair: Partial<TlsPair>, wrong: string): void {
  try {
    createSecureContext(pair)
  } catch (error) {
    throw invalid(`${wrong}: ${(error as Error).message}.`)
  }
}

function invalid(message: string): StormError {
  return new StormError('INVALID_SETTING', message)
}
