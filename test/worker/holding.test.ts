// Guards: who is held while an inbox is full: those who feed it, and never a member of a cycle by another.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TopologyBuilder, basicBolt } from 'storm-ts'
import { specOf } from '../../src/topology/topology.js'
import { heldByBolt } from '../../src/worker/holding.js'
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
    const heldBy = heldByBolt(specFor(bolts))
    const got = Object.fromEntries(Object.keys(bolts).map((id) => [id, [...heldBy.get(id)!].toSorted()]))
    expect(got).toEqual(held)
  })

  test('any graph: the same as going every way', () => {
    const graph = fc.array(fc.array(fc.nat(9), { maxLength: 4 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(graph, (lists) => {
        const names = ['s', ...lists.map((_, i) => `b${i}`)]
        const bolts = Object.fromEntries(
          lists.map((list, i) => [`b${i}`, [...new Set(['s', ...list.map((n) => names[n % names.length]!)])]]),
        )
        const upstream = (id: string, found = new Set<string>()): Set<string> => {
          for (const from of bolts[id] ?? []) {
            if (found.has(from)) continue
            found.add(from)
            upstream(from, found)
          }
          return found
        }
        const heldBy = heldByBolt(specFor(bolts))
        for (const id of Object.keys(bolts)) {
          const circle = new Set([id, ...[...upstream(id)].filter((other) => upstream(other).has(id))])
          const held = [...circle].flatMap((member) => bolts[member] ?? []).filter((from) => !circle.has(from))
          expect(heldBy.get(id)).toEqual(new Set(held))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('a thousand bolts in a row: found without going every way', () => {
    const bolts = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`b${i}`, [i === 0 ? 's' : `b${i - 1}`]]))
    const heldBy = heldByBolt(specFor(bolts))
    expect(heldBy.get('b999')).toEqual(new Set(['b998']))
  })
})
