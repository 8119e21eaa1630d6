import type { TopologySpec } from '../topology/topology.js'

type Graph = ReadonlyMap<string, readonly string[]>

/**
 * The components to hold while an inbox of a bolt is full, by the bolt's id: those that feed it.
 *
 * Within a cycle nobody holds anybody: each would wait for the other for ever. There, a full inbox of any member holds
 * those who feed the cycle from outside, so that it is given time to drain.
 */
export function heldByBolt(spec: TopologySpec): ReadonlyMap<string, ReadonlySet<string>> {
  const sources = new Map(
    [...spec.components.values()].map(({ id, subscriptions }) => [id, subscriptions.map(({ component }) => component)]),
  )
  const held = new Map<string, ReadonlySet<string>>()
  for (const circle of circlesOf(sources)) {
    const outside = new Set<string>()
    for (const member of circle) {
      for (const source of sources.get(member) ?? []) if (!circle.has(source)) outside.add(source)
    }
    for (const member of circle) held.set(member, outside)
  }
  return held
}

/**
 * The components, those that are on a cycle with each other together (the strongly connected components of the graph,
 * by the two walks of Kosaraju): walked in the order in which a walk against the tuples ends, a walk with the tuples
 * meets, of what is not taken yet, just the components that also lead back.
 */
function circlesOf(sources: Graph): ReadonlySet<string>[] {
  const readers = new Map([...sources.keys()].map((id) => [id, [] as string[]]))
  for (const [id, from] of sources) for (const source of from) readers.get(source)?.push(id)
  const order: string[] = []
  const seen = new Set<string>()
  for (const id of sources.keys()) walk(id, sources, seen, (ended) => order.push(ended))
  const taken = new Set<string>()
  return order.reverse().flatMap((id) => {
    const circle = new Set<string>()
    walk(id, readers, taken, (ended) => circle.add(ended))
    return circle.size === 0 ? [] : [circle]
  })
}

/** Goes everywhere that can be reached and was not seen; tells a component when all behind it is done. Without recursion: a chain may be long. */
function walk(start: string, graph: Graph, seen: Set<string>, ended: (id: string) => void): void {
  if (seen.has(start)) return
  seen.add(start)
  const path = [{ id: start, next: 0 }]
  for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
    const neighbour = graph.get(at.id)?.[at.next++]
    if (neighbour === undefined) {
      ended(at.id)
      path.pop()
    } else if (!seen.has(neighbour)) {
      seen.add(neighbour)
      path.push({ id: neighbour, next: 0 })
    }
  }
}
