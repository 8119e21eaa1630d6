import type { TopologySpec } from '../topology/topology.js'

/**
 * The components to hold while an inbox of `id` is full: those that feed it.
 *
 * Within a cycle nobody holds anybody: each would wait for the other for ever. There, a full inbox of any member holds
 * those who feed the cycle from outside, so that it is given time to drain.
 */
export function heldFor(spec: TopologySpec, id: string): ReadonlySet<string> {
  const circle = circleOf(spec, id)
  const held = new Set<string>()
  for (const member of circle) {
    for (const { component } of spec.components.get(member)?.subscriptions ?? []) {
      if (!circle.has(component)) held.add(component)
    }
  }
  return held
}

/** The component and all that are on a cycle with it. */
function circleOf(spec: TopologySpec, id: string): ReadonlySet<string> {
  const upstream = upstreamOf(spec, id)
  const circle = new Set([id])
  for (const other of upstream) if (upstreamOf(spec, other).has(id)) circle.add(other)
  return circle
}

/** All components from which tuples can come to this one. */
function upstreamOf(spec: TopologySpec, id: string): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [id]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { component } of spec.components.get(next)?.subscriptions ?? []) {
      if (!found.has(component)) {
        found.add(component)
        open.push(component)
      }
    }
  }
  return found
}
