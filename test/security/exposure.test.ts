// Guards "no listener beyond loopback by default" and "token not found in any log, argv, environment of a worker, or
// reply", with a whole cluster of real processes through its whole life.
import { randomUUID } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../src/nimbus/routes.js'
import { builtPackage } from '../built.js'
import { stormTs, type Ended, type Running } from '../cli/storm-ts.js'
import { until } from '../cluster/until.js'
import { ask, post, urlIn } from './ask.js'
import { listenersOf, ProcessWatch, processesWith } from './processes.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const topology = fileURLToPath(new URL('topologies/curious.ts', import.meta.url))
/** Known to whoever submits and to workers, and for no log, argument or reply. */
const [password, value, wrongToken] = ['password', 'value', 'wrong'].map((word) => `${word}-${randomUUID()}`) as [
  string,
  string,
  string,
]

let cwd = ''
let data = ''
let env: Record<string, string> = {}
let built = ''
let dev: Running
let processes: ProcessWatch
/** All that anybody was told: by the command line, by nimbus. */
const told: string[] = []

beforeAll(async () => {
  built = await builtPackage('security-exposure')
  cwd = mkdtempSync(join(tmpdir(), 'storm-ts-exposure-'))
  data = join(cwd, '.storm-ts')
  env = { HOME: join(cwd, 'home'), TMPDIR: join(cwd, 'tmp') }
  for (const folder of Object.values(env)) mkdirSync(folder)
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
  writeFileSync(join(cwd, 'wrong-token'), wrongToken, { mode: 0o600 })
  writeFileSync(join(cwd, 'values'), value, { mode: 0o600 })
  processes = new ProcessWatch(`TMPDIR=${env['TMPDIR']}`)
  dev = stormTs(built, ['dev', '--port', '0', '--json'], { cwd, env })
  await dev.says(/\n/, 'out')
}, 120_000)
afterAll(async () => {
  processes.end()
  dev.child.kill('SIGKILL')
  await until('all processes have ended', 30_000, () => pids().length === 0)
  rmSync(cwd, { recursive: true, force: true })
}, 60_000)

const pids = () => processesWith(`TMPDIR=${env['TMPDIR']}`).map(({ pid }) => pid)
const pidOf = (what: RegExp) =>
  processesWith(`TMPDIR=${env['TMPDIR']}`).find(({ words }) => what.test(words.join(' ')))?.pid

async function storm(...args: string[]): Promise<Ended> {
  const ended = await stormTs(built, args, { cwd, env }).ended
  told.push(ended.out, ended.err)
  return ended
}

interface WorkerTold {
  readonly supervisor: string
  readonly host: string
  readonly port: number
  readonly pid?: number
  readonly isReady: boolean
}

/** The workers of the topology, when as many are ready. */
function workers(count: number): Promise<readonly WorkerTold[]> {
  return until(`${count} workers are ready`, 60_000, async () => {
    // Nimbus may be dead just now.
    const asked = await ask(data, '/api/v2/topologies/curious').catch(() => undefined)
    const seen = (asked?.json['workers'] ?? []) as readonly WorkerTold[]
    return seen.length === count && seen.every(({ isReady, pid }) => isReady && pid !== undefined) && seen
  })
}

/** A secret in every form in which it may be written. */
function formsOf(bytes: Buffer, ...more: string[]): Buffer[] {
  const texts = [
    bytes.toString('hex'),
    bytes.toString('base64').replaceAll('=', ''),
    bytes.toString('base64url'),
    ...more,
  ]
  return [bytes, ...texts.map((text) => Buffer.from(text))]
}

/** Each secret that there is now, by what it is. */
function secretsNow(): Record<string, Buffer[]> {
  const text = (name: string) => readFileSync(join(data, name), 'utf8').trim()
  const secrets: Record<string, Buffer[]> = {
    token: formsOf(Buffer.from(text('token'))),
    'supervisor token': formsOf(
      Buffer.from(text('supervisor-token')),
      ...formsOf(Buffer.from(text('supervisor-token'), 'base64url')).map(String),
    ),
    'cluster secret': formsOf(Buffer.from(text('nimbus/secret'), 'hex')),
    'wrong token': [Buffer.from(wrongToken)],
    password: [Buffer.from(password)],
    'value of a tuple': [Buffer.from(value)],
  }
  for (const file of filesIn(data).filter((path) => path.endsWith('launch.json'))) {
    const { linkKey, controlKey } = JSON.parse(readFileSync(join(cwd, file), 'utf8')) as Record<string, string>
    secrets[`link key of ${file}`] = formsOf(Buffer.from(linkKey ?? '', 'base64'))
    secrets[`control key of ${file}`] = formsOf(Buffer.from(controlKey ?? '', 'base64'))
  }
  return secrets
}

/** Every file below a folder, as seen from where the commands are typed. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(cwd, join(entry.parentPath, entry.name)))
    .sort()
}

/** The files in which each secret is, with their rights. */
function whereIs(secrets: Record<string, Buffer[]>): Record<string, string[]> {
  const found: Record<string, string[]> = Object.fromEntries(Object.keys(secrets).map((name) => [name, []]))
  for (const file of filesIn(cwd)) {
    let bytes: Buffer
    try {
      bytes = readFileSync(join(cwd, file))
    } catch {
      // It was moved or removed meanwhile.
      continue
    }
    const mode = (statSync(join(cwd, file)).mode & 0o777).toString(8)
    for (const [name, forms] of Object.entries(secrets))
      if (forms.some((form) => bytes.includes(form))) found[name]?.push(`${file} ${mode}`)
  }
  return found
}

/** Which secrets stand in a text. */
const namedIn = (text: string, secrets: Record<string, Buffer[]>) =>
  Object.keys(secrets).filter((name) =>
    secrets[name]?.some((form) => Buffer.from(text, 'latin1').includes(form) || Buffer.from(text).includes(form)),
  )

describe.skipIf(process.platform !== 'linux')('exposure', () => {
  let secrets: Record<string, Buffer[]> = {}

  test('listeners: nimbus and the workers, each at one port of loopback, and nobody else', async () => {
    const deployed = await storm('jar', 'deploy', '-c', `brokerPassword=${password}`, topology, 'values')
    expect(deployed).toMatchObject({ code: 0 })
    const seen = await workers(2)
    const listeners = listenersOf(pids())
    const expected = [Number(new URL(urlIn(data)).port), ...seen.map(({ port }) => port)]
    expect(listeners.map(({ kind, address, port }) => `${kind} ${address} ${port}`).sort()).toEqual(
      expected.map((port) => `tcp 127.0.0.1 ${port}`).sort(),
    )
    const whose = new Map(listeners.map(({ pid, port }) => [port, pid]))
    expect(seen.map(({ port, pid }) => [port, whose.get(port) === pid])).toEqual(seen.map(({ port }) => [port, true]))
  })

  test('secrets: while all of it runs, each is in its own file, which nobody else may read', async () => {
    secrets = secretsNow()
    const launchFiles = filesIn(data).filter((path) => path.endsWith('launch.json'))
    expect(launchFiles.length).toBe(2)
    const where = whereIs(secrets)
    const state = where['password']?.filter((file) => /\.storm-ts\/nimbus\/state\/.* 6[04][04]$/.test(file)) ?? []
    expect(state.length).toBeGreaterThan(0)
    expect({ ...where, password: where['password']?.filter((file) => !state.includes(file)) }).toEqual({
      token: ['.storm-ts/token 600'],
      'supervisor token': ['.storm-ts/supervisor-token 600'],
      'cluster secret': ['.storm-ts/nimbus/secret 600'],
      'wrong token': ['wrong-token 600'],
      // The options of a topology: where nimbus keeps it, and where its workers read it.
      password: launchFiles.map((file) => `${file} 600`),
      'value of a tuple': ['values 600'],
      ...Object.fromEntries(
        launchFiles.flatMap((file) => [
          // One for all workers of the topology.
          [`link key of ${file}`, launchFiles.map((one) => `${one} 600`)],
          [`control key of ${file}`, [`${file} 600`]],
        ]),
      ),
    })
    for (const folder of [
      '.storm-ts',
      '.storm-ts/nimbus',
      '.storm-ts/supervisor-1',
      '.storm-ts/supervisor-2',
      '.storm-ts/logs',
    ])
      expect([folder, statSync(join(cwd, folder)).mode & 0o077]).toEqual([folder, 0])
  })

  test('secrets: none is in a log, an argument, an environment, a reply or on the screen, whatever is done', async () => {
    for (const verb of [
      ['list'],
      ['describe', 'curious', '--json'],
      ['errors', 'curious'],
      ['doctor'],
      ['logs', 'curious'],
    ])
      expect((await storm(...verb)).code).toBe(0)
    expect((await storm('list', '--token-file', 'wrong-token')).code).toBe(4)
    expect((await storm('deploy', '--token-file', 'wrong-token', topology)).code).toBe(4)
    expect((await ask(data, '/api/v2/topologies', { token: wrongToken })).status).toBe(401)
    for (const body of [{}, { token: wrongToken }, { request: 'x', artefact: wrongToken.padEnd(64, 'f').slice(0, 64) }])
      await post(data, '/api/v2/topologies', body)

    const [victim] = await workers(2)
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    process.kill(pidOf(/ nimbus /) ?? 0, 'SIGKILL')
    process.kill(pidOf(/ supervisor --supervisor supervisor-1 /) ?? 0, 'SIGKILL')
    await dev.says(/nimbus ended \(SIGKILL\); it is started anew/)
    await until('the worker is there again', 60_000, async () => {
      const pid = (await workers(2)).find(({ port }) => port === victim?.port)?.pid
      return pid !== undefined && pid !== victim?.pid
    })
    expect((await storm('rebalance', 'curious', '-w', '0', '-n', '1')).code).toBe(0)
    await workers(1)
    // Keys of a generation of its own.
    for (const [name, forms] of Object.entries(secretsNow())) secrets[name] = [...(secrets[name] ?? []), ...forms]
    expect((await storm('deactivate', 'curious')).code).toBe(0)
    expect((await storm('activate', 'curious')).code).toBe(0)

    const { json } = await ask(data, '/api/v2/topologies/curious')
    const [worker] = json['workers'] as readonly WorkerTold[]
    const query = new URLSearchParams({
      id: worker?.supervisor ?? '',
      supervisor: worker?.supervisor ?? '',
      port: String(worker?.port),
    })
    const gets = routes.filter(({ method }) => method === 'GET')
    for (const { path } of gets) {
      const filled = path
        .replace(':topology', 'curious')
        .replace(':component', 'teller')
        .replace(':hash', String(json['artefact']))
      const { status, headers, text } = await ask(data, `${filled}?${query.toString()}`)
      expect([path, status]).toEqual([path, 200])
      told.push(text, JSON.stringify([...headers]))
    }

    expect((await storm('kill', 'curious', '-w', '0')).code).toBe(0)
    await until('it is gone', 30_000, async () => (await ask(data, '/api/v2/topologies/curious')).status === 404)
    await until('no launch file is left', 30_000, () => !filesIn(data).some((path) => path.endsWith('launch.json')))
    dev.child.kill('SIGINT')
    const { code, out, err } = await dev.ended
    expect(code).toBe(130)
    told.push(out, err)
    processes.end()

    const kinds = [
      'cli/main.js\0dev',
      'cli/main.js\0nimbus',
      'cli/main.js\0supervisor',
      'worker/main.js',
      'extract-main.js',
      'main.js\0jar\0deploy',
    ]
    const lines = processes.seen.map(({ words }) => words.join('\0'))
    expect(kinds.filter((kind) => !lines.some((line) => line.includes(kind)))).toEqual([])
    const open = Object.fromEntries(Object.entries(secrets).filter(([name]) => name !== 'password'))
    expect(
      processes.seen.flatMap(({ text, words }) => namedIn(text, open).map((name) => `${name}: ${words.join(' ')}`)),
    ).toEqual([])
    // Typed by whoever knows it.
    const typed = processes.seen.filter(({ text }) => text.includes(password))
    expect(typed.length).toBeGreaterThan(0)
    expect(typed.filter(({ words }) => !words.includes('deploy'))).toEqual([])
    expect(told.flatMap((text) => namedIn(text, secrets).map((name) => `${name}: ${text.slice(0, 200)}`))).toEqual([])

    const where = whereIs(secrets)
    const keys = Object.keys(where).filter((name) => name.includes(' key of '))
    expect(keys.length).toBeGreaterThanOrEqual(4)
    expect(keys.filter((name) => where[name]?.length !== 0)).toEqual([])
    expect(where['password']?.filter((file) => !file.startsWith('.storm-ts/nimbus/state/'))).toEqual([])
    expect(where).toMatchObject({
      token: ['.storm-ts/token 600'],
      'supervisor token': ['.storm-ts/supervisor-token 600'],
      'cluster secret': ['.storm-ts/nimbus/secret 600'],
      'wrong token': ['wrong-token 600'],
      'value of a tuple': ['values 600'],
    })
    const logs = filesIn(data).filter((path) => /\.(log|out)$/.test(path))
    expect(logs.some((path) => readFileSync(join(cwd, path), 'utf8').includes('in prepare'))).toBe(true)
    process.stdout.write(
      `${Object.keys(secrets).length} secrets looked for in ${filesIn(cwd).length} files, ${new Set(processes.seen.map(({ pid }) => pid)).size} processes, ${told.length} answers\n`,
    )
  })
})
