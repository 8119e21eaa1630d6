// Guards "a non-loopback bind without auth and TLS refuses to start" and "token and keys are refused if others may read
// them": which ways to start a daemon there are, and which there are not. Processes, as exit codes are what counts.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { stormTs, type Ended, type Running } from '../cli/storm-ts.js'
import { makeCertificate, type Certificate } from './certificates.js'
import { listenersOf } from './processes.js'

const root = mkdtempSync(join(tmpdir(), 'storm-ts-start-'))
const certificate = makeCertificate(root, 'own')
const another = makeCertificate(root, 'another')
if (certificate === undefined) console.warn('start: TLS is not tested, as there is no openssl here')
let built = ''
let folders = 0
const running: Running[] = []

beforeAll(async () => {
  built = await builtPackage('security-start')
}, 120_000)
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A data folder with what a supervisor needs. */
function newFolder(): string {
  const folder = join(root, `data${folders++}`)
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(join(folder, 'supervisor-token'), 'a-token\n', { mode: 0o600 })
  return folder
}

function start(daemon: 'nimbus' | 'supervisor', folder: string, flags: readonly string[]): Running {
  const port = daemon === 'nimbus' ? ['--port', '0'] : ['--slots', '1', '--nimbus', 'http://127.0.0.1:1']
  const one = stormTs(built, [daemon, '--data-dir', folder, ...port, ...flags], { cwd: root })
  running.push(one)
  return one
}

const ready = { nimbus: /Nimbus listens at (\S+),/, supervisor: /has slots at the ports/ }

/** How it ended; one that starts although it should not has code 'started'. */
function refused(one: Running, daemon: 'nimbus' | 'supervisor'): Promise<Ended> {
  const started = one.says(ready[daemon]).then((err) => ({ code: 'started', out: '', err }))
  return Promise.race([one.ended, started.catch(() => one.ended)])
}

/** Runs so many at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const turns = Array.from({ length: 4 }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  })
  await Promise.all(turns)
}

const { cert = '', key = '' }: Partial<Certificate> = certificate ?? {}
const pair = ['--tls-cert', cert, '--tls-key', key]
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
const own = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

type Case = readonly [name: string, daemon: 'nimbus' | 'supervisor', flags: readonly string[], expected: RegExp]

const threeWaysOut = /'tlsCert' and 'tlsKey'.*'bind: 127\.0\.0\.1'.*'allowPlaintext: true'.*\(INSECURE_BIND\)/
const insecure = (bind: string) => new RegExp(`'bind' is ${bind}, which others reach.*${threeWaysOut.source}`)

describe('start', () => {
  const atBind = (daemon: 'nimbus' | 'supervisor', bind: string): Case => [
    `${daemon} at ${bind}`,
    daemon,
    ['--bind', bind],
    insecure(bind),
  ]
  const bindsRefused: Case[] = [
    ...['0.0.0.0', '::', 'storm.example.org', '127.1', '192.0.2.1'].map((bind) => atBind('nimbus', bind)),
    ...['0.0.0.0', '::'].map((bind) => atBind('supervisor', bind)),
    ['nimbus, open for reading', 'nimbus', ['--bind', '0.0.0.0', '--open-reads'], threeWaysOut],
    ['nimbus with a key alone', 'nimbus', ['--bind', '0.0.0.0', '--tls-key', key], threeWaysOut],
    ['supervisor with a key alone', 'supervisor', ['--bind', '0.0.0.0', '--tls-key', key], threeWaysOut],
    [
      'nimbus with a certificate alone',
      'nimbus',
      ['--bind', '0.0.0.0', '--tls-cert', cert],
      /together\. \(INVALID_SETTING\)/,
    ],
    [
      'supervisor with a certificate alone',
      'supervisor',
      ['--bind', '0.0.0.0', '--tls-cert', cert],
      /together\. \(INVALID_SETTING\)/,
    ],
    [
      'an address of nobody',
      'nimbus',
      ['--bind', '192.0.2.1', '--allow-plaintext'],
      /cannot listen at 192\.0\.2\.1.*\(INVALID_SETTING\)/,
    ],
  ]

  test('bind: beyond loopback without TLS is refused, with three ways out', async () => {
    await inTurns(bindsRefused, async ([name, daemon, flags, expected]) => {
      const { code, out, err } = await refused(start(daemon, newFolder(), flags), daemon)
      expect([name, code, out]).toEqual([name, 78, ''])
      expect(`${name}: ${err}`).toMatch(expected)
    })
  })

  const bindsTaken: Case[] = [
    ['nimbus', 'nimbus', [], /^tcp 127\.0\.0\.1$/],
    ['nimbus at localhost', 'nimbus', ['--bind', 'localhost'], /^tcp (127\.0\.0\.1|0000:.*:0001)$/],
    ...(hasIpv6 ? ([['nimbus at ::1', 'nimbus', ['--bind', '::1'], /^tcp 0000:.*:0001$/]] as Case[]) : []),
    ['nimbus in plain text', 'nimbus', ['--bind', '0.0.0.0', '--allow-plaintext'], /^tcp 0\.0\.0\.0$/],
    ['supervisor', 'supervisor', [], /^$/],
    ['supervisor in plain text', 'supervisor', ['--bind', '0.0.0.0', '--allow-plaintext'], /^$/],
    ...(certificate === undefined
      ? []
      : ([
          ['nimbus with TLS', 'nimbus', ['--bind', '0.0.0.0', ...pair], /^tcp 0\.0\.0\.0$/],
          ['supervisor with TLS', 'supervisor', ['--bind', '0.0.0.0', ...pair], /^$/],
        ] as Case[])),
  ]
  test.skipIf(process.platform !== 'linux')(
    'bind: what is allowed starts, listens there alone, and warns of plain text',
    async () => {
      await inTurns(bindsTaken, async ([name, daemon, flags, expected]) => {
        const one = start(daemon, newFolder(), flags)
        const said = await one.says(ready[daemon])
        expect([name, /without TLS/.test(said)]).toEqual([name, flags.includes('--allow-plaintext')])
        const listeners = listenersOf([one.child.pid ?? 0]).map(({ kind, address }) => `${kind} ${address}`)
        expect(listeners.join()).toMatch(expected)
        one.child.kill('SIGTERM')
        expect([name, (await one.ended).code]).toEqual([name, 143])
      })
    },
  )

  const files: readonly (readonly [
    name: string,
    daemon: 'nimbus' | 'supervisor',
    prepare: (folder: string) => { path: string; flags?: string[] },
  ])[] = [
    ['token', 'nimbus', (folder) => ({ path: join(folder, 'token') })],
    ['supervisor token', 'nimbus', (folder) => ({ path: join(folder, 'supervisor-token') })],
    ['cluster secret', 'nimbus', (folder) => ({ path: join(folder, 'nimbus/secret') })],
    [
      'tokens of others',
      'nimbus',
      (folder) => ({ path: join(folder, 'tokens.yaml'), flags: ['--tokens-file', join(folder, 'tokens.yaml')] }),
    ],
    [
      "copy of a supervisor's token",
      'supervisor',
      (folder) => ({ path: join(folder, 'copy'), flags: ['--secret-file', join(folder, 'copy')] }),
    ],
    [
      "nimbus' key",
      'nimbus',
      (folder) => ({ path: join(folder, 'key'), flags: ['--tls-cert', cert, '--tls-key', join(folder, 'key')] }),
    ],
    [
      "supervisor's key",
      'supervisor',
      (folder) => ({ path: join(folder, 'key'), flags: ['--tls-cert', cert, '--tls-key', join(folder, 'key')] }),
    ],
  ]
  test('files: a secret that others may read is refused, with the way to mend it', async () => {
    const cases = files.flatMap((file) => [0o640, 0o604].map((mode) => [...file, mode] as const))
    await inTurns(cases, async ([name, daemon, prepare, mode]) => {
      const folder = newFolder()
      const { path, flags = [] } = prepare(folder)
      mkdirSync(join(folder, 'nimbus'), { recursive: true, mode: 0o700 })
      writeFileSync(path, 'f'.repeat(64))
      chmodSync(path, mode)
      const { code, err } = await refused(start(daemon, folder, flags), daemon)
      const case_ = `${name} with mode ${mode.toString(8)}`
      expect([case_, code]).toEqual([case_, 78])
      expect(`${case_}: ${err}`).toContain(`chmod 600 ${path}`)
      expect(err).toContain('(INSECURE_FILE)')
      expect(err).not.toContain('ffff')
    })
  })

  test('files: what is no file, empty, or not there is told so', async () => {
    const cases: readonly (readonly [string, 'nimbus' | 'supervisor', (folder: string) => string[], RegExp])[] = [
      [
        'a folder as token',
        'nimbus',
        (folder) => (mkdirSync(join(folder, 'token')), []),
        /token is no regular file\. \(INSECURE_FILE\)/,
      ],
      [
        'a secret that is none',
        'nimbus',
        (folder) => {
          mkdirSync(join(folder, 'nimbus'), { mode: 0o700 })
          writeFileSync(join(folder, 'nimbus/secret'), 'short', { mode: 0o600 })
          return []
        },
        /64 hexadecimal digits are expected\. \(INSECURE_FILE\)/,
      ],
      [
        'no copy of the token',
        'supervisor',
        (folder) => ['--secret-file', join(folder, 'none')],
        /none is not there.*\(INVALID_SETTING\)/,
      ],
      [
        'an empty copy',
        'supervisor',
        (folder) => {
          writeFileSync(join(folder, 'empty'), '', { mode: 0o600 })
          return ['--secret-file', join(folder, 'empty')]
        },
        /empty is empty.*\(INSECURE_FILE\)/,
      ],
      [
        'no key',
        'nimbus',
        (folder) => ['--tls-cert', cert, '--tls-key', join(folder, 'none')],
        /'tlsKey'.*is not there\. \(INVALID_SETTING\)/,
      ],
      [
        'no key, supervisor',
        'supervisor',
        (folder) => ['--tls-cert', cert, '--tls-key', join(folder, 'none')],
        /'tlsKey'.*is not there\. \(INVALID_SETTING\)/,
      ],
      [
        'no certificate',
        'nimbus',
        (folder) => ['--tls-cert', join(folder, 'none'), '--tls-key', key],
        /'tlsCert'.*cannot be read.*\(INVALID_SETTING\)/,
      ],
      [
        'no certificate, supervisor',
        'supervisor',
        (folder) => ['--tls-cert', join(folder, 'none'), '--tls-key', key],
        /'tlsCert'.*cannot be read.*\(INVALID_SETTING\)/,
      ],
      [
        'no certificates to check with',
        'supervisor',
        (folder) => ['--tls-ca', join(folder, 'none')],
        /'tlsCa'.*can't be read.*\(INVALID_SETTING\)/,
      ],
      [
        'a certificate that is none',
        'nimbus',
        () => ['--tls-cert', key, '--tls-key', key],
        /'tlsCert'.*\(INVALID_SETTING\)/,
      ],
      [
        'a certificate that is none, supervisor',
        'supervisor',
        () => ['--tls-cert', key, '--tls-key', key],
        /'tlsCert'.*\(INVALID_SETTING\)/,
      ],
      [
        'a key of another certificate',
        'nimbus',
        () => ['--tls-cert', cert, '--tls-key', another?.key ?? ''],
        /'tlsKey'.*\(INVALID_SETTING\)/,
      ],
      [
        'a key of another certificate, supervisor',
        'supervisor',
        () => ['--tls-cert', cert, '--tls-key', another?.key ?? ''],
        /'tlsKey'.*\(INVALID_SETTING\)/,
      ],
    ]
    await inTurns(
      cases.filter(([, , prepare]) => certificate !== undefined || !String(prepare).includes('tls')),
      async ([name, daemon, prepare, expected]) => {
        const folder = newFolder()
        const { code, err } = await refused(start(daemon, folder, prepare(folder)), daemon)
        expect([name, code]).toEqual([name, 78])
        expect(`${name}: ${err}`).toMatch(expected)
      },
    )
  })

  test.skipIf(certificate === undefined)(
    'TLS: it answers those who speak it, and who does not is gone within five seconds',
    async () => {
      const nimbus = start('nimbus', newFolder(), pair)
      const url = ready.nimbus.exec(await nimbus.says(ready.nimbus))?.[1] ?? ''
      expect(url).toMatch(/^https:/)
      const status = await new Promise((resolve, reject) => {
        request(`${url}/health`, { rejectUnauthorized: false }, (answer) => resolve(answer.statusCode))
          .on('error', reject)
          .end()
      })
      expect(status).toBe(200)
      const said: Record<string, string> = {
        nothing: '',
        'half a hello': '\x16\x03\x01\x02\x00\x01',
        'plain HTTP': 'GET /health HTTP/1.1\r\n\r\n',
      }
      const lasted = await Promise.all(
        Object.entries(said).map(([what, bytes]) => {
          const socket = connect(Number(new URL(url).port), '127.0.0.1')
          socket.on('error', () => undefined).resume()
          const fromMs = performance.now()
          socket.write(bytes, 'latin1')
          return new Promise<{ what: string; ms: number }>((resolve) => {
            socket.on('close', () => resolve({ what, ms: performance.now() - fromMs }))
          })
        }),
      )
      expect(lasted.filter(({ ms }) => ms > 8_000)).toEqual([])
    },
  )

  test.skipIf(own === undefined)('open reads: for loopback alone, also where others reach it', async () => {
    const flags = ['--bind', '0.0.0.0', '--allow-plaintext', '--open-reads', '--allowed-hosts', own ?? '']
    const nimbus = start('nimbus', newFolder(), flags)
    const port = new URL(ready.nimbus.exec(await nimbus.says(ready.nimbus))?.[1] ?? '').port
    const statusAt = async (host: string) => (await fetch(`http://${host}:${port}/api/v2/topologies`)).status
    expect([await statusAt('127.0.0.1'), await statusAt(own ?? '')]).toEqual([200, 401])
  })
})
