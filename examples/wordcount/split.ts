import { basicBolt, stream, t, type BasicCollector } from 'storm-ts'

export const Line = stream({ line: t.string })
export const Word = stream({ word: t.string })

type Out = BasicCollector<{ default: typeof Word }>

/** Lines with more characters than this are split bit by bit, as their words would not fit into any queue. */
const longLine = 64 * 1024

/** Emits the words of a line: what stands between the six white-space characters of ASCII. */
export const split = basicBolt({
  input: Line,
  outputs: Word,
  execute({ values: { line } }, out) {
    if (line.length > longLine) return splitLong(line, out)
    for (let at = wordStart(line, 0); at < line.length;) {
      const end = wordEnd(line, at)
      out.emit({ word: wordOf(line, at, end) })
      at = wordStart(line, end)
    }
    return undefined
  },
})

/** The same, but waits whenever those who count are behind. */
async function splitLong(line: string, out: Out): Promise<void> {
  for (let at = wordStart(line, 0); at < line.length;) {
    const end = wordEnd(line, at)
    out.emit({ word: wordOf(line, at, end) })
    at = wordStart(line, end)
    if (out.full) await out.drained()
  }
}

function wordStart(line: string, at: number): number {
  while (at < line.length && isSpace(line.charCodeAt(at))) at++
  return at
}

function wordEnd(line: string, at: number): number {
  while (at < line.length && !isSpace(line.charCodeAt(at))) at++
  return at
}

/** Space, tab, newline, vertical tab, form feed, carriage return; no other, so no-break spaces belong to their word. */
function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}

/**
 * A part of a line, cut out for good. JavaScript engines make a longer part of a string a view of the whole, so a word
 * that stays somewhere, in a queue or a cache, would keep all of its line; put together anew, it keeps but itself. A word
 * that is most of its line may as well keep it.
 */
function wordOf(line: string, start: number, end: number): string {
  const word = line.slice(start, end)
  return word.length < 13 || word.length > line.length / 2 ? word : ` ${word}`.slice(1)
}
