import type { Grouping } from '../topology/topology.js'
import type { Chooser, ChooserContext, OneChooser } from './chooser.js'
import { customChooser } from './custom.js'
import { FieldsChooser } from './fields.js'
import { PartialKeyChooser } from './partial-key.js'
import { localOrShuffle, ShuffleChooser } from './shuffle.js'

export type { Chooser, ChooserContext, OneChooser } from './chooser.js'

/**
 * The chooser of a subscription, for one emitting task. Throws BAD_GROUPING for a custom grouping that is none or whose
 * `prepare` fails. A new grouping is a file in this room and a line here.
 */
export function makeChooser(grouping: Grouping, context: ChooserContext): Chooser {
  switch (grouping.kind) {
    case 'shuffle':
      return one(new ShuffleChooser(context.targets.keys(), context.rng))
    case 'localOrShuffle':
      return one(localOrShuffle(context))
    case 'fields':
      return one(new FieldsChooser(grouping.fields, context))
    case 'partialKey':
      return one(new PartialKeyChooser(grouping.fields, context))
    case 'global':
      // The lowest task id, as in Storm: `targets` are ascending.
      return one({ choose: () => 0 })
    case 'none':
      return one({ choose: () => context.rng.below(context.targets.length) })
    case 'all':
    case 'direct':
      return { kind: grouping.kind }
    case 'custom':
      return customChooser(grouping.create, context)
  }
}

/** Whether a chooser of it has nothing of its task's own, so that one serves all tasks that feed the same targets. */
export function goesByValuesAlone({ kind }: Grouping): boolean {
  return kind === 'fields' || kind === 'global' || kind === 'all' || kind === 'direct'
}

function one(chooser: OneChooser): Chooser {
  return { kind: 'one', one: chooser }
}
