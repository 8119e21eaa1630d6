// Guards the rules of the ledger that a reader wants to see one by one, and its bounds.
import { describe, expect, test } from 'vitest'
import { IdGenerator } from '../../src/acker/ids.js'
import { AckLedger, Verdict } from '../../src/acker/ledger.js'
import { seededRng } from '../../src/stdx/rng.js'

/** A transcript of steps on one root, `verb number: what it gave`, run and written anew with what it gave now. */
function told(transcript: string): string {
  const ledger = new AckLedger({ entriesMax: 100 })
  const lines = transcript.split(', ').map((line) => {
    const step = line.split(':')[0] as string
    const [verb, number] = step.split(' ')
    const value = Number(number)
    if (verb === 'rotate') return `rotate: ${ledger.rotate()}`
    let verdict: Verdict = Verdict.none
    if (verb === 'init') verdict = ledger.init(7, -7, value, value << 8, 3, 44)
    if (verb === 'ack') verdict = ledger.ack(7, -7, value, value << 8)
    if (verb === 'fail') verdict = ledger.fail(7, -7, value)
    if (verb === 'reset') verdict = ledger.resetTimeout(7, -7)
    if (verdict === Verdict.none) return step
    expect([ledger.spoutTask, ledger.pendingSlot]).toEqual([3, 44])
    if (verdict === Verdict.failed) return `${step}: failed ${ledger.reason}`
    return `${step}: ${verdict === Verdict.acked ? 'acked' : 'refreshed'}`
  })
  return lines.join(', ')
}

describe('ledger: in order', () => {
  const cases: [name: string, transcript: string][] = [
    ['one tuple', 'init 5, ack 5: acked'],
    ['two tuples', 'init 6, ack 5, ack 3: acked'],
    ['an ack overtakes the init', 'ack 5, init 5: acked'],
    ['a fail overtakes the init', 'fail 2, init 5: failed 2'],
    ['a reset overtakes the init', 'reset, init 5, ack 5: acked'],
    ['a reset is forwarded', 'init 5, reset: refreshed, ack 5: acked'],
    ['the first reason counts', 'fail 9, fail 2, init 5: failed 9'],
    ['zero wins over failed', 'fail 9, ack 5, init 5: acked'],
    ['acked once', 'init 5, ack 5: acked, ack 5, fail 1'],
    ['failed once', 'init 5, fail 1: failed 1, fail 1, ack 5'],
    ['a second init is ignored', 'init 5, init 5, ack 5: acked'],
    ['another init is ignored', 'init 5, init 6, ack 6, ack 6, ack 5: acked'],
    ['an ack told twice is no ack', 'init 6, ack 5, ack 5, ack 3, rotate: 0, rotate: 0, rotate: 1'],
    ['an ack told three times is one', 'init 6, ack 5, ack 5, ack 5, ack 3: acked'],
    ['a late ack is forgotten', 'init 5, ack 5: acked, ack 9, rotate: 0, rotate: 0, rotate: 1'],
    ['forgotten at the third rotation', 'init 5, rotate: 0, rotate: 0, rotate: 1, ack 5'],
    ['acked before the third rotation', 'init 5, rotate: 0, rotate: 0, ack 5: acked, rotate: 0'],
    ['init and ack do not lengthen that', 'ack 5, rotate: 0, init 6, rotate: 0, ack 9, rotate: 1'],
    ['a reset does', 'init 5, rotate: 0, rotate: 0, reset: refreshed, rotate: 0, rotate: 0, ack 5: acked'],
    ['a fail does', 'fail 1, rotate: 0, rotate: 0, fail 2, rotate: 0, rotate: 0, init 5: failed 1'],
  ]
  for (const [name, transcript] of cases) {
    test(name, () => {
      expect(told(transcript)).toBe(transcript)
    })
  }
})

test('ledger: an init with no tuples: acked at once, and nothing is held', () => {
  const ledger = new AckLedger({ entriesMax: 1 })
  expect(ledger.init(1, 1, 0, 0, 8, 9)).toBe(Verdict.acked)
  expect([ledger.spoutTask, ledger.pendingSlot, ledger.size]).toEqual([8, 9, 0])
})

test('ledger: repeated inits: counted, those of another owner apart', () => {
  const ledger = new AckLedger({ entriesMax: 10 })
  ledger.init(1, 1, 5, 5, 8, 9)
  ledger.init(1, 1, 5, 5, 8, 9)
  ledger.init(1, 1, 5, 5, 8, 10)
  ledger.init(1, 1, 5, 5, 7, 9)
  expect([ledger.repeatedInits, ledger.conflictingInits]).toEqual([3, 2])
  expect(ledger.ack(1, 1, 5, 5)).toBe(Verdict.acked)
  expect([ledger.spoutTask, ledger.pendingSlot]).toEqual([8, 9])
})

test('ledger: wrong use of its own caller: stops the process', () => {
  expect(() => new AckLedger({ entriesMax: 0 })).toThrow('its own rule')
  expect(() => new AckLedger({ entriesMax: 1, cells: 4 })).toThrow('its own rule')
  const ledger = new AckLedger({ entriesMax: 1 })
  expect(() => ledger.init(1, 1, 1, 1, -1, 0)).toThrow('its own rule')
  expect(() => ledger.init(1, 1, 1, 1, 2 ** 26 - 1, 0)).toThrow('its own rule')
  expect(() => ledger.fail(1, 1, 0)).toThrow('its own rule')
  expect(() => ledger.fail(1, 1, 16)).toThrow('its own rule')
})

describe('ledger: at the bound', () => {
  test('unknown roots are refused and counted, known ones are not; nothing is acked that was not', () => {
    const ledger = new AckLedger({ entriesMax: 2 })
    ledger.init(1, 0, 5, 5, 0, 0)
    ledger.ack(2, 0, 7, 7)
    expect([ledger.ack(3, 0, 5, 5), ledger.fail(4, 0, 1), ledger.resetTimeout(5, 0)]).toEqual([0, 0, 0])
    expect([ledger.refused, ledger.size]).toEqual([3, 2])
    expect(ledger.init(2, 0, 7, 7, 0, 0)).toBe(Verdict.acked)
    expect(ledger.ack(1, 0, 5, 5)).toBe(Verdict.acked)
  })

  test('inits are recorded up to twice the bound; the tree of a refused one times out', () => {
    const ledger = new AckLedger({ entriesMax: 2 })
    ledger.ack(1, 0, 1, 1)
    ledger.ack(2, 0, 1, 1)
    for (const root of [3, 4, 5]) expect(ledger.init(root, 0, root, root, 0, root)).toBe(Verdict.none)
    expect([ledger.size, ledger.refused]).toEqual([4, 1])
    expect(ledger.ack(3, 0, 3, 3)).toBe(Verdict.acked)
    expect(ledger.ack(5, 0, 5, 5)).toBe(Verdict.none)
    for (let turn = 0; turn < 3; turn++) ledger.rotate()
    expect(ledger.size).toBe(0)
  })

  test('a million acks for random roots: the trees of the spouts go on', () => {
    const ledger = new AckLedger({ entriesMax: 1000 })
    const ids = new IdGenerator(seededRng(1))
    let acked = 0
    for (let i = 0; i < 1_000_000; i++) {
      ids.next()
      ledger.ack(ids.lo, ids.hi, i, ~i)
      if (i % 1000 !== 0) continue
      ledger.init(i, 0, 9, 9, 1, 1)
      if (ledger.ack(i, 0, 9, 9) === Verdict.acked) acked++
    }
    expect([acked, ledger.size, ledger.refused]).toEqual([1000, 1000, 999_000])
  })
})

test('ledger: a million open roots take 64 MiB at most', () => {
  const before = process.memoryUsage().arrayBuffers
  const ledger = new AckLedger({ entriesMax: 1_000_000, cells: 2 ** 21 })
  const ids = new IdGenerator(seededRng(1))
  for (let slot = 0; slot < 1_000_000; slot++) {
    ids.next()
    ledger.init(ids.lo, ids.hi, ids.hi, ids.lo, 1, slot)
  }
  // The table was made for them and not doubled: what it takes is what it took from the start.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThanOrEqual(64 * 2 ** 20)
  const again = new IdGenerator(seededRng(1))
  let acked = 0
  for (let slot = 0; slot < 1_000_000; slot++) {
    again.next()
    if (ledger.ack(again.lo, again.hi, again.hi, again.lo) === Verdict.acked && ledger.pendingSlot === slot) acked++
  }
  expect([acked, ledger.size]).toEqual([1_000_000, 0])
})
