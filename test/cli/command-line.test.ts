// Guards "the command line's manners": exit codes, wrong words, pipes, signals; and that `local` runs a topology.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as ProgramModule from '../../src/cli/program.js'
import { builtPackage } from '../built.js'
import { fakeTerminal } from './fake-terminal.js'
import { stormTs, type RunOptions } from './storm-ts.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cwd = mkdtempSync(join(tmpdir(), 'storm-ts-test-'))
let built = ''
let runProgram: typeof ProgramModule.run

const start = (args: readonly string[], options: RunOptions = {}) => stormTs(built, args, { cwd, ...options })
const run = (...args: string[]) => start(args).ended

/** The same within this process, which is quicker: for what loads no code of a topology. */
async function runHere(args: readonly string[], env: Record<string, string> = {}) {
  const terminal = fakeTerminal(cwd, env)
  return { code: await runProgram(args, terminal), ...terminal.said }
}

beforeAll(async () => {
  built = await builtPackage('cli')
  const program = new URL('dist/cli/program.js', pathToFileURL(`${built}/`)).href
  ;({ run: runProgram } = (await import(program)) as typeof ProgramModule)
})
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

/** Writes a file into the folder and returns its name. */
function file(name: string, text: string): string {
  writeFileSync(join(cwd, name), text)
  return name
}

const parts = `
  import { TopologyBuilder, listSpout, basicBolt, stream, t } from 'storm-ts'
  const N = stream({ n: t.number })
  export function topology(name, execute, spout = listSpout(N, [{ n: 1 }, { n: 2 }, { n: 3 }]), options = {}) {
    const builder = new TopologyBuilder(name)
    const numbers = builder.setSpout('numbers', spout)
    builder.setBolt('print', basicBolt({ input: N, execute })).shuffleGrouping(numbers)
    return builder.createTopology(options)
  }
  /** Emits for ever. */
  export const endless = () => ({
    outputs: N,
    open(_, out) { this.out = out; this.n = 0 },
    nextTuple() { this.out.emit({ n: this.n }, this.n++) },
  })
`

describe('command line', () => {
  test('--version, version, help', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(await run('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
    expect(await runHere(['version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
    const help = await runHere(['--help'])
    expect([help.code, help.err]).toEqual([0, ''])
    for (const verb of ['local', 'jar', 'deploy', 'list', 'describe', 'kill', 'rebalance', 'dev', 'doctor'])
      expect(help.out).toMatch(new RegExp(`^  ${verb} `, 'm'))
    expect((await runHere(['rebalance', '--help'])).out).toContain('-e, --executor <component=count>')
    expect(await runHere(['help', 'rebalance'])).toEqual(await runHere(['rebalance', '--help']))
  })

  test.each([
    [['jra', '--json'], 2, "unknown command 'jra'. Did you mean 'jar'? (UNKNOWN_COMMAND)"],
    [['rebalnce', 'x'], 2, "Did you mean 'rebalance'? (UNKNOWN_COMMAND)"],
    [['kill', 'x', '--wiat', '3'], 2, "unknown option '--wiat'. Did you mean '--wait'? (UNKNOWN_OPTION)"],
    [['kill'], 2, "missing required argument 'topology'. (BAD_USAGE)"],
    [['kill', 'x', '-w', '-5'], 2, "-w is '-5'; expected are seconds, such as 10, or a duration"],
    [['kill', 'x', '-w', '1e99'], 2, '(INVALID_DURATION)'],
    [['deploy', 't.ts', '--timeout', '3'], 2, "t.ts' is not there. (FILE_NOT_FOUND)"],
    [['jar', 'depoly', 't.ts'], 2, "neither a verb nor a file 'depoly'. Did you mean 'deploy'? (UNKNOWN_COMMAND)"],
    [['local'], 2, "missing required argument 'file'. (BAD_USAGE)"],
    [['local', 'nothing.ts'], 2, "nothing.ts' is not there. (FILE_NOT_FOUND)"],
    [['local', '.'], 2, '(NOT_A_REGULAR_FILE)'],
    [['local', '/dev/zero'], 2, '(NOT_A_REGULAR_FILE)'],
    [['local', '-c', 'workers', 't.ts'], 2, '(BAD_USAGE)'],
    [['local', '-n', '0', 't.ts'], 3, "The option 'workers' given on the command line is 0"],
    [['local', '--timeout', '5 parsecs', 't.ts'], 2, '(INVALID_DURATION)'],
    [['list'], 5, 'There is no nimbus at http://127.0.0.1:1: nobody listens there. (UNREACHABLE)'],
    [['rebalance', 'x', '-e', 'count'], 2, '-e got'],
    [['dev', '--supervisors', '0'], 2, '--supervisors is'],
    [['list', '--config', 'gone.yaml'], 78, '(INVALID_SETTING)'],
    [['list', '--nimbus', 'ftp://x'], 78, "the option --nimbus: 'nimbus' is 'ftp://x'; expected is a URL"],
  ])('%j ends with %d', async (args, code, says) => {
    const ended = await runHere(args, args.includes('--nimbus') ? {} : { STORM_TS_NIMBUS: 'http://127.0.0.1:1' })
    expect([ended.code, ended.out]).toEqual([code, ''])
    expect(ended.err).toContain(says)
    expect(ended.err).not.toContain('\u001b')
  })

  test('nothing typed: the help, on standard error', async () => {
    const { code, out, err } = await runHere([])
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('Usage: storm-ts <verb> [options]')
  })

  test('a misspelt setting, in the environment and in a file, with its line', async () => {
    expect(await runHere(['list'], { STORM_TS_NIMBSU: 'x' })).toMatchObject({
      code: 78,
      err: expect.stringContaining("Did you mean 'STORM_TS_NIMBUS'?") as string,
    })
    const config = file('config.yaml', 'bind: 127.0.0.1\nnimbsu: http://127.0.0.1:1\n')
    expect((await runHere(['list', '--config', join(cwd, config)])).err).toContain(
      "config.yaml:2: there is no setting 'nimbsu'",
    )
  })

  test('a token that others may read', async () => {
    writeFileSync(join(cwd, 'open-token'), 'secret-word', { mode: 0o644 })
    const { code, err } = await runHere(['list', '--token-file', 'open-token'])
    expect([code, err]).toEqual([78, expect.stringContaining('(mode 644); mode 600 is expected') as string])
    expect(err).not.toContain('secret-word')
  })
})

describe('local', () => {
  beforeAll(() => void file('parts.mjs', parts))

  test('the word count of a file, as Unix counts it', async () => {
    cpSync(join(root, 'examples/wordcount'), join(cwd, 'wordcount'), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
    cpSync(join(root, 'README.md'), join(cwd, 'text.txt'))
    const ended = await run('local', '-n', '3', 'wordcount/topology.ts', 'text.txt', '--out', 'tables')
    expect([ended.code, ended.out]).toEqual([0, ''])
    expect(ended.err).toMatch(/^emitted: (\d+), acked: \1, failed: 0, seconds: [\d.]+\n$/)
    const folder = join(cwd, 'tables')
    const rows = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'))
    const count = `tr -s ' \\t\\n\\v\\f\\r' '\\n' < text.txt | sed '/^$/d' | LC_ALL=C sort | LC_ALL=C uniq -c`
    const counted = execFileSync('sh', ['-c', count], { cwd, encoding: 'utf8' }).trimEnd().split('\n')
    const expected = counted.map((line) => line.trim().replace(/^(\d+) (.*)$/, '$2\t$1'))
    expect(rows.sort()).toEqual(expected.sort())
  })

  test('JavaScript, TypeScript and an artefact; results on standard output alone', async () => {
    const text = `import { topology } from './parts.mjs'; export default (args) => topology('t', ({ values }) => console.log(values.n, ...args))`
    file('t.js', text)
    file('t.ts', text.replace('(args)', '(args: string[])'))
    expect((await run('jar', 'build', 't.ts', '-o', 't.mjs')).out).toMatch(/^[0-9a-f]{64}\n$/)
    for (const name of ['t.js', 't.ts', 't.mjs']) {
      const ended = await run('local', name, '-n', '--help')
      expect(ended).toMatchObject({ code: 0, out: '1 -n --help\n2 -n --help\n3 -n --help\n' })
    }
    expect((await run('local', 't.js', '--', 'x')).out).toBe('1 x\n2 x\n3 x\n')
  })

  test('options and the name reach the topology', async () => {
    const name = file(
      'options.ts',
      `import { TopologyBuilder, listSpout, stream, t } from 'storm-ts'
       const builder = new TopologyBuilder('t')
       const none = builder.setSpout('none', listSpout(stream({ n: t.number }), []))
       const prepare = ({ topology, config }) => console.log(topology, config.mine, config.workers, config.messageTimeoutMs)
       builder.setBolt('told', () => ({ prepare, execute() {} })).allGrouping(none)
       export default builder.createTopology({ messageTimeoutMs: 1, workers: 1 })`,
    )
    const options = ['--name', 'other', '-n', '2', '-c', 'mine=[1]', '-c', 'topology.message.timeout.secs=7']
    expect(await run('local', ...options, name)).toMatchObject({ code: 0, out: 'other [ 1 ] 2 7000\n' })
  })

  test.each([
    ['a syntax error', `export default ;`, 3, 'BUNDLE_FAILED'],
    ['no export', `export const x = 1`, 3, 'NO_EXPORT'],
    ['no topology', `export default { name: 'x' }`, 3, 'NOT_A_TOPOLOGY'],
    ['ends at import', `process.exit(0)`, 3, 'TOPOLOGY_EXITED'],
    ['throws at import', `throw new Error('oops')`, 3, 'TOPOLOGY_FAILED'],
    [
      'is invalid',
      `import { topology } from './parts.mjs'; export default topology('', () => {})`,
      3,
      'INVALID_TOPOLOGY',
    ],
    [
      'cannot be prepared',
      `import { topology, endless } from './parts.mjs'; export default topology('t', () => {}, () => ({ ...endless(), open() { throw new Error('no way') } }))`,
      1,
      'no way',
    ],
  ])('%s', async (name, text, code, says) => {
    const ended = await run('local', file(`${name.replaceAll(' ', '-')}.ts`, text))
    expect([ended.code, ended.out]).toEqual([code, ''])
    expect(ended.err).toContain(says)
  })

  test('a stack trace names the line of the source', async () => {
    const text = `interface Unused { a: 1 }\n\nexport default () => {\n  throw new Error('here')\n}\n`
    expect((await run('local', file('where.ts', text))).err).toContain(`${join(cwd, 'where.ts')}:4:9`)
  })

  test('--name refused, as it is by a cluster', async () => {
    const name = file('named.js', `import { topology } from './parts.mjs'; export default topology('t', () => {})`)
    expect(await run('local', '--name', '-x', name)).toMatchObject({ code: 3 })
  })

  test('a bolt that throws for every tuple is told, and does not drown the rest', async () => {
    const name = file(
      'noisy.ts',
      `import { topology } from './parts.mjs'
       import { listSpout, stream, t } from 'storm-ts'
       const seen = new Set()
       export default topology('t', ({ values: { n } }) => { if (seen.has(n)) return; seen.add(n); throw new Error('bad \\u001b[31m' + n) },
         listSpout(stream({ n: t.number }), Array.from({ length: 500 }, (_, n) => ({ n }))))`,
    )
    const { code, err } = await run('local', name)
    expect(code).toBe(0)
    expect(err).toContain("print[3]: execute of component 'print' threw on a tuple from 'numbers': bad \\u{1b}[31m")
    expect(err.split('\n').length).toBeLessThan(40)
    expect(err).toMatch(/emitted: 1000, acked: 500, failed: 500/)
  })

  describe('signals', () => {
    const endless = (name: string, execute: string) =>
      file(name, `import { topology, endless } from './parts.mjs'; export default topology('t', ${execute}, endless)`)

    test.each([
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const)('%s: the spouts stop, what is pending is waited for', async (signal, code) => {
      const name = endless('endless.js', `({ values }) => { if (values.n === 0) console.log('begun') }`)
      const running = start(['local', name])
      await running.says(/begun/, 'out')
      running.child.kill(signal)
      const ended = await running.ended
      expect(ended.code).toBe(code)
      const { emitted, acked } =
        /emitted: (?<emitted>\d+), acked: (?<acked>\d+), failed: 0/.exec(ended.err)?.groups ?? {}
      expect(emitted).toBe(acked)
      expect(Number(acked)).toBeGreaterThan(0)
    })

    test('what never comes to its end is waited for as long as --timeout says', async () => {
      const name = endless('stuck.js', `() => { console.log('begun'); return new Promise(() => {}) }`)
      const running = start(['local', '--timeout', '100ms', name])
      await running.says(/begun/, 'out')
      running.child.kill('SIGINT')
      expect((await running.ended).code).toBe(130)
    })

    test('a second one ends it at once', async () => {
      const name = endless('stuck.js', `() => { console.log('begun'); return new Promise(() => {}) }`)
      const running = start(['local', name])
      await running.says(/begun/, 'out')
      running.child.kill('SIGINT')
      // Within an instant it would be taken for the same one, which npm passes on.
      running.child.kill('SIGINT')
      await running.says(/waiting for what is pending/)
      await expect.poll(() => running.child.kill('SIGINT'), { timeout: 5_000, interval: 100 }).toBe(false)
      expect((await running.ended).code).toBe(130)
    })
  })

  test('a reader that goes away is no error', () => {
    const name = file(
      'talks.js',
      `import { topology, endless } from './parts.mjs'; export default topology('t', ({ values }) => console.log(values.n), endless)`,
    )
    const command = `${process.execPath} ${join(built, 'dist/cli/main.js')} local ${name} | head -2; echo \${PIPESTATUS[0]}`
    const { stdout, stderr } = spawnSync('bash', ['-c', command], { cwd, encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['0\n1\n0\n', ''])
  })
})

describe('jar', () => {
  beforeAll(() => {
    file('parts.mjs', parts)
    file(
      'dry.ts',
      `import { topology } from './parts.mjs'; export default (args) => topology('dry', () => {}, undefined, { workers: 2 })`,
    )
  })

  test('inspect, and a dry run by each of its names, without a cluster', async () => {
    const { code, out } = await runHere(['jar', 'inspect', '--json', 'dry.ts'])
    expect(code).toBe(0)
    const { artefact, graph } = JSON.parse(out) as { artefact: string; graph: { name: string } }
    expect(graph.name).toBe('dry')
    const expected = {
      artefact,
      args: ['a', '--b'],
      cwd,
      name: 'other',
      options: { workers: 3, mine: 'x' },
      inactive: true,
      graph,
    }
    for (const verb of [
      ['jar', 'deploy'],
      ['deploy'],
      ['jar'],
      ['jar', '-n', '2', '--dry-run', 'deploy'],
      ['jar', '-n2', '--name=it', 'deploy'],
      ['jar', '--dry-run', 'deploy'],
    ]) {
      const options = ['--dry-run', '--json', '--name', 'other', '-n', '3', '-c', 'mine=x', '--inactive']
      const ended = await runHere([...verb, ...options, 'dry.ts', 'a', '--b'])
      expect([ended.code, ended.err]).toEqual([0, expect.stringContaining('✓ found topology dry')])
      expect(JSON.parse(ended.out)).toEqual(expected)
    }
  })

  test('for people', async () => {
    const { out } = await runHere(['jar', 'deploy', '--dry-run', 'dry.ts'])
    expect(out).toMatch(
      /^would submit 'dry': artefact [0-9a-f]{64}, arguments \[\]\n\ntopology dry, workers=2\n\ncomponent +kind/,
    )
  })

  test.each([
    ['ends itself', 'process.exit(0)', 'TOPOLOGY_EXITED'],
    ['is no topology', 'export default 7', 'NOT_A_TOPOLOGY'],
  ])('refused before anything is uploaded: a topology that %s', async (name, text, code) => {
    const ended = await runHere(['jar', 'deploy', '--dry-run', file(`${name.replaceAll(' ', '-')}.js`, text)])
    expect([ended.code, ended.out]).toEqual([3, ''])
    expect(ended.err).toContain(code)
  })
})
