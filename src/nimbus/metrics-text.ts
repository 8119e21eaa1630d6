import { Counter, Gauge, Registry } from 'prom-client'
import { unplacedOf } from './placement.js'
import type { Coordinator } from './coordinator.js'
import { isExhausted, pendingOf, workersOf, type Look } from './view.js'

/** Series that one scrape has at most: names of streams and metrics are the users'. */
const seriesMax = 20_000

/**
 * What Prometheus scrapes, made when it asks. Counts are of all time and only grow, but for a restart of nimbus or of a
 * worker, which Prometheus knows how to read.
 */
export async function metricsText(look: Look, coordinator: Coordinator): Promise<string> {
  const scrape = new Scrape()
  const { nimbus, nowMs, version } = look
  const { supervisors } = nimbus.sessions
  scrape.gauge('storm_ts_info', 'The version of nimbus, as a label.', { version }, 1)
  scrape.gauge('storm_ts_nimbus_uptime_seconds', 'Since nimbus was started.', {}, (nowMs - nimbus.startedAtMs) / 1_000)
  scrape.gauge(
    'storm_ts_store_failed',
    '1 while the store of nimbus cannot be written.',
    {},
    coordinator.storeError === undefined ? 0 : 1,
  )
  for (const { id, hello } of supervisors.values()) {
    const labels = { supervisor: id, host: hello.host }
    scrape.gauge(
      'storm_ts_supervisor_up',
      'Whether a supervisor is heard.',
      labels,
      nimbus.sessions.isSupervisorAlive(id, nowMs) ? 1 : 0,
    )
    scrape.gauge('storm_ts_supervisor_slots', 'Slots of a supervisor.', labels, hello.slots.length)
  }
  scrape.gauge('storm_ts_topologies', 'Topologies that are there.', {}, nimbus.topologies.size)
  for (const record of nimbus.topologies.values()) tellTopology(scrape, look, record)
  return scrape.text()
}

function tellTopology(scrape: Scrape, look: Look, record: Parameters<typeof workersOf>[1]): void {
  const { nimbus, nowMs } = look
  const topology = record.name
  const workers = workersOf(look, record)
  const isActive = record.life.status === 'ACTIVE'
  scrape.gauge('storm_ts_topology_active', 'Whether its spouts emit.', { topology, id: record.id }, isActive ? 1 : 0)
  scrape.gauge(
    'storm_ts_topology_generation',
    'Grows with each change of its assignment.',
    { topology },
    record.assignment?.generation ?? 0,
  )
  scrape.gauge(
    'storm_ts_topology_unplaced_executors',
    'Executors that wait for a slot.',
    { topology },
    unplacedOf(record),
  )
  scrape.gauge(
    'storm_ts_topology_pending',
    'Tuple trees that are not decided, and tuples that wait.',
    { topology },
    pendingOf(workers),
  )
  scrape.gauge(
    'storm_ts_topology_exhausted',
    'Whether all spouts are at their end and nothing is pending.',
    { topology },
    isExhausted(record, workers) ? 1 : 0,
  )
  for (const { worker, running, heartbeat } of workers) {
    const labels = { topology, host: worker.host, port: String(worker.slot.port) }
    scrape.gauge(
      'storm_ts_worker_up',
      'Whether a worker is ready and heard.',
      labels,
      heartbeat?.isReady === true ? 1 : 0,
    )
    if (running !== undefined)
      scrape.counter('storm_ts_worker_restarts_total', 'Starts after the first.', labels, running.restarts)
    if (heartbeat === undefined) continue
    scrape.gauge('storm_ts_worker_rss_bytes', 'Memory of a worker.', labels, heartbeat.rssBytes)
    scrape.gauge('storm_ts_worker_heap_bytes', 'Heap of a worker.', labels, heartbeat.heapBytes)
    scrape.gauge(
      'storm_ts_worker_loop_lag_seconds',
      'How late the loop of a worker is.',
      labels,
      heartbeat.loopLagMs / 1_000,
    )
    scrape.gauge('storm_ts_worker_uptime_seconds', 'Since a worker was started.', labels, heartbeat.uptimeMs / 1_000)
  }
  for (const own of nimbus.statisticsOf(record).over('all-time', nowMs)) {
    const { component } = own
    for (const { stream, emitted, transferred, acked, failed } of own.outputs) {
      const labels = { topology, component, stream }
      scrape.counter('storm_ts_emitted_total', 'Emits.', labels, emitted)
      scrape.counter(
        'storm_ts_transferred_total',
        'Tuples sent: one for each task that gets an emit.',
        labels,
        transferred,
      )
      scrape.counter('storm_ts_spout_acked_total', 'Trees of a spout that were acked.', labels, acked)
      scrape.counter('storm_ts_spout_failed_total', 'Trees of a spout that failed.', labels, failed)
    }
    for (const { component: source, stream, executed, acked, failed } of own.inputs) {
      const labels = { topology, component, source, stream }
      scrape.counter('storm_ts_executed_total', 'Tuples that a bolt was given.', labels, executed)
      scrape.counter('storm_ts_acked_total', 'Tuples that a bolt acked.', labels, acked)
      scrape.counter('storm_ts_failed_total', 'Tuples that a bolt failed.', labels, failed)
    }
    const latencies = { complete: own.completeLatency, execute: own.executeLatency, process: own.processLatency }
    for (const [kind, { count, sumMs }] of Object.entries(latencies)) {
      if (count === 0) continue
      const labels = { topology, component, kind }
      scrape.counter('storm_ts_latency_seconds_sum', 'Of sampled tuples, all of them together.', labels, sumMs / 1_000)
      scrape.counter('storm_ts_latency_seconds_count', 'Tuples whose latency was sampled.', labels, count)
    }
    for (const [name, value] of own.user)
      scrape.gauge('storm_ts_user_metric', "What a component's own code counts.", { topology, component, name }, value)
  }
}

type Labels = Readonly<Record<string, string>>

/** One answer: every metric is made when it is first told of. prom-client escapes what names hold. */
class Scrape {
  readonly #registry = new Registry()
  readonly #metrics = new Map<string, Gauge | Counter>()
  #series = 0
  #leftOut = 0

  gauge(name: string, help: string, labels: Labels, value: number): void {
    const gauge = this.#metric(name, labels, (options) => new Gauge({ ...options, help }))
    if (gauge instanceof Gauge) gauge.set(labels, value)
  }

  counter(name: string, help: string, labels: Labels, value: number): void {
    const counter = this.#metric(name, labels, (options) => new Counter({ ...options, help }))
    if (counter instanceof Counter) counter.inc(labels, value)
  }

  text(): Promise<string> {
    // There is always room for this one.
    const options = { name: 'storm_ts_series_left_out', help: 'Series that this scrape has no room for.' }
    new Gauge({ ...options, registers: [this.#registry] }).set(this.#leftOut)
    return this.#registry.metrics()
  }

  #metric(
    name: string,
    labels: Labels,
    make: (options: { name: string; labelNames: string[]; registers: Registry[] }) => Gauge | Counter,
  ): Gauge | Counter | undefined {
    if (this.#series >= seriesMax) {
      this.#leftOut++
      return undefined
    }
    this.#series++
    let metric = this.#metrics.get(name)
    if (metric === undefined) {
      metric = make({ name, labelNames: Object.keys(labels), registers: [this.#registry] })
      this.#metrics.set(name, metric)
    }
    return metric
  }
}
