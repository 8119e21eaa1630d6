import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Counts } from './count.js'

export interface Row {
  readonly word: string
  readonly count: number
}

/**
 * The rows of all tables, most frequent first, words of one frequency by their code units; at most `top` of them. The
 * words are put together by frequency and then sorted, which takes a quarter of the memory that a list of rows would.
 */
export function* rowsOf(tables: readonly Counts[], top = Infinity): Generator<Row> {
  const wordsByCount = new Map<number, string[]>()
  for (const table of tables) {
    for (const [word, count] of table) {
      const words = wordsByCount.get(count)
      if (words === undefined) wordsByCount.set(count, [word])
      else words.push(word)
    }
  }
  let left = top
  for (const count of [...wordsByCount.keys()].sort((a, b) => b - a)) {
    // Without a function to compare, strings are sorted by their code units.
    for (const word of (wordsByCount.get(count) ?? []).sort()) {
      if (left-- <= 0) return
      yield { word, count }
    }
  }
}

/** Writes rows as fast as the reader takes them. A reader that has seen enough, and went, is no error. */
export async function writeRows(rows: Iterable<Row>, json: boolean, output: NodeJS.WritableStream): Promise<void> {
  try {
    await pipeline(Readable.from(pieces(rows, json)), output, { end: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

/** The text in pieces of some size, as a write for each row would take long. */
function* pieces(rows: Iterable<Row>, json: boolean): Generator<string> {
  let piece = ''
  for (const { word, count } of rows) {
    piece += json ? `${JSON.stringify({ word, count })}\n` : `${word}\t${count}\n`
    if (piece.length < 64 * 1024) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}
