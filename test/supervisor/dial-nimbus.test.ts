// Guards: a supervisor and nimbus make sure of each other by the token, and say nothing to anybody else.
import { describe, expect, test } from 'vitest'
import type { SupervisorMessage } from '../../src/cluster/messages.js'
import { controlDialer } from '../../src/supervisor/dial-nimbus.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { Acceptor } from '../../src/wire/acceptor.js'
import { LinkEnd } from '../../src/wire/carrier.js'
import { admitControl, type ControlLink } from '../../src/wire/control.js'
import { Frames } from '../../src/wire/frame.js'
import type { LinkIdentity, LinkRole } from '../../src/wire/handshake.js'
import { Loopback } from '../../src/wire/loopback.js'
import { nodeSecrets } from '../../src/wire/node-secrets.js'
import { plainText } from '../../src/wire/text.js'

const heartbeat: SupervisorMessage = { kind: 'heartbeat', running: [] }

function rig({ token = 'sesame', role = 'nimbus' }: { token?: string; role?: LinkRole } = {}) {
  const clock = new VirtualClock()
  const loopback = new Loopback({ clock })
  const heard: unknown[] = []
  const peers: LinkIdentity[] = []
  let nimbusLink: ControlLink | undefined
  const tools = () => ({ frames: new Frames(), clock })
  const nimbus = tools()
  const acceptor = new Acceptor({
    tools: nimbus,
    secrets: nodeSecrets(),
    purpose: 'control',
    identity: { role, topology: '', topologyNumber: 0, supervisor: '', port: 0, since: 0, incarnation: 1 },
    keyOf: () => new TextEncoder().encode(token),
    admit: (peer) => {
      peers.push(peer)
      return admitControl(nimbus, plainText(), (link) => {
        nimbusLink = link
        return { received: (message) => heard.push(message), closed: (_, reason) => heard.push(reason) }
      })
    },
    unwanted: () => {},
  })
  loopback.listen('nimbus', (carrier, from) => acceptor.accept(carrier, from))
  const told: unknown[] = []
  const link = controlDialer({
    tools: tools(),
    text: plainText(),
    secrets: nodeSecrets(),
    dial: loopback.dial('nimbus', 's1'),
    token: 'sesame',
    supervisor: 's1',
    incarnation: 3,
  })({
    opened: () => told.push('opened'),
    received: (message) => told.push(message),
    closed: (reason) => told.push(`closed: ${reason}`),
  })
  return { clock, link, told, heard, peers, loopback, nimbus: () => nimbusLink }
}

describe('dial nimbus', () => {
  test('dial nimbus: messages go both ways once both are sure', async () => {
    const { clock, link, told, heard, peers, nimbus } = rig()
    expect(told).toEqual([])
    await clock.advance(10)
    expect(told).toEqual(['opened'])
    expect(peers).toMatchObject([{ role: 'supervisor', supervisor: 's1', incarnation: 3 }])
    link.send(heartbeat)
    nimbus()?.send({ kind: 'refused', code: 'X', message: 'no' })
    await clock.advance(10)
    expect(heard).toEqual([heartbeat])
    expect(told.slice(1)).toEqual([{ kind: 'refused', code: 'X', message: 'no' }])
    link.close('it is enough')
    await clock.advance(10)
    expect(heard.slice(1)).toEqual(['it is enough'])
    expect(told.length).toBe(2)
  })

  test('dial nimbus: another token, or somebody who is no nimbus, opens nothing', async () => {
    for (const one of [rig({ token: 'other' }), rig({ role: 'worker' })]) {
      await one.clock.advance(20_000)
      expect(one.told.length).toBe(1)
      expect(one.told[0]).toMatch(/^closed: /)
      expect(one.heard).toEqual([])
    }
  })

  test('dial nimbus: a link that is cut, or closed by nimbus, is told once', async () => {
    const cut = rig()
    await cut.clock.advance(10)
    for (const connection of cut.loopback.connections) connection.cut()
    await cut.clock.advance(10)
    expect(cut.told).toEqual(['opened', 'closed: the connection was cut (1006)'])
    const closed = rig()
    await closed.clock.advance(10)
    closed.nimbus()?.close(LinkEnd.leaving, 'nimbus ends')
    await closed.clock.advance(10)
    expect(closed.told).toEqual(['opened', `closed: nimbus ends (${LinkEnd.leaving})`])
  })
})
