// Guards: what a slot does next follows from what is wanted, what is there and the time; it never has two processes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRng } from '../../src/stdx/rng.js'
import { afterFailure, noRestarts, type Restarts } from '../../src/supervisor/restarts.js'
import {
  acted,
  adoptedSlot,
  decide,
  emptySlot,
  ended,
  isSame,
  launched,
  launching,
  looked,
  paused,
  reportOf,
  type SlotAction,
  type SlotLimits,
  type SlotState,
  type Work,
  type WorkerProcess,
} from '../../src/supervisor/slots.js'

const limits: SlotLimits = { startMs: 120_000, hungMs: 10_000, stopMs: 3_000, rssBytesMax: 1_000 * 2 ** 20 }
const work: Work = { topology: 'words-1-1', since: 3 }
const moved: Work = { topology: 'words-1-1', since: 4 }
const other: Work = { topology: 'other-2-1', since: 3 }
const mark = { pid: 4_711, startTime: 'boot:1' }
const middle = { uint32: () => 0, below: (limit: number) => Math.floor(limit / 2) }

const empty = emptySlot(6_700, 6)
const preparing = acted(empty, { kind: 'start', reason: '' }, work, 0)
const starting = launched(launching(preparing), mark, 0)
const preparingLong = looked(starting, { beat: 1, isReady: false, rssBytes: 50 }, 119_000, limits)
const running = looked(starting, { beat: 1, isReady: true, rssBytes: 50 }, 1_000, limits)
const told = (action: SlotAction, atMs: number) => acted(running, action, undefined, atMs)
const terminated = told({ kind: 'stop', signal: 'SIGTERM', reason: 'gone' }, 2_000)
const killed = acted(terminated, { kind: 'stop', signal: 'SIGKILL', reason: 'gone' }, undefined, 5_000)
const fat = [2, 3, 4].reduce(
  (slot, beat) => looked(slot, { beat, isReady: true, rssBytes: 2 ** 31 }, beat * 1_000, limits),
  running,
)
const failedOnce = ended(running, { reason: 'it exited with 1' }, 2_000, middle)
const failedTwice = ended(
  launched(launching(acted(failedOnce, { kind: 'start', reason: '' }, work, 2_000)), mark, 2_000),
  { reason: 'it exited with 1' },
  2_100,
  middle,
)

const hopeless = [0, 1, 2].reduce(
  (slot) =>
    ended(acted(slot, { kind: 'start', reason: '' }, work, 0), { reason: 'no', code: 'X', isOfSlot: true }, 5, middle),
  empty,
)

describe('slots', () => {
  const keep = (reason: string, untilMs?: number) => ({
    kind: 'keep',
    reason,
    ...(untilMs === undefined ? {} : { untilMs }),
  })
  const gone = 'nothing is wanted here any more'
  const cases: [string, Work | undefined, SlotState, number, object][] = [
    ['nothing wanted, nothing there', undefined, empty, 0, keep('nothing is wanted here')],
    ['wanted, nothing there', work, empty, 0, { kind: 'start', reason: 'it is wanted' }],
    ['its artefact is fetched', work, preparing, 9, keep('its artefact is fetched')],
    ['unwanted while its artefact is fetched', undefined, preparing, 9, { kind: 'abandon', reason: gone }],
    [
      'another one wanted while its artefact is fetched',
      other,
      preparing,
      9,
      { kind: 'abandon', reason: 'the slot is given to other-2-1' },
    ],
    ['being started', work, launching(preparing), 9, keep('its process is being started')],
    ['unwanted while being started', undefined, launching(preparing), 9, keep('its process is being started')],
    ['not ready yet', work, starting, 119_999, keep('it is starting', 120_000)],
    [
      'not ready in time',
      work,
      starting,
      120_000,
      {
        kind: 'stop',
        signal: 'SIGKILL',
        reason: 'it gave no sign of life for 120000 ms while it started',
        code: 'WORKER_START_TIMEOUT',
      },
    ],
    ['not ready, but alive', work, preparingLong, 150_000, keep('it is starting', 239_000)],
    ['running as wanted', work, running, 10_999, keep('it runs', 11_000)],
    [
      'without heartbeat for too long',
      work,
      running,
      11_000,
      { kind: 'stop', signal: 'SIGKILL', reason: 'its loop stood still for 10000 ms', code: 'WORKER_HUNG' },
    ],
    ['after a pause of the supervisor', work, paused(running, 60_000), 61_000, keep('it runs', 71_000)],
    ['unwanted', undefined, running, 2_000, { kind: 'stop', signal: 'SIGTERM', reason: gone }],
    [
      'its executors changed',
      moved,
      running,
      2_000,
      { kind: 'stop', signal: 'SIGTERM', reason: 'its executors are others since generation 4' },
    ],
    [
      'the slot changed hands',
      other,
      running,
      2_000,
      { kind: 'stop', signal: 'SIGTERM', reason: 'the slot is given to other-2-1' },
    ],
    ['told to end', undefined, terminated, 4_999, keep('gone', 5_000)],
    ['does not end', undefined, terminated, 5_000, { kind: 'stop', signal: 'SIGKILL', reason: 'gone' }],
    ['wanted again while it ends', work, terminated, 4_999, keep('gone', 5_000)],
    ['killed', undefined, killed, 9_999, keep('gone', 10_000)],
    ['killed and still there', undefined, killed, 10_000, { kind: 'stop', signal: 'SIGKILL', reason: 'gone' }],
    [
      'too much memory',
      work,
      fat,
      4_500,
      {
        kind: 'stop',
        signal: 'SIGTERM',
        reason: 'it took 2048 MiB of memory, and may take 1000 MiB',
        code: 'OOM',
      },
    ],
    ['failed for the first time', work, failedOnce, 2_000, { kind: 'start', reason: 'it exited with 1' }],
    ['failed for the second time', work, failedTwice, 2_599, keep('it exited with 1', 2_600)],
    ['failed, and its pause is over', work, failedTwice, 2_600, { kind: 'start', reason: 'it exited with 1' }],
    ['failed, and another is wanted', moved, failedTwice, 2_100, { kind: 'start', reason: 'it is wanted' }],
    ['failed, and nothing is wanted', undefined, failedTwice, 2_100, keep('nothing is wanted here')],
  ]
  test.each(cases)('slots: next: %s', (_, wish, slot, nowMs, action) => {
    expect(decide(wish, slot, nowMs, limits)).toEqual(action)
  })

  const base = { port: 6_700, topology: 'words-1-1', since: 3, incarnation: 7, restarts: 0 }
  const reports: [string, Work | undefined, SlotState, object | undefined][] = [
    ['nothing', undefined, empty, undefined],
    ['preparing', work, preparing, { ...base, incarnation: 6, state: 'starting' }],
    ['starting', work, starting, { ...base, pid: 4_711, state: 'starting' }],
    ['running', work, running, { ...base, pid: 4_711, state: 'running', rssBytes: 50 }],
    ['running, while another is wanted', other, running, { ...base, pid: 4_711, state: 'running', rssBytes: 50 }],
    ['stopping', other, terminated, { ...base, pid: 4_711, state: 'stopping', rssBytes: 50, reason: 'gone' }],
    [
      'failed',
      work,
      failedTwice,
      { ...base, incarnation: 8, state: 'backoff', restarts: 2, reason: 'it exited with 1' },
    ],
    [
      'failed for good',
      work,
      hopeless,
      { ...base, incarnation: 6, state: 'failed', restarts: 3, reason: 'no', code: 'X' },
    ],
    [
      'failed for good, and tried all the same',
      work,
      acted(hopeless, { kind: 'start', reason: '' }, work, 9_000),
      { ...base, incarnation: 6, state: 'starting', restarts: 3, reason: 'no', code: 'X' },
    ],
  ]
  test.each(reports)('slots: report: %s', (_, wish, slot, report) => {
    expect(reportOf(slot, wish)).toEqual(report)
  })

  test('slots: a code of the end that was asked for wins over how the process ended', () => {
    const hung = acted(running, decide(work, running, 11_000, limits), work, 11_000)
    const after = ended(hung, { reason: 'it was killed by SIGKILL' }, 11_005, middle)
    expect(after.restarts.last).toEqual({ reason: 'its loop stood still for 10000 ms', code: 'WORKER_HUNG' })
    expect(after.restarts.dueAtMs).toBe(11_005)
  })

  test('slots: an end that was told is no failure', () => {
    const after = ended(terminated, { reason: 'it exited with 0' }, 2_500, middle)
    expect(after).toEqual({ ...empty, incarnation: 7 })
  })

  test('slots: an adopted worker is kept, and judged by its next heartbeats', () => {
    const adopted = adoptedSlot(6_700, { work, incarnation: 7, mark }, 5_000)
    expect(decide(work, adopted, 5_000, limits).kind).toBe('keep')
    const seen = looked(adopted, { beat: 900, isReady: true, rssBytes: 1 }, 5_100, limits)
    expect(reportOf(seen, work)?.state).toBe('running')
    // The same number again is no heartbeat.
    const again = looked(seen, { beat: 900, isReady: true, rssBytes: 1 }, 9_000, limits)
    expect(decide(work, again, 15_100, limits)).toMatchObject({ kind: 'stop', code: 'WORKER_HUNG' })
  })
})

describe('restarts', () => {
  const failure = { reason: 'it exited with 1' }
  const delays = (count: number, rng = middle) => {
    let restarts: Restarts = noRestarts
    return Array.from({ length: count }, () => {
      restarts = afterFailure(restarts, { failure, readyMs: 0, nowMs: 0 }, rng)
      return restarts.dueAtMs
    })
  }

  test('restarts: at once, then half a second, doubling to thirty', () => {
    expect(delays(10)).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  test('restarts: jitter is a tenth either way, and never beyond thirty seconds', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        delays(9, seededRng(seed)).forEach((ms, index) => {
          const plain = delays(9)[index] as number
          expect(ms).toBeGreaterThanOrEqual(0.9 * plain)
          expect(ms).toBeLessThanOrEqual(Math.min(30_000, 1.1 * plain))
        })
      }),
    )
  })

  test('restarts: a healthy minute begins anew', () => {
    const many = Array.from({ length: 7 }).reduce<Restarts>(
      (restarts) => afterFailure(restarts, { failure, readyMs: 59_999, nowMs: 100 }, middle),
      noRestarts,
    )
    expect(many).toMatchObject({ failures: 7, isLooping: true, count: 7, dueAtMs: 16_100 })
    const healthy = afterFailure(many, { failure, readyMs: 60_000, nowMs: 200 }, middle)
    expect(healthy).toMatchObject({ failures: 1, isLooping: false, count: 8, dueAtMs: 200, endsAtMs: [200] })
  })

  test('restarts: five ends within a minute are a loop, spread wider they are none', () => {
    const after = (everyMs: number) =>
      [1, 2, 3, 4, 5].reduce<Restarts>(
        (restarts, n) => afterFailure(restarts, { failure, readyMs: 0, nowMs: n * everyMs }, middle),
        noRestarts,
      ).isLooping
    expect(after(15_000)).toBe(true)
    expect(after(15_001)).toBe(false)
  })

  test('restarts: who must wait does so from the first time on', () => {
    const fenced = { reason: 'it is superseded', mustWait: true }
    expect(afterFailure(noRestarts, { failure: fenced, readyMs: 0, nowMs: 0 }, middle).dueAtMs).toBe(500)
  })
})

describe('slots: any history', () => {
  type Step =
    | { do: 'wish'; work: Work | undefined }
    | { do: 'wait'; ms: number }
    | { do: 'beat'; isReady: boolean }
    | { do: 'die' | 'prepared' | 'not prepared' | 'launched' | 'not launched' }
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('wish' as const), work: fc.constantFrom(undefined, work, moved, other) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40_000) }),
    fc.record({ do: fc.constant('beat' as const), isReady: fc.boolean() }),
    fc.record({
      do: fc.constantFrom(
        'die' as const,
        'prepared' as const,
        'not prepared' as const,
        'launched' as const,
        'not launched' as const,
      ),
    }),
  )

  /** A slot with the machine that it is on: what really runs is known here, not only what the slot thinks. */
  class Rig {
    slot = emptySlot(6_700, 0)
    wish: Work | undefined
    nowMs = 0
    beat = 0
    isAlive = false
    signals = 0
    readonly rng = seededRng(7)
    readonly #numbers: number[] = []

    settle() {
      for (let turns = 0; ; turns++) {
        if (turns === 5) throw new Error('a slot does not come to rest')
        const action = decide(this.wish, this.slot, this.nowMs, limits)
        if (action.kind === 'keep') return action
        if (action.kind === 'stop') this.#judgeStop(action)
        this.slot = acted(this.slot, action, this.wish, this.nowMs)
      }
    }

    #judgeStop(action: Extract<SlotAction, { kind: 'stop' }>) {
      const process = this.slot.occupant as WorkerProcess
      if (process.kind !== 'process') throw new Error('a signal to nobody')
      const isSound = isSame(process.work, this.wish) && process.ending === undefined
      // One that does what is wanted is signalled for a fault of its own only.
      if (isSound && action.code === undefined) throw new Error(`a signal to a sound worker: ${action.reason}`)
      this.signals++
    }

    do(step: Step) {
      const kind = this.slot.occupant.kind
      switch (step.do) {
        case 'wish':
          this.wish = step.work
          break
        case 'wait':
          this.nowMs += step.ms
          break
        case 'beat':
          this.beat++
          this.slot = looked(this.slot, { beat: this.beat, isReady: step.isReady, rssBytes: 1 }, this.nowMs, limits)
          break
        case 'die':
          if (kind !== 'process') break
          this.isAlive = false
          this.slot = ended(this.slot, { reason: 'it died' }, this.nowMs, this.rng)
          break
        case 'prepared': {
          this.#numbers.push(this.slot.incarnation)
          this.slot = launching(this.slot)
          if (kind === 'preparing' && this.#numbers.includes(this.slot.incarnation)) throw new Error('a number twice')
          break
        }
        case 'not prepared':
          if (kind === 'preparing') this.slot = ended(this.slot, { reason: 'no', isOfSlot: true }, this.nowMs, this.rng)
          break
        case 'launched':
          if (kind !== 'launching') break
          if (this.isAlive) throw new Error('two processes')
          this.isAlive = true
          this.slot = launched(this.slot, mark, this.nowMs)
          break
        case 'not launched':
          if (kind === 'launching') this.slot = ended(this.slot, { reason: 'no', isOfSlot: true }, this.nowMs, this.rng)
          break
      }
      this.settle()
    }
  }

  test('slots: any history: never two processes, and who is wanted and well is never signalled', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rig = new Rig()
        for (const one of steps) rig.do(one)
      }),
      { numRuns: 10_000 },
    )
  })

  test('slots: any history: then left alone, it comes to what is wanted', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(undefined, work, moved), (steps, wish) => {
        const rig = new Rig()
        for (const one of steps) rig.do(one)
        rig.do({ do: 'wish', work: wish })
        // From here on everything works: what is asked for happens, who is told to end does.
        for (let turn = 0; turn < 12; turn++) {
          const { occupant } = rig.slot
          if (occupant.kind === 'preparing') rig.do({ do: 'prepared' })
          else if (occupant.kind === 'launching') rig.do({ do: 'launched' })
          else if (occupant.kind === 'process' && occupant.ending) rig.do({ do: 'die' })
          else if (occupant.kind === 'process') rig.do({ do: 'beat', isReady: true })
          else rig.do({ do: 'wait', ms: Math.max(0, Math.min(30_000, (rig.settle().untilMs ?? 0) - rig.nowMs)) })
        }
        const { occupant } = rig.slot
        expect(occupant.kind).toBe(wish === undefined ? 'nobody' : 'process')
        if (occupant.kind === 'process') expect(occupant).toMatchObject({ work: wish, ending: undefined })
        // And there it stays, unsignalled, as long as its heart beats.
        const { signals } = rig
        for (let turn = 0; turn < 5; turn++) {
          rig.do({ do: 'wait', ms: 9_000 })
          rig.do({ do: 'beat', isReady: true })
        }
        expect(rig.signals).toBe(signals)
        expect(rig.slot.occupant.kind).toBe(occupant.kind)
      }),
      { numRuns: 10_000 },
    )
  })
})
