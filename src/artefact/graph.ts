import type {
  GraphComponent,
  GraphStream,
  GraphSubscription,
  Json,
  JsonObject,
  TopologyGraph,
} from '../cluster/records.js'
import type { TopologyOptions } from '../topology/options.js'
import type { ComponentSpec, Grouping, TopologySpec } from '../topology/topology.js'

/** What nimbus knows of a topology: all of it but the code. */
export function graphOf({ name, components, options, warnings }: TopologySpec): TopologyGraph {
  return {
    name,
    components: [...components.values()].map(componentOf),
    options: plainOptions(options),
    warnings: warnings.map(({ code, message }) => ({ code, message })),
  }
}

function componentOf({
  id,
  kind,
  parallelism,
  taskCount,
  outputs,
  subscriptions,
  options,
}: ComponentSpec): GraphComponent {
  const streams = [...outputs].map(([stream, { fields, direct }]): GraphStream => ({
    id: stream,
    fields: [...fields],
    direct,
  }))
  return {
    id,
    kind,
    parallelism,
    ...(taskCount === undefined ? {} : { taskCount }),
    ...(options.maxTaskParallelism === undefined ? {} : { maxTaskParallelism: options.maxTaskParallelism }),
    streams,
    subscriptions: subscriptions.map(({ component, stream, grouping }): GraphSubscription => ({
      component,
      stream,
      grouping: grouping.kind,
      ...fieldsOf(grouping),
    })),
  }
}

function fieldsOf(grouping: Grouping): { readonly fields?: readonly string[] } {
  return 'fields' in grouping ? { fields: [...grouping.fields] } : {}
}

/** The options that are data. The others are made anew by every worker, which runs the module itself. */
function plainOptions(options: Partial<TopologyOptions>): JsonObject {
  return Object.fromEntries(Object.entries(options).filter((entry): entry is [string, Json] => isJson(entry[1], 32)))
}

function isJson(value: unknown, depthLeft: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depthLeft === 0) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depthLeft - 1))
  return (
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).every((item) => isJson(item, depthLeft - 1))
  )
}
