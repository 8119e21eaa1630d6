// Guards: "who asks is known before anything is read, and nobody may more than the role of the token".
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAllowed, roles, type Role } from '../../src/nimbus/access.js'
import { HostNames } from '../../src/nimbus/hosts.js'
import { routes } from '../../src/nimbus/routes.js'
import { ApiRig, sha256, type Asking } from './api-rig.js'

let rig: ApiRig
beforeAll(async () => {
  rig = await ApiRig.start()
})
afterAll(() => rig.close())

/** A request that a route takes, as far as its form goes. */
function asking({ method, takes }: (typeof routes)[number]): Asking {
  if (takes === 'json') return { method, json: {} }
  if (takes === 'bytes') return { method, body: 'x', headers: { 'content-type': 'application/octet-stream' } }
  return { method }
}

const pathOf = (path: string) => path.replace(':wait', '1').replace(':hash', 'f'.repeat(64)).replace(/:\w+/g, 'none')

describe('roles', () => {
  const order: readonly (Role | undefined)[] = [undefined, ...roles]
  for (const route of routes) {
    test(`${route.method} ${route.path}: those who may, and nobody else`, async () => {
      for (const role of order) {
        const path = pathOf(route.path)
        const { status, json } =
          role === undefined ? await rig.ask(path, asking(route)) : await rig.as(role, path, asking(route))
        const expected = isAllowed(role, route.needs) ? 'let in' : role === undefined ? 'UNAUTHENTICATED' : 'FORBIDDEN'
        const code = json['code']
        expect([role, code === 'UNAUTHENTICATED' || code === 'FORBIDDEN' ? code : 'let in']).toEqual([role, expected])
        expect(status).not.toBe(500)
      }
    })
  }

  test('least: what changes something needs more than a viewer, and only health needs nothing', () => {
    for (const { method, path, needs } of routes) {
      if (method !== 'GET') expect([path, isAllowed('viewer', needs)]).toEqual([path, false])
      if (path !== '/health') expect([path, isAllowed(undefined, needs)]).toEqual([path, false])
      expect([path, isAllowed('worker', needs)]).toEqual([path, path === '/health'])
      expect([path, isAllowed('admin', needs)]).toEqual([path, true])
    }
  })
})

describe('tokens', () => {
  const path = '/api/v1/cluster/summary'
  const refused: [string, Asking][] = [
    ['none', {}],
    ['an unknown one', { token: 'x' }],
    ['an empty one', { headers: { authorization: 'Bearer ' } }],
    ['another scheme', { headers: { authorization: 'Basic token-of-admin' } }],
    ['no scheme', { headers: { authorization: 'token-of-admin' } }],
    ['two', { headers: { authorization: ['Bearer token-of-admin', 'Bearer token-of-admin'] } }],
    ['8 KiB of one', { token: 'x'.repeat(8_192) }],
    ['one that begins right', { token: 'token-of-adminx' }],
  ]
  test('refused: always with the same words', async () => {
    const bodies = new Set<string>()
    for (const [name, how] of refused) {
      const { status, text, headers } = await rig.ask(path, how)
      expect([name, status, headers['www-authenticate']]).toEqual([name, 401, 'Bearer'])
      bodies.add(text)
    }
    expect(bodies.size).toBe(1)
  })

  test('guessing: after ten times each answer takes its time, but not for who is right', async () => {
    const guessed = await ApiRig.start()
    for (let i = 0; i < 12; i++) await guessed.ask(path, { token: `guess${i}` })
    expect(guessed.slowAnswers).toBe(2)
    expect((await guessed.as('viewer', path)).status).toBe(200)
    expect(guessed.slowAnswers).toBe(2)
    await guessed.close()
  })

  test('expired: told so', async () => {
    expect((await rig.ask(path, { token: 'late' })).json['code']).toBe('TOKEN_EXPIRED')
  })

  test('open reads: on loopback without a token, for GETs alone', async () => {
    const open = await ApiRig.start({ openReads: true })
    expect((await open.ask(path)).status).toBe(200)
    expect((await open.ask(path, { token: 'wrong' })).status).toBe(401)
    expect((await open.ask('/api/v2/topologies', { json: {} })).status).toBe(401)
    expect((await open.ask(`/api/v2/artefacts/${'f'.repeat(64)}`)).status).toBe(403)
    await open.close()
  })
})

describe('hosts', () => {
  const names = new HostNames('10.0.0.1', ['nimbus.test'])
  const cases: [string | undefined, boolean][] = [
    ['localhost', true],
    ['LOCALHOST:6627', true],
    ['127.0.0.1:1', true],
    ['[::1]:6627', true],
    ['10.0.0.1', true],
    ['Nimbus.Test:80', true],
    [undefined, false],
    ['', false],
    ['evil.test', false],
    ['localhost.evil.test', false],
    ['localhost.', false],
    ['localhost@evil.test', false],
    ['127.0.0.2', false],
    ['::1', false],
    ['null', false],
    ['localhost:x', false],
  ]
  for (const [header, expected] of cases) test(`host: ${header}`, () => expect(names.has(header)).toBe(expected))

  test('another name: refused before anything else, also where no token is needed', async () => {
    const { status, json } = await rig.ask('/health', { headers: { host: 'evil.test' } })
    expect([status, json['code']]).toEqual([421, 'HOST_NOT_ALLOWED'])
    expect((await rig.ask('/health', { headers: { host: 'nimbus.test:99' } })).status).toBe(200)
  })
})

describe('requests', () => {
  const post = '/api/v2/topologies'
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
    'application/jsonx',
  ]
  for (const type of types) {
    test(`type: '${type}' is no JSON`, async () => {
      const { status, json } = await rig.as('admin', post, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': type },
      })
      expect([status, json['code']]).toEqual([415, 'UNSUPPORTED_TYPE'])
    })
  }

  const bodies: [string, string, number][] = [
    ['no JSON', '{', 400],
    ['bad UTF-8', '{"a":"\xff"}', 400],
    ['a list', '[]', 400],
    ['nested without end', '['.repeat(2_000), 400],
    ['too long', JSON.stringify({ request: 'x'.repeat(5_000) }), 413],
    ['unknown fields', '{"surprise":1}', 400],
  ]
  for (const [name, body, status] of bodies) {
    test(`body: ${name}`, async () => {
      const headers = { 'content-type': 'application/json' }
      const got = await rig.as('admin', post, { method: 'POST', body: Buffer.from(body, 'latin1'), headers })
      expect(got.status).toBe(status)
      expect(got.json['code']).toBe(status === 413 ? 'TOO_LARGE' : 'INVALID_REQUEST')
    })
  }

  const ids = [
    '..',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '%252e%252e',
    'a%5Cb',
    'C%3A',
    '%2Fetc',
    'a%00b',
    '%E0%A4%A',
    'x'.repeat(201),
  ]
  for (const id of ids) {
    test(`id: ${id.slice(0, 40)} is none`, async () => {
      for (const path of [
        `/api/v1/topology/${id}`,
        `/api/v2/topologies/${id}/logs?port=1`,
        `/api/v2/artefacts/${id}`,
      ]) {
        const { status, json } = await rig.as('admin', path)
        // A client, or the router, may have taken dots out of the path already.
        expect([400, 404]).toContain(status)
        expect(['INVALID_ID', 'NOT_FOUND']).toContain(json['code'])
      }
    })
  }

  test('unknown path: told with the nearest right one', async () => {
    const { status, json } = await rig.as('admin', '/api/v1/cluster/sumary')
    expect([status, json['message']]).toEqual([
      404,
      expect.stringMatching(/Did you mean '\/api\/v1\/cluster\/summary'/) as string,
    ])
  })

  test('other sites: nothing is granted to them, and no callback is called', async () => {
    const preflight = await rig.ask('/api/v2/topologies', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.test', 'access-control-request-method': 'POST' },
    })
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    const jsonp = await rig.as('viewer', '/api/v1/cluster/summary?callback=alert')
    expect(jsonp.text.startsWith('{')).toBe(true)
    expect(jsonp.headers['content-type']).toBe('application/json')
  })

  test('headers: every answer names version and protocol, and lets nothing be guessed or framed', async () => {
    for (const path of ['/health', '/nothing', '/api/v1/cluster/summary']) {
      expect((await rig.ask(path)).headers).toMatchObject({
        'storm-ts-protocol': '1',
        'storm-ts-version': '1.2.3',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      })
    }
  })

  const raw: [string, string, RegExp][] = [
    ['plain garbage', '\x16\x03\x01garbage\r\n\r\n', /^HTTP\/1\.1 400/],
    [
      '100 KiB of a header',
      `GET /health HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431/,
    ],
    [
      'both lengths',
      'POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400/,
    ],
    [
      '200 headers',
      `GET /health HTTP/1.1\r\nHost: localhost\r\n${Array.from({ length: 200 }, (_, i) => `x${i}: x\r\n`).join('')}\r\n`,
      /^HTTP\/1\.1 431/,
    ],
    ['a bad character in a header', 'GET /health HTTP/1.1\r\nHost: localhost\r\nx: a\x00b\r\n\r\n', /^HTTP\/1\.1 400/],
    [
      'a bad chunk',
      'POST /api/v2/topologies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n',
      /^HTTP\/1\.1 400/,
    ],
    [
      'an upgrade that nobody takes',
      'GET /link/none HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      /^HTTP\/1\.1 404/,
    ],
  ]
  for (const [name, bytes, expected] of raw) {
    test(`bytes: ${name}`, async () => {
      const answer = await new Promise<string>((resolve) => {
        let text = ''
        const socket = connect(rig.server.port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
        socket.on('data', (piece) => (text += piece.toString('latin1')))
        socket.on('error', () => {})
        socket.on('close', () => resolve(text))
      })
      expect(answer).toMatch(expected)
    })
  }
})

describe('artefacts', () => {
  const bytes = { 'content-type': 'application/octet-stream' }
  test('stored and fetched by hash; what is changed on its way is refused', async () => {
    const artefact = await rig.upload('some code')
    expect((await rig.as('supervisor', `/api/v2/artefacts/${artefact}`)).text).toBe('some code')
    const head = await rig.as('submitter', `/api/v2/artefacts/${artefact}`, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, '9'])
    expect((await rig.as('submitter', `/api/v2/artefacts/${'0'.repeat(64)}`, { method: 'HEAD' })).status).toBe(404)
    const put = await rig.as('submitter', `/api/v2/artefacts/${artefact}`, {
      method: 'PUT',
      body: 'other code',
      headers: bytes,
    })
    expect([put.status, put.json['code']]).toEqual([422, 'ARTEFACT_MISMATCH'])
  })

  test('too large: refused, and nothing of it stays', async () => {
    const body = 'x'.repeat(2_000)
    const put = await rig.as('submitter', `/api/v2/artefacts/${sha256(body)}`, { method: 'PUT', body, headers: bytes })
    expect([put.status, put.json['code']]).toEqual([413, 'TOO_LARGE'])
    expect(await rig.store.blobs.info(sha256(body))).toBeUndefined()
  })
})

test('bugs: none of all this was one', () => expect(rig.errors).toEqual([]))
