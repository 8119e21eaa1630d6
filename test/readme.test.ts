// Guards the README itself: what it shows compiles as it stands, and prints what it says.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build/readme')
const run = promisify(execFile)

interface Block {
  readonly kind: string
  readonly text: string
}

/** The fenced blocks of a page, in order. `ts run` marks a program; the `text` block after it is what it prints. */
function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map((match) => ({
    kind: match[1] ?? '',
    text: match[2] ?? '',
  }))
}

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = blocksOf(readme)
const programs = blocks.flatMap((block, index) => {
  const next = blocks[index + 1]
  return block.kind === 'ts run' ? [{ text: block.text, prints: next?.kind === 'text' ? next.text : '' }] : []
})

/** Compiles programs as files of the project. */
async function compile(texts: readonly string[]): Promise<{ code: number; stdout: string }> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = texts.map((text, index) => {
    writeFileSync(join(folder, `program-${index + 1}.ts`), text)
    return `program-${index + 1}.ts`
  })
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', include: [], files, compilerOptions: { noUnusedLocals: false } }),
  )
  return run(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: root }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  )
}

describe('readme', () => {
  test('programs: there are some', () => {
    expect(programs.length).toBeGreaterThanOrEqual(2)
    expect(blocks.filter(({ kind }) => /^(ts|js|typescript)$/.test(kind))).toEqual([])
  })

  test('programs: the first is word count in thirty lines', () => {
    expect(programs[0]?.text.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  })

  test('programs: they compile under the strict settings', async () => {
    expect(await compile(programs.map(({ text }) => text))).toEqual({ code: 0, stdout: '' })
  })

  test('programs: one with a misspelt field would not compile', async () => {
    const misspelt = programs[0]?.text.replace(`(words, ['word'])`, `(words, ['wrod'])`) ?? ''
    const { code, stdout } = await compile([misspelt])
    expect(code).toBe(1)
    expect(stdout).toContain('wrod')
  })

  programs.forEach(({ text, prints }, index) => {
    test(`programs: number ${index + 1} prints what the page says`, async () => {
      const out = join(folder, `run-${index + 1}.mjs`)
      await build({
        stdin: { contents: text, loader: 'ts', resolveDir: root },
        alias: { 'storm-ts': join(root, 'src/index.ts'), 'storm-ts/testing': join(root, 'src/testing/index.ts') },
        bundle: true,
        format: 'esm',
        platform: 'node',
        target: 'node20',
        outfile: out,
        logLevel: 'silent',
      })
      const { stdout } = await run(process.execPath, [out], { cwd: root })
      expect(stdout).toBe(prints)
    })
  })

  test('commands: the two on top are the ones promised', () => {
    const first = blocks.find(({ kind }) => kind === 'sh')?.text ?? ''
    expect(first).toContain('npm ci && npm run --silent wordcount -- README.md')
    expect(first).toContain('npm ci && npm test')
  })

  test('commands: each script that the page names is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const named = [...readme.matchAll(/npm (?:run (?:--silent )?([\w:]+)|(test)\b)/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    )
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})
