// Guards: a supervisor runs what nimbus wants, ends nobody else, and goes on when nimbus or it itself is away.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Machine, mismatch, noSpace, unavailable, type FakeProcess, type Wanted } from './machine.js'

/** A machine on which one worker runs. */
async function running(seed?: number): Promise<Machine> {
  const machine = new Machine(seed)
  await machine.start()
  await machine.wish({ 6_700: ['words', 1] })
  await machine.run(3_000)
  return machine
}

describe('supervisor', () => {
  test('supervisor: what is wanted: is started, and nimbus is told', async () => {
    const machine = new Machine()
    await machine.start()
    await machine.run(500)
    expect(machine.heard[0]).toEqual({
      kind: 'hello',
      protocol: 1,
      version: '0.1.0',
      supervisor: 's1',
      host: '127.0.0.1',
      slots: [6_700, 6_701],
      incarnation: 1,
      session: 'session 1',
      running: [],
    })
    await machine.wish({ 6_700: ['words', 1] })
    expect(machine.states).toBe('6700 words 1 starting')
    await machine.run(2_000)
    expect(machine.reported).toEqual([
      {
        port: 6_700,
        topology: 'words',
        since: 1,
        incarnation: 1,
        pid: 1_000,
        state: 'running',
        restarts: 0,
        rssBytes: 100,
      },
    ])
    expect(machine.worker(6_700).launch).toMatchObject({
      slot: { supervisor: 's1', port: 6_700 },
      since: 1,
      incarnation: 1,
      artefactPath: `/artefacts/${'a'.repeat(64)}.mjs`,
      linkKey: 'bGluaw==',
      controlKey: 'a2V5',
      logDir: '/logs/words/6700',
      dataDir: '/data',
    })
  })

  test('supervisor: heartbeats: every two seconds, and at once when something changed', async () => {
    const machine = await running()
    machine.heard = []
    await machine.run(10_000)
    expect(machine.heard.map(({ kind }) => kind)).toEqual(Array(5).fill('heartbeat'))
    machine.heard = []
    machine.worker(6_700).die()
    expect(machine.states).toBe('6700 words 1 starting')
  })

  test('supervisor: a change of peers: touches nobody whose since stands', async () => {
    const machine = await running()
    const before = machine.worker(6_700)
    await machine.wish({ 6_700: ['words', 1], 6_701: ['words', 2] })
    await machine.run(5_000)
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(5_000)
    expect(machine.worker(6_700)).toBe(before)
    expect(before.signals).toEqual([])
    // Started again, it gets what is true now, not what was true at its first start.
    before.die()
    await machine.run(1_000)
    expect(machine.worker(6_700).launch.assignment.generation).toBe(3)
  })

  test('supervisor: another since: ends the old worker, then starts the new one', async () => {
    const machine = await running()
    const before = machine.worker(6_700)
    let aliveAtStart = -1
    machine.onStart = () => (aliveAtStart = machine.alive(6_700).length)
    await machine.wish({ 6_700: ['words', 2] })
    expect(machine.states).toBe('6700 words 1 stopping')
    await machine.run(1_000)
    expect(before.signals).toEqual(['SIGTERM'])
    expect(aliveAtStart).toBe(0)
    expect(machine.worker(6_700).launch).toMatchObject({ since: 2, incarnation: 2 })
    expect(machine.reported).toMatchObject([{ since: 2, incarnation: 2, restarts: 0 }])
  })

  test('supervisor: an end that is asked for: SIGTERM, and SIGKILL after three seconds', async () => {
    const machine = await running()
    const process = machine.worker(6_700)
    process.obeys = false
    await machine.wish({})
    await machine.run(2_900)
    expect(process.signals).toEqual(['SIGTERM'])
    expect(machine.states).toBe('6700 words 1 stopping')
    await machine.run(200)
    expect(process.signals).toEqual(['SIGTERM', 'SIGKILL'])
    await machine.run(2_000)
    expect(machine.reported).toEqual([])
  })

  test('supervisor: a worker that died: is back at once, then ever later, and shown as looping', async () => {
    const machine = await running()
    const starts: number[] = []
    machine.onStart = (process) => {
      process.beats = false
      starts.push(machine.clock.now())
      machine.clock.after(10, () => process.die({ exitCode: 70, said: 'no such module' }))
    }
    const from = machine.clock.now()
    machine.worker(6_700).die({ signal: 'SIGKILL' })
    await machine.run(40_000)
    const states = machine.heard.flatMap((message) => ('running' in message ? message.running : []))
    expect(new Set(states.map(({ state }) => state))).toEqual(
      new Set(['starting', 'running', 'backoff', 'crash-looping']),
    )
    const pauses = [from, ...starts].slice(0, -1).map((at, index) => (starts[index] as number) - at)
    // 10 ms for the artefact and 10 until it dies come on top.
    const wanted = [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000]
    pauses.forEach((ms, index) => {
      expect(ms).toBeGreaterThanOrEqual(0.9 * (wanted[index] as number))
      expect(ms).toBeLessThanOrEqual(1.1 * (wanted[index] as number) + 30)
    })
    expect(pauses.length).toBe(7)
    expect(machine.reported).toMatchObject([
      { state: 'crash-looping', code: 'WORKER_EXITED', reason: 'it exited with 70: no such module', restarts: 8 },
    ])
  })

  test('supervisor: what is no longer wanted when its process is gone already: leaves no launch file, with its keys', async () => {
    const machine = await running()
    expect(machine.launchFiles).toEqual([6_700])
    machine.worker(6_700).die()
    await machine.run(20)
    machine.worker(6_700).die()
    await machine.run(100)
    expect([machine.alive(), machine.launchFiles]).toEqual([[], [6_700]])
    await machine.wish({})
    await machine.run(100)
    expect(machine.launchFiles).toEqual([])
  })

  test('supervisor: what died and was given up while it was away: leaves no launch file either', async () => {
    const machine = await running()
    await machine.killSupervisor()
    machine.worker(6_700).die()
    await machine.wish({})
    machine.isNimbusThere = false
    await machine.start()
    await machine.run(30_000)
    // Nobody has said yet that it is not wanted.
    expect(machine.launchFiles).toEqual([6_700])
    machine.isNimbusThere = true
    await machine.run(10_000)
    expect(machine.launchFiles).toEqual([])
  })

  test('supervisor: a worker that says why it ends: that is why', async () => {
    const machine = await running()
    machine.lastBeat(6_700, { code: 'PORT_IN_USE', message: 'Port 6700 is taken.' })
    machine.artefactMs = 100_000
    machine.worker(6_700).die()
    await machine.run(100)
    expect(machine.reported).toMatchObject([{ state: 'starting', code: 'PORT_IN_USE', reason: 'Port 6700 is taken.' }])
  })

  test('supervisor: a hung worker: is killed after ten seconds and back within twelve', async () => {
    const machine = await running()
    const process = machine.worker(6_700)
    process.beats = false
    await machine.run(12_000)
    expect(process.signals).toEqual(['SIGKILL'])
    expect(machine.states).toBe('6700 words 1 running')
    expect(machine.notes.join('\n')).toContain('its loop stood still for 10000 ms (WORKER_HUNG); starts again in 0 ms.')
  })

  test('supervisor: a worker that gives no sign of life: is killed after two minutes', async () => {
    const machine = new Machine()
    await machine.start()
    machine.onStart = (process) => (process.beats = false)
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(119_000)
    expect(machine.states).toBe('6700 words 1 starting')
    await machine.run(2_000)
    expect(machine.processes[0]?.signals).toEqual(['SIGKILL'])
    expect(machine.reported).toMatchObject([{ code: 'WORKER_START_TIMEOUT', restarts: 1 }])
  })

  test('supervisor: a worker that is not ready but lives: is left alone', async () => {
    const machine = new Machine()
    await machine.start()
    machine.onStart = (process) => (process.isReady = false)
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(300_000)
    expect(machine.states).toBe('6700 words 1 starting')
    expect(machine.worker(6_700).signals).toEqual([])
  })

  test("supervisor: its own pause: is nobody else's fault", async () => {
    const machine = await running()
    await machine.standStill(60_000, { all: true })
    await machine.run(5_000)
    expect(machine.worker(6_700).signals).toEqual([])
    await machine.standStill(60_000)
    await machine.run(5_000)
    expect(machine.worker(6_700).signals).toEqual([])
    expect(machine.processes.length).toBe(1)
  })

  test('supervisor: no artefact: the slot says so, and it is tried again', async () => {
    const machine = new Machine()
    machine.artefactFailure = mismatch
    await machine.start()
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(1_300)
    expect(machine.reported).toMatchObject([{ state: 'failed', code: 'ARTEFACT_MISMATCH' }])
    expect(machine.processes).toEqual([])
    machine.artefactFailure = undefined
    await machine.run(5_000)
    expect(machine.states).toBe('6700 words 1 running')
  })

  test('supervisor: no artefact because nimbus is silent: is no fault of the slot', async () => {
    const machine = new Machine()
    machine.artefactFailure = unavailable
    await machine.start()
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(2_000)
    expect(machine.reported).toMatchObject([{ state: 'backoff', code: 'ARTEFACT_UNAVAILABLE' }])
  })

  test('supervisor: a full disk: starts nobody, and leaves what runs', async () => {
    const machine = await running()
    machine.startFailure = noSpace
    await machine.wish({ 6_700: ['words', 1], 6_701: ['words', 2] })
    await machine.run(2_000)
    expect(machine.reported).toMatchObject([{ state: 'running' }, { state: 'failed', code: 'NO_SPACE' }])
    machine.startFailure = undefined
    await machine.run(5_000)
    expect(machine.states).toBe('6700 words 1 running, 6701 words 2 running')
    expect(machine.processes.length).toBe(2)
  })

  test('supervisor: an artefact that is slow: is given up when it is no longer wanted', async () => {
    const machine = new Machine()
    machine.artefactMs = 20_000
    await machine.start()
    await machine.wish({ 6_700: ['words', 1] })
    await machine.run(1_000)
    machine.artefactMs = 10
    await machine.wish({ 6_700: ['other', 2] })
    await machine.run(30_000)
    expect(machine.processes.map(({ launch }) => launch.topology.id)).toEqual(['other'])
  })
})

describe('supervisor without nimbus', () => {
  test('supervisor without nimbus: goes on, restarts who dies, and calls again and again', async () => {
    const machine = await running()
    machine.isNimbusThere = false
    machine.dials = []
    machine.cutLink()
    await machine.run(60_000)
    machine.worker(6_700).die()
    await machine.run(1_000)
    expect(machine.alive(6_700)[0]?.launch.incarnation).toBe(2)
    const pauses = machine.dials.slice(1).map((at, index) => at - (machine.dials[index] as number))
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5_001)
    expect(pauses.slice(8).every((ms) => ms >= 2_500)).toBe(true)
    machine.isNimbusThere = true
    await machine.run(6_000)
    expect(machine.states).toBe('6700 words 1 running')
    expect(machine.alive().length).toBe(1)
  })

  test('supervisor without nimbus: a silent one is hung up on and called again', async () => {
    const machine = new Machine()
    await machine.start()
    machine.isNimbusThere = false
    await machine.run(15_000)
    expect(machine.log.filter((line) => line.startsWith('warn')).length).toBe(1)
  })

  test('supervisor without nimbus: after its own return, adopts who runs and restarts who dies', async () => {
    const machine = await running()
    const before = machine.worker(6_700)
    await machine.killSupervisor()
    machine.isNimbusThere = false
    await machine.run(30_000)
    await machine.start()
    await machine.run(30_000)
    expect(machine.worker(6_700)).toBe(before)
    expect(before.signals).toEqual([])
    before.die()
    await machine.run(1_000)
    expect(machine.worker(6_700).launch).toMatchObject({ since: 1, incarnation: 2 })
  })

  test('supervisor without nimbus: after its own return, starts nothing that did not run', async () => {
    const machine = await running()
    await machine.killSupervisor()
    machine.worker(6_700).die()
    machine.isNimbusThere = false
    await machine.start()
    await machine.run(30_000)
    expect(machine.alive()).toEqual([])
    machine.isNimbusThere = true
    await machine.run(10_000)
    expect(machine.worker(6_700).launch.incarnation).toBe(2)
  })

  test('supervisor without nimbus: who runs without a launch file stays, but is not started again', async () => {
    const machine = await running()
    const before = machine.worker(6_700)
    await machine.killSupervisor()
    machine.loseLaunch(6_700)
    machine.isNimbusThere = false
    await machine.start()
    await machine.run(30_000)
    expect(machine.worker(6_700)).toBe(before)
    before.die()
    await machine.run(30_000)
    expect(machine.alive()).toEqual([])
    machine.isNimbusThere = true
    await machine.run(10_000)
    expect(machine.worker(6_700).launch.incarnation).toBe(2)
  })
})

describe('supervisor that comes back', () => {
  test('supervisor that comes back: adopts what is still wanted, ends what is not', async () => {
    const machine = await running()
    await machine.wish({ 6_700: ['words', 1], 6_701: ['other', 2] })
    await machine.run(2_000)
    const [stays, goes] = [machine.worker(6_700), machine.worker(6_701)]
    await machine.killSupervisor()
    await machine.wish({ 6_700: ['words', 1] })
    await machine.start()
    await machine.run(2_000)
    expect(stays.signals).toEqual([])
    expect(goes.signals).toEqual(['SIGTERM'])
    expect(machine.states).toBe('6700 words 1 running')
    const hellos = machine.heard.filter((message) => message.kind === 'hello')
    // It says what is, before it knows what is wanted.
    expect(hellos.at(-1)).toMatchObject({ incarnation: 2, running: [{ port: 6_700 }, { port: 6_701 }] })
  })

  test('supervisor that comes back: with fewer slots, ends the workers in those that are gone', async () => {
    const machine = await running()
    const before = machine.worker(6_700)
    await machine.killSupervisor()
    machine.ports.shift()
    machine.isNimbusThere = false
    await machine.start()
    await machine.run(1_000)
    expect(before.signals).toEqual(['SIGTERM'])
    expect(machine.alive()).toEqual([])
  })

  test('supervisor that comes back: leaves its workers or stops them, as it was told', async () => {
    const machine = await running()
    await machine.end('leave')
    expect(machine.worker(6_700).signals).toEqual([])
    await machine.start()
    await machine.run(1_000)
    await machine.end('stop')
    expect(machine.alive()).toEqual([])
  })
})

describe('supervisor: messages', () => {
  test('supervisor: messages: of an older nimbus, or overtaken, change nothing', async () => {
    const machine = await running()
    const old = machine.slots()
    machine.fence = 3
    await machine.wish({ 6_700: ['words', 1], 6_701: ['words', 2] })
    machine.tell({ ...old, wishes: [], version: old.version + 10 })
    machine.tell({ ...machine.slots(), wishes: [], version: 1 })
    await machine.run(5_000)
    expect(machine.states).toBe('6700 words 1 running, 6701 words 2 running')
    // Nor is a nimbus listened to that leads no more.
    machine.fence = 2
    machine.cutLink()
    await machine.wish({})
    await machine.run(20_000)
    expect(machine.alive().length).toBe(2)
    machine.fence = 4
    await machine.run(20_000)
    expect(machine.alive().length).toBe(0)
  })

  test('supervisor: messages: a wish for a slot that is not here, or for one twice, harms nobody', async () => {
    const machine = await running()
    await machine.wish({ 6_700: ['words', 1], 9_999: ['words', 2] })
    const twice = machine.slots()
    machine.tell({ ...twice, wishes: [...twice.wishes, ...twice.wishes] })
    await machine.run(2_000)
    expect(machine.states).toBe('6700 words 1 running')
    expect(machine.log.join('\n')).toContain('warn: Nimbus wants a worker in s1:9999: no such slot.')
    expect(machine.log.join('\n')).toContain('error: Nimbus wants two workers in s1:6700.')
  })

  test('supervisor: messages: what is none closes the link, and another is opened', async () => {
    const machine = await running()
    machine.dials = []
    machine.tell({ kind: 'slots', version: 'x' } as never)
    await machine.run(1_000)
    expect(machine.dials.length).toBe(1)
    expect(machine.log.join('\n')).toContain("No link to nimbus: A message of nimbus is not as expected at 'fence'")
    expect(machine.worker(6_700).signals).toEqual([])
  })

  test('supervisor: messages: refused, it says so, waits and asks again', async () => {
    const machine = await running()
    machine.dials = []
    machine.tell({ kind: 'refused', code: 'SUPERVISOR_ID_IN_USE', message: "Another supervisor is 's1'." })
    await machine.run(6_000)
    expect(machine.dials.length).toBe(1)
    expect(machine.log).toContain(
      "error: Nimbus refuses this supervisor: Another supervisor is 's1'. (SUPERVISOR_ID_IN_USE)",
    )
  })

  test("supervisor: messages: another's slots at its ports: they may be changed while nothing runs in them", async () => {
    const taken = { kind: 'refused', code: 'PORT_IN_USE', message: "So has supervisor 's2'." } as const
    const idle = new Machine()
    await idle.start()
    await idle.run(500)
    idle.tell(taken)
    expect(idle.portsTaken).toBe(1)
    const busy = await running()
    busy.tell(taken)
    expect(busy.portsTaken).toBe(0)
    expect(busy.log.at(-1)).toContain("So has supervisor 's2'. (PORT_IN_USE)")
  })

  test('supervisor: messages: a log is read and sent', async () => {
    const machine = await running()
    machine.tell({ kind: 'readLog', request: 5, topology: 'words', port: 6_700, from: -10, maxBytes: 100 })
    expect(machine.heard.at(-1)).toEqual({
      kind: 'logChunk',
      request: 5,
      from: -10,
      bytes: new Uint8Array([7]),
      size: 1,
    })
  })
})

describe('supervisor: any history', () => {
  type Step =
    | { do: 'wish'; wanted: Wanted }
    | { do: 'run'; ms: number }
    | { do: 'die'; port: number }
    | { do: 'hang'; port: number }
    | { do: 'disobey'; port: number }
    | { do: 'cut' | 'kill supervisor' | 'start supervisor' | 'nimbus away' | 'nimbus back' | 'disk full' | 'disk fine' }
  const port = fc.constantFrom(6_700, 6_701)
  const want = fc.option(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 3 })), { nil: undefined })
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant('wish' as const),
      wanted: fc.tuple(want, want).map(([one, two]): Wanted => {
        return { ...(one && { 6_700: one }), ...(two && { 6_701: two }) }
      }),
    }),
    fc.record({ do: fc.constant('run' as const), ms: fc.integer({ min: 1, max: 15_000 }) }),
    fc.record({ do: fc.constantFrom('die' as const, 'hang' as const, 'disobey' as const), port }),
    fc.record({
      do: fc.constantFrom(
        'cut' as const,
        'kill supervisor' as const,
        'start supervisor' as const,
        'nimbus away' as const,
        'nimbus back' as const,
        'disk full' as const,
        'disk fine' as const,
      ),
    }),
  )

  /** Nobody who is wanted and well is signalled, and no slot has two. */
  function watch(machine: Machine): void {
    machine.onStart = (process: FakeProcess) => {
      const { slot, since, topology } = process.launch
      if (machine.alive(slot.port).length > 0) throw new Error(`two processes in ${slot.port}`)
      const { signals } = process
      const push = signals.push.bind(signals)
      signals.push = (signal) => {
        const [name, at] = machine.known?.[slot.port] ?? []
        // Before anybody has said what is wanted, everybody is.
        const isWanted = machine.known === undefined || (name === topology.id && at === since)
        if (isWanted && process.beats && signals.length === 0)
          throw new Error(`${slot.port} is wanted and got ${signal}`)
        return push(signal)
      }
    }
  }

  async function act(machine: Machine, step: Step): Promise<void> {
    switch (step.do) {
      case 'wish':
        return machine.wish(step.wanted)
      case 'run':
        return machine.run(step.ms)
      case 'die':
        return machine.alive(step.port)[0]?.die()
      case 'hang':
        for (const process of machine.alive(step.port)) process.beats = false
        return
      case 'disobey':
        for (const process of machine.alive(step.port)) process.obeys = false
        return
      case 'cut':
        return machine.cutLink()
      case 'kill supervisor':
        return machine.killSupervisor()
      case 'start supervisor':
        if (!machine.isUp) await machine.start()
        return
      case 'nimbus away':
        machine.isNimbusThere = false
        return machine.cutLink()
      case 'nimbus back':
        machine.isNimbusThere = true
        return
      case 'disk full':
        machine.startFailure = noSpace
        return
      case 'disk fine':
        machine.startFailure = undefined
        return
    }
  }

  test('supervisor: any history: one process a slot, the wanted are spared, and all settles', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, seed) => {
        const machine = new Machine(seed)
        machine.startMs = 15_000
        let wanted: Wanted = {}
        watch(machine)
        await machine.start()
        for (const one of steps) {
          if (one.do === 'wish') wanted = one.wanted
          await act(machine, one)
        }
        // Then everything works again.
        if (!machine.isUp) await machine.start()
        machine.isNimbusThere = true
        machine.startFailure = undefined
        await machine.run(50_000)
        const alive = machine.alive().map(({ launch }) => `${launch.slot.port} ${launch.topology.id} ${launch.since}`)
        const wish = Object.entries(wanted).map(([port, [name, since]]) => `${port} ${name} ${since}`)
        expect(alive.sort()).toEqual(wish.sort())
        expect(machine.states).toBe(wish.map((it) => `${it} running`).join(', '))
        // Numbers of starts only grow, in each slot.
        for (const port of machine.ports) {
          const numbers = machine.processes.flatMap(({ launch }) =>
            launch.slot.port === port ? launch.incarnation : [],
          )
          expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
        }
      }),
      { numRuns: 200 },
    )
  })
})
