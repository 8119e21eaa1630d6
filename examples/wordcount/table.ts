import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Counts } from './count.js'

export interface Row {
  readonly word: string
  readonly count: number
}

/** The rows of all tables, most frequent first, words of one frequency by their code units; at most `top` of them. */
export function rowsOf(tables: readonly Counts[], top = Infinity): readonly Row[] {
  const rows = tables.flatMap((table) => Array.from(table, ([word, count]) => ({ word, count })))
  rows.sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
  return rows.length > top ? rows.slice(0, top) : rows
}

/** Writes rows as fast as the reader takes them. A reader that has seen enough, and went, is no error. */
export async function writeRows(rows: readonly Row[], json: boolean, output: NodeJS.WritableStream): Promise<void> {
  try {
    await pipeline(Readable.from(pieces(rows, json)), output, { end: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

/** The text in pieces of some size, as a write for each row would take long. */
function* pieces(rows: readonly Row[], json: boolean): Generator<string> {
  let piece = ''
  for (const { word, count } of rows) {
    piece += json ? `${JSON.stringify({ word, count })}\n` : `${word}\t${count}\n`
    if (piece.length < 64 * 1024) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}
