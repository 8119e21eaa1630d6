/** `word` in quotes, cut if it is very long: how a name stands in a sentence. */
export function quoted(word: string): string {
  return `'${word.length > 100 ? `${word.slice(0, 100)}…` : word}'`
}

/** `'a', 'b' and 'c'`; of a long list, the first ten and how many more there are. */
export function listed(words: readonly string[]): string {
  if (words.length === 0) return 'none'
  const shown = words.slice(0, 10).map(quoted)
  if (words.length > 10) shown.push(`${words.length - 10} more`)
  const last = shown.pop() as string
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}
