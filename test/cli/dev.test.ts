// Guards "one command brings up a cluster, a topology runs on it as it does here, and Ctrl-C leaves nothing behind".
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { stormTs, type Running } from './storm-ts.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let cwd = ''
let built = ''
let dev: Running | undefined

beforeAll(async () => {
  built = await builtPackage('cli-dev')
  cwd = mkdtempSync(join(tmpdir(), 'storm-ts-test-'))
  cpSync(join(root, 'examples/wordcount'), join(cwd, 'wordcount'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
  cpSync(join(root, 'README.md'), join(cwd, 'text.txt'))
})
afterEach(() => {
  dev?.child.kill('SIGKILL')
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const storm = (...args: string[]) => stormTs(built, args, { cwd }).ended

async function startDev(): Promise<string> {
  dev = stormTs(built, ['dev', '--port', '0', '--supervisors', '2', '--slots', '2', '--json'], { cwd })
  return (JSON.parse(await dev.says(/\n/, 'out')) as { url: string }).url
}

/** Processes of this package, by what they are. */
function processes(what: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      // A process that has ended and was not collected yet has no words.
      return words.some((word) => word.startsWith(join(built, 'dist'))) && words.join(' ').includes(what)
        ? [Number(name)]
        : []
    } catch {
      return []
    }
  })
}

const isListening = (url: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.unref()
  })

function tableIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.tsv')) : []
  return names
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .sort()
}

async function described(name: string) {
  const { out } = await storm('describe', name, '--json')
  return JSON.parse(out) as {
    id: string
    exhausted: boolean
    status: string
    workers: unknown[]
    executorsTotal: number
  }
}

describe.skipIf(process.platform !== 'linux')('dev', () => {
  test('a walk: deploy, list, describe, logs, rebalance, kill; the counts equal those of a local run', async () => {
    const url = await startDev()
    expect(await isListening(url)).toBe(true)
    expect((await storm('local', 'wordcount/topology.ts', 'text.txt', '--out', 'local')).code).toBe(0)
    const deployed = await storm('jar', 'deploy', 'wordcount/topology.ts', 'text.txt', '--out', 'cluster')
    expect(deployed).toMatchObject({ code: 0, out: expect.stringMatching(/^word-count-1-\d+\n$/) as string })
    const id = deployed.out.trim()
    await expect.poll(async () => (await described('word-count')).exhausted, { timeout: 20_000 }).toBe(true)
    await expect.poll(() => tableIn(join(cwd, 'cluster')), { timeout: 10_000 }).toEqual(tableIn(join(cwd, 'local')))

    expect((await storm('list')).out).toMatch(new RegExp(`^word-count +ACTIVE +9 +9 +2 .* ${id} +admin$`, 'm'))
    expect((await storm('logs', 'word-count')).out).toContain('this worker has started')
    expect((await storm('errors', id)).err).toBe('There are no errors.\n')
    const again = await storm('jar', 'deploy', 'wordcount/topology.ts', 'text.txt')
    expect(again).toMatchObject({ code: 6, err: expect.stringContaining('(ALREADY_RUNNING)') as string })
    expect(await storm('kill', 'wordcount')).toMatchObject({
      code: 1,
      err: expect.stringContaining("Did you mean 'word-count'?") as string,
    })
    expect(await storm('rebalance', 'word-count', '-n', '0')).toMatchObject({ code: 3 })
    expect(await storm('rebalance', 'word-count', '-e', 'cuont=2')).toMatchObject({
      code: 3,
      err: expect.stringContaining("'count'") as string,
    })
    expect((await storm('rebalance', 'word-count', '-w', '0', '-n', '1', '-e', 'count=2')).code).toBe(0)
    await expect
      .poll(async () => described('word-count'), { timeout: 20_000 })
      .toMatchObject({ status: 'ACTIVE', executorsTotal: 7 })
    expect((await described(id)).workers.length).toBe(1)
    expect((await storm('kill', 'word-count', '-w', '0')).code).toBe(0)
    await expect.poll(async () => (await storm('list')).out, { timeout: 10_000 }).toBe('')

    dev?.child.kill('SIGINT')
    expect(await dev?.ended).toMatchObject({ code: 130 })
    expect([processes(''), await isListening(url)]).toEqual([[], false])
    expect(existsSync(join(cwd, '.storm-ts/token'))).toBe(true)
  })

  test('its token is in no argument, environment or log; only its owner may read its files', async () => {
    await startDev()
    await storm('jar', 'deploy', '--no-wait', 'wordcount/topology.ts', 'text.txt')
    const token = readFileSync(join(cwd, '.storm-ts/token'), 'utf8').trim()
    for (const pid of processes('')) {
      const own = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
      expect(own).not.toContain(token)
    }
    const grep = `grep -rl -- ${token} .storm-ts; find .storm-ts/token .storm-ts/supervisor-token .storm-ts/nimbus .storm-ts -maxdepth 0 -perm /077`
    expect(execFileSync('sh', ['-c', `${grep}; true`], { cwd, encoding: 'utf8' })).toBe('.storm-ts/token\n')
    await storm('kill', 'word-count', '-w', '0')
  })

  test('a daemon that dies comes back where it was; a killed dev takes all with it', async () => {
    const url = await startDev()
    const [before = 0] = processes(' nimbus ')
    process.kill(before, 'SIGKILL')
    await dev?.says(/nimbus ended \(SIGKILL\); it is started anew/)
    await expect.poll(() => isListening(url), { timeout: 10_000 }).toBe(true)
    await expect
      .poll(async () => (await storm('doctor')).out, { timeout: 15_000 })
      .toMatch(/(supervisors: .* 2 of 2 slots free\n.*){2}/s)
    dev?.child.kill('SIGKILL')
    await dev?.ended
    await expect.poll(() => processes(''), { timeout: 20_000 }).toEqual([])
  })

  test('a second dev in the same folder is refused, and the first goes on', async () => {
    const url = await startDev()
    const second = await storm('dev', '--port', '0')
    expect(second.code).toBe(78)
    expect(second.err).toContain('(DAEMON_FAILED)')
    expect(await isListening(url)).toBe(true)
    expect((await storm('list')).code).toBe(0)
  })
})
