// Guards: "fileSpout divides its lines among its tasks by position, replays what fails, and tells its end", and that its
// memory is bounded.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { fileSpout, fileSpoutFrom } from '../../src/spouts/file-spout.js'
import type { ByteSource, Files } from '../../src/spouts/files.js'
import { nodeFiles } from '../../src/spouts/node-files.js'
import { cut, Driven, filesOf, type Emission } from './driven.js'

type Line = { line: string }
const folder = mkdtempSync(join(tmpdir(), 'storm-ts-spouts-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const textsOf = (emitted: readonly Emission<Line>[]) => emitted.map(({ values }) => values.line)
const inMemory = (text: string | Uint8Array, chunkSize = 4) => filesOf({ f: cut(Buffer.from(text), chunkSize) })

/** What the lines of some files are, said the plain way. */
function linesOf(contents: readonly Uint8Array[]): string[] {
  return contents.flatMap((content) => {
    const bytes = content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf ? content.subarray(3) : content
    const lines: Uint8Array[] = []
    let from = 0
    bytes.forEach((byte, at) => {
      if (byte === 10) {
        lines.push(bytes.subarray(from, at))
        from = at + 1
      }
    })
    if (from < bytes.length) lines.push(bytes.subarray(from))
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return lines.map((line) => decoder.decode(line.at(-1) === 13 ? line.subarray(0, -1) : line))
  })
}

/** Bytes that are hard on a reader: newlines, returns, marks, letters of every length, and broken ones. */
const hardBytes = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('a', ' ', '\n', '\r\n', '\r', 'é', '€', '😀', '\u2028', '\0', 'long word'),
      },
      { weight: 1, arbitrary: fc.constant('\ufeff') },
      { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))))

describe('fileSpout', () => {
  test('fileSpout: lines: like a plain reader, however the bytes are cut and divided', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(hardBytes, { maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        async (contents, chunkSize, taskCount) => {
          const paths = contents.map((_, i) => `f${i}`)
          const files = filesOf(Object.fromEntries(contents.map((content, i) => [`f${i}`, cut(content, chunkSize)])))
          const expected = linesOf(contents)
          for (let taskIndex = 0; taskIndex < taskCount; taskIndex++) {
            const emitted = await new Driven<Line>(fileSpoutFrom(files, paths), { taskIndex, taskCount }).drain()
            const own = expected
              .map((line, id) => ({ values: { line }, id }))
              .filter(({ id }) => id % taskCount === taskIndex)
            expect(emitted).toEqual(own)
          }
          expect(files.openCount).toBe(0)
        },
      ),
      { numRuns: 10_000 },
    )
  })

  test('fileSpout: lines: of real files, in order, across the borders of reads', async () => {
    const wide = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${'é€😀'.repeat(i % 30)}`)
    const paths = [fileOf('wide', wide.join('\n')), fileOf('empty', ''), fileOf('narrow', 'x\r\n\r\ny')]
    const spout = new Driven<Line>(fileSpout(paths))
    expect(textsOf(await spout.drain())).toEqual([...wide, 'x', '', 'y'])
    await spout.close()
  })

  test.each([
    ['no newline at the end', 'a\nb', ['a', 'b']],
    ['newline at the end', 'a\nb\n', ['a', 'b']],
    ['nothing', '', []],
    ['one newline', '\n', ['']],
    ['a byte-order mark alone', '\ufeff', []],
    ['a byte-order mark, then a second one', '\ufeff\ufeffa', ['\ufeffa']],
    ['two carriage returns', 'a\r\r\nb\r', ['a\r', 'b']],
    ['a carriage return within', 'a\rb\n', ['a\rb']],
  ])('fileSpout: lines: %s', async (_, text, expected) => {
    for (const size of [1, 2, 100]) {
      const emitted = await new Driven<Line>(fileSpoutFrom(inMemory(text, size), ['f'])).drain()
      expect(textsOf(emitted)).toEqual(expected)
    }
  })

  test('fileSpout: promises: one per run of bytes, none per line', async () => {
    const lineCount = 100_000
    const path = fileOf('many', 'some ten bytes\n'.repeat(lineCount))
    const spout = new Driven<Line>(fileSpout([path]))
    expect(await spout.drain()).toHaveLength(lineCount)
    expect(spout.promises).toBeLessThan(12)
  })

  test('fileSpout: replay: what failed comes before new lines, first failed first', async () => {
    const spout = new Driven<Line>(fileSpoutFrom(inMemory('a\nb\nc\nd\n', 100), ['f']))
    for (let i = 0; i < 3; i++) await spout.next()
    spout.fail(2)
    spout.fail(0)
    await spout.next()
    await spout.next()
    await spout.drain()
    expect(textsOf(spout.emitted)).toEqual(['a', 'b', 'c', 'c', 'a', 'd'])
  })

  test('fileSpout: replay: an ack lets go of the line, a later fail of it is nothing', async () => {
    const spout = new Driven<Line>(fileSpoutFrom(inMemory('a\nb\n'), ['f']))
    await spout.next()
    spout.ack(0)
    spout.fail(0)
    spout.fail(77)
    await spout.next()
    expect(textsOf(spout.emitted)).toEqual(['a', 'b'])
  })

  test('fileSpout: replay: a failed line does not wait for input that is late', async () => {
    const { files, give } = slowFile()
    const spout = new Driven<Line>(fileSpoutFrom(files, ['-']))
    const first = spout.next()
    give('a\n')
    await first
    const waiting = spout.next()
    spout.fail(0)
    await waiting
    await spout.next()
    expect(textsOf(spout.emitted)).toEqual(['a', 'a'])
    const again = spout.next()
    give('b\nc\n')
    await again
    void spout.next()
    expect(textsOf(spout.emitted)).toEqual(['a', 'a', 'b', 'c'])
  })

  test.each(['deactivate', 'close'] as const)(
    'fileSpout: waiting: %s ends it, and nothing is emitted then',
    async (end) => {
      const { files, give } = slowFile()
      const spout = new Driven<Line>(fileSpoutFrom(files, ['-']))
      const waiting = spout.next()
      void spout[end]()
      await waiting
      give('a\n')
      await new Promise((resolve) => setImmediate(resolve))
      expect(spout.emitted).toEqual([])
    },
  )

  test('fileSpout: memory: reads no further while undecided lines are many', async () => {
    const files = inMemory('12345678\n'.repeat(100), 9)
    const spout = new Driven<Line>(fileSpoutFrom(files, ['f'], { heldCharsMax: 30 }))
    for (let i = 0; i < 50; i++) await spout.next()
    expect(spout.emitted).toHaveLength(4)
    expect(files.reads).toBeLessThan(7)
    expect(spout.exhausted).toBe(0)
    spout.fail(1)
    await spout.next()
    expect(spout.last?.id).toBe(1)
    spout.ack(0)
    await spout.next()
    await spout.next()
    expect(spout.emitted.map(({ id }) => id)).toEqual([0, 1, 2, 3, 1, 4])
  })

  test('fileSpout: memory: a line longer than the limit is refused by file and line, others pass it by', async () => {
    const files = filesOf({ a: cut(Buffer.from('x\n'), 3), b: cut(Buffer.from(`y\n${'z'.repeat(11)}\nw\n`), 3) })
    const limits = { lineBytesMax: 10 }
    const spout = new Driven<Line>(fileSpoutFrom(files, ['a', 'b'], limits))
    await spout.next()
    await spout.next()
    const told = "Line 2 of 'b' is longer than 10 bytes, the most that a line may have."
    for (let i = 0; i < 2; i++) {
      await expect(
        (async () => {
          await spout.next()
        })(),
      ).rejects.toMatchObject({ code: 'LINE_TOO_LONG', message: told })
    }
    await spout.close()
    const other = new Driven<Line>(fileSpoutFrom(files, ['a', 'b'], limits), { taskIndex: 1, taskCount: 2 })
    expect(textsOf(await other.drain())).toEqual(['y', 'w'])
    const whole = filesOf({ b: [Buffer.from(`y\n${'z'.repeat(11)}\n`)] })
    const atOnce = new Driven<Line>(fileSpoutFrom(whole, ['b'], limits))
    await atOnce.next()
    expect(() => atOnce.next()).toThrowError(expect.objectContaining({ code: 'LINE_TOO_LONG' }))
  })

  test('fileSpout: memory: room is made for each giant, once and when the one before it is decided', async () => {
    const giant = Buffer.concat([Buffer.alloc(20 * 2 ** 20, 'x'), Buffer.from('\n')])
    const chunks = cut(Buffer.concat([Buffer.from('a\n'), giant, giant, Buffer.from('b')]), 2 ** 20)
    const undecided = new Map<number, number>()
    const heldThen: number[] = []
    const makeRoom = () => void heldThen.push([...undecided.values()].reduce((sum, length) => sum + length, 0))
    const spout = new Driven<Line>(fileSpoutFrom({ ...filesOf({ f: chunks }), makeRoom }, ['f']))
    while (spout.exhausted === 0) {
      await spout.next()
      for (const { id, values } of spout.emitted.slice(-1)) undecided.set(id, values.line.length)
      // Asked once more before what it emitted is decided.
      await spout.next()
      for (const id of undecided.keys()) spout.ack(id)
      undecided.clear()
    }
    expect(heldThen).toEqual([1, 0])
    expect(textsOf(spout.emitted).map((line) => line.length)).toEqual([1, 20 * 2 ** 20, 20 * 2 ** 20, 1])
  })

  test('fileSpout: memory: a line of 64 MiB is one line', async () => {
    const path = fileOf('giant', Buffer.concat([Buffer.alloc(64 * 2 ** 20, 'abcdefg '), Buffer.from('\nend')]))
    const [giant, end] = textsOf(await new Driven<Line>(fileSpout([path])).drain())
    expect([giant?.length, giant?.slice(-16), end]).toEqual([64 * 2 ** 20, 'abcdefg abcdefg ', 'end'])
  })

  test('fileSpout: end: told again and again, taken back by a fail', async () => {
    const spout = new Driven<Line>(fileSpoutFrom(inMemory('a\n'), ['f']))
    await spout.next()
    await spout.next()
    await spout.next()
    await spout.next()
    expect(spout.exhausted).toBeGreaterThanOrEqual(1)
    const { exhausted } = spout
    spout.fail(0)
    await spout.next()
    expect([textsOf(spout.emitted), spout.exhausted]).toEqual([['a', 'a'], exhausted])
    await spout.next()
    expect(spout.exhausted).toBe(exhausted + 1)
  })

  test('fileSpout: end: no files, no lines', async () => {
    expect(await new Driven(fileSpout([])).drain()).toEqual([])
  })

  test('fileSpout: untracked: an ack that comes with the emit is taken', async () => {
    const spout = new Driven<Line>(fileSpoutFrom(inMemory('aaaa\nbbbb\ncccc\n', 100), ['f'], { heldCharsMax: 1 }))
    const { emit } = spout.out
    spout.out.emit = (values: never, id?: number) => {
      spout.ack(id as number)
      return emit(values, id)
    }
    for (let i = 0; i < 4; i++) await spout.next()
    expect(textsOf(spout.emitted)).toEqual(['aaaa', 'bbbb', 'cccc'])
  })
})

describe('fileSpout: bad input', () => {
  test('fileSpout: bad input: a file that is not there is told, and read when it comes', async () => {
    const path = join(folder, 'later')
    const spout = new Driven<Line>(fileSpout([path]))
    for (let i = 0; i < 2; i++) {
      await expect(spout.next()).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
        message: `The file '${path}' is not there.`,
      })
    }
    writeFileSync(path, 'here')
    expect(textsOf(await spout.drain())).toEqual(['here'])
  })

  test('fileSpout: bad input: a directory', async () => {
    const spout = new Driven<Line>(fileSpout([folder]))
    await expect(spout.next()).rejects.toMatchObject({
      code: 'NOT_A_REGULAR_FILE',
      message: `The file '${folder}' is a directory.`,
    })
    await spout.close()
  })

  test('fileSpout: bad input: a path below a file', async () => {
    const path = join(fileOf('file', 'x'), 'below')
    await expect(new Driven<Line>(fileSpout([path])).next()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  test('fileSpout: bad input: what the system says of it else', async () => {
    await expect(new Driven<Line>(fileSpout(['\0'])).next()).rejects.toMatchObject({ code: 'READ_FAILED' })
  })

  test('fileSpout: bad input: standard input and several tasks', () => {
    const open = () => new Driven<Line>(fileSpout(['-']), { taskIndex: 1, taskCount: 2 })
    expect(open).toThrowError("Component 'lines' reads standard input ('-') and has 2 tasks; it can have one only.")
    expect(open).toThrowError(expect.objectContaining({ code: 'STDIN_ONE_TASK' }))
  })

  test('fileSpout: bad input: standard input twice', () => {
    expect(() => fileSpout(['-', 'a', '-'])).toThrowError(expect.objectContaining({ code: 'STDIN_TWICE' }))
  })

  test('fileSpout: bad input: something that is no list of paths', () => {
    const bad = fileSpout as unknown as (paths: unknown) => unknown
    for (const paths of ['a.txt', undefined, [1], {}]) {
      expect(() => bad(paths)).toThrowError(expect.objectContaining({ code: 'BAD_PATHS' }))
    }
    expect(() => bad('a.txt')).toThrowError("fileSpout(…) takes a list of paths; it got 'a.txt'.")
  })
})

describe('node files', () => {
  test('node files: decoding: as a TextDecoder does, for any bytes', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    fc.assert(
      fc.property(fc.oneof(hardBytes, fc.uint8Array({ maxLength: 40 })), fc.nat(5), (bytes, start) => {
        expect(nodeFiles.text(bytes, start, bytes.length)).toBe(decoder.decode(bytes.subarray(start)))
      }),
      { numRuns: 10_000 },
    )
  })

  test('node files: closing: twice, and while a read is open', async () => {
    const source = await nodeFiles.open(fileOf('closed', 'x'.repeat(1_000_000)))
    const read = source.read()
    await Promise.all([source.close(), source.close()])
    await read.catch(() => undefined)
  })
})

/** One file that gives its bytes when the test does. */
function slowFile(): { files: Files; give: (text: string) => void } {
  const waiting: ((bytes: Uint8Array | undefined) => void)[] = []
  const given: Uint8Array[] = []
  const source: ByteSource = {
    read: () => {
      const bytes = given.shift()
      return bytes === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(bytes)
    },
    close: () => {
      waiting.shift()?.(undefined)
      return Promise.resolve()
    },
  }
  const give = (text: string) => {
    const resolve = waiting.shift()
    if (resolve === undefined) given.push(Buffer.from(text))
    else resolve(Buffer.from(text))
  }
  return { files: { open: () => Promise.resolve(source), text: nodeFiles.text.bind(nodeFiles) }, give }
}
