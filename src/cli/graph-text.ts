import type { GraphComponent, GraphSubscription, TopologyGraph } from '../cluster/records.js'
import { table } from './table.js'

/** A topology's graph for people: a row a component. */
export function graphText({ name, components, options }: TopologyGraph): string {
  const rows = components.map((component) => [
    component.id,
    component.kind,
    String(component.parallelism),
    String(component.taskCount ?? component.parallelism),
    sourcesOf(component),
    component.streams.map(({ id, fields }) => `${id}(${fields.join(', ')})`).join(' '),
  ])
  const given = Object.entries(options).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `topology ${name}${given.length === 0 ? '' : `, ${given.join(' ')}`}\n\n${table(['component', 'kind', 'executors', 'tasks', 'reads', 'streams'], rows)}`
}

function sourcesOf({ subscriptions }: GraphComponent): string {
  return subscriptions.map((subscription) => `${sourceOf(subscription)} ${groupingOf(subscription)}`).join(', ')
}

function sourceOf({ component, stream }: GraphSubscription): string {
  return stream === 'default' ? component : `${component}/${stream}`
}

function groupingOf({ grouping, fields }: GraphSubscription): string {
  return fields === undefined ? grouping : `${grouping}(${fields.join(', ')})`
}
