// Guards: "persist, then apply, then answer": whatever was answered holds after a crash at any write.
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { slotKey } from '../../src/cluster/records.js'
import { Coordinator, type Request } from '../../src/nimbus/coordinator.js'
import { MemoryDisk, MemoryStore, type WriteFault } from '../../src/nimbus/memory-store.js'
import type { NimbusEffect, Reply } from '../../src/nimbus/decision.js'
import { executorsOf } from '../../src/nimbus/placement.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { beat, graph, hello, keys, submission, tickMs, timeoutMs } from './kit.js'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const by = 'tester'

/** A coordinator on a disk that outlives it, and on a clock that is moved by hand. */
class Rig {
  readonly disk = new MemoryDisk()
  readonly clock = new VirtualClock()
  effects: NimbusEffect[] = []
  lost: string[] = []
  writes = 0
  /** What goes wrong with the next writes, by their number from now. */
  faults = new Map<number, WriteFault>()
  /** Writes that wait until they are let go; undefined: none waits. */
  held: (() => void)[] | undefined
  coordinator!: Coordinator

  async start(): Promise<void> {
    const store = new MemoryStore({
      disk: this.disk,
      sha256,
      fault: () => this.faults.get(this.writes++),
      schedule: (work) => (this.held === undefined ? work() : void this.held.push(work)),
    })
    this.coordinator = await Coordinator.start({
      store,
      holder: 'test',
      clock: this.clock,
      nimbus: { version: '0', keys, supervisorTimeoutMs: timeoutMs, tickMs, topologiesMax: 10 },
      perform: (effect) => this.effects.push(effect),
      onLost: (reason) => this.lost.push(reason),
    })
    await this.clock.advance(0)
  }

  /** The process dies: nothing of it happens any more. */
  async restart(): Promise<void> {
    this.coordinator.close()
    this.faults.clear()
    this.effects = []
    await this.start()
  }

  /** The answer, the error's code, or undefined when there is none, as after a crash. */
  async ask(request: Request): Promise<Reply | string | undefined> {
    let answer: Reply | string | undefined
    this.coordinator.ask(request).then(
      (reply) => (answer = reply),
      (error: { code: string }) => (answer = error.code),
    )
    await this.clock.advance(0)
    return answer
  }

  hello(link: number, id: string, ports: readonly number[]): void {
    this.coordinator.tell({ kind: 'supervisor', link, message: hello(id, ports) })
  }

  get nimbus() {
    return this.coordinator.nimbus
  }

  /** What is stored, and what the coordinator believes, which must be the same. */
  stored(): unknown {
    return [...this.disk.documents].map(([key, { text }]) => [key, JSON.parse(text) as unknown])
  }
}

async function started(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  return rig
}

function checkSound({ nimbus }: Rig): void {
  const taken = new Set<string>()
  for (const record of nimbus.topologies.values()) {
    const placed = (record.assignment?.workers ?? []).flatMap(({ slot, executors }) => {
      expect(taken.has(slotKey(slot))).toBe(false)
      taken.add(slotKey(slot))
      return executors.map(([first]) => first)
    })
    if (record.life.status !== 'KILLED') expect([0, executorsOf(record).length]).toContain(placed.length)
  }
}

describe('answers', () => {
  test('order: nothing is told or answered before it is stored', async () => {
    const rig = await started()
    rig.hello(1, 's1', [2_000])
    await rig.clock.advance(0)
    rig.effects = []
    rig.faults.set(rig.writes, {})
    expect(await rig.ask({ kind: 'submit', submission: submission('a') })).toBeUndefined()
    expect(rig.effects).toEqual([])
    expect(rig.nimbus.topologies.size).toBe(0)
  })

  test('full disk: told so, nothing changes, what runs is heard, and it goes on by itself', async () => {
    const rig = await started()
    rig.hello(1, 's1', [2_000, 2_001])
    await rig.ask({ kind: 'submit', submission: submission('a') })
    const before = rig.stored()
    for (let i = 0; i < 50; i++) rig.faults.set(rig.writes + i, { error: 'STORE_FULL' })
    expect(await rig.ask({ kind: 'submit', submission: submission('b') })).toBe('STORE_FULL')
    expect(await rig.ask({ kind: 'kill', topology: 'a', by })).toBe('STORE_FULL')
    expect(rig.stored()).toEqual(before)
    expect(rig.nimbus.find('a')?.life.status).toBe('ACTIVE')
    expect(rig.coordinator.storeError?.code).toBe('STORE_FULL')
    rig.effects = []
    rig.coordinator.tell({ kind: 'supervisor', link: 1, message: { kind: 'heartbeat', running: [] } })
    rig.hello(2, 's2', [2_000])
    await rig.clock.advance(0)
    expect(rig.effects.filter(({ kind }) => kind === 'tell supervisor')).toHaveLength(2)
    rig.faults.clear()
    await rig.clock.advance(10_000)
    expect(rig.coordinator.storeError).toBeUndefined()
    expect(await rig.ask({ kind: 'submit', submission: submission('b') })).toMatchObject({ kind: 'done' })
  })

  test('no busy loop: a store that fails is tried once a tick', async () => {
    const rig = await started()
    rig.hello(1, 's1', [2_000])
    await rig.ask({ kind: 'submit', submission: submission('a') })
    await rig.ask({ kind: 'kill', topology: 'a', waitMs: 1_000, by })
    const from = rig.writes
    for (let i = 0; i < 1_000; i++) rig.faults.set(from + i, { error: 'STORE_IO' })
    await rig.clock.advance(20_000)
    expect(rig.writes - from).toBeLessThan(30)
    expect(rig.nimbus.find('a')?.life.status).toBe('KILLED')
    rig.faults.clear()
    await rig.clock.advance(2_000)
    expect(rig.nimbus.find('a')).toBeUndefined()
  })

  test('crowd: one too many is told to come again, and heartbeats go first', async () => {
    const rig = await started()
    const answers: string[] = []
    for (let i = 0; i < 1_100; i++) {
      rig.coordinator.ask({ kind: 'kill', topology: 'none', by }).then(
        (reply) => answers.push(reply.kind),
        (error: { code: string }) => answers.push(error.code),
      )
    }
    await rig.clock.advance(0)
    expect(answers.filter((answer) => answer === 'BUSY').length).toBeGreaterThan(50)
    expect(answers).toHaveLength(1_100)
  })

  test('same millisecond: of two submissions of a name exactly one wins', async () => {
    const rig = await started()
    const answers = [1, 2].map((i) =>
      rig.coordinator.ask({ kind: 'submit', submission: submission('a', { request: `${i}` }) }),
    )
    await rig.clock.advance(0)
    expect((await Promise.all(answers)).map(({ kind }) => kind).sort()).toEqual(['done', 'refused'])
  })

  test('heartbeats: of those that wait the newest counts, and no error of user code is lost', async () => {
    const rig = await started()
    rig.hello(1, 's1', [2_000])
    const reply = await rig.ask({ kind: 'submit', submission: submission('a') })
    if (typeof reply !== 'object' || reply.kind !== 'done') throw new Error('refused')
    await rig.clock.advance(0)
    const { id } = reply.topology!
    const slot = { supervisor: 's1', port: 2_000 }
    const named = { topology: id, slot, since: 1, incarnation: 1, pid: 1 }
    rig.coordinator.tell({ kind: 'worker', link: 9, message: { kind: 'hello', protocol: 1, version: '0', ...named } })
    rig.held = []
    const killed = rig.coordinator.ask({ kind: 'kill', topology: 'a', by })
    // While a write takes its time, everything waits.
    for (let i = 0; i < 5; i++) {
      const errors = [{ component: 'bolt', task: 1, message: `${i}`, atMs: 0 }]
      rig.coordinator.tell({ kind: 'worker', link: 9, message: { ...beat, pending: i, errors } })
    }
    expect(rig.nimbus.errorsOf(id)).toEqual([])
    rig.held[0]!()
    rig.held = undefined
    await killed
    await rig.clock.advance(0)
    expect(rig.nimbus.errorsOf(id).map(({ message }) => message)).toEqual(['0', '1', '2', '3', '4'])
    expect(rig.nimbus.sessions.workerOf(9)?.heartbeat?.pending).toBe(4)
  })

  test('another leader: this one ends, and can write no more', async () => {
    const rig = await started()
    await new MemoryStore({ disk: rig.disk, sha256 }).lead('another')
    await rig.clock.advance(0)
    expect(rig.lost).toEqual(['another leads now'])
  })
})

describe('crash', () => {
  /** What a client does; each answered step is checked after every crash that follows. */
  const script: readonly Request[] = [
    { kind: 'submit', submission: submission('a', { options: { workers: 2 }, graph: graph(3) }) },
    { kind: 'submit', submission: submission('b', { options: { workers: 2 }, graph: graph(2) }) },
    { kind: 'deactivate', topology: 'a', by },
    { kind: 'rebalance', topology: 'b', waitMs: 0, workers: 1, executors: { bolt: 1 }, by },
    { kind: 'kill', topology: 'a', waitMs: 0, by },
    { kind: 'submit', submission: submission('a', { request: 'again', options: { workers: 3 }, graph: graph(3) }) },
  ]

  test('at any write, with any part of it stored: what was answered holds, what follows is sound', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(20),
        fc.nat(2),
        fc.constantFrom(undefined, 'STORE_IO' as const),
        async (at, stored, error) => {
          const rig = await started()
          let generations = new Map<string, number>()
          const seen = new Map<string, number>()
          const comeUp = async () => {
            rig.hello(1, 's1', [2_000, 2_001])
            rig.hello(2, 's2', [2_000])
            await rig.clock.advance(0)
          }
          await comeUp()
          rig.faults.set(rig.writes + at, { stored, ...(error === undefined ? {} : { error }) })
          for (const request of script) {
            // A client asks until it is answered, as one does whose nimbus was away.
            for (let tries = 0; ; tries++) {
              expect(tries).toBeLessThan(3)
              const answer = await rig.ask(request)
              const isHung = answer === undefined
              // With a part of it stored, the disk and this process disagree for good: nothing is believed any more.
              if (isHung || rig.lost.length > 0 || (typeof answer === 'string' && stored > 0)) {
                rig.lost = []
                await rig.restart()
                await comeUp()
              }
              if (typeof answer !== 'object') continue
              // Asked again after it was done: it is there, or gone, or was done already.
              if (answer.kind === 'refused')
                expect(['NOT_FOUND', 'ALREADY_RUNNING', 'WRONG_STATUS']).toContain(answer.code)
              break
            }
            await rig.clock.advance(2_000)
            if (rig.lost.length > 0 || rig.coordinator.storeError !== undefined) {
              rig.lost = []
              await rig.restart()
              await comeUp()
              await rig.clock.advance(2_000)
            }
            checkSound(rig)
            const now = new Map(
              [...rig.nimbus.topologies].map(([id, { assignment }]) => [id, assignment?.generation ?? 0]),
            )
            for (const [id, generation] of now) expect(generation).toBeGreaterThanOrEqual(generations.get(id) ?? 0)
            generations = now
            // No number is given twice: what is new is newer than all that ever was.
            for (const { number, id } of rig.nimbus.topologies.values()) {
              if (!seen.has(id)) expect(number).toBeGreaterThan(Math.max(0, ...seen.values()))
              seen.set(id, number)
            }
          }
          await rig.restart()
          await comeUp()
          await rig.clock.advance(2_000)
          checkSound(rig)
          expect([...rig.nimbus.topologies.values()].map(({ name, life }) => [name, life.status])).toEqual([
            ['b', 'ACTIVE'],
            ['a', 'ACTIVE'],
          ])
          expect(rig.nimbus.find('b')?.life).toMatchObject({ workers: 1, executors: { spout: 2, bolt: 1 } })
          expect(rig.nimbus.find('b')?.assignment?.workers).toHaveLength(1)
          expect(rig.nimbus.find('a')?.assignment?.workers).toHaveLength(2)
          rig.coordinator.close()
        },
      ),
      { numRuns: 120 },
    )
  })
})
