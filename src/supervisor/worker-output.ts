import { closeSync, constants, copyFileSync, fstatSync, lstatSync, openSync, readSync, truncateSync } from 'node:fs'

/**
 * The file that a worker's standard output and error go to: what is said past its log, such as the last words of a
 * process that dies. A shell. The process holds the file open, so it can't be renamed away when it is full: it is copied
 * and emptied, and what is written in just that moment may be lost.
 */
const bytesMax = 16 * 2 ** 20
const tailBytes = 16_384

/** `from`: where what the new process says begins. */
export function openOutput(path: string): { readonly file: number; readonly from: number } {
  rotateOutput(path)
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  return { file, from: fstatSync(file).size }
}

/** 0 if there is none. */
export function outputSize(path: string): number {
  try {
    return lstatSync(path).size
  } catch {
    return 0
  }
}

export function rotateOutput(path: string): void {
  try {
    const stat = lstatSync(path)
    if (!stat.isFile() || stat.size <= bytesMax) return
    copyFileSync(path, `${path}.1`)
    truncateSync(path)
  } catch {
    // It is not there; or there is no room for a copy, and it is tried again.
  }
}

/** The last that was written since `from`. */
export function endOfOutput(path: string, from: number): string {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { size } = fstatSync(file)
      const begin = Math.max(size - tailBytes, from <= size ? from : 0)
      const bytes = new Uint8Array(Math.max(0, size - begin))
      const count = readSync(file, bytes, 0, bytes.length, begin)
      return new TextDecoder().decode(bytes.subarray(0, count))
    } finally {
      closeSync(file)
    }
  } catch {
    // Nobody can say any more what it said.
    return ''
  }
}
