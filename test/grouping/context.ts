import type { ChooserContext } from '../../src/grouping/grouping.js'
import { makeChooser } from '../../src/grouping/grouping.js'
import { loadKeyHash } from '../../src/grouping/hash.js'
import { seededRng } from '../../src/stdx/rng.js'
import type { TopologyContext } from '../../src/topology/component.js'
import type { Grouping } from '../../src/topology/topology.js'

const hash = await loadKeyHash()

/** What a chooser of task 1 of `split`, stream `words`, is made from; `targets` is their number, from task 11 on, or their ids. */
export function contextFor(targets: number | readonly number[], more: Partial<ChooserContext> = {}): ChooserContext {
  return {
    sourceTask: 1,
    targets: typeof targets === 'number' ? Array.from({ length: targets }, (_, i) => i + 11) : targets,
    localTargets: [],
    rng: seededRng(1),
    hash,
    context: {} as TopologyContext,
    component: 'split',
    stream: 'words',
    ...more,
  }
}

/** The choice of a grouping that gives each tuple to one task, as a function. */
export function chooserOf(grouping: Grouping, context: ChooserContext): (values?: object) => number {
  const chooser = makeChooser(grouping, context)
  if (chooser.kind !== 'one') throw new Error(`${grouping.kind} does not choose one task a tuple`)
  return (values = {}) => chooser.one.choose(values)
}
