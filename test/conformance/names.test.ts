// Guards: the names of topologies that Apache Storm refuses are refused, the others accepted, D5 apart.
import { afterAll, describe, expect, test } from 'vitest'
import { checkName } from '../../src/topology/check-name.js'
import { Tally, readVectors } from './vectors.js'

interface Line {
  readonly case: number
  readonly input: { readonly name: string }
  readonly output: { readonly accepted: boolean }
}

const tally = new Tally('names', 'D5')
afterAll(() => console.log(String(tally)))

describe('names', () => {
  for (const { case: number, input, output } of readVectors<Line>('names')) {
    test(`as Storm: line ${number}`, () => {
      const departure = output.accepted ? departureOf(input.name) : undefined
      if (departure === undefined) tally.asStorm()
      else tally.departs(departure)
      expect(checkName(input.name)?.code).toBe(output.accepted && departure === undefined ? undefined : 'BAD_NAME')
    })
  }
})

/** Why a name that Storm takes is refused here. */
function departureOf(name: string): string | undefined {
  if (name.startsWith('-')) return "no '-' at the beginning"
  if (name.startsWith(' ') || name.endsWith(' ')) return 'no space at the ends'
  if ([...name].length > 128) return 'no more than 128 characters'
  return undefined
}
