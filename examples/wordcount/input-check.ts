import { fstatSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'

/** A file with a NUL in so many bytes from its start is no text. */
const checkedSize = 64 * 1024

/**
 * What is wrong with one of the inputs, in a sentence, or undefined: each must be a regular file that can be read and is
 * a text, or `-`, once. Looked at before anything runs, so that a misspelt name does not show after an hour.
 */
export async function wrongInput(paths: readonly string[]): Promise<string | undefined> {
  if (paths.filter((path) => path === '-').length > 1) {
    return "standard input ('-') is named more than once, and can be read only once"
  }
  for (const path of paths) {
    const wrong = path === '-' ? wrongStandardInput() : await wrongFile(path)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Node gives an empty text for a folder. */
function wrongStandardInput(): string | undefined {
  try {
    return fstatSync(0).isDirectory() ? "standard input ('-') is a directory" : undefined
  } catch (error) {
    return `standard input ('-') ${told(error)}`
  }
}

async function wrongFile(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) return `'${path}' is a directory; name the files in it`
    if (!found.isFile()) return `'${path}' is not a regular file; what comes through a pipe is read from '-'`
    return (await isBinary(path)) ? `'${path}' is a binary file: there is a NUL in its first 64 KiB` : undefined
  } catch (error) {
    return `'${path}' ${told(error)}`
  }
}

async function isBinary(path: string): Promise<boolean> {
  await using file = await open(path)
  const bytes = Buffer.alloc(checkedSize)
  let size = 0
  while (size < checkedSize) {
    const { bytesRead } = await file.read(bytes, size, checkedSize - size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  return bytes.subarray(0, size).includes(0)
}

function told(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'is not there'
  if (code === 'ENOTDIR') return 'is not there: part of its path is a file'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user'
  return `cannot be read: ${message}`
}
