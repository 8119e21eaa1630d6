// Guards: each row of docs/bad-input.md is shown by a test that is there, and names codes that are there.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs/bad-input.md'), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (What goes wrong|---)/.test(line))
  .map((line) => line.slice(2, -2).split(' | '))

/** A line that names a test, or a case in a table of them; not a comment, not the body of one. */
const isNaming = (line: string) => /^ *(test[^'"`]*|\]\)\(|\[+(\[|\\')*)?['"`]/.test(line)

test('rows: three cells each, and many', () => {
  expect(rows.length).toBeGreaterThan(60)
  for (const cells of rows) expect(cells).toHaveLength(3)
})

test.each(rows.map(([what, , pointer]) => [what, pointer] as const))('shown: %s', (_, pointer) => {
  const [, file, words] = /^`(.+?)`: (.+)$/.exec(pointer ?? '') ?? []
  expect(file).toMatch(/\.test\.ts$/)
  const path = join(root, 'test', file ?? '')
  expect(existsSync(path)).toBe(true)
  const lines = readFileSync(path, 'utf8').split('\n')
  expect(lines.filter((line) => line.includes(words ?? '') && isNaming(line))).not.toEqual([])
})

test('codes: those it names are codes of errors.md', () => {
  const known = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  const named = new Set(page.match(/`[A-Z][A-Z_]{4,}`/g))
  expect([...named].filter((code) => !known.includes(code))).toEqual([])
})
