// Guards the README's section about the cluster: its commands, word for word, do what it says.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtPackage } from '../built.js'
import { stormTs, type Running } from '../cli/storm-ts.js'
import { processesIn, signal } from './processes.js'
import { until } from './until.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let built = ''
let folder = ''
let dev: Running | undefined

beforeAll(async () => {
  built = await builtPackage('cluster')
  folder = mkdtempSync(join(tmpdir(), 'storm-ts-walk-'))
  cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true })
  cpSync(join(root, 'README.md'), join(folder, 'README.md'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(async () => {
  dev?.child.kill('SIGINT')
  await dev?.ended
  for (const { pid } of processesIn(folder)) signal(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** The commands of the section. The first is for a terminal of its own. */
function commands(): string[] {
  const page = readFileSync(join(root, 'README.md'), 'utf8')
  return [...page.matchAll(/^```sh cluster\n(.*?)^```$/gms)].flatMap((match) => (match[1] ?? '').trimEnd().split('\n'))
}

/** Runs a line as it stands, but for the way to the package, which is not installed here. */
async function run(line: string): Promise<{ code: number; out: string; err: string }> {
  const command = line.replace(/^npx storm-ts /, `node ${join(built, 'dist/cli/main.js')} `)
  const child = spawn('bash', ['-c', command], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const code = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)))
  return { code, out, err }
}

/** A reader takes a while from one command to the next; this waits for what that one would see. */
async function untilCounted(by: number): Promise<void> {
  await until(`the words are counted by ${by} workers`, 60_000, async () => {
    const { out } = await run('npx storm-ts describe word-count --json')
    const { ready, exhausted, workers } = JSON.parse(out) as { ready: boolean; exhausted: boolean; workers: unknown[] }
    return ready && exhausted && workers.length === by
  })
}

describe.skipIf(process.platform !== 'linux')('walk', () => {
  const says: Record<string, RegExp> = {
    'jar deploy': /^word-count-1-\d+\n$/,
    list: /^word-count +ACTIVE +9 +9 +2 /m,
    describe: /^split +bolt +2 +2 /m,
    logs: /this worker has started/,
    rebalance: /^/,
    kill: /^/,
    local: /^/,
    'cat counts/*.tsv': /^the same\n$/,
  }

  test('readme: a cluster is started, used and ended with its commands, and counts as one process does', async () => {
    const [first, ...rest] = commands()
    expect(first).toBe('npx storm-ts dev')
    // The usual port may be somebody else's.
    dev = stormTs(built, ['dev', '--port', '0'], { cwd: folder })
    await dev.says(/nimbus at /, 'out')
    const done: string[] = []
    for (const line of rest) {
      const verb = Object.keys(says).find((name) => line.replace(/^npx storm-ts /, '').startsWith(name)) ?? line
      const { code, out, err } = await run(line)
      expect([line, code, err]).toEqual([line, 0, expect.anything()])
      expect([line, out]).toEqual([line, expect.stringMatching(says[verb] ?? /^$/) as string])
      if (verb === 'jar deploy') await untilCounted(2)
      if (verb === 'rebalance') await untilCounted(4)
      if (verb === 'kill') await until('it is gone', 30_000, async () => (await run('npx storm-ts list')).out === '')
      done.push(verb)
    }
    expect(done).toEqual(Object.keys(says))

    dev.child.kill('SIGINT')
    expect(await dev.ended).toMatchObject({ code: 130 })
    expect(processesIn(folder).filter(({ pid }) => pid !== process.pid)).toEqual([])
  })
})
