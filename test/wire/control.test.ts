// Guards "a control message arrives as it was sent, or the link is over", and what a link does with one that is too much.
import { describe, expect, test } from 'vitest'
import { Acceptor } from '../../src/wire/acceptor.js'
import { admitControl, dialControl, type ControlLink } from '../../src/wire/control.js'
import { nodeText } from '../../src/wire/node-text.js'
import { key, World, worker } from './simulated.js'

const nimbus = { ...worker(0), role: 'nimbus' as const, topology: '', topologyNumber: 0, supervisor: '', since: 0 }

/** Nimbus and one worker, with what each of them has heard. */
function scene(options: { role?: 'nimbus' | 'worker' } = {}) {
  const world = new World(1)
  const text = nodeText()
  const heard = { nimbus: [] as unknown[], worker: [] as unknown[] }
  const links: { nimbus?: ControlLink; worker?: ControlLink } = {}
  const tools = world.newTools()
  const acceptor = new Acceptor({
    tools,
    secrets: world.secrets,
    purpose: 'control',
    identity: { ...nimbus, role: options.role ?? 'nimbus' },
    keyOf: () => key,
    admit: () =>
      admitControl(tools, text, (link) => {
        links.nimbus = link
        heard.nimbus.push(`opened by ${link.peer.role} ${link.peer.port}`)
        return {
          received: (message) => heard.nimbus.push(message),
          closed: (code, reason) => heard.nimbus.push(`closed ${code} ${reason}`),
        }
      }),
    unwanted: (_, verdict) => heard.nimbus.push(verdict),
  })
  world.net.listen('nimbus', (carrier, from) => acceptor.accept(carrier, from))
  const end = dialControl(
    {
      tools: world.newTools(),
      text,
      secrets: world.secrets,
      dial: world.net.dial('nimbus', 'w3'),
      key,
      identity: worker(3),
      judge: (peer) => (peer.role === 'nimbus' ? 'accept' : 'forbidden'),
    },
    {
      opened(link) {
        links.worker = link
        heard.worker.push(`opened to ${link.peer.role}`)
      },
      received: (message) => heard.worker.push(message),
      closed: (code, reason) => heard.worker.push(`closed ${code} ${reason}`),
    },
  )
  world.clock.run(10)
  return { world, heard, links, end }
}

describe('control', () => {
  test('messages both ways, in order', () => {
    const { world, heard, links } = scene()
    links.worker!.send({ kind: 'hello', at: new Date(5), bytes: Uint8Array.of(1, 2) })
    links.worker!.send({ kind: 'heartbeat', list: [undefined, null, -0] })
    links.nimbus!.send({ kind: 'welcome' })
    world.clock.run(10)
    expect(heard).toEqual({
      nimbus: [
        'opened by worker 3',
        { kind: 'hello', at: new Date(5), bytes: Uint8Array.of(1, 2) },
        { kind: 'heartbeat', list: [undefined, null, -0] },
      ],
      worker: ['opened to nimbus', { kind: 'welcome' }],
    })
  })

  test('a message of 10 MB: whole', () => {
    const { world, heard, links } = scene()
    const message = { text: 'ü'.repeat(5_000_000) }
    links.nimbus!.send(message)
    links.nimbus!.send({ next: true })
    world.clock.run(10)
    expect(heard.worker.slice(1)).toEqual([message, { next: true }])
  })

  test.each([
    ['more than 16 MiB', 'x'.repeat(17_000_000), 'TUPLE_TOO_LARGE'],
    ['a function', () => 1, 'UNENCODABLE_VALUE'],
  ])('%s: refused at the one who sends, and the link goes on', (_, value, code) => {
    const { world, heard, links } = scene()
    expect(() => links.worker!.send({ value })).toThrow(expect.objectContaining({ code }))
    links.worker!.send({ fine: true })
    world.clock.run(10)
    expect(heard.nimbus.at(-1)).toEqual({ fine: true })
  })

  test('closed by one: the other is told why', () => {
    const { world, heard, links } = scene()
    links.nimbus!.close(4004, 'superseded')
    world.clock.run(10)
    expect(heard.worker.at(-1)).toBe('closed 4004 superseded')
    links.worker!.send({ late: true })
    expect(heard.nimbus).toEqual(['opened by worker 3'])
  })

  test('called off: no event comes', () => {
    const { world, heard, end } = scene()
    end(4009, 'leaving')
    world.clock.run(10_000)
    expect(heard.worker).toEqual(['opened to nimbus'])
    expect(heard.nimbus.at(-1)).toBe('closed 4009 leaving')
  })

  test('one who is not nimbus, though he has the key: not wanted', () => {
    const { heard } = scene({ role: 'worker' })
    expect(heard).toEqual({ nimbus: ['forbidden'], worker: ['closed 4003 the other side is not the one that we want'] })
  })

  test('what is no control frame: the link is over', () => {
    const { world, heard } = scene()
    const [connection] = world.net.connections
    connection!.acceptor.send(new Uint8Array(60))
    world.clock.run(10)
    expect(heard.worker.at(-1)).toBe('closed 4002 not a frame of storm-ts')
  })

  test('nothing is taken for long: the link is over before memory is', () => {
    const { world, heard, links } = scene()
    const [connection] = world.net.connections
    connection!.acceptor.stall()
    for (let i = 0; i < 40; i++) links.nimbus!.send({ text: 'x'.repeat(1_000_000) })
    expect(heard.nimbus.at(-1)).toBe('closed 4008 control messages are not taken')
  })
})
