import fc from 'fast-check'
import {
  TopologyBuilder,
  basicBolt,
  stream,
  t,
  type BasicCollector,
  type BoltHandle,
  type OutputCollector,
  type SpoutCollector,
  type TopologyContext,
  type Tuple,
} from 'storm-ts'
import { insides, world } from './world.js'

/** What every tuple carries: its own name, the attempts whose trees it belongs to, and a key to group by. */
interface Carried {
  readonly path: number
  readonly roots: readonly number[]
  readonly key: number
}
const Carrier = stream({ path: t.number, roots: t.of<readonly number[]>(), key: t.number })
const streams = {
  default: Carrier,
  side: Carrier,
  told: stream({ path: t.number, roots: t.of<readonly number[]>(), key: t.number }, { direct: true }),
}
type Streams = typeof streams
type StreamId = keyof Streams

const groupings = ['shuffle', 'none', 'all', 'global', 'fields', 'partialKey', 'localOrShuffle', 'custom'] as const
export type GroupingKind = (typeof groupings)[number] | 'direct'
const boltKinds = ['basic', 'async', 'rich', 'late', 'join'] as const

export interface SpoutPlan {
  readonly tasks: number
  readonly count: number
  readonly perCall: number
  readonly isTracked: boolean
  /** Of an asynchronous nextTuple; 0: it is synchronous. */
  readonly sleepMs: number
  readonly attemptsMax: number
}

export interface BoltPlan {
  readonly kind: (typeof boltKinds)[number]
  readonly tasks: number
  /** Index of a component before it (spouts first), one of its streams, and how it is spread. */
  readonly inputs: readonly { readonly from: number; readonly stream: StreamId; readonly grouping: GroupingKind }[]
  /** Outputs a tuple, per stream. */
  readonly fan: Readonly<Record<StreamId, number>>
  readonly sleepMs: number
  readonly concurrency: number
  readonly ordered: boolean
  /** One tuple in so many throws, fails, is never acked; 0: none. */
  readonly throwsEvery: number
  readonly failsEvery: number
  readonly keepsEvery: number
  readonly readsItself: boolean
}

export interface TopologyPlan {
  readonly seed: number
  readonly spouts: readonly SpoutPlan[]
  readonly bolts: readonly BoltPlan[]
  readonly workers: number
  readonly ackers: number | undefined
  readonly inboxLimit: number
  readonly maxSpoutPending: number
  readonly latencySampleEvery: number
  readonly hasHooks: boolean
}

const every = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 2, max: 9 }))

const spoutPlan: fc.Arbitrary<SpoutPlan> = fc.record({
  tasks: fc.integer({ min: 1, max: 3 }),
  count: fc.integer({ min: 0, max: 12 }),
  perCall: fc.integer({ min: 1, max: 4 }),
  isTracked: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  sleepMs: fc.constantFrom(0, 0, 1, 4),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
})

const boltPlan: fc.Arbitrary<BoltPlan> = fc.record({
  kind: fc.constantFrom(...boltKinds),
  tasks: fc.integer({ min: 1, max: 3 }),
  inputs: fc.array(
    fc.record({
      from: fc.nat(20),
      stream: fc.constantFrom<StreamId>('default', 'default', 'side', 'told'),
      grouping: fc.constantFrom<GroupingKind>(...groupings),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  fan: fc.record({ default: fc.integer({ min: 0, max: 2 }), side: fc.nat(1), told: fc.nat(1) }),
  sleepMs: fc.integer({ min: 0, max: 5 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  ordered: fc.boolean(),
  throwsEvery: every,
  failsEvery: every,
  keepsEvery: every,
  readsItself: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
})

export const topologyPlan: fc.Arbitrary<TopologyPlan> = fc.record({
  seed: fc.nat(2 ** 31),
  spouts: fc.array(spoutPlan, { minLength: 1, maxLength: 2 }),
  bolts: fc.array(boltPlan, { minLength: 1, maxLength: 5 }),
  workers: fc.integer({ min: 1, max: 4 }),
  ackers: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.nat(3)),
  inboxLimit: fc.integer({ min: 1, max: 8 }),
  maxSpoutPending: fc.integer({ min: 1, max: 20 }),
  latencySampleEvery: fc.constantFrom(1, 3, 1024),
  hasHooks: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
})

const timeoutMs = 400
/** A tree stops growing at about so many tuples. */
const treeMax = 60

interface Attempt {
  readonly id: number
  /** When it was emitted, or its time was last reset. */
  touchedMs: number
  /** Tuples made and not yet executed to their end, as `path@task`. */
  readonly open: Set<string>
  made: number
  endedMs: number
  hasFailed: boolean
  readonly verdicts: string[]
}

/** What became of one plan on the engine. */
export interface Outcome {
  /** What the properties demand and was not so. */
  readonly wrong: readonly string[]
  /** Every event, in order. */
  readonly trace: readonly string[]
  readonly acked: number
  readonly failed: number
  readonly tuples: number
}

/** Runs the plan until it is settled, and holds it against an explicit record of every tree. */
export async function runPlan(plan: TopologyPlan): Promise<Outcome> {
  await using place = world(plan.seed)
  const { clock } = place
  const wrong: string[] = []
  const trace: string[] = []
  const attempts: Attempt[] = []
  let paths = 0
  let emits = 0
  let isUp = true

  const note = (what: string) => void trace.push(`${clock.now()} ${what}`)
  const made = (roots: readonly number[], path: number, tasks: readonly number[]) => {
    emits += tasks.length
    for (const root of roots) {
      const attempt = attempts[root]!
      attempt.made += tasks.length
      for (const task of tasks) attempt.open.add(`${path}@${task}`)
    }
  }
  const ended = ({ path, roots }: Carried, task: number, hasFailed: boolean) => {
    note(`${task} ${hasFailed ? 'fails' : 'ends'} ${path}`)
    for (const root of roots) {
      attempts[root]!.endedMs = clock.now()
      if (hasFailed) attempts[root]!.hasFailed = true
      else attempts[root]!.open.delete(`${path}@${task}`)
    }
  }

  const spoutOf = (spout: SpoutPlan, id: string) => {
    let next = 0
    return () => {
      const attemptOf = new Map<number, number>()
      const again: number[] = []
      const triesOf = new Map<number, number>()
      let targets: readonly number[] = []
      let pendingMax = 0
      const emitNext = (out: SpoutCollector<Streams, number>) => {
        const number = again.shift() ?? (next < spout.count ? next++ : undefined)
        if (number === undefined) return false
        const attempt = attempts.length
        const roots = spout.isTracked ? [attempt] : []
        const path = paths++
        attempts.push({
          id: number,
          touchedMs: clock.now(),
          open: new Set(),
          made: 0,
          endedMs: 0,
          hasFailed: false,
          verdicts: [],
        })
        if (!spout.isTracked) attempts[attempt]!.verdicts.push('untracked')
        else if (attemptOf.has(number)) wrong.push(`${id}: ${number} is emitted while it is pending`)
        attemptOf.set(number, attempt)
        triesOf.set(number, (triesOf.get(number) ?? 0) + 1)
        const values = { path, roots, key: number % 5 }
        const messageId = spout.isTracked ? number : undefined
        const kind = dice(path, 3) % 4
        note(`${id} emits ${path} for ${number}`)
        if (kind === 0 && targets.length > 0) {
          const target = targets[dice(path, 5) % targets.length]!
          out.emitDirect(target, values, messageId, 'told')
          made(roots, path, [target])
        } else if (kind === 1) made(roots, path, out.emitTo('side', values, messageId))
        else made(roots, path, out.emit(values, messageId))
        return true
      }
      const told = (number: number, verdict: string) => {
        if (!isUp) return
        note(`${id} ${number} ${verdict}`)
        const index = attemptOf.get(number)
        if (index === undefined) return void wrong.push(`${id}: ${number} is ${verdict} and was not pending`)
        attemptOf.delete(number)
        const attempt = attempts[index]!
        attempt.verdicts.push(verdict)
        if (plan.ackers === 0) return
        const aliveMs = clock.now() - attempt.touchedMs
        if (verdict === 'acked') {
          if (attempt.open.size > 0) wrong.push(`${id}: ${number} is acked while ${[...attempt.open].join()} are open`)
          if (attempt.hasFailed) wrong.push(`${id}: ${number} is acked though a tuple of it failed`)
        } else if (verdict === 'timeout') {
          if (aliveMs < timeoutMs) wrong.push(`${id}: ${number} timed out after ${aliveMs} ms`)
          // What has ended may wait for its turn to be acked, but not for long.
          const idleMs = clock.now() - attempt.endedMs
          if (attempt.open.size === 0 && idleMs > 50)
            wrong.push(`${id}: ${number} timed out though all of it had ended`)
        } else if (!attempt.hasFailed) wrong.push(`${id}: ${number} is ${verdict} and nothing of it failed`)
        if (aliveMs > timeoutMs * 1.1 + 3) wrong.push(`${id}: ${number} was told after ${aliveMs} ms`)
        if (verdict !== 'acked' && triesOf.get(number)! < spout.attemptsMax) again.push(number)
      }
      return {
        outputs: streams,
        open: (context: TopologyContext) => void (targets = directReaders(plan, id, context)),
        nextTuple(out: SpoutCollector<Streams, number>) {
          pendingMax = Math.max(pendingMax, out.pending)
          if (pendingMax >= plan.maxSpoutPending) wrong.push(`${id}: called with ${pendingMax} pending`)
          const emitAll = () => {
            for (let i = 0; i < spout.perCall; i++) if (!emitNext(out)) return out.exhausted()
          }
          return spout.sleepMs === 0 ? emitAll() : clock.sleep(spout.sleepMs).then(emitAll)
        },
        ack: (number: number) => told(number, 'acked'),
        fail: (number: number, reason: string) => told(number, reason),
      }
    }
  }

  const emitFrom = (
    bolt: BoltPlan,
    { path, roots, key }: Carried,
    targets: readonly number[],
    out: BasicCollector<Streams> | OutputCollector<Streams>,
    anchors?: readonly Tuple[],
  ) => {
    if (roots.some((root) => attempts[root]!.made > treeMax) || emits > 2_000) return
    for (const [id, count] of Object.entries(bolt.fan) as [StreamId, number][]) {
      for (let i = 0; i < count; i++) {
        const child = { path: paths++, roots, key: (key + i) % 7 }
        const rich = out as OutputCollector<Streams>
        const basic = out as BasicCollector<Streams>
        if (id !== 'told') {
          made(roots, child.path, anchors ? rich.emitTo(id, child, anchors) : basic.emitTo(id, child))
        } else if (targets.length > 0) {
          const target = targets[dice(path, i) % targets.length]!
          if (anchors) rich.emitDirect(target, child, anchors, 'told')
          else basic.emitDirect(target, child, 'told')
          made(roots, child.path, [target])
        }
      }
    }
  }
  const fate = (bolt: BoltPlan, { path }: Carried) => {
    if (bolt.throwsEvery > 0 && dice(path, 1) % bolt.throwsEvery === 0) return 'throws'
    if (bolt.failsEvery > 0 && dice(path, 2) % bolt.failsEvery === 0) return 'fails'
    if (bolt.keepsEvery > 0 && dice(path, 4) % bolt.keepsEvery === 0) return 'keeps'
    return 'acks'
  }

  const basicOf = (bolt: BoltPlan, id: string) =>
    basicBolt({
      input: Carrier,
      outputs: streams,
      create(context) {
        const targets = directReaders(plan, id, context)
        const execute = (values: Carried, out: BasicCollector<Streams>) => {
          emitFrom(bolt, values, targets, out)
          const isBad = fate(bolt, values) === 'throws'
          ended(values, context.task, isBad)
          if (isBad) throw new Error(`tuple ${values.path}`)
        }
        return ({ values }, out) => {
          note(`${context.task} executes ${values.path}`)
          const sleepMs = bolt.kind === 'async' ? dice(values.path, 6) % (bolt.sleepMs + 1) : 0
          if (sleepMs === 0) return execute(values, out)
          return clock.sleep(sleepMs).then(() => execute(values, out))
        }
      },
    })

  const richOf = (bolt: BoltPlan, id: string) => () => {
    let targets: readonly number[] = []
    let task = 0
    let held: Tuple<Carried>[] = []
    const decide = (tuple: Tuple<Carried>, out: OutputCollector<Streams>) => {
      if (!isUp) return
      const what = fate(bolt, tuple.values)
      if (what === 'keeps') return
      ended(tuple.values, task, what !== 'acks')
      // A throw fails the tuple of this call, which is not the only one that a join decides on.
      if (what === 'throws' && bolt.kind !== 'join') throw new Error(`tuple ${tuple.values.path}`)
      if (what !== 'acks') out.fail(tuple)
      else out.ack(tuple)
    }
    const join = (tuple: Tuple<Carried>, out: OutputCollector<Streams>) => {
      held.push(tuple)
      if (held.length < 3) return
      const anchors = held
      held = []
      const roots = [...new Set(anchors.flatMap(({ values }) => values.roots))]
      emitFrom(bolt, { ...tuple.values, roots }, targets, out, anchors)
      for (const anchor of anchors) decide(anchor, out)
    }
    return {
      outputs: streams,
      prepare(context: TopologyContext) {
        targets = directReaders(plan, id, context)
        task = context.task
      },
      execute(tuple: Tuple<Carried>, out: OutputCollector<Streams>) {
        note(`${task} executes ${tuple.values.path}`)
        if (bolt.kind === 'join') return join(tuple, out)
        if (dice(tuple.values.path, 8) % 10 === 0) {
          out.resetTimeout(tuple)
          for (const root of tuple.values.roots) attempts[root]!.touchedMs = clock.now()
        }
        emitFrom(bolt, tuple.values, targets, out, [tuple])
        if (bolt.kind === 'rich' || fate(bolt, tuple.values) === 'throws') return decide(tuple, out)
        void clock.sleep(bolt.sleepMs).then(() => decide(tuple, out))
        return undefined
      },
    }
  }

  const builder = new TopologyBuilder('random')
  const names = componentNames(plan)
  for (const [i, spout] of plan.spouts.entries()) builder.setSpout(names[i]!, spoutOf(spout, names[i]!), spout.tasks)
  for (const [i, bolt] of plan.bolts.entries()) {
    const id = names[plan.spouts.length + i]!
    const isBasic = bolt.kind === 'basic' || bolt.kind === 'async'
    const handle = isBasic
      ? builder.setBolt(id, basicOf(bolt, id), bolt.tasks)
      : builder.setBolt(id, richOf(bolt, id), bolt.tasks)
    handle.set({ concurrency: bolt.concurrency, ordered: bolt.ordered })
    for (const { from, stream, grouping } of inputsOf(plan, i)) subscribe(handle, grouping, from, stream)
  }
  const { workers, ackers, inboxLimit, maxSpoutPending, latencySampleEvery } = plan
  const run = await place.submit(
    builder.createTopology({
      workers,
      ...(ackers === undefined ? {} : { ackers }),
      inboxLimit,
      maxSpoutPending,
      latencySampleEvery,
      messageTimeoutMs: timeoutMs,
      ...(plan.hasHooks ? { taskHooks: [() => ({ emit: ({ tasks }) => note(`hook ${tasks.join()}`) })] } : {}),
    }),
  )
  await clock.until(run.settled(), 60_000)

  for (const [index, { id, verdicts, open }] of attempts.entries()) {
    if (verdicts.length !== 1) wrong.push(`attempt ${index} of ${id} has the verdicts ${verdicts.join() || 'none'}`)
    if (verdicts[0] === 'acked' && open.size > 0 && ackers !== 0) wrong.push(`attempt ${index} is acked and open`)
  }
  const { components } = run.metrics()
  const sum = (of: (component: (typeof components)[string]) => number) =>
    Object.values(components).reduce((total, component) => total + of(component), 0)
  if (sum(({ transferred }) => transferred) !== sum(({ executed }) => executed)) wrong.push('not all sent is executed')
  if (sum(({ transferred }) => transferred) !== emits) wrong.push('emit told other tasks than were counted')
  for (const [i, { isTracked }] of plan.spouts.entries()) {
    const { emitted, acked, failed } = components[names[i]!]!
    if (acked + failed !== (isTracked ? emitted : 0)) wrong.push(`${names[i]!}: acked and failed are not all emitted`)
  }
  for (const [i, { kind }] of plan.bolts.entries()) {
    const { executed, acked, failed } = components[names[plan.spouts.length + i]!]!
    if (acked + failed > executed) wrong.push('more is decided than executed')
    if ((kind === 'basic' || kind === 'async') && acked + failed !== executed) wrong.push('a basic bolt left tuples')
  }
  // Nothing of it stays: not at the ackers, not in inboxes, not in lists of what is kept.
  await clock.advance(timeoutMs * 4)
  const { bolts, ackers: ackerTasks, spouts } = insides(run)
  if (ackerTasks.some(({ size }) => size > 0)) wrong.push('an acker remembers roots')
  if (bolts.some(({ inbox, keptCount, openCalls }) => inbox.size + keptCount + openCalls > 0))
    wrong.push('a bolt keeps')
  if (spouts.some(({ pendingCount }) => pendingCount > 0)) wrong.push('something is pending again')
  if (attempts.some(({ verdicts }) => verdicts.length !== 1)) wrong.push('a verdict came after it was settled')
  isUp = false
  const acked = sum(({ isSpout, acked }) => (isSpout ? acked : 0))
  return { wrong, trace, acked, failed: sum(({ isSpout, failed }) => (isSpout ? failed : 0)), tuples: emits }
}

const componentNames = (plan: TopologyPlan) => [
  ...plan.spouts.map((_, i) => `spout ${i}`),
  ...plan.bolts.map((_, i) => `bolt ${i}`),
]

/** The inputs of a bolt with names, each stream of a component once; the indexes are taken round. */
function inputsOf(plan: TopologyPlan, index: number) {
  const names = componentNames(plan)
  const bolt = plan.bolts[index]!
  const taken = new Set<string>()
  const inputs = bolt.inputs.flatMap(({ from, stream, grouping }) => {
    const name = names[from % (plan.spouts.length + index)]!
    if (taken.has(`${name} ${stream}`)) return []
    taken.add(`${name} ${stream}`)
    return [{ from: name, stream, grouping: stream === 'told' ? ('direct' as const) : grouping }]
  })
  const self = names[plan.spouts.length + index]!
  // A tree that grows by more than one tuple a round would be all that is tested.
  if (bolt.readsItself && bolt.fan.side <= 1) inputs.push({ from: self, stream: 'side', grouping: 'shuffle' })
  return inputs
}

/** Tasks that read the stream `told` of a component. */
function directReaders(plan: TopologyPlan, id: string, context: TopologyContext): readonly number[] {
  const names = componentNames(plan)
  return plan.bolts.flatMap((_, i) =>
    inputsOf(plan, i).some(({ from, stream }) => from === id && stream === 'told')
      ? context.tasksOf(names[plan.spouts.length + i]!)
      : [],
  )
}

function subscribe(bolt: BoltHandle<Carried, Streams>, grouping: GroupingKind, from: string, id: string): void {
  switch (grouping) {
    case 'fields':
      bolt.fieldsGrouping(from, ['key'], id)
      break
    case 'partialKey':
      bolt.partialKeyGrouping(from, ['key'], id)
      break
    case 'custom':
      bolt.customGrouping(
        from,
        () => {
          let targets: readonly number[] = []
          return {
            prepare: (_, tasks) => void (targets = tasks),
            chooseTasks: (_, { path }: Carried) => targets.filter((task) => dice(path, task) % 2 === 0),
          }
        },
        id,
      )
      break
    default:
      bolt[`${grouping}Grouping`](from, id)
  }
}

/** A number that looks random and depends on nothing else. */
function dice(n: number, salt: number): number {
  let x = Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 15), 0xc2b2ae35)
  return (x ^ (x >>> 13)) >>> 0
}
