// Guards: a topology over several workers is the same topology: every tuple crosses once, every tree gets its verdict.
import { beforeAll, describe, expect, test } from 'vitest'
import {
  TopologyBuilder,
  basicBolt,
  listSpout,
  stream,
  t,
  type Bolt,
  type FailReason,
  type Spout,
  type SpoutCollector,
  type Topology,
  type TopologyContext,
} from 'storm-ts'
import { VirtualClock } from 'storm-ts/testing'
import { layoutOf } from '../../src/cluster/layout.js'
import type { ToWorker } from '../../src/cluster/messages.js'
import type { Assignment, WorkerAssignment, WorkerTopology } from '../../src/cluster/records.js'
import { loadKeyHash, type KeyHash } from '../../src/grouping/hash.js'
import { placeExecutors } from '../../src/nimbus/scheduler.js'
import { seededRng } from '../../src/stdx/rng.js'
import { specOf } from '../../src/topology/topology.js'
import { Acceptor } from '../../src/wire/acceptor.js'
import { admitControl, type ControlLink } from '../../src/wire/control.js'
import { Frames } from '../../src/wire/frame.js'
import type { LinkIdentity } from '../../src/wire/handshake.js'
import { Loopback } from '../../src/wire/loopback.js'
import { deriveKey, nodeSecrets } from '../../src/wire/node-secrets.js'
import { plainText } from '../../src/wire/text.js'
import { WorkerProcess, type ProcessEnd } from '../../src/worker/process.js'

let hash: KeyHash
beforeAll(async () => {
  hash = await loadKeyHash()
})

const Line = stream({ n: t.number, line: t.string })
const Word = stream({ word: t.string })

/** Lines → words → counts; what the sink saw, and what the spout was told. */
function wordTopology(lines: number) {
  const counts = new Map<string, number>()
  const split = basicBolt({
    input: Line,
    outputs: Word,
    execute({ values }, out) {
      for (const word of values.line.split(' ')) out.emit({ word })
    },
  })
  const count = basicBolt({
    input: Word,
    execute({ values }) {
      counts.set(values.word, (counts.get(values.word) ?? 0) + 1)
    },
  })
  const builder = new TopologyBuilder('words')
  const list = Array.from({ length: lines }, (_, n) => ({ n, line: `a b${n % 7} a` }))
  const source = builder.setSpout('lines', listSpout(Line, list), 2)
  const words = builder.setBolt('split', split, 3).shuffleGrouping(source)
  builder.setBolt('count', count, 3).fieldsGrouping(words, ['word'])
  return { topology: builder.createTopology({ inboxLimit: 16, messageTimeoutMs: 30_000 }), counts }
}

interface Rig {
  readonly clock: VirtualClock
  readonly assignment: Assignment
  readonly loopback: Loopback
  readonly workers: (WorkerProcess | undefined)[]
  readonly ends: (ProcessEnd | undefined)[][]
  start(index: number, incarnation: number): void
  listening: (() => void)[]
}

/** So many workers of one topology, on virtual time and links within this process, without a nimbus. */
function rig(topology: Topology, workerCount: number, ackers = workerCount, clock = new VirtualClock()): Rig {
  const spec = specOf(topology)
  const loopback = new Loopback({ clock, delayMs: () => 1 })
  const tasks: Record<string, number> = {}
  for (const component of spec.components.values()) tasks[component.id] = component.taskCount ?? component.parallelism
  const shape = { ackers, tasks, executors: tasks }
  const record: WorkerTopology = {
    id: 'words-1-0',
    number: 1,
    name: 'words',
    artefact: '0'.repeat(64),
    args: [],
    cwd: '/',
    options: {},
    ...shape,
  }
  const workers: WorkerAssignment[] = placeExecutors(layoutOf(record).executors, workerCount).map(
    (executors, index) => ({
      slot: { supervisor: 's', port: 6_700 + index },
      host: 'here',
      executors: executors.map(({ first, last }) => [first, last]),
      since: 1,
    }),
  )
  const assignment: Assignment = { topology: record.id, generation: 1, workers }
  const secret = new Uint8Array(32)
  const running: Rig = {
    clock,
    assignment,
    loopback,
    workers: [],
    ends: workers.map(() => []),
    listening: [],
    start(index, incarnation) {
      const { slot, since } = workers[index] as WorkerAssignment
      const process = new WorkerProcess({
        launch: { topology: record, assignment, isActive: true, slot, since, incarnation, linkKey: '', controlKey: '' },
        spec,
        version: '0',
        pid: 1,
        clock,
        rng: seededRng(index * 100 + incarnation),
        hash,
        text: plainText(),
        secrets: nodeSecrets(),
        log: { write() {} },
        linkKey: deriveKey(secret, 'link', record.id),
        controlKey: deriveKey(secret, 'control'),
        dialPeer: (peer) => loopback.dial(`s:${peer.slot.port}`, `s:${slot.port}`),
        dialNimbus: loopback.dial('nimbus', `s:${slot.port}`),
        memory: () => ({ rssBytes: 0, heapBytes: 0 }),
        beat: () => undefined,
        onEnd: (end) => running.ends[index]?.push(end),
      })
      running.workers[index] = process
      running.listening[index] = loopback.listen(`s:${slot.port}`, (carrier, from) => process.accept(carrier, from))
      process.start()
    },
  }
  workers.forEach((_, index) => running.start(index, 1))
  return running
}

function isSettled({ workers }: Rig): boolean {
  return workers.every((worker) => worker === undefined || worker.isSettled)
}

async function settle(running: Rig, limitMs: number): Promise<void> {
  for (let ms = 0; ms < limitMs; ms += 50) {
    await running.clock.advance(50)
    if (isSettled(running)) return
  }
  throw new Error('not settled')
}

const topologyOf =
  (isActive: boolean): ((assignment: Assignment) => ToWorker) =>
  (assignment) => ({ kind: 'topology', fence: 1, assignment, isActive, status: isActive ? 'ACTIVE' : 'KILLED' })
const fenced = (): ToWorker => ({ kind: 'fenced', reason: 'the topology is gone' })

/** A nimbus that does this for each hello. */
function listenAsNimbus(running: Rig, hello: (link: ControlLink) => void): void {
  const identity: LinkIdentity = {
    role: 'nimbus',
    topology: '',
    topologyNumber: 0,
    supervisor: '',
    port: 0,
    since: 0,
    incarnation: 1,
  }
  const tools = { frames: new Frames(), clock: running.clock }
  const acceptor = new Acceptor({
    tools,
    secrets: nodeSecrets(),
    purpose: 'control',
    identity,
    keyOf: () => deriveKey(new Uint8Array(32), 'control'),
    admit: () =>
      admitControl(tools, plainText(), (link) => ({
        received(message) {
          if ((message as { kind: string }).kind === 'hello') hello(link)
        },
        closed() {},
      })),
    unwanted() {},
  })
  running.loopback.listen('nimbus', (carrier, from) => acceptor.accept(carrier, from))
}

describe('worker process', () => {
  test.each([1, 2, 4])('over %i workers: every word is counted once', async (workerCount) => {
    const { topology, counts } = wordTopology(700)
    const running = rig(topology, workerCount)
    await settle(running, 60_000)
    expect(Object.fromEntries(counts)).toEqual({
      a: 1_400,
      ...Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`b${i}`, 100])),
    })
    for (const worker of running.workers) await running.clock.until(worker?.stop() as Promise<void>)
    expect(running.ends).toEqual(Array.from({ length: workerCount }, () => [undefined]))
  })

  test('links that are cut again and again: resumed, so nothing is lost or doubled', async () => {
    const { topology, counts } = wordTopology(2_000)
    const running = rig(topology, 3)
    for (let cut = 0; cut < 20; cut++) {
      await running.clock.advance(7)
      for (const connection of running.loopback.connections) if (connection.to !== 'nimbus') connection.cut()
    }
    await settle(running, 120_000)
    expect(counts.get('a')).toBe(4_000)
  })

  test('a worker that comes back after a while: it is called as soon as it calls', async () => {
    const running = rig(wordTopology(10).topology, 2)
    const links = () =>
      [...running.loopback.connections].filter(({ to }) => to !== 'nimbus').map(({ from, to }) => from + to)
    await running.clock.advance(1_000)
    expect(links().sort()).toEqual(['s:6700s:6701', 's:6701s:6700'])
    running.listening[1]?.()
    running.workers[1]?.crashed(new Error('it crashes'))
    // By now it is called every few seconds only.
    await running.clock.advance(60_000)
    running.start(1, 2)
    await running.clock.advance(100)
    expect(links().sort()).toEqual(['s:6700s:6701', 's:6701s:6700'])
  })

  describe('a worker that died', () => {
    const Offer = stream({ id: t.number })

    /** A spout task in the worker that lives emits what is offered, to bolts in both that never ack; `failed` is what it is told. */
    function silentRig(ackers: number) {
      const offers: number[] = []
      const failed: string[] = []
      class Offers implements Spout<{ default: typeof Offer }, number> {
        readonly outputs = { default: Offer }
        #lives = false
        open({ workerPort }: TopologyContext): void {
          this.#lives = workerPort === 6_701
        }
        nextTuple(out: SpoutCollector<{ default: typeof Offer }, number>): void {
          const id = this.#lives ? offers.shift() : undefined
          if (id !== undefined) out.emit({ id }, id)
        }
        fail(id: number, reason: FailReason): void {
          failed.push(`${id}: ${reason}`)
        }
      }
      class Silent implements Bolt<{ id: number }> {
        execute() {}
      }
      const builder = new TopologyBuilder('silent')
      const source = builder.setSpout('source', () => new Offers(), 2)
      builder.setBolt('any', () => new Silent(), 2).allGrouping(source)
      return { offers, failed, running: rig(builder.createTopology({ messageTimeoutMs: 600_000 }), 2, ackers) }
    }

    async function crashAndReturn({ running, offers }: ReturnType<typeof silentRig>): Promise<void> {
      running.listening[0]?.()
      running.workers[0]?.crashed(new Error('it crashes'))
      await running.clock.advance(1_000)
      offers.push(4, 5)
      await running.clock.advance(1_000)
      running.start(0, 2)
      await running.clock.advance(2_000)
    }

    test('what waited for it: is failed when it is back, as lost with the worker', async () => {
      const silent = silentRig(2)
      await silent.running.clock.advance(1_000)
      await crashAndReturn(silent)
      expect(silent.failed).toEqual(['4: worker lost', '5: worker lost'])
    })

    test('the trees that its acker followed: all are failed when it is back, long before their timeout', async () => {
      const silent = silentRig(1)
      silent.offers.push(1, 2, 3)
      await silent.running.clock.advance(1_000)
      await crashAndReturn(silent)
      expect(silent.failed).toEqual([1, 2, 3, 4, 5].map((id) => `${id}: acker lost`))
    })
  })

  describe('a worker that stood still for longer than others wait', () => {
    const Beat = stream({ n: t.number })

    /** A clock that can leap as it does for a process that was stopped: nothing has run meanwhile. */
    class LeapingClock extends VirtualClock {
      leaptMs = 0
      override now(): number {
        return super.now() + this.leaptMs
      }
    }

    /** One worker that is never at rest, and what its sink has executed; `answer`: what nimbus says to the n-th hello. */
    async function leapt(answer: (hellos: number) => ((assignment: Assignment) => ToWorker) | undefined) {
      let executed = 0
      let hellos = 0
      let n = 0
      const builder = new TopologyBuilder('beats')
      const source = builder.setSpout('source', () => ({
        outputs: { default: Beat },
        nextTuple(out: SpoutCollector<{ default: typeof Beat }>) {
          out.emit({ n: n++ })
        },
      }))
      builder.setBolt('sink', basicBolt({ input: Beat, execute: () => void executed++ })).shuffleGrouping(source)
      const clock = new LeapingClock()
      const running = rig(builder.createTopology(), 1, 1, clock)
      listenAsNimbus(running, (link) => {
        const say = answer(++hellos)
        clock.after(100, () => say !== undefined && link.send(say(running.assignment)))
      })
      await clock.advance(500)
      const before = executed
      clock.leaptMs += 12_000
      const after = async (ms: number) => {
        await clock.advance(ms)
        return executed - before
      }
      return { running, before, after, hellos: () => hellos }
    }

    test('nimbus says that it is still wanted: it does nothing before, and goes on then', async () => {
      const { before, after, hellos } = await leapt(() => topologyOf(true))
      expect(before).toBeGreaterThan(0)
      expect(await after(90)).toBe(0)
      expect(await after(100)).toBeGreaterThan(0)
      expect(hellos()).toBe(2)
    })

    test('nimbus says that it is not: it ends, and has done nothing', async () => {
      const { after, running } = await leapt((hellos) => (hellos === 1 ? topologyOf(true) : fenced))
      expect(await after(10_000)).toBe(0)
      expect(running.ends).toEqual([[expect.objectContaining({ code: 'FENCED' })]])
    })

    test('nimbus does not answer: it goes on after three seconds', async () => {
      const { after } = await leapt((hellos) => (hellos === 1 ? topologyOf(true) : undefined))
      expect(await after(2_900)).toBe(0)
      expect(await after(150)).toBeGreaterThan(0)
    })
  })

  describe('superseded', () => {
    /** A worker whose nimbus says these things, and what becomes of it: the ends of its components and its own. */
    async function told(...messages: readonly ((assignment: Assignment) => ToWorker)[]) {
      const said: string[] = []
      const builder = new TopologyBuilder('ending')
      const none = builder.setSpout('none', () => ({
        outputs: { default: Word },
        nextTuple() {},
        close: () => void said.push('closed'),
      }))
      builder
        .setBolt('sink', () => ({ execute() {}, cleanup: () => void said.push('cleaned up') }))
        .shuffleGrouping(none)
      const running = rig(builder.createTopology(), 1)
      const { assignment } = running
      listenAsNimbus(running, (link) => {
        for (const say of messages) link.send(say(assignment))
      })
      await running.clock.advance(10_000)
      return [...said, ...running.ends.flat().map((end) => end?.code)]
    }
    test('at rest, before the end of its topology: it ends its components first', async () => {
      expect(await told(topologyOf(false), fenced)).toEqual(['closed', 'cleaned up', 'FENCED'])
    })

    test('at work: it ends at once, as another does its work by now', async () => {
      expect(await told(topologyOf(true), fenced)).toEqual(['FENCED'])
    })
  })
})
