import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'

const extensions = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx']
const sizeMax = 64 * 2 ** 20
/** A file with a NUL in so many bytes from its start is no text. */
const checkedSize = 64 * 1_024

/**
 * Looks at a file that was named as a topology before anything reads it, as a pipe or a device would never end. Throws
 * FILE_NOT_FOUND, NOT_A_REGULAR_FILE, PERMISSION, NOT_A_MODULE.
 */
export async function checkEntryFile(path: string): Promise<void> {
  const told = quoted(path)
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error)
  })
  if (found.isDirectory())
    throw new StormError('NOT_A_REGULAR_FILE', `${told} is a directory; name the file in it that exports the topology.`)
  if (!found.isFile())
    throw new StormError('NOT_A_REGULAR_FILE', `${told} is not a regular file; a module (.ts or .js) is expected.`)
  if (!extensions.includes(extname(path).toLowerCase()))
    throw new StormError('NOT_A_MODULE', `${told} is no module: its name is expected to end in .ts, .js, .mts or .mjs.`)
  if (found.size > sizeMax)
    throw new StormError('NOT_A_MODULE', `${told} has ${found.size} bytes; no more than ${sizeMax} are expected.`)
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw unreadable(path, error)
  })
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(checkedSize), 0, checkedSize, 0)
  if (buffer.subarray(0, bytesRead).includes(0))
    throw new StormError('NOT_A_MODULE', `${told} is a binary file: there is a NUL in its first 64 KiB.`)
}

function unreadable(path: string, error: unknown): StormError {
  const { code, message } = error as NodeJS.ErrnoException
  const told = quoted(path)
  if (code === 'ENOENT') return new StormError('FILE_NOT_FOUND', `${told} is not there.`)
  if (code === 'ENOTDIR') return new StormError('FILE_NOT_FOUND', `${told} is not there: part of its path is a file.`)
  if (code === 'EACCES' || code === 'EPERM')
    return new StormError('PERMISSION', `${told} may not be read by this user.`)
  return new StormError('READ_FAILED', `${told} cannot be read: ${message}.`, { cause: error })
}
