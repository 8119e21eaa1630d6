// Guards: a supervisor as it is run finds nimbus by its URL and token, over real sockets.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SupervisorMessage } from '../../src/cluster/messages.js'
import { systemClock } from '../../src/stdx/system-clock.js'
import type { NimbusLinkEvents } from '../../src/supervisor/nimbus-link.js'
import { runSupervisor } from '../../src/supervisor/main.js'
import { Acceptor } from '../../src/wire/acceptor.js'
import { admitControl } from '../../src/wire/control.js'
import { Frames } from '../../src/wire/frame.js'
import { nodeSecrets } from '../../src/wire/node-secrets.js'
import { plainText } from '../../src/wire/text.js'
import { serveLinks } from '../../src/wire/websocket.js'
import { bundle, hash, Nimbus } from './nimbus.js'
import { configOf, scratch, until } from './real.js'

/** Nimbus' port, as far as a supervisor calls there. */
async function listen(nimbus: Nimbus, token: string): Promise<string> {
  const server = createServer((request, response) => {
    const isArtefact =
      request.url === `/api/v2/artefacts/${hash}` && request.headers.authorization === `Bearer ${token}`
    response.writeHead(isArtefact ? 200 : 404).end(bundle)
  })
  const tools = { frames: new Frames(), clock: systemClock() }
  const acceptor = new Acceptor({
    tools,
    secrets: nodeSecrets(),
    purpose: 'control',
    identity: { role: 'nimbus', topology: '', topologyNumber: 0, supervisor: '', port: 0, since: 0, incarnation: 1 },
    keyOf: () => new TextEncoder().encode(token),
    admit: () =>
      admitControl(tools, plainText(), (link) => {
        const events: NimbusLinkEvents = { opened: () => {}, received: (it) => link.send(it), closed: () => {} }
        const near = nimbus.dial(events)
        events.opened()
        return { received: (message) => near.send(message as SupervisorMessage), closed: () => {} }
      }),
    unwanted: () => {},
  })
  serveLinks(server, { '/link/supervisor': (carrier, address) => acceptor.accept(carrier, address) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('link', () => {
  test('link: over real sockets: a worker is wished, fetched, started and ended', async () => {
    const folder = scratch()
    const nimbus = new Nimbus()
    const url = await listen(nimbus, 'sesame')
    writeFileSync(join(folder, 'supervisor-token'), 'sesame\n', { mode: 0o600 })
    const supervisor = await runSupervisor(configOf(folder, { nimbus: url }), {
      log: () => {},
      version: '0.1.0',
      workerEntry: fileURLToPath(new URL('./fake-worker.mjs', import.meta.url)),
    })
    onTestFinished(() => supervisor.close({ workers: 'stop' }))
    await until('it is there', () => nimbus.heard.length > 0)
    nimbus.wish(supervisor.id, supervisor.ports[0] as number)
    await until('it runs', () => nimbus.isWorker('running'))
    nimbus.wishNothing()
    await until('it has ended', () => nimbus.worker === undefined)
    expect(nimbus.heard[0]).toMatchObject({ kind: 'hello', supervisor: supervisor.id, slots: supervisor.ports })
  })

  test('link: over real sockets: beyond loopback only with TLS, or by request', async () => {
    const options = { log: () => {}, version: '0.1.0', dial: new Nimbus().dial }
    const open = { bind: '0.0.0.0' }
    await expect(runSupervisor(configOf(scratch(), open), options)).rejects.toMatchObject({ code: 'INSECURE_BIND' })
  })
})
