import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StormError } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'

/** Files that are whole or as they were before, whatever happens, and that only this user reads. A shell. */

/** Throws NO_SPACE or FOLDER_UNUSABLE; the file is as it was then. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.tmp`
  unusable(path, () => {
    try {
      // What a crash left here is no use to anybody.
      rmSync(temporary, { force: true })
      const file = openSync(temporary, 'wx', 0o600)
      try {
        writeSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(temporary, path)
      syncFolder(dirname(path))
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  })
}

/** A new name in a folder is kept only when the folder is. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** What the system says of `path` as an error of ours. */
export function unusable<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw folderError(path, error)
  }
}

export function folderError(path: string, error: unknown): Error {
  if (error instanceof StormError) return error
  const { message } = describeError(error)
  if (['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) {
    return new StormError('NO_SPACE', `There is no space left for ${path}: ${message}.`, { cause: error })
  }
  return new StormError('FOLDER_UNUSABLE', `${path} cannot be used: ${message}.`, { cause: error })
}

/** `ENOENT` and its like. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
