import { expect } from 'vitest'
import type { SupervisorHello, WorkerHeartbeat } from '../../src/cluster/messages.js'
import {
  slotKey,
  type Assignment,
  type GraphComponent,
  type RunningWorker,
  type TopologyGraph,
  type TopologyRecord,
} from '../../src/cluster/records.js'
import { documentOf, stateOf, type Document } from '../../src/nimbus/documents.js'
import type { Decision, NimbusEffect, NimbusInput, Reply } from '../../src/nimbus/decision.js'
import { Nimbus, type NimbusParts } from '../../src/nimbus/nimbus.js'
import type { Submission } from '../../src/nimbus/submission.js'

export const keys: NimbusParts['keys'] = {
  link: (topology) => `link ${topology}`,
  control: (topology, slot, since) => `control ${topology} ${slotKey(slot)} ${since}`,
}

export const hash = (digit: string) => digit.repeat(64)

/** A spout and a bolt, with so many executors each. */
export function graph(parallelism = 1, name = 't'): TopologyGraph {
  const stream = { id: 'default', fields: ['word'], direct: false }
  const components: GraphComponent[] = [
    { id: 'spout', kind: 'spout', parallelism, streams: [stream], subscriptions: [] },
    {
      id: 'bolt',
      kind: 'bolt',
      parallelism,
      taskCount: parallelism * 2,
      streams: [],
      subscriptions: [{ component: 'spout', stream: 'default', grouping: 'shuffle' }],
    },
  ]
  return { name, components, options: {}, warnings: [] }
}

export function submission(name: string, more: Partial<Submission> = {}): Submission {
  return {
    request: `request of ${name}`,
    name,
    artefact: hash('a'),
    args: [],
    cwd: '/',
    options: {},
    inactive: false,
    owner: 'tester',
    graph: graph(),
    ...more,
  }
}

export function hello(
  supervisor: string,
  ports: readonly number[],
  more: Partial<SupervisorHello> = {},
): SupervisorHello {
  return {
    kind: 'hello',
    protocol: 1,
    version: '0',
    supervisor,
    host: `${supervisor}.test`,
    slots: ports,
    incarnation: 1,
    session: `session of ${supervisor}`,
    running: [],
    ...more,
  }
}

export const beat: WorkerHeartbeat = {
  kind: 'heartbeat',
  isReady: true,
  isActive: true,
  isExhausted: false,
  pending: 0,
  uptimeMs: 0,
  rssBytes: 1,
  heapBytes: 1,
  loopLagMs: 0,
  components: [],
  errors: [],
}

export const tickMs = 1_000
export const timeoutMs = 15_000

/** A nimbus with its disk and its time, all by hand. Effects are kept until they are taken. */
export class Bench {
  readonly documents = new Map<string, Document>()
  nimbus: Nimbus
  nowMs = 1_000_000
  /** What the time of day is off. */
  wallOffsetMs = 0
  effects: NimbusEffect[] = []
  #links = 0

  constructor() {
    this.nimbus = this.#make(1)
  }

  /** The process dies and is started again on what it had stored. */
  restart(): void {
    this.effects = []
    this.nimbus = this.#make(2)
    this.place()
  }

  give(input: NimbusInput): Reply | undefined {
    const decision = this.decide(input)
    this.store(decision)
    this.nimbus.apply(decision, this.now)
    this.effects.push(...decision.effects)
    return decision.reply
  }

  decide(input: NimbusInput): Decision {
    return this.nimbus.decide(input, this.now)
  }

  store({ writes }: Decision): void {
    for (const write of writes) {
      const { key, value } = documentOf(write)
      if (value === undefined) this.documents.delete(key)
      else this.documents.set(key, { key, value: JSON.parse(JSON.stringify(value)) as typeof value })
    }
  }

  get now() {
    return { nowMs: this.nowMs, wallMs: this.nowMs + this.wallOffsetMs }
  }

  place(): void {
    for (let i = 0; this.nimbus.isPlacingDue; i++) {
      if (i > 10) throw new Error('placing never ends')
      this.give({ kind: 'place' })
    }
  }

  /** Gives the input, and then lets it place. */
  do(input: NimbusInput): Reply | undefined {
    const reply = this.give(input)
    this.place()
    return reply
  }

  /** Time goes on, second by second, while those in `heard` send heartbeats. */
  pass(ms: number, heard: () => void = () => {}): void {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += Math.min(tickMs, end - this.nowMs)
      heard()
      this.do({ kind: 'tick' })
      while (this.nimbus.isTickDue(this.nowMs)) this.do({ kind: 'tick' })
    }
  }

  supervisor(id: string, ports: readonly number[], more: Partial<SupervisorHello> = {}): TestSupervisor {
    const link = ++this.#links
    this.do({ kind: 'supervisor', link, message: hello(id, ports, more) })
    return new TestSupervisor(this, link)
  }

  worker(topology: string, supervisor: string, port: number, more: { since?: number; incarnation?: number } = {}) {
    const link = ++this.#links
    const slot = { supervisor, port }
    const since = more.since ?? this.assignment(topology).workers.find((w) => slotKey(w.slot) === slotKey(slot))?.since
    if (since === undefined) throw new Error(`${slotKey(slot)} has nothing of ${topology}`)
    const { id } = this.record(topology)
    const named = { topology: id, slot, since, incarnation: more.incarnation ?? 1, pid: 1 }
    this.do({ kind: 'worker', link, message: { kind: 'hello', protocol: 1, version: '0', ...named } })
    return new TestWorker(this, link)
  }

  submit(name: string, more: Partial<Submission> = {}): TopologyRecord {
    const reply = this.do({ kind: 'submit', submission: submission(name, more) })
    if (reply?.kind !== 'done') throw new Error(JSON.stringify(reply))
    return this.record(name)
  }

  record(name: string): TopologyRecord {
    const record = this.nimbus.find(name)
    if (record === undefined) throw new Error(`no topology ${name}`)
    return record
  }

  assignment(name: string): Assignment {
    const { assignment } = this.record(name)
    if (assignment === undefined) throw new Error(`${name} was never placed`)
    return assignment
  }

  /** `supervisor:port` by its executors, with the generation of it: `s1:1 [1-1 3-4] since 2`. */
  placed(name: string): string[] {
    return this.assignment(name).workers.map(
      ({ slot, executors, since }) =>
        `${slotKey(slot)} [${executors.map(([first, last]) => `${first}-${last}`).join(' ')}] since ${since}`,
    )
  }

  slots(name: string): string[] {
    return this.assignment(name).workers.map(({ slot }) => slotKey(slot))
  }

  /** What was told over a link since the last call, oldest first, and forgets it. */
  told(link: number): NimbusEffect[] {
    const own = this.effects.filter((effect) => 'link' in effect && effect.link === link)
    this.effects = this.effects.filter((effect) => !own.includes(effect))
    return own
  }

  #make(fence: number): Nimbus {
    return new Nimbus({
      stored: stateOf(this.documents.values()),
      fence,
      version: '0',
      keys,
      supervisorTimeoutMs: timeoutMs,
      tickMs,
      topologiesMax: 1_000,
      nowMs: this.nowMs,
    })
  }
}

export class TestSupervisor {
  constructor(
    readonly bench: Bench,
    readonly link: number,
  ) {}

  beat(running: readonly RunningWorker[] = []): void {
    this.bench.do({ kind: 'supervisor', link: this.link, message: { kind: 'heartbeat', running } })
  }

  close(): void {
    this.bench.do({ kind: 'closed', link: this.link })
  }

  /** Kinds of what it was told. */
  told(): string[] {
    return this.bench.told(this.link).map(wordOf)
  }
}

export class TestWorker extends TestSupervisor {
  override beat(more: Partial<WorkerHeartbeat> | readonly RunningWorker[] = {}): void {
    this.bench.do({ kind: 'worker', link: this.link, message: { ...beat, ...more } })
  }
}

function wordOf(effect: NimbusEffect): string {
  switch (effect.kind) {
    case 'tell supervisor':
    case 'tell worker':
      return 'code' in effect.message ? effect.message.code : effect.message.kind
    default:
      return effect.kind
  }
}

export function refusal(reply: Reply | undefined): string {
  expect(reply?.kind).toBe('refused')
  return reply?.kind === 'refused' ? `${reply.code}: ${reply.message}` : ''
}
