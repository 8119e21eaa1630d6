// Guards: who is held while an inbox is full: those who feed it, and never a member of a cycle by another.
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt } from 'storm-ts'
import { specOf } from '../../src/topology/topology.js'
import { heldFor } from '../../src/worker/holding.js'
import { Num, source } from '../local/world.js'

/** A topology of these bolts, each with those it reads. */
function specFor(bolts: Record<string, readonly string[]>) {
  const builder = new TopologyBuilder('held')
  builder.setSpout('s', source().spout)
  for (const [id, sources] of Object.entries(bolts)) {
    const bolt = builder.setBolt(id, basicBolt({ input: Num, outputs: Num, execute() {} }))
    for (const from of sources) bolt.shuffleGrouping(from)
  }
  return specOf(builder.createTopology())
}

describe('holding', () => {
  test.each<[string, Record<string, readonly string[]>, Record<string, readonly string[]>]>([
    ['chain', { a: ['s'], b: ['a'], c: ['b'] }, { a: ['s'], b: ['a'], c: ['b'] }],
    ['diamond', { a: ['s'], b: ['s'], c: ['a', 'b'] }, { a: ['s'], b: ['s'], c: ['a', 'b'] }],
    ['self-loop', { a: ['s', 'a'], b: ['a'] }, { a: ['s'], b: ['a'] }],
    ['ring of three', { a: ['s', 'c'], b: ['a'], c: ['b'] }, { a: ['s'], b: ['s'], c: ['s'] }],
    [
      'two rings in a row',
      { a: ['s', 'b'], b: ['a'], c: ['b', 'd'], d: ['c'] },
      { a: ['s'], b: ['s'], c: ['b'], d: ['b'] },
    ],
    [
      'ring with two ways in',
      { a: ['s', 'b'], b: ['a', 's', 'x'], x: ['s'] },
      { a: ['s', 'x'], b: ['s', 'x'], x: ['s'] },
    ],
  ])('%s: holds those who feed it from outside', (_, bolts, held) => {
    const spec = specFor(bolts)
    const got = Object.fromEntries(Object.keys(bolts).map((id) => [id, [...heldFor(spec, id)].toSorted()]))
    expect(got).toEqual(held)
  })
})
