// Guards: groupings choose tasks as Apache Storm's do; which task a key goes to is ours (D7).
import { afterAll, describe, expect, test } from 'vitest'
import { makeChooser } from '../../src/grouping/grouping.js'
import { seededRng } from '../../src/stdx/rng.js'
import type { Grouping } from '../../src/topology/topology.js'
import { chooserOf, contextFor } from '../grouping/context.js'
import { readVectors, Tally } from './vectors.js'

interface Line {
  readonly case: number
  readonly input: {
    readonly grouping: string
    readonly targetTasks: readonly number[]
    readonly tasksOfThisWorker?: readonly number[]
    readonly tuples: number
  }
  readonly output: {
    readonly tasksByKey?: Readonly<Record<string, readonly number[]>>
    readonly first60keys?: readonly string[]
    readonly first60tasks?: readonly number[]
  }
}

const tally = new Tally('shuffle', 'D7')
afterAll(() => console.log(String(tally)))

describe('groupings', () => {
  for (const line of readVectors<Line>('shuffle')) {
    test(`as Storm: line ${line.case}`, () => {
      if (line.output.first60keys === undefined) checkWithoutKeys(line.input)
      const tasks = line.output.first60keys === undefined ? undefined : checkKeys(line)
      if (String(tasks) === String(line.output.first60tasks)) tally.asStorm()
      else tally.departs('which task a key goes to')
    })
  }
})

/** What is told of Storm's random choices, which are no more than properties. */
function checkWithoutKeys({ grouping, targetTasks, tasksOfThisWorker = [], tuples }: Line['input']): void {
  const context = contextFor(targetTasks, { localTargets: tasksOfThisWorker, rng: seededRng(tuples) })
  if (grouping === 'all') return expect(makeChooser({ kind: 'all' }, context)).toEqual({ kind: 'all' })
  const choose = chooserOf({ kind: kindOf(grouping) }, context)
  const chosen = Array.from({ length: tuples }, () => targetTasks[choose()] as number)

  const local = targetTasks.filter((task) => tasksOfThisWorker.includes(task))
  const among = grouping === 'global' ? targetTasks.slice(0, 1) : local.length > 0 ? local : targetTasks
  const counts = among.map((task) => chosen.filter((other) => other === task).length)
  expect(counts.reduce((sum, count) => sum + count)).toBe(tuples)
  if (grouping === 'none') {
    // Six sigma around the mean.
    const mean = tuples / among.length
    for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(6 * Math.sqrt(mean))
  } else {
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    for (let i = among.length; i < tuples; i++) expect(chosen[i]).toBe(chosen[i - among.length])
  }
}

/** Storm shuffles by load unless told otherwise; without load that is near even, and ours is even. */
function kindOf(grouping: string): 'shuffle' | 'localOrShuffle' | 'none' | 'global' {
  switch (grouping) {
    case 'loadAwareShuffle':
      return 'shuffle'
    case 'shuffle':
    case 'localOrShuffle':
    case 'none':
    case 'global':
      return grouping
    default:
      throw new Error(`no rule for the grouping ${grouping}`)
  }
}

/** The tasks of the first sixty keys, after a check of what is told of all. */
function checkKeys({ input, output }: Line): number[] {
  const { grouping: kind, targetTasks, tuples } = input
  if (kind !== 'fields' && kind !== 'partialKey') throw new Error(`no rule for the grouping ${kind}`)
  const grouping: Grouping = { kind, fields: ['word'] }
  const choose = chooserOf(grouping, contextFor(targetTasks))
  const words = [...(output.first60keys ?? []), ...Object.keys(output.tasksByKey ?? {})]
  const uses = new Map(targetTasks.map((task) => [task, 0]))
  const chosen: number[] = []
  for (let i = 0; i < tuples; i++) {
    const values = { word: words[i % words.length] }
    const task = targetTasks[choose(values)] as number
    const fresh = chooserOf(grouping, contextFor(targetTasks))
    const [first, second] = [fresh(values), fresh(values)].map((index) => targetTasks[index] as number) as [
      number,
      number,
    ]
    // Fields: twice the same. Partial key: the two candidates, as an emitter shows them that has sent nothing yet.
    if (kind === 'fields') expect(second).toBe(first)
    expect(task).toBe((uses.get(first) ?? 0) <= (uses.get(second) ?? 0) ? first : second)
    uses.set(task, (uses.get(task) ?? 0) + 1)
    chosen.push(task)
  }
  return chosen.slice(0, output.first60tasks?.length)
}
