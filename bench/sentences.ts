/** What flows through T1 and T2. */
export const DATA = 'some data'

/** What flows through T3, cycled: the sentences of Storm's own ThroughputVsLatency. */
export const SENTENCES = [
  'the cow jumped over the moon',
  'an apple a day keeps the doctor away',
  'four score and seven years ago',
  'snow white and the seven dwarfs',
  'i am at two with nature',
] as const

const wordsBySentence = SENTENCES.map((sentence) => sentence.split(' '))
const wordsPerCycle = wordsBySentence.reduce((sum, words) => sum + words.length, 0)

/** How many words the n-th sentence of the endless cycle has, n from 0. */
export function wordCountOf(n: number): number {
  return wordsBySentence[n % SENTENCES.length]?.length ?? 0
}

/** How many sentences are complete once the first `words` words, in order, have arrived. */
export function sentencesIn(words: number): number {
  let sentences = Math.floor(words / wordsPerCycle) * SENTENCES.length
  let rest = words % wordsPerCycle
  for (const { length } of wordsBySentence) {
    if (rest < length) break
    rest -= length
    sentences += 1
  }
  return sentences
}

/** How often each word is in the first `sentences` sentences of the cycle; words that are in none are absent. */
export function wordTotals(sentences: number): Map<string, number> {
  const totals = new Map<string, number>()
  wordsBySentence.forEach((words, index) => {
    const times = Math.floor((sentences + SENTENCES.length - 1 - index) / SENTENCES.length)
    if (times === 0) return
    for (const word of words) totals.set(word, (totals.get(word) ?? 0) + times)
  })
  return totals
}

/** The n-th of any number of different words. */
export function keyOf(n: number): string {
  return `key-${n}`
}

/** As `wordTotals`, when the first `emitted` words are `keys` different ones, cycled. */
export function keyTotals(emitted: number, keys: number): Map<string, number> {
  const totals = new Map<string, number>()
  for (let n = 0; n < Math.min(keys, emitted); n += 1) totals.set(keyOf(n), Math.floor((emitted + keys - 1 - n) / keys))
  return totals
}
