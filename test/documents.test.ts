// Guards the pages of docs/ that repeat what the code knows: they say the same.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.js'
import { checkOptions, resolveOptions } from '../src/topology/options.js'

const page = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')

/** The rows of a page's tables whose first cell is a word in backticks, by that word. */
function rowsOf(path: string): Map<string, string[]> {
  const rows = [...page(path).matchAll(/^\| `([\w]+)` \|(.*)\|$/gm)]
  return new Map(rows.map((match) => [match[1] ?? '', (match[2] ?? '').split('|').map((cell) => cell.trim())]))
}

describe('documents', () => {
  const rows = rowsOf('docs/options.md')
  const defaults = resolveOptions()

  test('options: the page has each, and no other', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(defaults).sort())
  })

  test('options: what each takes, its default, and whose own it may be', () => {
    const said = Object.fromEntries([...rows].map(([key, [takes, usual, , own]]) => [key, { takes, usual, own }]))
    const known = Object.keys(defaults).map((key) => {
      // A symbol fits no option: the refusal tells what would.
      const refusal = checkOptions({ [key]: Symbol('x') }, '')[0]?.message ?? ''
      const own = (['spout', 'bolt'] as const).filter(
        (place) => !/ is for /.test(checkOptions({ [key]: Symbol('x') }, '', place)[0]?.message ?? ''),
      )
      const usual = defaults[key]
      // Where there is no default, the page says in words what holds then.
      const isPlain = typeof usual === 'number' || typeof usual === 'boolean'
      const words = isPlain ? String(usual) : said[key]?.usual
      return [key, { takes: /; (.*) is expected\.$/.exec(refusal)?.[1], usual: words, own: own.join(', ') }] as const
    })
    expect(said).toEqual(Object.fromEntries(known))
  })

  test('errors: each code of the page is one, with the sentence of the code', () => {
    const explained = rowsOf('docs/errors.md')
    const said = Object.fromEntries([...explained].map(([code, [meaning]]) => [code, meaning]))
    expect(said).toEqual({ ...errorCodes })
  })
})
