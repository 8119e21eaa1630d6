import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Counts, OpenOutlet } from './count.js'

/**
 * Each count task writes its table to `<folder>/<task>.tsv`, a line `word<TAB>count` for each word in no particular order,
 * about every second when something changed, and at the end. A reader finds a whole table at any time, the old or the new.
 */
export function tableFiles(folder: string): OpenOutlet {
  return async ({ task }) => {
    await mkdir(folder, { recursive: true })
    const path = join(folder, `${task}.tsv`)
    const write = async (counts: Counts): Promise<void> => {
      await writeFile(`${path}.new`, pieces(counts))
      await rename(`${path}.new`, path)
    }
    return { changed: write, ended: write }
  }
}

/** The table in pieces of some size, as a write for each word would take long. */
function* pieces(counts: Counts): Generator<string> {
  let piece = ''
  for (const [word, count] of counts) {
    piece += `${word}\t${count}\n`
    if (piece.length < 64 * 1024) continue
    yield piece
    piece = ''
  }
  yield piece
}
