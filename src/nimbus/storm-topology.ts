import { slotKey, type GraphComponent, type TopologyRecord } from '../cluster/records.js'
import { windowsSecs } from './rolling.js'
import type { ComponentStatistics, LatencySum, StatisticsWindow } from './statistics.js'
import { headOf, noMemory, windowPretty, windowText, workerRows } from './storm-api.js'
import { componentOfTask, prettyUptime, secondsSince, sizesOf, workersOf, type Look } from './view.js'

/** Answers of `/api/v1` about one topology: its page, its metrics, the page of a component. */

export function topologyPage(look: Look, record: TopologyRecord, window: StatisticsWindow) {
  const { nimbus, nowMs } = look
  const statistics = nimbus.statisticsOf(record)
  const inWindow = statistics.over(window, nowMs)
  const kinds = new Map(record.graph.components.map((component) => [component.id, component.kind]))
  return {
    ...headOf(look, record),
    window: windowText(window),
    windowHint: windowPretty(window),
    msgTimeout: Math.round(record.life.messageTimeoutMs / 1_000),
    topologyStats: ([...windowsSecs, 'all-time'] as const).map((one) => ({
      window: windowText(one),
      windowPretty: windowPretty(one),
      ...totalsOver(statistics.over(one, nowMs), kinds),
    })),
    spouts: rowsOf(look, record, inWindow, 'spout').map(({ row }) => row),
    bolts: rowsOf(look, record, inWindow, 'bolt').map(({ row }) => row),
    workers: workerRows(look, record),
    configuration: configurationOf(record),
    visualizationTable: [],
    debug: false,
    samplingPct: 0,
    schedulerDisplayResource: false,
  }
}

function configurationOf(record: TopologyRecord) {
  return {
    'topology.name': record.name,
    'topology.workers': record.life.workers,
    'topology.acker.executors': record.ackers,
    'topology.message.timeout.secs': record.life.messageTimeoutMs / 1_000,
    ...redacted({ ...record.graph.options, ...record.options }),
  }
}

/** Options are the user's, and may hold what others must not read. */
function redacted(options: TopologyRecord['options']): TopologyRecord['options'] {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      /secret|token|password|key|credential/i.test(key) ? '*****' : value,
    ]),
  )
}

function totalsOver(statistics: readonly ComponentStatistics[], kinds: ReadonlyMap<string, GraphComponent['kind']>) {
  const total = { emitted: 0, transferred: 0, acked: 0, failed: 0 }
  const complete = { count: 0, sumMs: 0 }
  for (const { component, outputs, completeLatency } of statistics) {
    const isSpout = kinds.get(component) === 'spout'
    for (const { emitted, transferred, acked, failed } of outputs) {
      total.emitted += emitted
      total.transferred += transferred
      if (!isSpout) continue
      total.acked += acked
      total.failed += failed
    }
    complete.count += completeLatency.count
    complete.sumMs += completeLatency.sumMs
  }
  return { ...total, completeLatency: mean(complete) }
}

interface Row {
  readonly component: GraphComponent
  readonly row: ReturnType<typeof spoutRow> | ReturnType<typeof boltRow>
}

function rowsOf(
  look: Look,
  record: TopologyRecord,
  statistics: readonly ComponentStatistics[],
  kind: GraphComponent['kind'],
): Row[] {
  const sizes = sizesOf(record)
  return record.graph.components
    .filter((component) => component.kind === kind)
    .map((component) => {
      const { id } = component
      const own = statistics.find((one) => one.component === id) as ComponentStatistics
      const size = sizes.get(id) ?? { tasks: 0, executors: 0 }
      const common = { ...size, ...outputSums(own), ...lastErrorOf(look, record, id), ...noMemory }
      return {
        component,
        row: kind === 'spout' ? spoutRow(id, own, common) : boltRow(look, record, own, { id, ...common }),
      }
    })
}

function spoutRow(
  id: string,
  own: ComponentStatistics,
  common: { readonly tasks: number; readonly executors: number } & ReturnType<typeof outputSums> &
    ReturnType<typeof lastErrorOf>,
) {
  const acked = own.outputs.reduce((sum, output) => sum + output.acked, 0)
  const failed = own.outputs.reduce((sum, output) => sum + output.failed, 0)
  return {
    spoutId: id,
    encodedSpoutId: encodeURIComponent(id),
    ...common,
    acked,
    failed,
    completeLatency: mean(own.completeLatency),
  }
}

function boltRow(
  look: Look,
  record: TopologyRecord,
  own: ComponentStatistics,
  {
    id,
    ...common
  }: { readonly id: string; readonly tasks: number; readonly executors: number } & ReturnType<typeof outputSums> &
    ReturnType<typeof lastErrorOf>,
) {
  const sum = (of: (input: ComponentStatistics['inputs'][number]) => number) =>
    own.inputs.reduce((all, one) => all + of(one), 0)
  return {
    boltId: id,
    encodedBoltId: encodeURIComponent(id),
    ...common,
    executed: sum((input) => input.executed),
    acked: sum((input) => input.acked),
    failed: sum((input) => input.failed),
    executeLatency: mean(own.executeLatency),
    processLatency: mean(own.processLatency),
    capacity: capacityOf(look, record, id, common.executors),
  }
}

/** The share of the last ten minutes that its executors spent in `execute`: near 1, the component is what holds the rest. */
function capacityOf({ nimbus, nowMs, wallMs }: Look, record: TopologyRecord, id: string, executors: number): string {
  const recent = nimbus
    .statisticsOf(record)
    .over(windowsSecs[0], nowMs)
    .find(({ component }) => component === id)
  const executed = recent?.inputs.reduce((sum, input) => sum + input.executed, 0) ?? 0
  const latency = recent?.executeLatency
  const ageMs = Math.max(1_000, Math.min(windowsSecs[0] * 1_000, wallMs - record.submittedAtMs))
  if (latency === undefined || latency.count === 0 || executors === 0) return '0.000'
  return ((executed * (latency.sumMs / latency.count)) / (ageMs * executors)).toFixed(3)
}

function outputSums({ outputs }: ComponentStatistics) {
  return {
    emitted: outputs.reduce((sum, { emitted }) => sum + emitted, 0),
    transferred: outputs.reduce((sum, { transferred }) => sum + transferred, 0),
  }
}

function lastErrorOf({ nimbus, wallMs }: Look, record: TopologyRecord, component: string) {
  const error = nimbus.errorsOf(record.id).findLast((one) => one.component === component)
  if (error === undefined)
    return { lastError: '', errorTime: null, errorLapsedSecs: null, errorHost: '', errorPort: '' }
  const { slot, atMs, message } = error
  return {
    lastError: message,
    errorTime: Math.floor(atMs / 1_000),
    errorLapsedSecs: secondsSince(atMs, wallMs),
    errorHost: hostOf(nimbus, slot.supervisor),
    errorPort: slot.port,
  }
}

const hostOf = (nimbus: Look['nimbus'], supervisor: string) =>
  nimbus.sessions.supervisors.get(supervisor)?.hello.host ?? supervisor

function mean({ count, sumMs }: Pick<LatencySum, 'count' | 'sumMs'>): string {
  return (count === 0 ? 0 : sumMs / count).toFixed(3)
}

export function topologyMetrics({ nimbus, nowMs }: Look, record: TopologyRecord, window: StatisticsWindow) {
  const statistics = new Map(
    nimbus
      .statisticsOf(record)
      .over(window, nowMs)
      .map((one) => [one.component, one]),
  )
  const of = (kind: GraphComponent['kind']) =>
    record.graph.components
      .filter((one) => one.kind === kind)
      .map(({ id }) => statistics.get(id) as ComponentStatistics)
  const outputs = (own: ComponentStatistics, value: (output: ComponentStatistics['outputs'][number]) => number) =>
    own.outputs.map((output) => ({ stream_id: output.stream, value: value(output) }))
  const inputs = (own: ComponentStatistics, value: (input: ComponentStatistics['inputs'][number]) => number) =>
    own.inputs.map((input) => ({ component_id: input.component, stream_id: input.stream, value: value(input) }))
  return {
    window: windowText(window),
    windowHint: windowPretty(window),
    spouts: of('spout').map((own) => ({
      id: own.component,
      emitted: outputs(own, ({ emitted }) => emitted),
      transferred: outputs(own, ({ transferred }) => transferred),
      acked: outputs(own, ({ acked }) => acked),
      failed: outputs(own, ({ failed }) => failed),
      complete_ms_avg: outputs(own, () => Number(mean(own.completeLatency))),
    })),
    bolts: of('bolt').map((own) => ({
      id: own.component,
      emitted: outputs(own, ({ emitted }) => emitted),
      transferred: outputs(own, ({ transferred }) => transferred),
      acked: inputs(own, ({ acked }) => acked),
      failed: inputs(own, ({ failed }) => failed),
      executed: inputs(own, ({ executed }) => executed),
      executed_ms_avg: inputs(own, () => Number(mean(own.executeLatency))),
      process_ms_avg: inputs(own, () => Number(mean(own.processLatency))),
    })),
  }
}

/** Undefined: the topology has no such component. */
export function componentPage(look: Look, record: TopologyRecord, id: string, window: StatisticsWindow) {
  const { nimbus, nowMs } = look
  const component = record.graph.components.find((one) => one.id === id)
  if (component === undefined) return undefined
  const statistics = nimbus.statisticsOf(record)
  const ownOver = (one: StatisticsWindow) =>
    statistics.over(one, nowMs).find((other) => other.component === id) as ComponentStatistics
  const own = ownOver(window)
  const isSpout = component.kind === 'spout'
  const summary = ([...windowsSecs, 'all-time'] as const).map((one) => {
    const found = rowsOf(look, record, [...statistics.over(one, nowMs)], component.kind).find(
      (row) => row.component.id === id,
    )
    return { window: windowText(one), windowPretty: windowPretty(one), ...found?.row }
  })
  return {
    id,
    encodedId: encodeURIComponent(id),
    name: record.name,
    topologyId: record.id,
    encodedTopologyId: encodeURIComponent(record.id),
    topologyName: record.name,
    topologyStatus: record.life.status,
    componentType: component.kind,
    ...sizesOf(record).get(id),
    window: windowText(window),
    windowHint: windowPretty(window),
    [isSpout ? 'spoutSummary' : 'boltStats']: summary,
    inputStats: own.inputs.map((input) => ({
      component: input.component,
      encodedComponentId: encodeURIComponent(input.component),
      stream: input.stream,
      executed: input.executed,
      acked: input.acked,
      failed: input.failed,
      executeLatency: mean(own.executeLatency),
      processLatency: mean(own.processLatency),
    })),
    outputStats: own.outputs.map(({ stream, emitted, transferred, acked, failed }) =>
      isSpout
        ? { stream, emitted, transferred, acked, failed, completeLatency: mean(own.completeLatency) }
        : { stream, emitted, transferred },
    ),
    executorStats: executorStats(look, record, id),
    componentErrors: nimbus
      .errorsOf(record.id)
      .filter((error) => error.component === id)
      .map(({ message, stack, atMs, slot, task }) => ({
        error: stack ?? message,
        task,
        errorTime: Math.floor(atMs / 1_000),
        errorLapsedSecs: secondsSince(atMs, look.wallMs),
        errorHost: hostOf(nimbus, slot.supervisor),
        errorPort: slot.port,
      }))
      .reverse(),
    user: Object.fromEntries(own.user),
    debug: false,
    samplingPct: 0,
  }
}

/** Counts are kept by worker, not by executor: these tell where each runs. */
function executorStats(look: Look, record: TopologyRecord, component: string) {
  const uptimes = new Map(
    workersOf(look, record).map(({ worker, heartbeat }) => [slotKey(worker.slot), heartbeat?.uptimeMs ?? 0]),
  )
  return (record.assignment?.workers ?? []).flatMap(({ slot, host, executors }) =>
    executors
      .filter(([first]) => componentOfTask(record, first) === component)
      .map(([first, last]) => {
        const upSeconds = Math.floor((uptimes.get(slotKey(slot)) ?? 0) / 1_000)
        return {
          id: `[${first}-${last}]`,
          encodedId: encodeURIComponent(`[${first}-${last}]`),
          host,
          port: slot.port,
          uptime: prettyUptime(upSeconds),
          uptimeSeconds: upSeconds,
          workerLogLink: '',
        }
      }),
  )
}
