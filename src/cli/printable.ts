/**
 * A text from outside as it may stand on a terminal: control characters, and those that turn the direction of writing, are
 * shown as what they are. Tabs and line ends stay if `lines` may.
 */
export function printable(text: string, keep: 'nothing' | 'lines' = 'nothing'): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu, (character) => {
    if (keep === 'lines' && (character === '\n' || character === '\t')) return character
    return `\\u{${(character.codePointAt(0) as number).toString(16)}}`
  })
}
