// Guards: tasks and executors are numbered as Apache Storm numbers them.
import { afterAll, describe, expect, test } from 'vitest'
import { InvalidTopologyError } from '../../src/errors.js'
import { TopologyBuilder } from '../../src/topology/builder.js'
import { resolveOptions, type TopologyOptions } from '../../src/topology/options.js'
import { layoutTasks } from '../../src/topology/tasks.js'
import { specOf, type Topology } from '../../src/topology/topology.js'
import { bolt, handmade, spout } from '../topology/components.js'
import { Tally, readVectors } from './vectors.js'

interface Line {
  readonly case: number
  readonly input: {
    readonly components: readonly {
      readonly id: string
      readonly kind: 'spout' | 'bolt'
      readonly parallelismHint: number | null
      readonly numTasks: number | null
      readonly maxTaskParallelism?: number
      readonly shuffleFrom?: readonly string[]
    }[]
    readonly conf: Readonly<Record<string, unknown>>
  }
  readonly output: {
    readonly components: readonly { readonly id: string; readonly numTasks: number; readonly executors: number }[]
    readonly tasks: Readonly<Record<string, string>>
    readonly executors: readonly (readonly [number, number, string])[]
  }
}

const optionNames: Readonly<Record<string, string>> = {
  'topology.workers': 'workers',
  'topology.acker.executors': 'ackers',
  'topology.tasks': 'tasks',
  'topology.max.task.parallelism': 'maxTaskParallelism',
}

const tally = new Tally('tasks', 'D1')
afterAll(() => console.log(String(tally)))

describe('tasks', () => {
  for (const line of readVectors<Line>('tasks')) {
    test(`as Storm: line ${line.case}`, () => {
      const declare = () => declaredTopology(line)
      if (line.input.components.some(({ numTasks }) => numTasks === 0)) {
        tally.departs('no tasks(0)')
        expect(declare).toThrow(InvalidTopologyError)
        expect(declare).toThrow('INVALID_PARALLELISM')
        return
      }
      if (hasLoggersOrConsumers(line)) tally.departs('no event loggers and metrics consumers')
      else tally.asStorm()
      const spec = specOf(declare())
      expect(layoutOf(line, spec)).toEqual(expectedLayout(line))
      const excess = line.input.components.filter(({ parallelismHint, numTasks }) => {
        const tasks = numTasks ?? (line.input.conf['topology.tasks'] as number | undefined)
        return tasks !== undefined && (parallelismHint ?? 1) > tasks
      })
      expect(spec.warnings.filter(({ code }) => code === 'EXCESS_EXECUTORS')).toHaveLength(excess.length)
    })
  }
})

function declaredTopology({ input }: Line): Topology {
  const builder = new TopologyBuilder()
  const outputs = { default: handmade(['f']) }
  for (const { id, kind, parallelismHint, numTasks, maxTaskParallelism, shuffleFrom } of input.components) {
    const parallelism = parallelismHint ?? undefined
    if (kind === 'spout') {
      const handle = builder.setSpout(id, spout(outputs), parallelism)
      if (numTasks !== null) handle.tasks(numTasks)
      if (maxTaskParallelism !== undefined) handle.set({ maxTaskParallelism })
    } else {
      const handle = builder.setBolt(id, bolt(outputs), parallelism)
      for (const source of shuffleFrom ?? []) handle.shuffleGrouping(source)
      if (numTasks !== null) handle.tasks(numTasks)
      if (maxTaskParallelism !== undefined) handle.set({ maxTaskParallelism })
    }
  }
  return builder.createTopology(optionsOf(input.conf))
}

function optionsOf(conf: Line['input']['conf']): Partial<TopologyOptions> {
  const known = Object.entries(conf).filter(([key]) => key in optionNames)
  return Object.fromEntries(known.map(([key, value]) => [optionNames[key] as string, value]))
}

function hasLoggersOrConsumers({ input: { conf } }: Line): boolean {
  return Boolean(conf['topology.eventlogger.executors']) || 'topology.metrics.consumer.register' in conf
}

interface Layout {
  readonly tasks: readonly string[]
  readonly executors: readonly (readonly [number, number, string])[]
  readonly components: Readonly<Record<string, { numTasks: number; executors: number }>>
}

function layoutOf({ output }: Line, spec: ReturnType<typeof specOf>): Layout {
  const { componentOf, tasksOf, executors } = layoutTasks(spec, resolveOptions(spec.options))
  const ids = output.components.map(({ id }) => id).filter(isOurs)
  return {
    tasks: componentOf.slice(1),
    executors: executors.map(({ first, last, component }) => [first, last, component]),
    components: Object.fromEntries(
      ids.map((id) => [
        id,
        { numTasks: tasksOf.get(id)?.length ?? 0, executors: executors.filter((e) => e.component === id).length },
      ]),
    ),
  }
}

/** The acker is the only system component here; `__system` never has a task in Storm either. */
const isOurs = (id: string) => !id.startsWith('__') || id === '__acker'

/** What Storm answered, without the system components that are not here: the tasks after theirs move up. */
function expectedLayout({ output }: Line): Layout {
  const tasks = Object.entries(output.tasks)
    .map(([task, component]) => ({ task: Number(task), component }))
    .sort((a, b) => a.task - b.task)
    .filter(({ component }) => isOurs(component))
  const numberOf = new Map(tasks.map(({ task }, index) => [task, index + 1]))
  return {
    tasks: tasks.map(({ component }) => component),
    executors: output.executors
      .filter(([, , component]) => isOurs(component))
      .map(([first, last, component]) => [numberOf.get(first) as number, numberOf.get(last) as number, component]),
    components: Object.fromEntries(
      output.components
        .filter(({ id }) => isOurs(id))
        .map(({ id, numTasks, executors }) => [id, { numTasks, executors }]),
    ),
  }
}
