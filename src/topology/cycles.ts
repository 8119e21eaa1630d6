import type { ComponentSpec } from './topology.js'

/**
 * Cycles of the graph of components, no two with a component in common, each as the ids along it.
 *
 * What leads nowhere is on no cycle: it is taken out until everything left has a component after it, so that a walk from
 * anywhere comes round. The cycle found is taken out too, and the rest is walked again.
 */
export function cyclesOf(components: readonly ComponentSpec[]): string[][] {
  const after = new Map(components.map(({ id }) => [id, new Set<string>()]))
  const before = new Map(components.map(({ id }) => [id, new Set<string>()]))
  for (const { id, subscriptions } of components) {
    for (const { component } of subscriptions) {
      after.get(component)?.add(id)
      before.get(id)?.add(component)
    }
  }
  const takeOut = (id: string) => {
    const gone = [id]
    for (let next = gone.pop(); next !== undefined; next = gone.pop()) {
      after.delete(next)
      for (const source of before.get(next) ?? []) {
        if (after.get(source)?.delete(next) && after.get(source)?.size === 0) gone.push(source)
      }
    }
  }
  for (const { id } of components) if (after.get(id)?.size === 0) takeOut(id)

  const cycles: string[][] = []
  for (let [start] = after.keys(); start !== undefined; [start] = after.keys()) {
    const path: string[] = []
    let at = start
    while (!path.includes(at)) {
      path.push(at)
      at = after.get(at)?.values().next().value as string
    }
    const cycle = path.slice(path.indexOf(at))
    cycles.push(cycle)
    for (const id of cycle) takeOut(id)
  }
  return cycles
}
