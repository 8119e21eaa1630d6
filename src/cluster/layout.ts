import { resolveOptions } from '../topology/options.js'
import { layoutTasks, type TaskLayout } from '../topology/tasks.js'
import type { TopologyShape } from './records.js'

/** The tasks and executors of a topology: nimbus and every worker compute the same from the same shape. */
export function layoutOf({ tasks, executors, ackers }: TopologyShape): TaskLayout {
  const components = Object.entries(tasks).map(([id, taskCount]) => {
    return [id, { id, taskCount, parallelism: executors[id] ?? taskCount, options: {} }] as const
  })
  return layoutTasks({ components: new Map(components) }, resolveOptions({ ackers }))
}
