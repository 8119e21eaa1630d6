// Guards "a text that is known is the text of the bytes, whatever came before in its cell".
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KnownTexts } from '../../src/wire/known-texts.js'
import { nodeText } from '../../src/wire/node-text.js'
import { plainText } from '../../src/wire/text.js'

/** Few enough to come again, and names that an object takes for something else among them. */
const pool = [
  '',
  'a',
  'b',
  'the',
  '__proto__',
  'constructor',
  '0',
  '12',
  '-1',
  'é',
  'ÿþ',
  'x'.repeat(64),
  'x'.repeat(65),
]

for (const [name, text] of [
  ['node', nodeText()],
  ['plain', plainText()],
] as const) {
  test(`known texts, ${name}: what comes out is what the bytes say, at every coming`, () => {
    const any = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)), maxLength: 70 })
    const texts = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: any }))
    fc.assert(
      fc.property(texts, fc.nat(9), (sequence, before) => {
        const known = new KnownTexts(text)
        for (const expected of [...sequence, ...sequence, ...sequence]) {
          const bytes = Buffer.from(`${'.'.repeat(before)}${expected}!`, 'latin1')
          expect(known.of(bytes, before, before + expected.length)).toBe(expected)
        }
      }),
      { numRuns: 500 },
    )
  })
}

test('known texts: two that share a cell take turns', () => {
  const known = new KnownTexts(nodeText())
  const seen = new Set<string>()
  // More than there are cells: some of them share one.
  const many = Array.from({ length: 3_000 }, (_, n) => `w${n}`)
  for (let round = 0; round < 3; round++) {
    for (const word of many) {
      const bytes = Buffer.from(word, 'latin1')
      const got = known.of(bytes, 0, bytes.length)
      expect(got).toBe(word)
      seen.add(got)
    }
  }
  expect(seen.size).toBe(many.length)
})
