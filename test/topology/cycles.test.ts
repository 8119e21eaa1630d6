// Guards: a warning of a cycle is true, and a cycle does not go without one.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cyclesOf } from '../../src/topology/cycles.js'
import type { ComponentSpec } from '../../src/topology/topology.js'

/** Components `0` to `n - 1`; an edge leads from a source to the one that reads it. */
function components(size: number, edges: readonly (readonly [number, number])[]): ComponentSpec[] {
  return Array.from({ length: size }, (_, id) => ({
    id: String(id),
    kind: 'bolt',
    create: () => ({ execute() {} }),
    parallelism: 1,
    taskCount: undefined,
    outputs: new Map(),
    subscriptions: edges
      .filter(([, reader]) => reader === id)
      .map(([source]) => ({ component: String(source), stream: 'default', grouping: { kind: 'shuffle' } })),
    options: {},
  }))
}

/** Whether a walk along the edges comes back to where it began, by trying each. */
function isCyclic(size: number, edges: readonly (readonly [number, number])[]): boolean {
  const reaches = (from: number, to: number, seen: ReadonlySet<number>): boolean =>
    edges.some(([a, b]) => a === from && (b === to || (!seen.has(b) && reaches(b, to, new Set([...seen, b])))))
  return Array.from({ length: size }, (_, id) => id).some((id) => reaches(id, id, new Set()))
}

describe('cycles', () => {
  test('random graphs: against a walk along every path', () => {
    const node = fc.integer({ min: 0, max: 4 })
    fc.assert(
      fc.property(fc.array(fc.tuple(node, node), { maxLength: 8 }), (edges) => {
        const cycles = cyclesOf(components(5, edges))
        expect(cycles.length > 0).toBe(isCyclic(5, edges))
        for (const cycle of cycles) {
          for (const [index, id] of cycle.entries()) {
            const next = cycle[(index + 1) % cycle.length]
            expect(edges.some(([a, b]) => String(a) === id && String(b) === next)).toBe(true)
          }
        }
        expect(new Set(cycles.flat()).size).toBe(cycles.flat().length)
      }),
      { numRuns: 10_000 },
    )
  })

  test('long chain: without recursion', () => {
    const size = 5_000
    const chain = components(size, [])
    const reading = chain.map((component, index) => ({
      ...component,
      subscriptions: [
        { component: String((index + size - 1) % size), stream: 'default', grouping: { kind: 'all' } as const },
      ],
    }))
    expect(
      cyclesOf(reading.map((component, index) => (index === 0 ? { ...component, subscriptions: [] } : component))),
    ).toEqual([])
    expect(cyclesOf(reading)).toHaveLength(1)
  })
})
