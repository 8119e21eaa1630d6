import { hostAndPort } from '../../stdx/host-and-port.js'
import { connect, type ConnectionOptions } from '../connection.js'
import { durationText } from '../duration.js'
import { printable } from '../printable.js'
import type { StormDetail } from '../storm-views.js'
import { table } from '../table.js'
import type { Terminal } from '../terminal.js'
import { topologyPath, type TopologyView, type WorkerView } from '../topology-view.js'

/** `storm-ts describe TOPOLOGY`: where it runs and what its components have done. */
export async function describe(
  terminal: Terminal,
  name: string,
  options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> {
  const client = await connect(terminal, options)
  const view = await client.get<TopologyView>(topologyPath(name))
  const detail = await client.get<StormDetail>(`/api/v1/topology/${encodeURIComponent(view.id)}`)
  if (options.json === true) {
    // Where both have a field, it has Storm's meaning.
    const workers = view.workers.map((worker) => {
      const { host, port } = worker
      return { ...worker, ...detail.workers.find((other) => other.host === host && other.port === port) }
    })
    terminal.out.write(`${JSON.stringify({ ...view, ...detail, workers })}\n`)
    return 0
  }
  const facts = [
    ['name', view.name],
    ['id', view.id],
    ['status', view.exhausted ? `${view.status}, exhausted` : view.status],
    ['owner', view.owner],
    ['uptime', durationText(detail.uptimeSeconds * 1_000)],
    ['executors', `${detail.executorsTotal}${view.unplaced === 0 ? '' : `, ${view.unplaced} without a slot`}`],
    ['tasks', String(detail.tasksTotal)],
    ['pending', String(view.pending)],
  ]
  const head = facts.map(([fact = '', value = '']) => `${fact.padEnd(10)} ${printable(value)}\n`).join('')
  terminal.out.write(`${head}\n${workersTable(view.workers)}\n${componentsTable(detail, view)}`)
  return 0
}

function workersTable(workers: readonly WorkerView[]): string {
  const rows = workers.map(({ supervisor, host, port, state, reason, isReady, restarts, executors, pid, rssBytes }) => [
    hostAndPort(host, port),
    supervisor,
    `${isReady ? 'ready' : state}${reason === undefined ? '' : ` (${reason})`}`,
    String(executors),
    String(restarts),
    String(pid ?? ''),
    rssBytes === undefined ? '' : `${Math.round(rssBytes / 2 ** 20)} MiB`,
  ])
  return table(['worker', 'supervisor', 'state', 'executors', 'restarts', 'pid', 'memory'], rows)
}

function componentsTable({ spouts, bolts }: StormDetail, { components }: TopologyView): string {
  const quantiles = (id: string) => {
    const { completeLatency, processLatency } = components.find((component) => component.id === id) ?? {}
    const { p50Ms, p99Ms } = completeLatency ?? processLatency ?? {}
    return [millis(p50Ms), millis(p99Ms)]
  }
  const rows = [
    ...spouts.map((spout) => [
      spout.spoutId,
      'spout',
      ...counts(spout),
      '',
      String(spout.acked),
      String(spout.failed),
      String(spout.completeLatency),
      ...quantiles(spout.spoutId),
    ]),
    ...bolts.map((bolt) => [
      bolt.boltId,
      'bolt',
      ...counts(bolt),
      String(bolt.executed),
      String(bolt.acked),
      String(bolt.failed),
      String(bolt.processLatency),
      ...quantiles(bolt.boltId),
    ]),
  ]
  const latencies = ['latency ms', 'p50', 'p99']
  return table(
    ['component', 'kind', 'executors', 'tasks', 'emitted', 'executed', 'acked', 'failed', ...latencies],
    rows,
  )
}

function millis(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '' : ms.toFixed(3)
}

function counts({ executors, tasks, emitted }: StormDetail['spouts'][number] | StormDetail['bolts'][number]): string[] {
  return [String(executors), String(tasks), String(emitted)]
}
