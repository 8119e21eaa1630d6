// Guards: whatever an untyped caller gives, only errors with a code come out, and never a TypeError of ours.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import { TopologyBuilder } from '../../src/topology/builder.js'
import { checkName } from '../../src/topology/check-name.js'
import { basicBolt } from '../../src/topology/component.js'
import { checkOptions } from '../../src/topology/options.js'
import { checkValues, stream, t } from '../../src/topology/stream.js'
import { specOf } from '../../src/topology/topology.js'
import { bolt, spout } from './components.js'

class DoNotLook extends Error {}
/** An object that throws whenever it is looked at. */
const fail = (): never => {
  throw new DoNotLook()
}
const thrower = new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail })
const Word = stream({ word: t.string })

// By name, as fast-check looks into the values that it hands out.
const special: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  '-0': -0,
  '1e9': 1e9,
  '': '',
  __x: '__x',
  a: 'a',
  b: 'b',
  default: 'default',
  "['word']": ['word'],
  '[thrower]': [thrower],
  '[symbol]': [Symbol('y')],
  symbol: Symbol('x'),
  thrower,
  '() => thrower': () => thrower,
  '() => undefined': () => undefined,
  'throws thrower': () => {
    // oxlint-disable-next-line typescript/only-throw-error -- users do
    throw thrower
  },
  'a promise': async () => undefined,
  'a class': DoNotLook,
  'a bolt': bolt({ default: Word }),
  'a spout': spout({ default: Word }),
  'a bolt with thrower for outputs': () => ({ execute() {}, outputs: thrower }),
  'a spout with thrower for a stream': () => ({ nextTuple() {}, outputs: { default: thrower } }),
  'a bolt whose outputs throw': () => Object.defineProperty({ execute() {} }, 'outputs', { get: fail }),
  'a bolt whose input is thrower': () => ({ execute() {}, '~input': thrower }),
  stream: Word,
  outputs: { default: Word },
  'no stream': { fields: [1], direct: true },
  'fields that are thrower': { a: thrower },
  'id a': { id: 'a' },
  'id thrower': { id: thrower },
  options: { workers: 1 },
  hooks: { taskHooks: [thrower] },
}
const junk = fc
  .anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  })
  .map((value) => ({ value }))
const values = fc.oneof(
  junk,
  fc.constantFrom(...Object.keys(special)).map((name) => ({ special: name })),
)
const valueOf = (made: { value?: unknown } | { special: string }) =>
  'special' in made ? special[made.special] : made.value

const groupings = [
  'shuffle',
  'localOrShuffle',
  'fields',
  'partialKey',
  'all',
  'global',
  'none',
  'direct',
  'custom',
].map((kind) => `${kind}Grouping`)
const steps = fc.array(
  fc.record({
    verb: fc.constantFrom('setSpout', 'setBolt', 'tasks', 'set', 'tick', ...groupings),
    args: fc.array(values, { maxLength: 4 }),
    // Sources are most often what they should be, or nothing behind them would be tried.
    usesHandle: fc.boolean(),
  }),
  { maxLength: 8 },
)

/** Runs it, and takes an error for an answer only if it has a code, or is the caller's own of a type that is named. */
function onlyStormErrors(call: () => unknown, own?: typeof DoNotLook): void {
  try {
    call()
  } catch (error) {
    if (own !== undefined && error instanceof own) return
    expect(error).toBeInstanceOf(StormError)
    expect(typeof (error as StormError).message).toBe('string')
  }
}

type Verbs = Record<string, (...args: unknown[]) => Verbs>

describe('junk', () => {
  test('builder: any calls with any arguments', () => {
    fc.assert(
      fc.property(steps, fc.array(values, { maxLength: 1 }), values, (calls, name, options) => {
        onlyStormErrors(() => {
          const builder = new TopologyBuilder(...(name.map(valueOf) as [string?]))
          const verbs = builder as unknown as Verbs
          let handle = verbs['setSpout']?.('a', spout({ default: Word }))
          for (const { verb, args, usesHandle } of calls) {
            const target = verb.startsWith('set') && verb !== 'set' ? verbs : handle
            const result = target?.[verb]?.(...(usesHandle ? [handle, ...args.map(valueOf)] : args.map(valueOf)))
            if (verb === 'setBolt' || verb === 'setSpout') handle = result
          }
          builder.createTopology(valueOf(options) as object)
        })
      }),
      { numRuns: 10_000 },
    )
  })

  const single: Record<string, (value: unknown, other: unknown) => unknown> = {
    'stream(…)': (value, other) => stream(value as never, other as never),
    'basicBolt(…)': (value) => basicBolt(value as never)(),
    'basicBolt({…})': (value, other) => basicBolt({ input: value, outputs: other, execute() {} } as never)(),
    'specOf(…)': (value) => specOf(value as never),
    'checkName(…)': (value) => checkName(value),
    'checkOptions(…)': (value) => checkOptions(value, 'of the topology'),
    'checkValues(…)': (value) => checkValues(Word, value),
  }
  for (const [name, call] of Object.entries(single)) {
    test(`calls: any argument: ${name}`, () => {
      fc.assert(
        fc.property(values, values, (value, other) =>
          onlyStormErrors(() => call(valueOf(value), valueOf(other)), DoNotLook),
        ),
        { numRuns: 2_000 },
      )
    })
  }
})
