import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'

const sizeMax = 64 * 1_024

/**
 * The text of a file that holds a secret, without white space around it; undefined if it is not there. Throws
 * INSECURE_FILE when others than its owner may read it, and PERMISSION when we may not.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  // A pipe without a writer must not hold us.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES' || code === 'EPERM')
      throw new StormError('INSECURE_FILE', `${quoted(path)} may not be read by this user.`)
    throw new StormError('INSECURE_FILE', `${quoted(path)} cannot be read: ${message}.`)
  })
  if (file === undefined) return undefined
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new StormError('INSECURE_FILE', `${quoted(path)} is no regular file.`)
    if (process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
      const mode = (found.mode & 0o777).toString(8)
      throw new StormError(
        'INSECURE_FILE',
        `${quoted(path)} holds a secret and may be read by others (mode ${mode}); mode 600 is expected: chmod 600 ${path}`,
      )
    }
    if (found.size > sizeMax) throw new StormError('INSECURE_FILE', `${quoted(path)} is no token: it is too long.`)
    return (await file.readFile('utf8')).trim()
  } finally {
    await file.close()
  }
}
