// Guards: a control message from outside becomes a fresh record of known fields, or a coded error that names the field.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import {
  parseSupervisorMessage,
  parseToSupervisor,
  parseToWorker,
  parseWorkerMessage,
  slotWishes,
  type SlotsMessage,
  type SupervisorMessage,
  type ToWorker,
  type WorkerMessage,
} from '../../src/cluster/messages.js'

const slot = (port: number) => ({ supervisor: 's1', port })
const running = { port: 6700, topology: 't-1-2', since: 1, incarnation: 1, state: 'running', restarts: 0 } as const
const hello: SupervisorMessage = {
  kind: 'hello',
  protocol: 1,
  version: '0.1.0',
  supervisor: 's1',
  host: 'h',
  slots: [6700],
  incarnation: 3,
  session: 'f00',
  running: [running],
}
const assignment = {
  topology: 't-1-2',
  generation: 4,
  workers: [6701, 6700].map((port) => ({
    slot: slot(port),
    host: 'h',
    executors: [[port, port] as const],
    since: port - 6699,
  })),
}
const topology = {
  id: 't-1-2',
  number: 1,
  name: 't',
  artefact: 'a'.repeat(64),
  args: ['x'],
  cwd: '/',
  options: { workers: 2 },
  ackers: 1,
  tasks: { a: 2 },
  executors: { a: 1 },
}
const slots: SlotsMessage = {
  kind: 'slots',
  fence: 1,
  version: 1,
  wishes: [
    {
      topology,
      assignment,
      isActive: true,
      linkKey: 'bGluaw==',
      controlKeys: [
        { port: 6701, key: 'Mg==' },
        { port: 6700, key: 'MQ==' },
      ],
    },
  ],
}
const workerBeat: WorkerMessage = {
  kind: 'heartbeat',
  isReady: true,
  isActive: true,
  isExhausted: false,
  pending: 3,
  uptimeMs: 1.5,
  rssBytes: 1,
  heapBytes: 1,
  loopLagMs: 0.25,
  components: [
    {
      component: 'a',
      outputs: [{ stream: 'default', emitted: 1, transferred: 1, acked: 1, failed: 0 }],
      inputs: [{ component: 'b', stream: 'default', executed: 1, acked: 1, failed: 0 }],
      executeLatency: { count: 1, sumMs: 0.5, buckets: [0, 1] },
      user: { seen: 2 },
    },
  ],
  errors: [{ component: 'a', task: 1, message: 'no', atMs: 5 }],
}

/** Runs a parser; a refusal by its code and message. */
function parsed(parse: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return parse(value)
  } catch (error) {
    if (!(error instanceof StormError)) throw error
    return `${error.code}: ${error.message}`
  }
}

describe('messages', () => {
  const whole: [string, (value: unknown) => unknown, unknown][] = [
    ['hello of a supervisor', parseSupervisorMessage, hello],
    ['heartbeat of a supervisor', parseSupervisorMessage, { kind: 'heartbeat', running: [running] }],
    ['log chunk', parseSupervisorMessage, { kind: 'logChunk', request: 1, from: 0, bytes: Uint8Array.of(1), size: 1 }],
    ['slots', parseToSupervisor, slots],
    ['heartbeat of a worker', parseWorkerMessage, workerBeat],
    [
      'topology',
      parseToWorker,
      { kind: 'topology', fence: 1, assignment, status: 'ACTIVE', isActive: true } satisfies ToWorker,
    ],
  ]
  for (const [name, parse, message] of whole) {
    test(`kept: ${name} as it is, in a fresh object`, () => {
      expect(parse(message)).toEqual(message)
      expect(parse(message)).not.toBe(message)
    })
    test(`kept: ${name} without what nobody knows`, () => {
      const extra = JSON.parse('{"__proto__": {"port": 1}, "constructor": 1, "surprise": 2}') as object
      const result = parse({ ...(message as object), ...extra }) as object
      expect(result).toEqual(message)
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
    })
  }

  const refused: [string, (value: unknown) => unknown, unknown, RegExp][] = [
    ['nothing', parseWorkerMessage, undefined, /^BAD_MESSAGE: A message of a worker is not as expected.*got undefined/],
    ['another kind', parseWorkerMessage, { kind: 'slots' }, /^BAD_MESSAGE: .*at 'kind'.*got 'slots'/],
    ['a negative count', parseWorkerMessage, { ...workerBeat, pending: -1 }, /at 'pending': .*got -1/],
    ['a count that is no number', parseWorkerMessage, { ...workerBeat, pending: NaN }, /at 'pending'/],
    [
      'a state that is none',
      parseSupervisorMessage,
      { kind: 'heartbeat', running: [{ ...running, state: 'fine' }] },
      /at 'running\.0\.state'.*got 'fine'/,
    ],
    [
      'a hash that is none',
      parseToSupervisor,
      { ...slots, wishes: [{ ...slots.wishes[0], topology: { ...topology, artefact: '../x' } }] },
      /at 'wishes\.0\.topology\.artefact': a SHA-256/,
    ],
    [
      'too many errors',
      parseWorkerMessage,
      { ...workerBeat, errors: Array(101).fill(workerBeat.errors[0]) },
      /at 'errors'.*an array of 101/,
    ],
    [
      'another protocol',
      parseSupervisorMessage,
      { kind: 'salve', protocol: 2, version: '9.0.0' },
      /^PROTOCOL_MISMATCH: .*protocol 2 \(storm-ts '9\.0\.0'\), this process 1/,
    ],
  ]
  for (const [name, parse, value, expected] of refused) {
    test(`refused: ${name}`, () => expect(parsed(parse, value)).toMatch(expected))
  }

  test('junk: never anything but a message or a coded error', () => {
    const parsers = [parseSupervisorMessage, parseToSupervisor, parseWorkerMessage, parseToWorker]
    const kinds = fc.constantFrom('hello', 'heartbeat', 'slots', 'topology', 'logChunk', 'refused', 'welcome')
    fc.assert(
      fc.property(fc.anything(), kinds, (junk, kind) => {
        for (const parse of parsers) {
          parsed(parse, junk)
          if (typeof junk === 'object') parsed(parse, { ...junk, kind })
        }
      }),
    )
  })

  test('wishes: one for each slot of the supervisor, by port, with its own key', () => {
    const wishes = slotWishes(slots, 's1')
    expect(wishes.map(({ slot, worker, controlKey }) => [slot.port, worker.since, controlKey])).toEqual([
      [6700, 1, 'MQ=='],
      [6701, 2, 'Mg=='],
    ])
    expect(slotWishes(slots, 's2')).toEqual([])
  })
})
