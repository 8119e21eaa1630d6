// Guards: a tree is acked, failed or timed out as Apache Storm says, on the engine itself.
import { afterAll, describe, expect, test } from 'vitest'
import { StormError, TopologyBuilder, stream, t, type SpoutCollector, type TopologyContext, type Tuple } from 'storm-ts'
import { puppet, world, type PuppetTask, type Verdict } from '../local/world.js'
import { Tally, readVectors } from './vectors.js'

type Op =
  | {
      readonly op: 'emit'
      readonly at: number
      readonly tuple: string
      readonly anchors: readonly string[]
      readonly to: Target
    }
  | { readonly op: 'ack' | 'fail' | 'resetTimeout'; readonly at: number; readonly tuple: string }
  | { readonly op: 'wait'; readonly ms: number }
type Target = number | 'all' | 'none'

interface Line {
  readonly case: number
  readonly name: string
  readonly input: {
    readonly tasks: number
    readonly messages: readonly { readonly id: string; readonly to: Target }[]
    readonly ops: readonly Op[]
  }
  readonly output: { readonly verdicts: Readonly<Record<string, string>> }
}

const timeoutMs = 10_000
/** Between two ops, as in the recording. */
const opMs = 120

const Named = stream({ name: t.string })
const streams = { one: stream({ name: t.string }, { direct: true }), all: Named, none: Named }

const tally = new Tally('trees', 'D3')
afterAll(() => console.log(String(tally)))

describe('trees', () => {
  for (const line of readVectors<Line>('trees')) {
    test(`as Storm: line ${line.case}, ${line.name}`, async () => {
      const model = new Model(line)
      const told = await replay(line, model)
      const got = Object.fromEntries(told.map(({ id, verdict }) => [id, nameOf(verdict)]))
      expect(told).toHaveLength(line.input.messages.length)
      expect(got).toEqual(model.verdicts())
      for (const { id, verdict, atMs } of told) {
        if (verdict !== 'timeout') continue
        const aliveMs = atMs - model.lastTouchMs(id as string)
        expect(aliveMs).toBeGreaterThanOrEqual(timeoutMs)
        expect(aliveMs).toBeLessThanOrEqual(timeoutMs * 1.1)
      }
      // Where nothing is misused the model and Storm have to say the same; elsewhere they may.
      const [misuse] = model.misuses
      if (misuse === undefined) expect(got).toEqual(line.output.verdicts)
      if (isSame(got, line.output.verdicts)) tally.asStorm()
      else tally.departs(misuse ?? '')
    })
  }
})

const isSame = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>) =>
  Object.entries(a).every(([id, verdict]) => b[id] === verdict)
const nameOf = (verdict: string) => (verdict === 'bolt failed' ? 'failed' : verdict)

/** Carries the script out on the engine, and holds every refusal against the model. */
async function replay(line: Line, model: Model): Promise<Verdict[]> {
  await using place = world(line.case)
  const { clock } = place
  const told: Verdict[] = []
  const { bolt, tasks } = puppet(streams)
  const waiting = [...line.input.messages]
  let boltTasks: readonly number[] = []
  const builder = new TopologyBuilder('trees')
  const spout = builder.setSpout('spout', () => ({
    outputs: { one: streams.one, all: Named },
    open: (context: TopologyContext) => void (boltTasks = context.tasksOf('bolt')),
    nextTuple(out: SpoutCollector<{ one: typeof streams.one; all: typeof Named }>) {
      const message = waiting.shift()
      if (message === undefined) return out.exhausted()
      const values = { name: message.id }
      if (message.to === 'all') out.emitTo('all', values, message.id)
      else out.emitDirect(boltTasks[message.to as number] as number, values, message.id, 'one')
    },
    ack: (id: unknown) => void told.push({ id, verdict: 'acked', atMs: clock.now() }),
    fail: (id: unknown, reason: string) => void told.push({ id, verdict: reason, atMs: clock.now() }),
  }))
  builder
    .setBolt('bolt', bolt, line.input.tasks)
    .directGrouping(spout, 'one')
    .allGrouping(spout, 'all')
    .directGrouping('bolt', 'one')
    .allGrouping('bolt', 'all')
  await place.submit(builder.createTopology({ ackers: 2, messageTimeoutMs: timeoutMs }))
  model.begin(clock.now())
  await clock.advance(opMs)
  for (const op of line.input.ops) {
    if (op.op === 'wait') await clock.advance(op.ms)
    else {
      // A tuple may never have been made, since its emit was refused.
      if (!model.canDo(op)) continue
      const refusal = model.apply(op, clock.now())
      expect(carryOut(op, tasks, boltTasks)).toBe(refusal)
    }
    await clock.advance(opMs)
  }
  await clock.advance(timeoutMs * 1.2)
  return told
}

/** Returns the code of the refusal, if it was refused. */
function carryOut(
  op: Exclude<Op, { op: 'wait' }>,
  tasks: readonly PuppetTask<typeof streams>[],
  boltTasks: readonly number[],
): string | undefined {
  const task = tasks[op.at] as PuppetTask<typeof streams>
  try {
    if (op.op !== 'emit') {
      task.out[op.op](tupleOf(tasks, op.tuple) as Tuple)
      return undefined
    }
    const anchors = op.anchors.map((anchor) => tupleOf(tasks, anchor) as Tuple)
    const values = { name: op.tuple }
    if (op.to === 'all') task.out.emitTo('all', values, anchors)
    else if (op.to === 'none') task.out.emitTo('none', values, anchors)
    else task.out.emitDirect(boltTasks[op.to] as number, values, anchors, 'one')
    return undefined
  } catch (error) {
    if (!(error instanceof StormError)) throw error
    return error.code
  }
}

function tupleOf(tasks: readonly PuppetTask<typeof streams>[], place: string): Tuple | undefined {
  const [name, index] = place.split('@') as [string, string]
  return tasks[Number(index)]?.tuples.find(({ values }) => (values as { name: string }).name === name)
}

/** Trees kept as what they are, sets of open tuples; the first verdict of a task on a tuple holds, whatever it says later. */
class Model {
  /** Ops that use a tuple which its task has acked or failed, in words: the rule of D3. */
  readonly misuses: string[] = []
  readonly #trees = new Map<string, { readonly open: Set<string>; verdict: string | undefined; touchedMs: number }>()
  /** Roots of every tuple ever made, by place. */
  readonly #roots = new Map<string, ReadonlySet<string>>()
  readonly #decided = new Map<string, 'acked' | 'failed'>()

  constructor({ input }: Line) {
    for (const { id, to } of input.messages) {
      const open = new Set(placesOf(id, to))
      this.#trees.set(id, { open, verdict: undefined, touchedMs: 0 })
      for (const place of open) this.#roots.set(place, new Set([id]))
    }
  }

  begin(nowMs: number): void {
    for (const tree of this.#trees.values()) tree.touchedMs = nowMs
  }

  canDo(op: Exclude<Op, { op: 'wait' }>): boolean {
    return (op.op === 'emit' ? op.anchors : [op.tuple]).every((place) => this.#roots.has(place))
  }

  lastTouchMs(id: string): number {
    return this.#trees.get(id)!.touchedMs
  }

  verdicts(): Record<string, string> {
    return Object.fromEntries([...this.#trees].map(([id, { verdict }]) => [id, verdict ?? 'timeout']))
  }

  /** Returns the code of the refusal that is due. */
  apply(op: Exclude<Op, { op: 'wait' }>, nowMs: number): string | undefined {
    for (const tree of this.#trees.values()) {
      if (tree.verdict === undefined && nowMs >= tree.touchedMs + timeoutMs * 1.1) tree.verdict = 'timeout'
    }
    if (op.op === 'emit') return this.#emit(op.tuple, op.anchors, op.to)
    const roots = this.#roots.get(op.tuple)!
    if (op.op === 'resetTimeout') {
      for (const root of roots) {
        const tree = this.#trees.get(root)!
        if (tree.verdict === undefined) tree.touchedMs = nowMs
      }
      return undefined
    }
    const before = this.#decided.get(op.tuple)
    if (before !== undefined) {
      this.misuses.push(`${op.op} of a tuple that is ${before}`)
      return undefined
    }
    this.#decided.set(op.tuple, op.op === 'ack' ? 'acked' : 'failed')
    for (const root of roots) {
      const tree = this.#trees.get(root)!
      if (op.op === 'fail') tree.verdict ??= 'failed'
      else {
        tree.open.delete(op.tuple)
        if (tree.open.size === 0) tree.verdict ??= 'acked'
      }
    }
    return undefined
  }

  #emit(name: string, anchors: readonly string[], to: Target): string | undefined {
    if (anchors.some((anchor) => this.#decided.has(anchor))) {
      this.misuses.push('emit anchored to a tuple that is decided')
      return 'ANCHOR_ALREADY_DONE'
    }
    const roots = new Set(anchors.flatMap((anchor) => [...(this.#roots.get(anchor) ?? [])]))
    for (const place of placesOf(name, to)) {
      this.#roots.set(place, roots)
      for (const root of roots) this.#trees.get(root)!.open.add(place)
    }
    return undefined
  }
}

function placesOf(name: string, to: Target): string[] {
  if (to === 'none') return []
  return (to === 'all' ? [0, 1, 2, 3] : [to]).map((index) => `${name}@${index}`)
}
