import { connect, type ConnectionOptions } from '../connection.js'
import { durationText } from '../duration.js'
import type { StormSummary } from '../storm-views.js'
import { table } from '../table.js'
import type { Terminal } from '../terminal.js'

/** `storm-ts list`: the topologies of the cluster. */
export async function list(
  terminal: Terminal,
  options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> {
  const client = await connect(terminal, options)
  const summary = await client.get<StormSummary>('/api/v1/topology/summary')
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(summary)}\n`)
    return 0
  }
  if (summary.topologies.length === 0) {
    terminal.err.write('There is no topology on this cluster.\n')
    return 0
  }
  const rows = summary.topologies.map((topology) => [
    topology.name,
    topology.status,
    String(topology.tasksTotal),
    String(topology.executorsTotal),
    String(topology.workersTotal),
    durationText(topology.uptimeSeconds * 1_000),
    topology.id,
    topology.owner,
  ])
  terminal.out.write(table(['name', 'status', 'tasks', 'executors', 'workers', 'uptime', 'id', 'owner'], rows))
  return 0
}
