// Guards: a bolt written as a value is a basic bolt like one written as a class; `create` runs once a task.
import { describe, expect, test } from 'vitest'
import { StormError } from '../../src/errors.js'
import {
  BasicBolt,
  basicBolt,
  isBasicBolt,
  type BasicCollector,
  type TopologyContext,
} from '../../src/topology/component.js'
import { stream, t } from '../../src/topology/stream.js'
import type { Tuple } from '../../src/topology/tuple.js'

const Word = stream({ word: t.string })
const context = { component: 'count' } as TopologyContext
const tuple = { values: { word: 'a' } } as Tuple<{ word: string }>

describe('basicBolt', () => {
  test('outputs: one stream stands for the default stream', () => {
    expect(basicBolt({ input: Word, outputs: Word, execute() {} })().outputs).toEqual({ default: Word })
    expect(basicBolt({ input: Word, outputs: { a: Word }, execute() {} })().outputs).toEqual({ a: Word })
    expect(basicBolt({ input: Word, execute() {} })().outputs).toEqual({})
  })

  test('create: once a task, in prepare, with the context; each task has a state of its own', () => {
    const seen: unknown[] = []
    const factory = basicBolt({
      input: Word,
      outputs: stream({ n: t.number }),
      create(given) {
        let n = 0
        seen.push(given)
        return (_, out) => void out.emit({ n: ++n })
      },
    })
    const emitted: unknown[] = []
    const out = { emit: (values: unknown) => emitted.push(values) } as unknown as BasicCollector<never>
    const [a, b] = [factory(), factory()]
    for (const bolt of [a, b]) void bolt.prepare?.(context)
    expect(seen).toEqual([context, context])
    for (const bolt of [a, a, b]) void bolt.execute(tuple, out)
    expect(emitted).toEqual([{ n: 1 }, { n: 2 }, { n: 1 }])
  })

  test('execute: called per tuple, and a promise is handed on', async () => {
    const bolt = basicBolt({ input: Word, execute: async ({ values }) => void values.word })()
    void bolt.prepare?.(context)
    await expect(bolt.execute(tuple, {} as never)).resolves.toBeUndefined()
  })

  test('methods: this is the definition', () => {
    const def = {
      input: Word,
      seen: 0,
      execute() {
        this.seen++
      },
    }
    void basicBolt(def)().execute(tuple, {} as never)
    expect(def.seen).toBe(1)
  })

  test('mark: basic bolts of every copy of the package are known, other bolts are not', () => {
    expect(isBasicBolt(basicBolt({ input: Word, execute() {} })())).toBe(true)
    expect(isBasicBolt({ execute() {} })).toBe(false)
    class OfAnotherCopy {
      execute() {}
    }
    Object.defineProperty(OfAnotherCopy.prototype, Symbol.for('storm-ts.BasicBolt'), { value: true })
    expect(isBasicBolt(new OfAnotherCopy())).toBe(true)
  })

  test('class: outputs on the prototype are not hidden by the base class', () => {
    class Getter extends BasicBolt {
      override execute() {}
    }
    Object.defineProperty(Getter.prototype, 'outputs', { get: () => ({ default: Word }) })
    expect(new Getter().outputs).toEqual({ default: Word })
  })

  const junk: Record<string, unknown> = {
    nothing: undefined,
    'neither create nor execute': { input: Word },
    both: { input: Word, create() {}, execute() {} },
    'no function': { input: Word, execute: 1 },
  }
  for (const [name, def] of Object.entries(junk)) {
    test(`refused: ${name}`, () => {
      expect(() => basicBolt(def as never)).toThrow(StormError)
    })
  }

  test('refused: a create that returns no function, naming the component', () => {
    const bolt = basicBolt({ input: Word, create: (() => Promise.resolve()) as never })()
    expect(() => bolt.prepare?.(context)).toThrow(/basic bolt 'count' returned an object of class Promise/)
  })
})
