// Guards the README's "bundles for a browser": LocalCluster and both doors need no module of Node, and a topology runs
// where there is nothing but what a browser has.
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build, type BuildOptions } from 'esbuild'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Bundles for a browser with nothing left outside, and returns the code and what it is made of. */
async function bundle(options: BuildOptions): Promise<{ code: string; inputs: string[] }> {
  const result = await build({
    absWorkingDir: root,
    bundle: true,
    platform: 'browser',
    metafile: true,
    write: false,
    logLevel: 'silent',
    ...options,
  })
  expect(result.warnings).toEqual([])
  expect(Object.values(result.metafile?.outputs ?? {}).flatMap((output) => output.imports)).toEqual([])
  return { code: result.outputFiles?.[0]?.text ?? '', inputs: Object.keys(result.metafile?.inputs ?? {}) }
}

for (const entry of ['src/local/local-cluster.ts', 'src/index.ts', 'src/testing/index.ts']) {
  test(`browser: bundles without Node: ${entry}`, async () => {
    const { inputs } = await bundle({ entryPoints: [entry], format: 'esm' })
    expect(inputs).toContain(entry)
    // A package may name files to leave out of a browser's bundle: what is left must not be missed.
    expect(inputs.filter((input) => input.startsWith('(disabled)'))).toEqual([])
  })
}

test('browser: a module of Node is refused', async () => {
  const planted = `import { readFileSync } from 'node:fs'; console.log(readFileSync)`
  await expect(bundle({ stdin: { contents: planted, resolveDir: root } })).rejects.toThrow('node:fs')
})

test('browser: a topology runs with the globals of a browser alone', async () => {
  const program = `
    import { LocalCluster, TopologyBuilder, basicBolt, listSpout, stream, t } from './src/index.js'
    export async function main() {
      const Line = stream({ line: t.string }), Word = stream({ word: t.string })
      const table = new Map()
      const builder = new TopologyBuilder('browser')
      const lines = builder.setSpout('lines', listSpout(Line, [{ line: 'to be or' }, { line: 'not to be' }]))
      const split = basicBolt({ input: Line, outputs: Word, execute({ values }, out) {
        for (const word of values.line.split(' ')) out.emit({ word })
      } })
      const count = basicBolt({ input: Word, execute({ values: { word } }) {
        table.set(word, (table.get(word) ?? 0) + 1)
      } })
      const words = builder.setBolt('split', split, 2).shuffleGrouping(lines)
      builder.setBolt('count', count, 3).fieldsGrouping(words, ['word'])
      const cluster = new LocalCluster()
      const run = await cluster.submit(builder.createTopology())
      await run.settled()
      const { acked, failed } = run.metrics().components.lines
      await cluster.shutdown()
      return JSON.stringify({ table: [...table].sort(), acked, failed })
    }`
  const { code } = await bundle({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    format: 'iife',
    globalName: 'bundled',
    target: 'es2022',
  })
  const browser = { performance, crypto, setTimeout, clearTimeout, MessageChannel, TextEncoder, TextDecoder, atob }
  const context = createContext({ ...browser, console: { log() {}, info() {}, warn() {}, error() {} } })
  runInContext('globalThis.window = globalThis', context)
  runInContext(code, context)
  const said = (await runInContext('bundled.main()', context)) as string
  expect(JSON.parse(said)).toEqual({
    table: [
      ['be', 2],
      ['not', 1],
      ['or', 1],
      ['to', 2],
    ],
    acked: 2,
    failed: 0,
  })
})
