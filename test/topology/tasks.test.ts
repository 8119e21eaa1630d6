// Guards: task numbers and executors are a function of topology and options, by Storm's rules.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TopologyBuilder } from '../../src/topology/builder.js'
import { resolveOptions } from '../../src/topology/options.js'
import { layoutTasks, type TaskLayout } from '../../src/topology/tasks.js'
import { specOf } from '../../src/topology/topology.js'
import { bolt, spout } from './components.js'

interface Wanted {
  readonly id: string
  readonly parallelism: number
  readonly tasks: number | undefined
  readonly cap: number | undefined
}

const count = (max: number) => fc.integer({ min: 1, max })
const sometimes = <T>(it: fc.Arbitrary<T>) => fc.option(it, { nil: undefined })
const id = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
    fc.constantFrom('a', 'A', '_', '_A', '_a', '0', '~', 'ａ', '😀'),
  )
  .filter((word) => !word.startsWith('__') && !/\p{Cs}/u.test(word))
const wanted = fc.uniqueArray(
  fc.record<Wanted>({ id, parallelism: count(12), tasks: sometimes(count(12)), cap: sometimes(count(6)) }),
  { minLength: 1, maxLength: 8, selector: (component) => component.id },
)
const options = fc.record(
  { workers: count(4), ackers: fc.integer({ min: 0, max: 4 }), tasks: count(10), maxTaskParallelism: count(8) },
  { requiredKeys: [] },
)

function layout(components: readonly Wanted[], given: object): TaskLayout {
  const builder = new TopologyBuilder()
  for (const [index, { id, parallelism, tasks, cap }] of components.entries()) {
    const handle =
      index === 0 ? builder.setSpout(id, spout({}), parallelism) : builder.setBolt(id, bolt({}), parallelism)
    if (tasks !== undefined) handle.tasks(tasks)
    if (cap !== undefined) handle.set({ maxTaskParallelism: cap })
  }
  return layoutTasks(specOf(builder.createTopology(given)), resolveOptions(given))
}

/** The rules once more, as plainly as they can be said: one number after another is dealt out. */
function plainLayout(components: readonly Wanted[], given: { [key: string]: number | undefined }) {
  const all = components.map(({ id, parallelism, tasks, cap }) => {
    const count = Math.min(tasks ?? given['tasks'] ?? parallelism, cap ?? given['maxTaskParallelism'] ?? 1000)
    return { id, tasks: count, executors: Math.min(parallelism, count) }
  })
  const ackers = given['ackers'] ?? given['workers'] ?? 1
  all.push({ id: '__acker', tasks: ackers, executors: ackers })
  all.sort((a, b) => compareUnits(a.id, b.id))
  const componentOf = ['']
  const sizes = new Map<string, number[]>()
  for (const { id, tasks, executors } of all) {
    const dealt = Array.from({ length: executors }, () => 0)
    for (let task = 0; task < tasks; task++) {
      componentOf.push(id)
      dealt[task % executors] = (dealt[task % executors] ?? 0) + 1
    }
    sizes.set(id, dealt)
  }
  return { componentOf, sizes }
}

/** By UTF-16 code unit, which neither locales nor code points are. */
function compareUnits(a: string, b: string): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return a.charCodeAt(i) - b.charCodeAt(i)
  }
  return a.length - b.length
}

describe('tasks', () => {
  test('numbering: contiguous from 1, by id, executors divide each component: against a plain count', () => {
    fc.assert(
      fc.property(wanted, options, (components, given) => {
        const { componentOf, tasksOf, executors } = layout(components, given)
        const plain = plainLayout(components, given)
        expect(componentOf).toEqual(plain.componentOf)
        let next = 1
        for (const { component, first, last } of executors) {
          expect(first).toBe(next)
          expect(componentOf.slice(first, last + 1).every((id) => id === component)).toBe(true)
          next = last + 1
        }
        expect(next).toBe(componentOf.length)
        for (const [id, sizes] of plain.sizes) {
          const mine = executors.filter(({ component }) => component === id)
          expect(mine.map(({ first, last }) => last - first + 1)).toEqual(sizes)
          expect(tasksOf.get(id) ?? []).toEqual(
            [...componentOf.keys()].filter((task) => task > 0 && componentOf[task] === id),
          )
        }
      }),
      { numRuns: 10_000 },
    )
  })

  test('acker: one a worker unless told, none with 0', () => {
    const components = [{ id: 'a', parallelism: 1, tasks: undefined, cap: undefined }]
    expect(layout(components, { workers: 3 }).tasksOf.get('__acker')).toEqual([1, 2, 3])
    expect(layout(components, { workers: 3, ackers: 1 }).tasksOf.get('__acker')).toEqual([1])
    expect(layout(components, { ackers: 0 }).tasksOf.has('__acker')).toBe(false)
  })

  test('acker: the caps of tasks do not touch it', () => {
    const components = [{ id: 'a', parallelism: 5, tasks: undefined, cap: undefined }]
    const { tasksOf } = layout(components, { ackers: 4, maxTaskParallelism: 2, tasks: 3 })
    expect([tasksOf.get('__acker')?.length, tasksOf.get('a')?.length]).toEqual([4, 2])
  })
})
