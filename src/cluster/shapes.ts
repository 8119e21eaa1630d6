import { z } from 'zod'
import {
  workerStates,
  type Assignment,
  type ComponentSnapshot,
  type Json,
  type JsonObject,
  type Latency,
  type LifeRecord,
  type RunningWorker,
  type Slot,
  type TaskError,
  type TopologyGraph,
  type TopologyRecord,
  type WorkerTopology,
} from './records.js'
import { latencyBucketCount } from '../stdx/latency-buckets.js'

/**
 * The shapes that records have when they come from outside, with the bounds of everything in them. A shape copies what
 * it knows into fresh objects and leaves the rest; it never keeps what a peer sent.
 */

export const text = (max: number) => z.string().max(max)
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
/** Grows from 1. */
export const generation = z
  .number()
  .int()
  .min(1)
  .max(2 ** 32 - 1)
export const id = z.string().min(1).max(512)
export const component = z.string().min(1).max(1_024)
export const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 hexadecimal digits is expected')
export const port = z.number().int().min(1).max(65_535)
export const milliseconds = z
  .number()
  .min(0)
  .max(2 ** 53)

const list = <T extends z.ZodType>(item: T, max: number) => z.array(item).max(max)
const countsByComponent = z.record(component, z.number().int().min(1).max(10_000))

/** An object of JSON, copied; no deeper than 64, as what walks through it is recursive. */
export const jsonObject: z.ZodType<JsonObject> = z.unknown().transform((value, context) => {
  const copied = isRecord(value) ? copyJson(value, 64) : undefined
  if (copied !== undefined) return copied as JsonObject
  context.addIssue('an object of what JSON can say, no more than 64 deep, is expected')
  return z.NEVER
})

export const slot: z.ZodType<Slot> = z.object({ supervisor: id, port })

export const assignment: z.ZodType<Assignment> = z.object({
  topology: id,
  generation,
  workers: list(
    z.object({
      slot,
      host: text(255),
      executors: list(z.tuple([count, count]), 100_000),
      since: generation,
    }),
    10_000,
  ),
})

export const workerTopology: z.ZodType<WorkerTopology> = z.object({
  id,
  number: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  name: text(512),
  artefact: hash,
  args: list(text(100_000), 10_000),
  cwd: text(4_096),
  options: jsonObject,
  ackers: z.number().int().min(0).max(10_000),
  tasks: countsByComponent,
  executors: countsByComponent,
})

export const runningWorker: z.ZodType<RunningWorker> = z.object({
  port,
  topology: id,
  since: generation,
  incarnation: count,
  pid: count.exactOptional(),
  state: z.enum(workerStates as [RunningWorker['state']]),
  reason: text(8_192).exactOptional(),
  code: text(64).exactOptional(),
  restarts: count,
  rssBytes: count.exactOptional(),
})

const latency: z.ZodType<Latency> = z.object({
  count,
  sumMs: milliseconds,
  buckets: list(count, latencyBucketCount).exactOptional(),
})

export const componentSnapshot: z.ZodType<ComponentSnapshot> = z.object({
  component,
  outputs: list(
    z.object({ stream: text(1_024), emitted: count, transferred: count, acked: count, failed: count }),
    1_000,
  ),
  inputs: list(z.object({ component, stream: text(1_024), executed: count, acked: count, failed: count }), 1_000),
  completeLatency: latency.exactOptional(),
  executeLatency: latency.exactOptional(),
  processLatency: latency.exactOptional(),
  user: z.record(text(256), z.number()).exactOptional(),
})

export const taskError: z.ZodType<TaskError> = z.object({
  component,
  task: count,
  message: text(20_000),
  stack: text(20_000).exactOptional(),
  code: text(64).exactOptional(),
  atMs: milliseconds,
})

export const topologyGraph: z.ZodType<TopologyGraph> = z.object({
  name: text(512),
  components: list(
    z.object({
      id: component,
      kind: z.enum(['spout', 'bolt']),
      parallelism: z.number().int().min(1).max(10_000),
      taskCount: z.number().int().min(1).max(10_000).exactOptional(),
      maxTaskParallelism: z.number().int().min(1).max(10_000).exactOptional(),
      streams: list(z.object({ id: text(1_024), fields: list(text(1_024), 10_000), direct: z.boolean() }), 1_000),
      subscriptions: list(
        z.object({
          component,
          stream: text(1_024),
          grouping: text(64),
          fields: list(text(1_024), 10_000).exactOptional(),
        }),
        10_000,
      ),
    }),
    10_000,
  ),
  options: jsonObject,
  warnings: list(z.object({ code: text(64), message: text(20_000) }), 10_000),
})

const life: z.ZodType<LifeRecord> = z.object({
  status: z.enum(['ACTIVE', 'INACTIVE', 'KILLED', 'REBALANCING']),
  workers: z.number().int().min(1).max(10_000),
  executors: countsByComponent,
  messageTimeoutMs: milliseconds,
  waitMs: milliseconds.exactOptional(),
  back: z.enum(['ACTIVE', 'INACTIVE']).exactOptional(),
  change: z
    .object({
      workers: z.number().int().min(1).max(10_000).exactOptional(),
      executors: countsByComponent.exactOptional(),
    })
    .exactOptional(),
})

export const topologyRecord: z.ZodType<TopologyRecord> = z.object({
  id,
  number: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  name: text(512),
  artefact: hash,
  args: list(text(100_000), 10_000),
  cwd: text(4_096),
  options: jsonObject,
  graph: topologyGraph,
  ackers: z.number().int().min(0).max(10_000),
  tasks: countsByComponent,
  life,
  submittedAtMs: milliseconds,
  owner: text(256),
  request: text(256),
  assignment: assignment.exactOptional(),
})

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Undefined: it is not JSON, or too deep. A key `__proto__` is nobody's option. */
function copyJson(value: unknown, depthLeft: number): Json | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (depthLeft === 0) return undefined
  if (Array.isArray(value)) {
    const items = value.map((item) => copyJson(item, depthLeft - 1))
    return items.includes(undefined) ? undefined : (items as Json[])
  }
  if (!isRecord(value)) return undefined
  const copied: [string, Json][] = []
  for (const [key, part] of Object.entries(value)) {
    const json = copyJson(part, depthLeft - 1)
    if (json === undefined || key === '__proto__') return undefined
    copied.push([key, json])
  }
  return Object.fromEntries(copied)
}
