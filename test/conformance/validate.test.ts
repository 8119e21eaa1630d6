// Guards: what Apache Storm refuses is refused, by the same kind of check; what it accepts is accepted, D2 apart.
import { afterAll, describe, expect, test } from 'vitest'
import { InvalidTopologyError, type ErrorCode } from '../../src/errors.js'
import { TopologyBuilder } from '../../src/topology/builder.js'
import type { BoltHandle } from '../../src/topology/handle.js'
import type { Stream, Streams } from '../../src/topology/stream.js'
import { bolt, handmade, spout } from '../topology/components.js'
import { Tally, readVectors } from './vectors.js'

type Step = 'builder' | 'createTopology' | 'validateBasic' | 'validateStructure' | 'submit'

interface ComponentLine {
  readonly id: string
  readonly kind: 'spout' | 'bolt'
  readonly parallelism: number | null
  readonly streams: readonly { readonly id: string; readonly fields: readonly string[]; readonly direct: boolean }[]
  readonly subscriptions: readonly {
    readonly component: string
    readonly stream: string
    readonly grouping: 'shuffle' | 'localOrShuffle' | 'none' | 'all' | 'global' | 'direct' | 'fields' | 'partialKey'
    readonly fields?: readonly string[]
  }[]
}
interface Line {
  readonly case: number
  readonly input: { readonly components: readonly ComponentLine[] }
  readonly output: { readonly accepted: boolean; readonly refusedBy: Step | null }
}

/** Codes of ours by the step of Storm's that looks for the same. */
const codesByStep: Readonly<Record<Exclude<Step, 'submit'>, readonly ErrorCode[]>> = {
  builder: ['DUPLICATE_ID', 'INVALID_PARALLELISM'],
  createTopology: ['DUPLICATE_FIELD'],
  validateBasic: ['RESERVED_ID'],
  validateStructure: ['UNKNOWN_COMPONENT', 'UNKNOWN_STREAM', 'UNKNOWN_FIELD'],
}

const tally = new Tally('validate', 'D2')
afterAll(() => console.log(String(tally)))

describe('validate', () => {
  for (const line of readVectors<Line>('validate')) {
    const { components } = line.input
    test(`as Storm: line ${line.case}`, () => {
      const codes = codesOf(components)
      if (!line.output.accepted) {
        tally.asStorm()
        // An object of streams cannot hold two of one name: that is refused by the compiler (test/types/refused.ts).
        if (components.some(({ streams }) => hasTwice(streams.map(({ id }) => id)))) return
        const step = line.output.refusedBy as Exclude<Step, 'submit'>
        expect(codes.filter((code) => codesByStep[step].includes(code))).not.toEqual([])
        return
      }
      const stricter = stricterThanStorm(components)
      if (stricter.length > 0) tally.departs(stricter.map(([rule]) => rule).join(' and '))
      else tally.asStorm()
      for (const [rule, code] of stricter) expect(codes, rule).toContain(code)
      expect(codes.filter((code) => !stricter.some(([, own]) => own === code))).toEqual([])
    })
  }
})

/** The codes of all problems of a topology so declared; none if it is accepted. */
function codesOf(components: readonly ComponentLine[]): readonly ErrorCode[] {
  const builder = new TopologyBuilder()
  for (const { id, kind, parallelism, streams, subscriptions } of components) {
    const outputs = Object.fromEntries(streams.map(({ id, fields, direct }) => [id, handmade(fields, direct)]))
    if (kind === 'spout') builder.setSpout(id, spout(outputs), parallelism ?? undefined)
    else {
      const handle = builder.setBolt(id, bolt(outputs), parallelism ?? undefined)
      for (const subscription of subscriptions) subscribe(handle, subscription)
    }
  }
  try {
    builder.createTopology()
    return []
  } catch (error) {
    if (!(error instanceof InvalidTopologyError)) throw error
    return error.problems.map(({ code }) => code)
  }
}

function subscribe(handle: BoltHandle<object, Streams>, line: ComponentLine['subscriptions'][number]): void {
  const { component, stream, grouping, fields = [] } = line
  switch (grouping) {
    case 'fields':
      return void handle.fieldsGrouping(component, fields, stream)
    case 'partialKey':
      return void handle.partialKeyGrouping(component, fields, stream)
    default:
      return void handle[`${grouping}Grouping`](component, stream)
  }
}

/** What Storm lets pass and D2 refuses, found in the declarations alone: in words, and our code for it. */
function stricterThanStorm(components: readonly ComponentLine[]): (readonly [string, ErrorCode])[] {
  const found = new Map<string, ErrorCode>()
  if (components.length === 0) found.set('no component', 'NO_COMPONENT')
  else if (components.every(({ kind }) => kind === 'bolt')) found.set('no spout', 'NO_SPOUT')
  if (components.some(({ id }) => id === '')) found.set('an empty id', 'EMPTY_ID')
  for (const { subscriptions } of components) {
    if (hasTwice(subscriptions.map(({ component, stream }) => `${component}\0${stream}`))) {
      found.set('two subscriptions to one stream', 'DUPLICATE_SUBSCRIPTION')
    }
    for (const { component, stream, grouping, fields } of subscriptions) {
      const source = components.find(({ id }) => id === component)
      const declared: Stream | undefined = source?.streams.find(({ id }) => id === stream)
      if (source === undefined) found.set("the engine's own components", 'UNKNOWN_COMPONENT')
      else if (declared === undefined) found.set("the engine's own streams", 'UNKNOWN_STREAM')
      else if (declared.direct !== (grouping === 'direct')) found.set('direct and plain mixed', 'DIRECT_MISMATCH')
      if (fields?.length === 0) found.set('grouping by no field', 'NO_GROUPING_FIELDS')
      if (declared !== undefined && fields?.some((field) => !declared.fields.includes(field))) {
        found.set('fields of other streams', 'UNKNOWN_FIELD')
      }
    }
  }
  return [...found]
}

const hasTwice = (words: readonly string[]) => new Set(words).size < words.length
