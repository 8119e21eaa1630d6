// Guards: what is to be done with each step of a topology's life. Where it leads to is guarded by the conformance test.
import { describe, expect, test } from 'vitest'
import { checkRebalance, step, type LifeEvent, type TopologyLife } from '../../src/nimbus/status.js'

const shape = { workers: 2, executors: new Map([['split', 4]]), messageTimeoutMs: 30_000 }
const active: TopologyLife = { ...shape, status: 'ACTIVE' }
const inactive: TopologyLife = { ...shape, status: 'INACTIVE' }
const change = { workers: 3, executors: new Map([['split', 2]]) }
const rebalancing: TopologyLife = { ...shape, status: 'REBALANCING', back: 'ACTIVE', waitMs: 7_000, change }
const killed: TopologyLife = { ...shape, status: 'KILLED', waitMs: 5_000 }

describe('status', () => {
  const place = { kind: 'place' }
  const setActive = (isActive: boolean) => ({ kind: 'set active', active: isActive })
  const after = (delayMs: number, event: string) => ({ kind: 'after', delayMs, event })
  const cases: [string, TopologyLife | undefined, LifeEvent, object[]][] = [
    ['submit', undefined, { kind: 'submit', shape, inactive: false }, [place]],
    ['submit inactive', undefined, { kind: 'submit', shape, inactive: true }, [place]],
    ['activate what is active', active, { kind: 'activate' }, []],
    ['activate', inactive, { kind: 'activate' }, [setActive(true)]],
    ['deactivate', active, { kind: 'deactivate' }, [setActive(false)]],
    ['deactivate what is inactive', inactive, { kind: 'deactivate' }, []],
    ['kill', active, { kind: 'kill' }, [setActive(false), after(30_000, 'remove')]],
    ['kill with a wait', active, { kind: 'kill', waitMs: 0 }, [setActive(false), after(0, 'remove')]],
    ['kill what is inactive', inactive, { kind: 'kill', waitMs: 1 }, [after(1, 'remove')]],
    ['kill what is rebalancing', rebalancing, { kind: 'kill', waitMs: 1 }, [after(1, 'remove')]],
    ['kill again', killed, { kind: 'kill', waitMs: 90_000 }, [after(90_000, 'remove')]],
    ['rebalance', active, { kind: 'rebalance', change }, [setActive(false), after(30_000, 'do rebalance')]],
    ['rebalance what is inactive', inactive, { kind: 'rebalance', waitMs: 3, change }, [after(3, 'do rebalance')]],
    ['do rebalance', rebalancing, { kind: 'do rebalance' }, [place, setActive(true)]],
    [
      'do rebalance to inactive',
      { ...rebalancing, back: 'INACTIVE' },
      { kind: 'do rebalance' },
      [place, setActive(false)],
    ],
    ['remove', killed, { kind: 'remove' }, [{ kind: 'remove' }]],
    ['a new leader of what is rebalancing', rebalancing, { kind: 'gain leadership' }, [after(7_000, 'do rebalance')]],
    ['a new leader of what is killed', killed, { kind: 'gain leadership' }, [after(5_000, 'remove')]],
  ]
  test.each(cases)('status: effects: %s', (_, life, event, effects) => {
    expect(step(life, event)?.effects).toEqual(effects)
  })

  test('status: a rebalance changes what it names and is forgotten when it is done', () => {
    const done = step(rebalancing, { kind: 'do rebalance' })?.next
    expect(done).toEqual({ workers: 3, executors: new Map([['split', 2]]), messageTimeoutMs: 30_000, status: 'ACTIVE' })
    expect(step({ ...rebalancing, change: {} }, { kind: 'do rebalance' })?.next).toEqual(active)
  })

  test('status: a kill forgets the rebalance that it overtakes', () => {
    expect(step(rebalancing, { kind: 'kill', waitMs: 5_000 })?.next).toEqual(killed)
  })

  test('status: a topology that is not there can only be submitted, one that is cannot', () => {
    const events: LifeEvent[] = [
      { kind: 'activate' },
      { kind: 'deactivate' },
      { kind: 'kill' },
      { kind: 'rebalance', change },
      { kind: 'do rebalance' },
      { kind: 'remove' },
      { kind: 'gain leadership' },
    ]
    for (const event of events) expect(step(undefined, event)).toBeUndefined()
    for (const life of [active, inactive, rebalancing, killed]) {
      expect(step(life, { kind: 'submit', shape, inactive: false })).toBeUndefined()
    }
  })

  test('status: what a rebalance asks for is checked, all at once', () => {
    const tasks = new Map([
      ['lines', 1],
      ['split', 8],
    ])
    expect(checkRebalance({}, tasks)).toEqual([])
    expect(checkRebalance({ workers: 4, executors: new Map([['split', 8]]) }, tasks)).toEqual([])
    const wrong = new Map([
      ['splt', 1],
      ['lines', 2],
      ['split', 1.5],
      ['__acker', 1],
    ])
    const problems = checkRebalance({ workers: 0, executors: wrong }, tasks)
    expect(problems.map(({ code }) => code)).toEqual([
      'INVALID_CONFIG',
      'UNKNOWN_COMPONENT',
      'INVALID_PARALLELISM',
      'INVALID_PARALLELISM',
      'UNKNOWN_COMPONENT',
    ])
    expect(problems[1]?.message).toBe(
      "There is no component 'splt' to rebalance. Did you mean 'split'? The components are 'lines' and 'split'.",
    )
    expect(problems[2]?.message).toContain("'lines' given to rebalance are 2; a whole number of 1 to 1 is expected")
  })
})
