import { StormError } from '../errors.js'
import { describeError, describeValue } from '../stdx/describe-error.js'
import type { CustomGrouping } from '../topology/component.js'
import type { Chooser, ChooserContext } from './chooser.js'

/**
 * A grouping of the user's: its answers are checked, so that a tuple can never go to a task that has not subscribed to
 * it. `prepare` is called here, `chooseTasks` once a tuple, both synchronously. Whatever they throw, and an answer that
 * is no list of target tasks, is BAD_GROUPING, which fails the emit and harms nothing else.
 */
export function customChooser(create: () => CustomGrouping, context: ChooserContext): Chooser {
  const { sourceTask, targets } = context
  const grouping = preparedGrouping(create, context)
  const indexByTask = new Map<unknown, number>(targets.map((task, index) => [task, index]))
  const chosen: number[] = []

  const many = (values: object): readonly number[] => {
    let tasks: unknown
    try {
      tasks = grouping.chooseTasks(sourceTask, values)
    } catch (error) {
      throw badGrouping(context, grouping, `chooseTasks threw: ${describeError(error).message}`, error)
    }
    if (!Array.isArray(tasks)) {
      throw badGrouping(context, grouping, `chooseTasks must return a list of task ids; got ${describeValue(tasks)}`)
    }
    chosen.length = 0
    for (let i = 0; i < tasks.length; i++) {
      const index = indexByTask.get(tasks[i])
      if (index === undefined) {
        const known = targets.length <= 20 ? targets.join(', ') : `${targets.slice(0, 20).join(', ')}, …`
        const got = describeValue(tasks[i])
        throw badGrouping(
          context,
          grouping,
          `chooseTasks returned ${got}, which is none of the target tasks (${known})`,
        )
      }
      chosen.push(index)
    }
    return chosen
  }
  return { kind: 'many', many }
}

function preparedGrouping(create: () => CustomGrouping, context: ChooserContext): CustomGrouping {
  let grouping: unknown
  let prepared: unknown
  try {
    grouping = create()
    if (isGrouping(grouping)) prepared = grouping.prepare?.(context.context, Object.freeze([...context.targets]))
  } catch (error) {
    const where = grouping === undefined ? 'its factory' : 'prepare'
    throw badGrouping(context, grouping, `${where} threw: ${describeError(error).message}`, error)
  }
  if (!isGrouping(grouping)) {
    const got = describeValue(grouping)
    throw badGrouping(context, undefined, `its factory must return an object with a method chooseTasks; got ${got}`)
  }
  if (prepared !== undefined) {
    // A promise would be dropped, and with it the first tuples' choice or an error.
    throw badGrouping(context, grouping, `prepare must return nothing; got ${describeValue(prepared)}`)
  }
  return grouping
}

function isGrouping(value: unknown): value is CustomGrouping {
  return typeof (value as CustomGrouping | null | undefined)?.chooseTasks === 'function'
}

function badGrouping(context: ChooserContext, grouping: unknown, what: string, cause?: unknown): StormError {
  const { component, stream } = context
  const which = grouping === undefined ? '' : ` (${describeValue(grouping)})`
  return new StormError(
    'BAD_GROUPING',
    `component '${component}', stream '${stream}': the custom grouping${which} failed: ${what}.`,
    cause === undefined ? undefined : { cause },
  )
}
