// Guards: "nimbus decides alike, wherever it is started again: nothing that runs is moved or ended in vain".
import { describe, expect, test } from 'vitest'
import { Bench, graph, hash, refusal, submission, timeoutMs, type hello } from './kit.js'

const by = 'tester'

describe('submit', () => {
  test('places: over all supervisors, one message with all that they need', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024, 1_025])
    const s2 = bench.supervisor('s2', [1_024])
    expect(s1.told()).toEqual(['welcome', 'slots'])
    s2.told()
    const { id } = bench.submit('words', { options: { workers: 2 }, graph: graph(2) })
    expect(id).toBe('words-1-1000')
    expect(bench.placed('words')).toEqual(['s1:1024 [1-1 3-4 7-7] since 1', 's2:1024 [2-2 5-6 8-8] since 1'])
    const [effect] = bench.told(s1.link)
    expect(effect).toEqual({
      kind: 'tell supervisor',
      link: s1.link,
      message: {
        kind: 'slots',
        fence: 1,
        version: 2,
        wishes: [
          {
            topology: {
              id,
              number: 1,
              name: 'words',
              artefact: hash('a'),
              args: [],
              cwd: '/',
              options: { workers: 2 },
              ackers: 2,
              tasks: { spout: 2, bolt: 4 },
              executors: { spout: 2, bolt: 2 },
            },
            assignment: bench.assignment('words'),
            isActive: true,
            linkKey: `link ${id}`,
            controlKeys: [{ port: 1_024, key: `control ${id} s1:1024 1` }],
          },
        ],
      },
    })
    expect(s2.told()).toEqual(['slots'])
  })

  test('repeated: the same request is the same topology, and another of its name is refused', () => {
    const bench = new Bench()
    const { id } = bench.submit('words')
    expect(bench.do({ kind: 'submit', submission: submission('words') })).toMatchObject({ topology: { id } })
    const again = bench.do({ kind: 'submit', submission: submission('words', { request: 'another' }) })
    expect(refusal(again)).toMatch(
      /^ALREADY_RUNNING: A topology 'words' is there already: words-1-1000, ACTIVE, submitted at 1970/,
    )
    expect(bench.nimbus.topologies.size).toBe(1)
  })

  const refused: [string, Parameters<typeof submission>[1], RegExp][] = [
    ['a bad name', { name: 'a/b' }, /^BAD_NAME: .*'a\/b'/],
    ['a bad option', { options: { workers: 0 } }, /^INVALID_CONFIG: The option 'workers' given at submission is 0/],
    ['a misspelt option', { options: { worker: 1 } }, /^INVALID_CONFIG: .*Did you mean 'workers'/],
    [
      'an option of the topology that no builder lets pass',
      { graph: { ...graph(), options: { ackers: -1 } } },
      /^INVALID_CONFIG/,
    ],
    [
      'two components of a name',
      { graph: { ...graph(), components: [...graph().components, ...graph().components] } },
      /^DUPLICATE_ID/,
    ],
    [
      'a component of the engine',
      { graph: { ...graph(), components: [{ ...graph().components[0]!, id: '__acker' }] } },
      /^RESERVED_ID/,
    ],
    ['no spout', { graph: { ...graph(), components: [] } }, /^NO_SPOUT/],
    ['two things at once', { name: '', options: { ackers: -1 } }, /^INVALID_TOPOLOGY: .*ackers.*name/],
  ]
  for (const [name, more, expected] of refused) {
    test(`refused: ${name}`, () => {
      const bench = new Bench()
      expect(refusal(bench.do({ kind: 'submit', submission: submission('t', more) }))).toMatch(expected)
      expect(bench.documents.size).toBe(0)
    })
  }

  test('numbers: never given twice, whatever was removed', () => {
    const bench = new Bench()
    expect(bench.submit('a').number).toBe(1)
    bench.do({ kind: 'kill', topology: 'a', waitMs: 0, by })
    bench.pass(1_000)
    bench.restart()
    expect(bench.submit('a', { request: 'again' }).number).toBe(2)
  })

  test('slots: it waits for them, starts with what there is, and grows when more come', () => {
    const bench = new Bench()
    bench.submit('words', { options: { workers: 4, ackers: 0 }, graph: graph(4) })
    expect(bench.slots('words')).toEqual([])
    bench.supervisor('s1', [1_024])
    expect(bench.slots('words')).toEqual(['s1:1024'])
    bench.supervisor('s2', [1_024, 1_025, 1_026])
    expect(bench.slots('words')).toHaveLength(4)
    expect(bench.assignment('words').generation).toBe(3)
  })
})

describe('clock', () => {
  test('clock: set back by a day between start and submission: all goes as it does', () => {
    const bench = new Bench()
    bench.wallOffsetMs = Date.UTC(2026, 0, 1)
    const s1 = bench.supervisor('s1', [1_024, 1_025])
    const first = bench.submit('first')
    bench.wallOffsetMs -= 86_400_000
    const second = bench.submit('second')
    expect(second.submittedAtMs).toBeLessThan(first.submittedAtMs)
    expect([bench.slots('first').length, bench.slots('second').length]).toEqual([1, 1])
    bench.do({ kind: 'kill', topology: 'first', waitMs: 5_000, by })
    bench.pass(4_000, () => s1.beat())
    expect(bench.record('first').life.status).toBe('KILLED')
    bench.wallOffsetMs += 2 * 86_400_000
    bench.pass(2_000, () => s1.beat())
    expect([...bench.nimbus.topologies.values()].map(({ name }) => name)).toEqual(['second'])
    expect(bench.nimbus.sessions.isSupervisorAlive('s1', bench.nowMs)).toBe(true)
  })
})

describe('life', () => {
  test('deactivate and activate: workers and supervisors hear of it, nothing is placed anew', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    const { assignment } = bench.submit('words')
    const worker = bench.worker('words', 's1', 1_024)
    s1.told()
    worker.told()
    bench.do({ kind: 'deactivate', topology: 'words', by })
    expect(bench.told(worker.link)).toEqual([
      {
        kind: 'tell worker',
        link: worker.link,
        message: { kind: 'topology', fence: 1, assignment, status: 'INACTIVE', isActive: false },
      },
    ])
    expect(s1.told()).toEqual(['slots'])
    bench.do({ kind: 'deactivate', topology: 'words', by })
    expect([worker.told(), s1.told()]).toEqual([[], []])
    bench.do({ kind: 'activate', topology: 'words', by })
    expect(bench.record('words')).toMatchObject({ life: { status: 'ACTIVE' }, assignment })
  })

  test('kill: rests for the wait, then slots, name and artefact are free', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    const { id } = bench.submit('words')
    const worker = bench.worker('words', 's1', 1_024)
    bench.do({ kind: 'kill', topology: 'words', waitMs: 10_000, by })
    bench.pass(9_000, () => s1.beat())
    expect(bench.record('words').life.status).toBe('KILLED')
    expect(refusal(bench.do({ kind: 'activate', topology: 'words', by }))).toMatch(
      /^WRONG_STATUS: .*is KILLED.*activated/,
    )
    expect(refusal(bench.do({ kind: 'submit', submission: submission('words', { request: 'x' }) }))).toMatch(/^ALREADY/)
    worker.told()
    s1.told()
    bench.pass(1_000, () => s1.beat())
    expect(bench.nimbus.find('words')).toBeUndefined()
    expect(worker.told()).toEqual(['fenced', 'close'])
    expect(s1.told()).toEqual(['slots'])
    expect(bench.effects).toContainEqual({ kind: 'drop artefact', artefact: hash('a') })
    expect(bench.nimbus.history.map((entry) => entry.id)).toEqual([id])
    expect([...bench.documents.keys()].sort()).toEqual(['counter', 'history'])
    expect(refusal(bench.do({ kind: 'kill', topology: 'words', by }))).toMatch(/^NOT_FOUND: .*words-1-1000 was killed/)
  })

  test('kill: the artefact stays while another topology has it', () => {
    const bench = new Bench()
    bench.submit('a')
    bench.submit('b')
    for (const topology of ['a', 'b']) bench.do({ kind: 'kill', topology, waitMs: 0, by })
    bench.pass(1_000)
    expect(bench.effects.filter(({ kind }) => kind === 'drop artefact')).toHaveLength(1)
  })

  test('kill: a restart of nimbus begins the wait anew', () => {
    const bench = new Bench()
    bench.submit('words')
    bench.do({ kind: 'kill', topology: 'words', waitMs: 10_000, by })
    bench.pass(8_000)
    bench.restart()
    bench.pass(9_000)
    expect(bench.record('words').life.status).toBe('KILLED')
    bench.pass(1_000)
    expect(bench.nimbus.find('words')).toBeUndefined()
  })

  test('wrong name: told with the nearest right one', () => {
    const bench = new Bench()
    bench.submit('words')
    expect(refusal(bench.do({ kind: 'kill', topology: 'wrods', by }))).toBe(
      "NOT_FOUND: There is no topology 'wrods'. Did you mean 'words'?",
    )
  })

  const waits = [-1, NaN, 1e99]
  for (const waitMs of waits) {
    test(`refused: a wait of ${waitMs} ms`, () => {
      const bench = new Bench()
      bench.submit('words')
      expect(refusal(bench.do({ kind: 'kill', topology: 'words', waitMs, by }))).toMatch(/^INVALID_DURATION/)
      expect(refusal(bench.do({ kind: 'rebalance', topology: 'words', waitMs, by }))).toMatch(/^INVALID_DURATION/)
    })
  }
})

describe('rebalance', () => {
  const cluster = () => {
    const bench = new Bench()
    const supervisors = ['s1', 's2'].map((id) => bench.supervisor(id, [1_024, 1_025]))
    bench.submit('words', { options: { ackers: 0 }, graph: graph(4) })
    const wait = (ms: number) => bench.pass(ms, () => supervisors.forEach((s) => s.beat()))
    const rebalance = (more: { workers?: number; executors?: Record<string, number> }) => {
      const reply = bench.do({ kind: 'rebalance', topology: 'words', by, waitMs: 2_000, ...more })
      if (reply?.kind === 'done') wait(2_000)
      return reply
    }
    return { bench, wait, rebalance }
  }

  test('waits: spouts rest meanwhile, and it is then what it was', () => {
    const { bench, wait } = cluster()
    bench.do({ kind: 'deactivate', topology: 'words', by })
    bench.do({ kind: 'rebalance', topology: 'words', by, waitMs: 5_000, workers: 2 })
    wait(4_000)
    expect(bench.record('words')).toMatchObject({ life: { status: 'REBALANCING' }, assignment: { generation: 1 } })
    wait(1_000)
    expect(bench.record('words').life).toEqual({
      status: 'INACTIVE',
      workers: 2,
      messageTimeoutMs: 30_000,
      executors: { spout: 4, bolt: 4 },
    })
    expect(bench.slots('words')).toHaveLength(2)
  })

  test('1 to 4 to 2 workers: even each time, and a slot keeps what it may have', () => {
    const { bench, rebalance } = cluster()
    expect(bench.placed('words')).toEqual(['s1:1024 [1-2 3-4 5-6 7-8 9-9 10-10 11-11 12-12] since 1'])
    rebalance({ workers: 4 })
    expect(bench.placed('words')).toEqual([
      's1:1024 [1-2 3-4] since 2',
      's1:1025 [7-8 11-11] since 2',
      's2:1024 [5-6 10-10] since 2',
      's2:1025 [9-9 12-12] since 2',
    ])
    rebalance({ workers: 2 })
    expect(bench.placed('words')).toEqual([
      's1:1024 [1-2 3-4 7-8 11-11] since 3',
      's2:1024 [5-6 9-9 10-10 12-12] since 3',
    ])
  })

  test('executors: tasks and the others stay, and what is not touched keeps its since', () => {
    const { bench, rebalance } = cluster()
    rebalance({ workers: 4 })
    rebalance({ executors: { spout: 1, bolt: 2 } })
    expect(bench.placed('words')).toEqual(['s1:1024 [1-4] since 3', 's1:1025 [9-12] since 3', 's2:1024 [5-8] since 3'])
    expect(bench.record('words').life.executors).toEqual({ spout: 1, bolt: 2 })
    expect(bench.record('words').tasks).toEqual({ spout: 4, bolt: 8 })
  })

  test('fewer workers: the slots that it leaves are for those that wait', () => {
    const { bench, rebalance } = cluster()
    rebalance({ workers: 4 })
    bench.submit('other')
    expect(bench.slots('other')).toEqual([])
    rebalance({ workers: 3 })
    expect(bench.slots('other')).toHaveLength(1)
  })

  test('nothing to change: nothing is moved', () => {
    const { bench, rebalance } = cluster()
    rebalance({ workers: 4 })
    const before = bench.assignment('words')
    rebalance({})
    expect(bench.assignment('words')).toEqual(before)
  })

  test('a new machine: only what must move for an even spread moves', () => {
    const { bench, rebalance } = cluster()
    rebalance({ workers: 4 })
    const before = bench.placed('words')
    const s3 = bench.supervisor('s3', [1_024, 1_025])
    bench.pass(1_000, () => s3.beat())
    rebalance({})
    const after = bench.placed('words')
    expect(after.filter((slot) => before.includes(slot))).toHaveLength(3)
    expect(after.filter((slot) => slot.startsWith('s3'))).toHaveLength(1)
  })

  const refused: [string, { workers?: number; executors?: Record<string, number> }, RegExp][] = [
    ['no workers', { workers: 0 }, /^INVALID_CONFIG: .*'workers' given to rebalance is 0/],
    ['a billion workers', { workers: 1e9 }, /^INVALID_CONFIG/],
    ['an unknown component', { executors: { blot: 1 } }, /^UNKNOWN_COMPONENT: .*Did you mean 'bolt'/],
    ['more executors than tasks', { executors: { spout: 5 } }, /^INVALID_PARALLELISM: .*has 4 tasks/],
    ['ackers', { executors: { __acker: 2 } }, /^UNKNOWN_COMPONENT/],
  ]
  for (const [name, more, expected] of refused) {
    test(`refused: ${name}`, () => {
      const { bench, rebalance } = cluster()
      expect(refusal(rebalance(more))).toMatch(expected)
      expect(bench.record('words').life.status).toBe('ACTIVE')
    })
  }
})

describe('supervisors', () => {
  test('death: what ran there goes elsewhere, and nothing else moves', () => {
    const bench = new Bench()
    const [s1, s2] = ['s1', 's2'].map((id) => bench.supervisor(id, [1_024, 1_025]))
    bench.submit('words', { options: { workers: 2 }, graph: graph(2) })
    const before = bench.placed('words')
    s2!.close()
    bench.pass(timeoutMs - 1_000, () => s1!.beat())
    expect(bench.placed('words')).toEqual(before)
    bench.pass(1_000, () => s1!.beat())
    expect(bench.placed('words')).toEqual([before[0], 's1:1025 [2-2 5-6 8-8] since 2'])
  })

  test('death: nothing moves while the workers are heard, and a rebalance may place nothing there', () => {
    const bench = new Bench()
    const [s1, s2] = ['s1', 's2'].map((id) => bench.supervisor(id, [1_024, 1_025]))
    bench.submit('words', { options: { workers: 2 }, graph: graph(2) })
    const worker = bench.worker('words', 's2', 1_024)
    const before = bench.assignment('words')
    s2!.close()
    bench.pass(10 * timeoutMs, () => {
      s1!.beat()
      worker.beat()
    })
    expect(bench.assignment('words')).toBe(before)
    bench.submit('other', { options: { workers: 3 }, graph: graph(2) })
    expect(bench.slots('other')).toEqual(['s1:1025'])
    worker.close()
    bench.pass(timeoutMs, () => s1!.beat())
    expect(bench.slots('words').every((slot) => slot.startsWith('s1'))).toBe(true)
  })

  test('death: with nowhere to go all stays as it was, and is there when it comes back', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    bench.submit('words')
    const before = bench.assignment('words')
    s1.close()
    bench.pass(10 * timeoutMs)
    expect(bench.assignment('words')).toBe(before)
    bench.supervisor('s1', [1_024], { incarnation: 2, session: 'new' })
    expect(bench.assignment('words')).toBe(before)
  })

  test('ports: a slot that is no longer there is given up', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    bench.submit('words')
    s1.close()
    bench.supervisor('s1', [1_030], { incarnation: 2, session: 'new' })
    expect(bench.slots('words')).toEqual(['s1:1030'])
  })

  test('host: a new one is a new generation, and no worker is superseded', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    bench.submit('words')
    const { workers } = bench.assignment('words')
    s1.close()
    bench.supervisor('s1', [1_024], { incarnation: 2, session: 'new', host: 'other.test' })
    expect(bench.assignment('words')).toEqual({
      topology: 'words-1-1000',
      generation: 2,
      workers: [{ ...workers[0], host: 'other.test' }],
    })
  })

  test('ids: a copy is refused while the first is there, one that comes back is not', () => {
    const bench = new Bench()
    const first = bench.supervisor('s1', [1_024])
    const copy = bench.supervisor('s1', [1_024], { session: 'copy' })
    expect(copy.told()).toEqual(['SUPERVISOR_ID_IN_USE', 'close'])
    first.close()
    expect(bench.supervisor('s1', [1_024], { session: 'copy' }).told()).toEqual(['SUPERVISOR_ID_IN_USE', 'close'])
    const again = bench.supervisor('s1', [1_024])
    expect(again.told()).toEqual(['welcome', 'slots'])
    again.close()
    const restarted = bench.supervisor('s1', [1_024], { session: 'restarted', incarnation: 2 })
    expect(restarted.told()).toEqual(['welcome', 'slots'])
    restarted.close()
    bench.pass(timeoutMs)
    expect(bench.supervisor('s1', [1_024], { session: 'copy' }).told()).toEqual(['welcome', 'slots'])
  })

  test('links: one that dials again takes the place of its old connection', () => {
    const bench = new Bench()
    const first = bench.supervisor('s1', [1_024])
    const again = bench.supervisor('s1', [1_024])
    expect(first.told()).toEqual(['welcome', 'slots', 'close'])
    first.close()
    first.beat()
    expect(first.told()).toEqual(['close'])
    bench.pass(timeoutMs, () => again.beat())
    expect(bench.nimbus.sessions.isSupervisorAlive('s1', bench.nowMs)).toBe(true)
  })

  const refused: [string, Parameters<typeof hello>, RegExp, code?: string][] = [
    ['no slot', ['s1', []], /has 0 slots/],
    ['too many slots', ['s1', Array.from({ length: 1_001 }, (_, i) => 2_000 + i)], /has 1001 slots/],
    ['port 22', ['s1', [22]], /port 22/],
    ['port 0', ['s1', [0]], /port 0/],
    ['a port twice', ['s1', [2_000, 2_000]], /two slots on port 2000/],
    ['a host with a shell in it', ['s1', [2_000], { host: 'a;reboot' }], /'a;reboot'/],
    ['an id with a path in it', ['../s1', [2_000]], /'\.\.\/s1'/],
    ['the address of another', ['s9', [1_024], { host: 's0.test' }], /so has supervisor 's0'/, 'PORT_IN_USE'],
  ]
  for (const [name, args, expected, code = 'INVALID_REGISTRATION'] of refused) {
    test(`refused: ${name}`, () => {
      const bench = new Bench()
      bench.supervisor('s0', [1_024])
      const { link } = bench.supervisor(...args)
      expect(bench.told(link)).toEqual([
        {
          kind: 'tell supervisor',
          link,
          message: {
            kind: 'refused',
            code,
            message: expect.stringMatching(expected) as string,
          },
        },
        { kind: 'close', link, reason: code },
      ])
      expect(bench.nimbus.sessions.supervisors.size).toBe(1)
    })
  }

  test('failed workers: their slot rests, then is tried anew under a new since', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024])
    bench.submit('words')
    const failed = { port: 1_024, topology: 'words-1-1000', incarnation: 1, state: 'failed', restarts: 0 } as const
    const before = bench.assignment('words')
    s1.beat([{ ...failed, since: 1 }])
    bench.pass(59_000, () => s1.beat([{ ...failed, since: 1 }]))
    expect(bench.assignment('words')).toBe(before)
    bench.pass(2_000, () => s1.beat([{ ...failed, since: 1 }]))
    expect(bench.placed('words')[0]).toMatch(/^s1:1024 .* since 2$/)
    const renewed = bench.assignment('words')
    // It has not heard of that yet, and still tells of the one before, when there is somewhere else to go.
    s1.beat([{ ...failed, since: 1 }])
    const s2 = bench.supervisor('s2', [1_024])
    expect(bench.assignment('words')).toBe(renewed)
    bench.pass(30_000, () => {
      s1.beat([{ ...failed, since: 1 }])
      s2.beat()
    })
    expect(bench.assignment('words')).toBe(renewed)
  })

  test('failed workers: with another slot free they go there at once', () => {
    const bench = new Bench()
    const s1 = bench.supervisor('s1', [1_024, 1_025])
    bench.submit('words')
    const failed = {
      port: 1_024,
      topology: 'words-1-1000',
      since: 1,
      incarnation: 1,
      state: 'failed',
      restarts: 0,
    } as const
    s1.beat([failed])
    bench.pass(1_000, () => s1.beat([failed]))
    expect(bench.slots('words')).toEqual(['s1:1025'])
  })
})

describe('workers', () => {
  test('fenced: of another topology, slot or since, or older than the one that is there', () => {
    const bench = new Bench()
    bench.supervisor('s1', [1_024, 1_025])
    bench.submit('words')
    const worker = bench.worker('words', 's1', 1_024, { incarnation: 5 })
    expect(worker.told()).toEqual(['topology'])
    expect(bench.worker('words', 's1', 1_024, { incarnation: 4 }).told()).toEqual(['fenced', 'close'])
    expect(bench.worker('words', 's1', 1_024, { since: 2 }).told()).toEqual(['fenced', 'close'])
    expect(bench.worker('words', 's1', 1_025, { since: 1 }).told()).toEqual(['fenced', 'close'])
    expect(bench.worker('words', 's1', 1_024, { incarnation: 6 }).told()).toEqual(['topology'])
    expect(worker.told()).toEqual(['close'])
  })

  test('moved: the old worker is told so as soon as it is heard again', () => {
    const bench = new Bench()
    const [s1, s2] = ['s1', 's2'].map((id) => bench.supervisor(id, [1_024]))
    bench.submit('words')
    const worker = bench.worker('words', 's1', 1_024)
    bench.pass(timeoutMs, () => s2!.beat())
    expect(bench.slots('words')).toEqual(['s2:1024'])
    expect(worker.told()).toEqual(['topology', 'fenced', 'close'])
    s1!.told()
    s1!.beat()
    expect(bench.worker('words', 's1', 1_024, { since: 1 }).told()).toEqual(['fenced', 'close'])
  })

  test('errors: the newest are kept, with their slot', () => {
    const bench = new Bench()
    bench.supervisor('s1', [1_024])
    const { id } = bench.submit('words')
    const worker = bench.worker('words', 's1', 1_024)
    for (let i = 0; i < 300; i++) worker.beat({ errors: [{ component: 'bolt', task: 1, message: `${i}`, atMs: i }] })
    const errors = bench.nimbus.errorsOf(id)
    expect(errors).toHaveLength(200)
    expect(errors.at(-1)).toEqual({
      component: 'bolt',
      task: 1,
      message: '299',
      atMs: 299,
      slot: { supervisor: 's1', port: 1_024 },
    })
  })
})

describe('restart', () => {
  test('adopts: nothing is moved before everybody had a whole timeout', () => {
    const bench = new Bench()
    for (const id of ['s1', 's2']) bench.supervisor(id, [1_024, 1_025])
    bench.submit('words', { options: { workers: 2 }, graph: graph(2) })
    const before = bench.assignment('words')
    bench.restart()
    const s1 = bench.supervisor('s1', [1_024, 1_025])
    bench.pass(timeoutMs - 1_000, () => s1.beat())
    expect(bench.assignment('words')).toEqual(before)
    bench.submit('other', { options: { workers: 3 } })
    expect(bench.slots('other').every((slot) => slot.startsWith('s1'))).toBe(true)
    const s2 = bench.supervisor('s2', [1_024, 1_025])
    bench.pass(timeoutMs, () => {
      s1.beat()
      s2.beat()
    })
    expect(bench.assignment('words')).toEqual(before)
  })

  test('fence: grows, and is in what it says', () => {
    const bench = new Bench()
    bench.restart()
    const s1 = bench.supervisor('s1', [1_024])
    expect(bench.told(s1.link)).toMatchObject([{ message: { kind: 'welcome', fence: 2 } }, { message: { fence: 2 } }])
  })

  test('damaged record: that topology alone is set apart, and can be killed', () => {
    const bench = new Bench()
    bench.supervisor('s1', [1_024, 1_025])
    bench.submit('good')
    bench.submit('bad')
    const document = bench.documents.get('topology.2')!
    bench.documents.set('topology.2', { ...document, value: { ...document.value, life: { status: 'FINE' } } })
    bench.restart()
    expect(bench.nimbus.invalid).toEqual([
      {
        number: 2,
        id: 'bad-2-1000',
        name: 'bad',
        problem: expect.stringMatching(/damaged at 'life\.status'/) as string,
      },
    ])
    expect(bench.slots('good')).toHaveLength(1)
    expect(bench.do({ kind: 'kill', topology: 'bad', by })).toEqual({ kind: 'done', topology: undefined })
    expect(bench.nimbus.invalid).toEqual([])
    expect(bench.documents.has('topology.2')).toBe(false)
    expect(bench.submit('next').number).toBe(3)
  })
})

describe('own pauses', () => {
  test('pause: after standing still, everybody gets a whole timeout', () => {
    const bench = new Bench()
    const [s1, s2] = ['s1', 's2'].map((id) => bench.supervisor(id, [1_024, 1_025]))
    bench.submit('words', { options: { workers: 2 }, graph: graph(2) })
    const before = bench.assignment('words')
    bench.nowMs += 3_600_000
    s1!.beat()
    bench.pass(timeoutMs - 1_000, () => s1!.beat())
    expect(bench.assignment('words')).toBe(before)
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/stood still for 3599000 ms/) as string }),
    )
    s2!.beat()
    bench.pass(timeoutMs - 1_000, () => s1!.beat())
    expect(bench.assignment('words')).toBe(before)
    bench.pass(2_000, () => s1!.beat())
    expect(bench.slots('words')).toEqual(['s1:1024', 's1:1025'])
  })
})
