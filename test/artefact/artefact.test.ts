// Guards "a topology file is bundled, loaded by the engine that runs it, and refused with a code when it is none".
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as BundleModule from '../../src/artefact/bundle.js'
import type * as ExtractModule from '../../src/artefact/extract.js'
import { builtPackage } from '../built.js'

let bundleTopology: typeof BundleModule.bundleTopology
let extractGraph: typeof ExtractModule.extractGraph
const folder = mkdtempSync(join(tmpdir(), 'storm-ts-test-'))

beforeAll(async () => {
  const built = pathToFileURL(`${await builtPackage('artefact')}/dist/artefact/`)
  ;({ bundleTopology } = (await import(new URL('bundle.js', built).href)) as typeof BundleModule)
  ;({ extractGraph } = (await import(new URL('extract.js', built).href)) as typeof ExtractModule)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes files, with folders on the way, and returns the path of the first. */
function files(name: string, texts: Record<string, string>): string {
  const paths = Object.entries(texts).map(([path, text]) => {
    const full = join(folder, name, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
    return full
  })
  return paths[0] ?? folder
}

const sample = `
  import { TopologyBuilder, listSpout, basicBolt, stream, t } from 'storm-ts'
  const Line = stream({ line: t.string })
  export default (args: string[]) => {
    const builder = new TopologyBuilder('sample')
    const lines = builder.setSpout('lines', listSpout(Line, args.map((line) => ({ line }))), 2)
    builder.setBolt('print', basicBolt({ input: Line, execute() {} }), 3).shuffleGrouping(lines)
    return builder.createTopology({ workers: args.length, mine: { deep: [1] }, taskHooks: [() => ({})] })
  }`

async function extracted(file: string, args: string[] = ['a', 'b'], limitMs = 10_000) {
  const { bytes, sha256 } = await bundleTopology(file)
  const path = join(folder, `${sha256}.artefact`)
  writeFileSync(path, bytes)
  return extractGraph({ path, sha256, args, cwd: folder, limitMs })
}

const graph = {
  name: 'sample',
  components: [
    {
      id: 'lines',
      kind: 'spout',
      parallelism: 2,
      streams: [{ id: 'default', fields: ['line'], direct: false }],
      subscriptions: [],
    },
    {
      id: 'print',
      kind: 'bolt',
      parallelism: 3,
      streams: [],
      subscriptions: [{ component: 'lines', stream: 'default', grouping: 'shuffle' }],
    },
  ],
  options: { workers: 2, mine: { deep: [1] } },
  warnings: [],
}

describe('artefact: bundle', () => {
  test('the same bytes wherever the source is', async () => {
    const texts = { 'src/topology.ts': `import './words.js'\n${sample}`, 'src/words.ts': 'export const words = 1' }
    const [one, two] = await Promise.all([bundleTopology(files('one', texts)), bundleTopology(files('two', texts))])
    expect(one.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(two).toEqual(one)
    expect(Buffer.from(one.bytes).toString().split('\n', 1)[0]).toBe(
      '// storm-ts artefact {"format":1,"entry":"topology.ts","engine":"0.1.0","node":20}',
    )
  })

  test('an artefact is taken as it is', async () => {
    const { bytes, sha256 } = await bundleTopology(files('again', { 'topology.ts': sample }))
    const path = files('again', { 'built.mjs': Buffer.from(bytes).toString() })
    expect((await bundleTopology(path)).sha256).toBe(sha256)
  })

  test('packages are brought along, and what a project maps storm-ts to is not', async () => {
    const path = files('packages', {
      'src/topology.ts': `import { one } from 'one'; import two from 'two'; import 'storm-ts/testing'; ${sample}; console.log(one, two)`,
      'node_modules/one/package.json': '{ "name": "one", "type": "module", "exports": "./one.js" }',
      'node_modules/one/one.js': 'export const one = "packed one"',
      'node_modules/two/package.json': '{ "name": "two", "main": "two.cjs" }',
      'node_modules/two/two.cjs':
        'module.exports = require("path").basename(__filename) + typeof require("fs").statSync',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "storm-ts": ["./mine.ts"] } } }',
      'mine.ts': 'throw new Error("not this one")',
    })
    expect((await extracted(path)).output).toBe('packed one topology.mjsfunction\n')
  })

  test.each([
    ['a package that is not there', { 'topology.ts': `import 'nowhere'` }, 'topology.ts:1:8: Could not resolve'],
    ['a syntax error', { 'topology.ts': `\n\nconst a = ;` }, 'topology.ts:3:11: Unexpected ";"'],
    ['a file that is not there', { 'topology.ts': `import './gone.js'` }, 'Could not resolve "./gone.js"'],
  ])('BUNDLE_FAILED: %s', async (name, texts, says) => {
    await expect(bundleTopology(files(name, texts))).rejects.toMatchObject({
      code: 'BUNDLE_FAILED',
      message: expect.stringContaining(says) as string,
    })
  })

  test.each([
    ['by its build', { 'binding.gyp': '{}' }],
    ['by its binaries', { 'prebuilds/linux-x64/addon.node': '' }],
    ['by its parts', { 'package.json': '{ "name": "fast", "optionalDependencies": { "@fast/linux-x64": "1.0.0" } }' }],
    ['by what it imports', { 'index.js': 'module.exports = require("./build/fast.node")', 'build/fast.node': '' }],
  ])('NATIVE_MODULE: a package with compiled code, known %s', async (name, texts) => {
    const module = { 'package.json': '{ "name": "fast" }', 'index.js': '', ...texts }
    const path = files(name, {
      'topology.ts': `import 'fast'`,
      ...Object.fromEntries(Object.entries(module).map(([file, text]) => [`node_modules/fast/${file}`, text])),
    })
    await expect(bundleTopology(path)).rejects.toMatchObject({
      code: 'NATIVE_MODULE',
      message: expect.stringContaining(`'fast' has compiled code`) as string,
    })
  })

  test('a package with compiled code that its importer can do without is left out', async () => {
    const path = files('optional', {
      'topology.ts': `import slow from 'slow'; ${sample}; console.log(slow)`,
      'node_modules/slow/package.json': '{ "name": "slow", "optionalDependencies": { "fast": "1.0.0" } }',
      'node_modules/slow/index.js': 'try { require("fast") } catch { module.exports = "slow" }',
      'node_modules/fast/package.json': '{ "name": "fast", "gypfile": true }',
      'node_modules/fast/index.js': '',
    })
    expect((await extracted(path)).output).toBe('slow\n')
  })

  test.each([
    ['FILE_NOT_FOUND', 'nothing there', () => join(folder, 'nothing.ts')],
    ['FILE_NOT_FOUND', 'below a file', () => join(files('below', { 'a.ts': '' }), 'b.ts')],
    ['NOT_A_REGULAR_FILE', 'a folder', () => folder],
    ['NOT_A_REGULAR_FILE', 'a device', () => '/dev/zero'],
    ['NOT_A_MODULE', 'a text', () => files('text', { 'topology.txt': 'hello' })],
    ['NOT_A_MODULE', 'binary', () => files('binary', { 'topology.js': 'a\0b' })],
  ])('%s: %s', async (code, _, path) => {
    await expect(bundleTopology(path())).rejects.toMatchObject({ code })
  })

  test('NOT_A_REGULAR_FILE: a pipe, without waiting for its writer', async () => {
    const path = join(folder, 'pipe.ts')
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', path])
    await expect(bundleTopology(path)).rejects.toMatchObject({ code: 'NOT_A_REGULAR_FILE' })
  })

  test.skipIf(process.getuid?.() === 0)('PERMISSION: a file that may not be read', async () => {
    const path = files('secret', { 'topology.ts': sample })
    chmodSync(path, 0)
    await expect(bundleTopology(path)).rejects.toMatchObject({ code: 'PERMISSION' })
  })
})

describe('artefact: what is in it', () => {
  test('the graph, whatever the language', async () => {
    expect(await extracted(files('ts', { 'topology.ts': sample }))).toEqual({ graph, output: '' })
    const javascript = sample.replace(': string[]', '')
    expect(await extracted(files('js', { 'topology.js': javascript }))).toEqual({ graph, output: '' })
    const common = javascript.replace(/import \{(.*?)\} from 'storm-ts'/, `const {$1} = require('storm-ts')`)
    const exported = common.replace('export default', 'module.exports =')
    expect(await extracted(files('cjs', { 'topology.cjs': exported }))).toEqual({ graph, output: '' })
    const compiled = `${common.replace('export default', 'exports.default =')}; exports.__esModule = true`
    expect(await extracted(files('compiled', { 'topology.cjs': compiled }))).toEqual({ graph, output: '' })
  })

  test('a topology that is no function, and one that is awaited', async () => {
    const plain = sample.replace('(args: string[]) =>', 'await (async (args: string[]) =>')
    const path = files('awaited', { 'topology.ts': `${plain})(['x', 'y'])` })
    expect((await extracted(path)).graph).toEqual(graph)
  })

  test.each([
    ['NO_EXPORT', 'none', '', /has no default export; write/],
    ['NO_EXPORT', 'another one', 'export const topology = 1', /has no default export, but 'topology'; write/],
    ['NOT_A_TOPOLOGY', 'something else', 'export default { name: 7 }', /got an object/],
    ['NOT_A_TOPOLOGY', 'a function that returns nothing', 'export default () => {}', /got undefined/],
    ['TOPOLOGY_FAILED', 'throws at import', `\nthrow new TypeError('oops')`, /TypeError: oops\n.*topology\.ts:2:7/],
    [
      'TOPOLOGY_FAILED',
      'throws when called',
      `export default () => { throw 7 }`,
      /exports threw threw 7|exports threw 7/,
    ],
    ['TOPOLOGY_EXITED', 'exits', `process.exit(0)`, /called process\.exit\(0\)/],
    ['TOPOLOGY_EXITED', 'exits and swallows it', `try { process.exit(0) } catch {}`, /called process\.exit\(0\)/],
    [
      'TOPOLOGY_EXITED',
      'ends itself',
      `console.log('last words'); process.kill(process.pid, 'SIGKILL')`,
      /SIGKILL.*\n.*last words/s,
    ],
  ])('%s: %s', async (code, name, text, says) => {
    const path = files(`refused ${name}`, { 'topology.ts': text })
    await expect(extracted(path)).rejects.toMatchObject({ code, message: expect.stringMatching(says) as string })
  })

  test.each([
    ['waits for ever', 'setInterval(() => {}, 1000); await new Promise(() => {})'],
    ['turns for ever', 'for (;;);'],
  ])('TOPOLOGY_TIMEOUT: %s', async (name, text) => {
    const path = files(`timeout ${name}`, { 'topology.ts': text })
    await expect(extracted(path, [], 500)).rejects.toMatchObject({ code: 'TOPOLOGY_TIMEOUT' })
  })

  test('INVALID_TOPOLOGY: every problem, as in the process itself', async () => {
    const path = files('invalid', {
      'topology.ts': sample.replace('workers: args.length', 'workers: 0, maxSpoutPendin: 1'),
    })
    await expect(extracted(path)).rejects.toMatchObject({
      name: 'InvalidTopologyError',
      problems: [{ code: 'INVALID_CONFIG' }, { code: 'INVALID_CONFIG' }],
    })
  })

  test('ARTEFACT_MISMATCH, NOT_AN_ARTEFACT, ENGINE_MISMATCH: other bytes than expected', async () => {
    const { bytes, sha256 } = await bundleTopology(files('bytes', { 'topology.ts': sample }))
    const text = Buffer.from(bytes).toString()
    const load = (name: string, changed: string, expected?: string) =>
      extractGraph({
        path: files('bytes', { [name]: changed }),
        ...(expected === undefined ? {} : { sha256: expected }),
        args: [],
        cwd: folder,
      })
    await expect(load('a', `${text}\n`, sha256)).rejects.toMatchObject({ code: 'ARTEFACT_MISMATCH' })
    await expect(load('b', `\n${text}`)).rejects.toMatchObject({ code: 'NOT_AN_ARTEFACT' })
    await expect(load('c', text.replace('"0.1.0"', '"9.1.0"'))).rejects.toMatchObject({ code: 'ENGINE_MISMATCH' })
  })

  test('output is kept up to 1 MiB, however much there is', async () => {
    const path = files('talker', {
      'topology.ts': `${sample}\nfor (let i = 0; i < 300; i++) console.log('x'.repeat(65_535))`,
    })
    const { output, graph: told } = await extracted(path)
    expect([output.length, told]).toEqual([2 ** 20, graph])
  })

  test('paths mean the folder in which the command was typed; nothing of ours is in the environment', async () => {
    const text = `${sample}; console.log(process.cwd(), Object.keys(process.env).filter((name) => name.startsWith('STORM')))`
    const path = files('where', { 'topology.ts': text })
    process.env['STORM_TS_SECRET'] = 'x'
    expect((await extracted(path)).output).toBe(`${folder} []\n`)
    delete process.env['STORM_TS_SECRET']
  })

  test('what the code starts ends with it', async () => {
    const marker = join(folder, 'child.pid')
    const text = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs'
      writeFileSync(${JSON.stringify(marker)}, String(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid)); ${sample}`
    await extracted(files('starter', { 'topology.ts': text }))
    const pid = Number(readFileSync(marker, 'utf8'))
    const state = () => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]
      } catch {
        return 'gone'
      }
    }
    await expect.poll(state, { timeout: 5_000 }).toMatch(/gone|Z/)
  })

  test('the word count of the examples', async () => {
    const example = join(import.meta.dirname, '../../examples/wordcount')
    cpSync(example, join(folder, 'example'), { recursive: true })
    symlinkSync(join(import.meta.dirname, '../../node_modules'), join(folder, 'example/node_modules'))
    const { graph: told } = await extracted(join(folder, 'example/topology.ts'), ['a.txt'])
    expect(told.components.map(({ id, parallelism }) => [id, parallelism])).toEqual([
      ['lines', 1],
      ['split', 2],
      ['count', 4],
    ])
  })
})
