// Guards: "one command counts the words of a real text": what it prints, what it says, and how it ends.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ended, Program, root, summaryOf } from './program.js'

const program = new Program()
beforeAll(() => program.build())
afterAll(() => program.remove())

/** Runs it on texts, which become files. Must end well. */
async function counted(texts: Readonly<Record<string, string | Uint8Array>>, ...options: string[]): Promise<string> {
  const names = Object.entries(texts).map(([name, content]) => program.text(name, content))
  const { code, stdout, stderr } = await program.run([...names, ...options])
  expect({ code, stderr: stderr.split('\n').length }).toEqual({ code: 0, stderr: 2 })
  return stdout
}

describe('wordcount: result', () => {
  test('wordcount: order: most frequent first, then by code units', async () => {
    const text = 'b a c\nb  a\tZ\n\n\uff5e 😀 é e 10 9\nb'
    expect(await counted({ order: text })).toBe('b\t3\na\t2\n10\t1\n9\t1\nZ\t1\nc\t1\ne\t1\né\t1\n😀\t1\n\uff5e\t1\n')
  })

  test('wordcount: words: whatever stands between white space, with its case', async () => {
    const text = '__proto__ constructor toString 1 -0 NaN "x" <b> a,b A a __proto__ null undefined'
    expect(await counted({ odd: text })).toBe(
      '__proto__\t2\n"x"\t1\n-0\t1\n1\t1\n<b>\t1\nA\t1\nNaN\t1\na\t1\na,b\t1\nconstructor\t1\nnull\t1\ntoString\t1\nundefined\t1\n',
    )
  })

  test('wordcount: words: six characters separate, others of Unicode do not', async () => {
    const text = 'a\tb\vc\fd\re f\r\ng\n\nno\u00a0break\u2003em\u2028line\u0085next\u3000wide\u001cfs'
    expect(await counted({ spaces: text })).toBe(
      'a\t1\nb\t1\nc\t1\nd\t1\ne\t1\nf\t1\ng\t1\nno\u00a0break\u2003em\u2028line\u0085next\u3000wide\u001cfs\t1\n',
    )
  })

  test('wordcount: bytes: a leading mark is dropped, what is not UTF-8 is U+FFFD', async () => {
    const mark = Buffer.from('\ufeff')
    const marked = Buffer.concat([mark, Buffer.from('a \ufeffb')])
    const broken = Buffer.concat([
      Buffer.from('x'),
      Buffer.of(0xff),
      Buffer.from(' '),
      Buffer.of(0xe2, 0x82, 0x20, 0xed, 0xa0, 0x80),
    ])
    expect(await counted({ marked, broken, again: marked })).toBe(
      'a\t2\n\ufeffb\t2\nx\ufffd\t1\n\ufffd\t1\n\ufffd\ufffd\ufffd\t1\n',
    )
  })

  test('wordcount: files: the end of one ends its last word and line', async () => {
    expect(await counted({ one: 'x y', two: 'z', empty: '', blank: ' \n\t\n', three: 'x\n' })).toBe(
      'x\t2\ny\t1\nz\t1\n',
    )
  })

  test('wordcount: files: none of them with a word', async () => {
    const names = [program.text('nothing', ''), program.text('newlines', '\n\n\n')]
    const { code, stdout, stderr } = await program.run([...names, '--json'])
    expect({ code, stdout, summary: summaryOf(stderr) }).toEqual({
      code: 0,
      stdout: '',
      summary: { lines: 3, acked: 3, failed: 0 },
    })
  })

  test('wordcount: files: one of them twice counts twice', async () => {
    program.text('twice', 'a b\n')
    expect((await program.run(['twice', 'twice'])).stdout).toBe('a\t2\nb\t2\n')
  })

  test('wordcount: files: one behind a link, one with a name like an option', async () => {
    symlinkSync('target', join(program.folder, 'link'))
    program.text('target', 'a')
    program.text('--json', 'b')
    expect((await program.run(['--', 'link', '--json'])).stdout).toBe('a\t1\nb\t1\n')
  })

  test('wordcount: --top: the n most frequent', async () => {
    const texts = { top: 'c a b b a c c d' }
    expect(await counted(texts, '--top', '2')).toBe('c\t3\na\t2\n')
    expect(await counted(texts, '--top=1')).toBe('c\t3\n')
    expect(await counted(texts, '--top', '99')).toBe('c\t3\na\t2\nb\t2\nd\t1\n')
  })

  test('wordcount: --json: an object a line', async () => {
    expect(await counted({ json: '"q" \\ "q" __proto__ \u2028 😀\u0001' }, '--json', '--top', '3')).toBe(
      '{"word":"\\"q\\"","count":2}\n{"word":"\\\\","count":1}\n{"word":"__proto__","count":1}\n',
    )
  })

  test('wordcount: standard input: alone, and among files', async () => {
    program.text('before', 'a b')
    expect(await program.run(['-'], 'x y\nx')).toMatchObject({ code: 0, stdout: 'x\t2\ny\t1\n' })
    expect(await program.run(['before', '-', 'before'], 'a\0')).toMatchObject({ stdout: 'a\t2\nb\t2\na\0\t1\n' })
    expect(await program.run(['-'], '')).toMatchObject({ code: 0, stdout: '' })
  })

  test('wordcount: long lines: words of one that is split bit by bit', async () => {
    const word = (i: number) => `w${i % 1_000}${'o'.repeat(i % 20)}`
    const expected = new Map<string, number>()
    for (let i = 0; i < 200_000; i++) expected.set(word(i), (expected.get(word(i)) ?? 0) + 1)
    const text = Array.from({ length: 200_000 }, (_, i) => word(i)).join(' ')
    const rows = (await counted({ long: `${text}\n${'l'.repeat(1_000_000)}` })).trimEnd().split('\n')
    expected.set('l'.repeat(1_000_000), 1)
    expect(new Map(rows.map((row) => [row.split('\t')[0] ?? '', Number(row.split('\t')[1])]))).toEqual(expected)
  })
})

describe('wordcount: summary', () => {
  test('wordcount: summary: the last line on standard error, and nothing before it', async () => {
    program.text('five', '1\n\n3\n4\n5')
    const { stderr } = await program.run(['five'])
    expect(summaryOf(stderr)).toEqual({ lines: 5, acked: 5, failed: 0 })
    expect(stderr.split('\n')).toHaveLength(2)
  })

  test.skipIf(spawnSync('script', ['--version']).status !== 0)(
    'wordcount: progress: a line on a terminal, taken off before the result',
    async () => {
      program.text('progress', 'some words of a text\n'.repeat(300_000))
      const command = `stty cols 120; '${process.execPath}' '${program.path}' progress`
      const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], { cwd: program.folder })
      const shown = stdout.split('\r\u001b[K')
      expect(shown[1]).toMatch(/^[\d,]+ tuples\/s · acked [\d,]+ · failed 0 · pending [\d,]+ · \d+\.\d s$/)
      const result = shown.at(-1) ?? ''
      expect(result.split('\r\n').slice(0, 5)).toEqual([
        'a\t300000',
        'of\t300000',
        'some\t300000',
        'text\t300000',
        'words\t300000',
      ])
      expect(summaryOf(result)).toEqual({ lines: 300_000, acked: 300_000, failed: 0 })
    },
  )
})

describe('wordcount: bad input', () => {
  beforeAll(() => {
    mkdirSync(join(program.folder, 'folder'))
    program.text('good', 'a')
    program.text('binary', `${'a'.repeat(65_535)}\0`)
    program.text('late-nul', `${'a'.repeat(65_536)}\0`)
    spawnSync('mkfifo', [join(program.folder, 'pipe')])
  })

  test.each([
    ['a file that is not there', ['good', 'gone'], "'gone' is not there."],
    ['a file below a file', ['good/x'], "'good/x' is not there: part of its path is a file."],
    ['an empty name', [''], "'' is not there."],
    ['a folder', ['folder', 'good'], "'folder' is a directory; name the files in it."],
    ['a named pipe', ['pipe'], "'pipe' is not a regular file; what comes through a pipe is read from '-'."],
    ['a device', ['/dev/zero'], "'/dev/zero' is not a regular file; what comes through a pipe is read from '-'."],
    ['a binary file', ['good', 'binary'], "'binary' is a binary file: there is a NUL in its first 64 KiB."],
    [
      'standard input twice',
      ['-', 'good', '-'],
      "standard input ('-') is named more than once, and can be read only once.",
    ],
    [
      '--top of nothing',
      ['good', '--top', '0'],
      "option '--top <n>' argument '0' is invalid. A whole number from 1 is expected.",
    ],
    [
      '--top of a part',
      ['good', '--top', '1.5'],
      "option '--top <n>' argument '1.5' is invalid. A whole number from 1 is expected.",
    ],
    [
      '--top of less than nothing',
      ['good', '--top=-1'],
      "option '--top <n>' argument '-1' is invalid. A whole number from 1 is expected.",
    ],
    [
      '--top of a word',
      ['--top', 'x', 'good'],
      "option '--top <n>' argument 'x' is invalid. A whole number from 1 is expected.",
    ],
    ['--top alone', ['good', '--top'], "option '--top <n>' argument missing"],
    ['a misspelt option', ['good', '--jsno'], "unknown option '--jsno' (Did you mean --json?)"],
    ['an unknown option', ['good', '-x'], "unknown option '-x'"],
    ['options without a file', ['--json'], "name at least one file, or '-' for standard input"],
  ])('wordcount: bad input: %s', async (_, args, sentence) => {
    expect(await program.run(args)).toEqual({ code: 2, stdout: '', stderr: `wordcount: ${sentence}\n` })
  })

  test.skipIf(process.getuid?.() === 0)('wordcount: bad input: a file that may not be read', async () => {
    spawnSync('chmod', ['0', join(program.folder, program.text('secret', 'a'))])
    expect(await program.run(['secret'])).toMatchObject({
      code: 2,
      stderr: "wordcount: 'secret' may not be read by this user.\n",
    })
  })

  test('wordcount: bad input: a folder as standard input', () => {
    const command = `'${process.execPath}' '${program.path}' - < .`
    const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: program.folder })
    expect([status, String(stderr)]).toEqual([2, "wordcount: standard input ('-') is a directory.\n"])
  })

  test('wordcount: bad input: nothing at all gets the usage', async () => {
    const { code, stdout, stderr } = await program.run([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: wordcount \[options\] FILE…/)
  })

  test('wordcount: --help: on standard output', async () => {
    const { code, stdout, stderr } = await program.run(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('--top <n>')
  })

  test('wordcount: a NUL after the first 64 KiB is a character', async () => {
    expect((await program.run(['late-nul'])).stdout).toBe(`${'a'.repeat(65_536)}\0\t1\n`)
  })
})

describe('wordcount: end', () => {
  test('wordcount: end: quiet when the reader of the result goes away', async () => {
    program.text('many', Array.from({ length: 100_000 }, (_, i) => `word${i}`).join('\n'))
    const child = program.start(['many'])
    child.stdout.once('data', () => child.stdout.destroy())
    const { code, stderr } = await ended(child)
    expect({ code, summary: summaryOf(stderr) }).toEqual({
      code: 0,
      summary: { lines: 100_000, acked: 100_000, failed: 0 },
    })
    expect(stderr.split('\n')).toHaveLength(2)
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('wordcount: end: by %s, with a summary and no result', async (signal, code) => {
    const child = program.start(['-'])
    child.stdin.write('a b\n'.repeat(10))
    // Standard input stays open; the signal is sent when it runs, which is when the pipe has been emptied.
    child.stdin.write('c\n'.repeat(1_000_000), () => child.kill(signal))
    const { stdout, stderr, ...end } = await ended(child)
    expect({ ...end, stdout }).toEqual({ code, stdout: '' })
    const { lines, acked } = summaryOf(stderr)
    expect(lines).toBeGreaterThanOrEqual(acked)
  })

  test('wordcount: the command of the README', async () => {
    const run = promisify(execFile)
    const { stdout, stderr } = await run('npm', ['run', '--silent', 'wordcount', '--', 'README.md', '--json'], {
      cwd: root,
    })
    const text = readFileSync(join(root, 'README.md'), 'utf8')
    const words = text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '')
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row) as { word: string; count: number })
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(words.length)
    expect(new Set(rows.map(({ word }) => word))).toEqual(new Set(words))
    const lines = text.split('\n').length - 1
    expect(summaryOf(stderr)).toEqual({ lines, acked: lines, failed: 0 })
  })
})
