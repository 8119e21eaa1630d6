// Guards: "an executor is in at most one slot, a slot belongs to at most one topology, generations only grow".
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { slotKey, type Assignment } from '../../src/cluster/records.js'
import { executorsOf } from '../../src/nimbus/placement.js'
import { Bench, graph, hello, timeoutMs, type TestSupervisor, type TestWorker } from './kit.js'

const supervisors = ['s0', 's1', 's2', 's3']
const names = ['a', 'b', 'c']

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('come' as const), who: fc.nat(3), ports: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), who: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      what: fc.nat(2),
      workers: fc.integer({ min: 1, max: 5 }),
      size: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), what: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rebalance' as const),
      what: fc.nat(2),
      workers: fc.integer({ min: 1, max: 5 }),
      bolts: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('work' as const), what: fc.nat(2), slot: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1_000, 5_000, timeoutMs + 1_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** A cluster to which things happen. What is alive is heard every second. */
class World {
  readonly bench = new Bench()
  readonly alive = new Map<string, TestSupervisor>()
  readonly ports = new Map<string, number[]>()
  readonly workers: TestWorker[] = []
  #starts = 0

  act(action: Action): void {
    const { bench } = this
    const by = 'tester'
    switch (action.do) {
      case 'come': {
        const id = supervisors[action.who]!
        if (this.alive.has(id)) return
        const ports = Array.from({ length: action.ports }, (_, i) => 2_000 + i)
        this.ports.set(id, ports)
        const incarnation = ++this.#starts
        this.alive.set(id, bench.supervisor(id, ports, { incarnation, session: `${incarnation}` }))
        return
      }
      case 'die':
        this.alive.get(supervisors[action.who]!)?.close()
        this.alive.delete(supervisors[action.who]!)
        return
      case 'submit': {
        if (bench.nimbus.find(names[action.what]!) !== undefined) return
        const options = { workers: action.workers }
        bench.submit(names[action.what]!, { options, graph: graph(action.size), request: `${++this.#starts}` })
        return
      }
      case 'kill':
        bench.do({ kind: 'kill', topology: names[action.what]!, waitMs: 1_000, by })
        return
      case 'rebalance': {
        const executors = { bolt: action.bolts }
        bench.do({
          kind: 'rebalance',
          topology: names[action.what]!,
          waitMs: 1_000,
          workers: action.workers,
          executors,
          by,
        })
        return
      }
      case 'work': {
        const record = bench.nimbus.find(names[action.what]!)
        const worker = record?.assignment?.workers[action.slot]
        if (record === undefined || worker === undefined) return
        this.workers.push(
          bench.worker(record.name, worker.slot.supervisor, worker.slot.port, { incarnation: ++this.#starts }),
        )
        return
      }
      case 'pass':
        bench.pass(action.ms, () => this.beat())
        return
      case 'restart':
        bench.restart()
        this.workers.length = 0
        for (const [id] of this.alive) {
          const incarnation = ++this.#starts
          this.alive.set(id, bench.supervisor(id, this.ports.get(id)!, { incarnation, session: `${incarnation}` }))
        }
    }
  }

  beat(): void {
    for (const supervisor of this.alive.values()) supervisor.beat()
    for (const worker of this.workers) worker.beat()
  }

  assignments(): Map<string, Assignment> {
    const found = new Map<string, Assignment>()
    for (const [id, { assignment }] of this.bench.nimbus.topologies)
      if (assignment !== undefined) found.set(id, assignment)
    return found
  }
}

function checkSound(world: World): void {
  const ownerBySlot = new Map<string, string>()
  for (const [id, record] of world.bench.nimbus.topologies) {
    const { assignment } = record
    if (assignment === undefined) continue
    const placed = assignment.workers
      .flatMap(({ executors }) => executors.map(([first]) => first))
      .sort((a, b) => a - b)
    const all = executorsOf(record).map(({ first }) => first)
    // All or none: a topology that lacks a part of itself only looks as if it ran.
    if (record.life.status !== 'KILLED') expect([[], all]).toContainEqual(placed)
    for (const { slot, since, executors } of assignment.workers) {
      expect(ownerBySlot.get(slotKey(slot)) ?? id).toBe(id)
      ownerBySlot.set(slotKey(slot), id)
      expect(since).toBeLessThanOrEqual(assignment.generation)
      expect(executors.length).toBeGreaterThan(0)
    }
  }
}

function checkGrown(before: Map<string, Assignment>, after: Map<string, Assignment>): void {
  for (const [id, assignment] of after) {
    const old = before.get(id)
    if (old === undefined) continue
    expect(assignment.generation).toBeGreaterThanOrEqual(old.generation)
    if (assignment.generation === old.generation) expect(assignment).toEqual(old)
    for (const worker of assignment.workers) {
      const was = old.workers.find(({ slot }) => slotKey(slot) === slotKey(worker.slot))
      // The same work in the same place is the same worker; other work never is.
      if (was !== undefined && worker.since === was.since) expect(worker.executors).toEqual(was.executors)
      if (was !== undefined && worker.since !== was.since) expect(worker.since).toBeGreaterThan(old.generation)
    }
  }
}

test('placement: sound: whatever happens, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
      const world = new World()
      for (const one of actions) {
        const before = world.assignments()
        world.act(one)
        checkSound(world)
        checkGrown(before, world.assignments())
      }
    }),
    {
      numRuns: 1_500,
      examples: [
        // Rebalanced to other executors while nobody is known to whom they could be given.
        [
          [
            { do: 'come', who: 3, ports: 1 },
            { do: 'submit', what: 0, workers: 1, size: 2 },
            { do: 'die', who: 3 },
            { do: 'restart' },
            { do: 'rebalance', what: 0, workers: 1, bolts: 1 },
            { do: 'pass', ms: 1_000 },
          ],
        ],
      ],
    },
  )
})

test('placement: calm: what is alive is not moved when others come, die or nimbus starts anew', () => {
  const calm = action.filter(({ do: what }) => ['die', 'pass', 'restart', 'work'].includes(what))
  fc.assert(
    fc.property(fc.array(action, { maxLength: 10 }), fc.array(calm, { maxLength: 10 }), (first, then) => {
      const world = new World()
      for (const one of first) world.act(one)
      // Nothing that waits, and nothing that is too few: then nothing but death moves anything.
      world.bench.pass(2_000, () => world.beat())
      const whole = [...world.bench.nimbus.topologies.values()].every(
        ({ life, assignment }) =>
          life.status !== 'KILLED' && assignment !== undefined && assignment.workers.length >= life.workers,
      )
      fc.pre(whole && world.alive.size > 0)
      const before = world.assignments()
      const alive = new Set(world.alive.keys())
      for (const one of then) {
        world.act(one)
        for (const id of alive) if (!world.alive.has(id)) alive.delete(id)
      }
      world.bench.pass(3 * timeoutMs, () => world.beat())
      for (const [id, { workers }] of world.assignments()) {
        const after = new Map(workers.map((worker) => [slotKey(worker.slot), worker]))
        const lost = before.get(id)!.workers.some(({ slot }) => !alive.has(slot.supervisor))
        for (const worker of before.get(id)!.workers) {
          if (alive.has(worker.slot.supervisor) && !lost) expect(after.get(slotKey(worker.slot))).toEqual(worker)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('placement: alone: a supervisor that is refused changes nothing', () => {
  const bench = new Bench()
  bench.supervisor('s1', [2_000])
  bench.submit('a')
  const before = bench.assignment('a')
  bench.do({ kind: 'supervisor', link: 99, message: hello('s2', [1]) })
  expect(bench.assignment('a')).toBe(before)
})
