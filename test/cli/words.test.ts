// Guards "what is typed is read once, with types and bounds, and what is shown cannot harm a terminal".
import { describe, expect, test } from 'vitest'
import type { Terminal } from '../../src/cli/terminal.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { durationText, readDuration } from '../../src/cli/duration.js'
import { exitCodeOf } from '../../src/cli/exit-codes.js'
import { readGivenOptions } from '../../src/cli/given-options.js'
import { LogSource } from '../../src/cli/log-source.js'
import { printable } from '../../src/cli/printable.js'
import { StatusLine } from '../../src/cli/status-line.js'
import { table } from '../../src/cli/table.js'

describe('duration', () => {
  test.each([
    ['10', 10_000],
    ['0', 0],
    ['0.5', 500],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['168h', 604_800_000],
  ])('%s is %d ms', (text, ms) => {
    expect(readDuration(text, '-w')).toBe(ms)
  })

  test.each(['', '-5', 'NaN', '1e99', '5 parsecs', '169h', '0x10', '1_000', '5 5', '٣', 'Infinity', '10d'])(
    'refused: %j',
    (text) => {
      expect(() => readDuration(text, '-w')).toThrow(
        expect.objectContaining({
          code: 'INVALID_DURATION',
          message: expect.stringContaining('such as 500ms, 30s, 5m or 1h') as string,
        }),
      )
    },
  )

  test('told for people', () => {
    expect([900, 59_999, 60_000, 3_600_000, 90_000_000].map(durationText)).toEqual([
      '900 ms',
      '59 s',
      '1 m 0 s',
      '1 h 0 m',
      '1 d 1 h',
    ])
  })
})

describe('given options', () => {
  const read = (...config: string[]) => readGivenOptions({ config, workers: undefined })

  test.each([
    ['messageTimeoutMs=30000', { messageTimeoutMs: 30_000 }],
    ['messageTimeoutMs=30s', { messageTimeoutMs: 30_000 }],
    ['topology.message.timeout.secs=30', { messageTimeoutMs: 30_000 }],
    ['topology.tick.tuple.freq.secs=2', { tickMs: 2_000 }],
    ['topology.max.spout.pending=5', { maxSpoutPending: 5 }],
    ['topology.acker.executors=0', { ackers: 0 }],
    ['freeze=true', { freeze: true }],
    ['broker=localhost:9092', { broker: 'localhost:9092' }],
    ['broker=', { broker: '' }],
    ['query=a=b', { query: 'a=b' }],
    ['list=[1,"two"]', { list: [1, 'two'] }],
    ['zip=01234', { zip: '01234' }],
    ['account=12345678901234567890', { account: '12345678901234567890' }],
    ['text="12"', { text: '12' }],
    ['nothing=null', { nothing: null }],
  ])('%s', (text, options) => {
    expect(read(text)).toEqual(options)
  })

  test('the last one wins, and -n is workers', () => {
    expect(read('workers=2', 'topology.workers=3')).toEqual({ workers: 3 })
    expect(readGivenOptions({ config: ['workers=2'], workers: '4' })).toEqual({ workers: 4 })
  })

  test.each([
    ['workers=0', /'workers' given on the command line is 0; a whole number of 1 to 1000/],
    ['workers=two', /is 'two'; a whole number/],
    ['messageTimeoutMs=5 parsecs', /is '5 parsecs'; a whole number/],
    ['maxSpoutPendin=1', /Did you mean 'maxSpoutPending'/],
    ['topology.debug=true', /is Storm's and has no counterpart here/],
    ['__proto__={"a":1}', /'__proto__' is nobody's/],
  ])('INVALID_TOPOLOGY: %s', (text, says) => {
    expect(() => read(text)).toThrow(says)
  })

  test.each(['workers', '=1', ''])('BAD_USAGE: %j', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'BAD_USAGE' }))
  })
})

describe('exit codes', () => {
  test.each([
    ['UNKNOWN_COMMAND', undefined, 2],
    ['BUNDLE_FAILED', undefined, 3],
    ['UNAUTHENTICATED', 401, 4],
    ['UNREACHABLE', undefined, 5],
    ['ALREADY_RUNNING', 409, 6],
    ['TIMED_OUT', undefined, 7],
    ['INSECURE_FILE', undefined, 78],
    ['NOT_FOUND', 404, 1],
    ['SOMETHING_NEW', 409, 6],
    ['SOMETHING_NEW', 422, 3],
    ['SOMETHING_NEW', 500, 1],
    ['SOMETHING_NEW', undefined, 1],
  ] as const)('%s with status %s: %d', (code, status, exitCode) => {
    expect(exitCodeOf(code, status)).toBe(exitCode)
  })
})

describe('printable', () => {
  test('control characters and turns of direction are shown', () => {
    expect(printable('a\u001b[31mb\u0007\u202ec\n\td\u0085')).toBe('a\\u{1b}[31mb\\u{7}\\u{202e}c\\u{a}\\u{9}d\\u{85}')
    expect(printable('a\n\tb\r', 'lines')).toBe('a\n\tb\\u{d}')
    expect(printable('größe 漢字 👩‍👩‍👧')).toBe('größe 漢字 👩‍👩‍👧')
  })

  test('a table is aligned, numbers to the right, wide letters counted as two', () => {
    expect(
      table(
        ['name', 'n'],
        [
          ['漢字', '1'],
          ['a\nb', '20'],
        ],
      ),
    ).toBe('name      n\n漢字      1\na\\u{a}b  20\n')
    expect(table(['name', 'n'], [])).toBe('name  n\n')
  })
})

describe('status line', () => {
  const erase = '\r\u001b[K'

  function screen(isTerminal: boolean) {
    const clock = new VirtualClock()
    const said: string[] = []
    const listeners = new Set<(endsLine: boolean) => void>()
    const output = { write: (text: string) => void said.push(text), isTerminal, columns: 10, colors: {} }
    const onOut = (listener: (endsLine: boolean) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
    const terminal = { err: output, clock, onOut } as unknown as Terminal
    /** What is said since the last call. */
    const since = () => said.splice(0)
    const out = (text: string) => {
      for (const listener of listeners) listener(text.endsWith('\n'))
      said.push(text)
    }
    return { clock, status: new StatusLine(terminal), since, out, listeners }
  }

  test('in a pipe there are only lines', async () => {
    const { clock, status, since } = screen(false)
    status.show(() => 'under way')
    status.print('one')
    await clock.advance(1_000)
    status.end()
    expect(since()).toEqual(['one\n'])
  })

  test('on a terminal it is written over itself, below the lines, no longer than the screen is wide', async () => {
    const { clock, status, since } = screen(true)
    let count = 0
    status.show(() => `${++count} is under way`)
    expect(since()).toEqual([`${erase}1 is unde`])
    await clock.advance(200)
    expect(since()).toEqual([`${erase}2 is unde`])
    status.print('a line')
    expect(since()).toEqual([erase, 'a line\n', `${erase}3 is unde`])
    status.end()
    expect(since()).toEqual([erase])
    await clock.advance(1_000)
    expect(since()).toEqual([])
  })

  test("results on the same screen are not broken by it, nor written over before their line's end", async () => {
    const { clock, status, since, out, listeners } = screen(true)
    status.show(() => 'status')
    since()
    out('result\n')
    expect(since()).toEqual([erase, 'result\n'])
    await clock.advance(200)
    expect(since()).toEqual([`${erase}status`])
    out('half ')
    await clock.advance(400)
    out('a line\n')
    expect(since()).toEqual([erase, 'half ', 'a line\n'])
    status.end()
    expect(listeners.size).toBe(0)
  })
})

describe('log source', () => {
  const encode = (text: string) => new TextEncoder().encode(text)
  const make = () => new LogSource({ supervisor: 's', host: 'h', port: 1 })

  test('lines are whole, however the bytes come', () => {
    const text = '{"level":40,"time":5,"component":"count","task":3,"msg":"grüße","more":1}\nplain\n{"half":\n'
    const whole = encode(text)
    for (const step of [1, 2, 7, whole.length]) {
      const source = make()
      const lines = []
      for (let at = 0; at < whole.length; at += step)
        lines.push(...source.take({ from: at, bytes: whole.slice(at, at + step), size: whole.length }))
      expect(lines).toEqual([
        { timeMs: 5, level: 40, component: 'count', task: 3, message: 'grüße', fields: { more: 1 } },
        { timeMs: 0, level: 30, component: undefined, task: undefined, message: 'plain', fields: {} },
        { timeMs: 0, level: 30, component: undefined, task: undefined, message: '{"half":', fields: {} },
      ])
      expect([source.at, source.isBehind]).toEqual([whole.length, false])
    }
  })

  test('half a line at the beginning of the end is left out', () => {
    const source = make()
    expect(source.at).toBeLessThan(0)
    const lines = source.take({ from: 100, bytes: encode('lf a line\nsecond\n'), size: 117 })
    expect(lines.map(({ message }) => message)).toEqual(['second'])
  })

  test('a log that was begun anew is read from its start', () => {
    const source = make()
    source.take({ from: 0, bytes: encode('old\n'), size: 4 })
    expect(source.take({ from: 2, bytes: encode(''), size: 2 })).toEqual([])
    expect([source.at, source.isBehind]).toEqual([0, true])
    expect(source.take({ from: 0, bytes: encode('n\n'), size: 2 }).map(({ message }) => message)).toEqual(['n'])
  })

  test('it is behind until the end is there', () => {
    const source = make()
    source.take({ from: 0, bytes: encode('a\n'), size: 4 })
    expect(source.isBehind).toBe(true)
    source.take({ from: 2, bytes: encode('b\n'), size: 4 })
    expect(source.isBehind).toBe(false)
  })
})
