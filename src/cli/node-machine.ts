import { lstat, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'

/** What of this machine may be in a topology's way. A shell. */
export interface MachineFacts {
  readonly nodeVersion: string
  readonly platform: string
  readonly hostname: string
  readonly isRoot: boolean
}

export function machineFacts(): MachineFacts {
  return {
    nodeVersion: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    hostname: hostname(),
    isRoot: process.getuid?.() === 0,
  }
}

export const rootWarning = 'This is root: topologies would run as root, too.'

export interface FolderFacts {
  /** As in `chmod`: 700. */
  readonly mode: string
  readonly isPrivate: boolean
  readonly freeBytes: number
}

/** Undefined: there is no such folder. */
export async function folderFacts(path: string): Promise<FolderFacts | undefined> {
  try {
    const { mode } = await lstat(path)
    const { bavail, bsize } = await statfs(path)
    return {
      mode: (mode & 0o777).toString(8),
      isPrivate: process.platform === 'win32' || (mode & 0o077) === 0,
      freeBytes: bavail * bsize,
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
