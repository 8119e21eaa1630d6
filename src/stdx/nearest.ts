import { distance } from 'fastest-levenshtein'

/** The candidate most like `word`, if one is near enough to be what was meant. Case does not count. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const d = typingDistance(word.toLowerCase(), candidate.toLowerCase())
    if (d < bestDistance) [best, bestDistance] = [candidate, d]
  }
  if (best === undefined) return undefined
  return bestDistance <= Math.max(1, Math.floor(Math.max(word.length, best.length) / 3)) ? best : undefined
}

/** ` Did you mean 'x'?` with its leading space, or nothing: the end of a sentence about an unknown name. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates)
  return near === undefined ? '' : ` Did you mean '${near}'?`
}

/** Letters to change, put in or take out; two neighbours typed in the wrong order (`wrod`) are one slip, not two. */
function typingDistance(a: string, b: string): number {
  if (a === b) return 0
  let first = 0
  while (first < a.length && a[first] === b[first]) first++
  const isSwap =
    a.length === b.length &&
    a[first] === b[first + 1] &&
    a[first + 1] === b[first] &&
    a.slice(first + 2) === b.slice(first + 2)
  return isSwap ? 1 : distance(a, b)
}
