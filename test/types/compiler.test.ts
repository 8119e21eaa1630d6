// Guards: type checking stays cheap however many components there are, and what it says names the thing that is wrong.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}/build/types`

/** What the compiler says, whether or not it finds errors. */
function compile(project: string, ...options: string[]): string {
  const args = [`${root}/node_modules/typescript/bin/tsc`, '-p', `${folder}/${project}`, ...options]
  try {
    return execFileSync(process.execPath, args, { encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

function project(name: string, files: readonly string[], options: object = {}): void {
  const config = { extends: '../../../tsconfig.base.json', compilerOptions: { noEmit: true, ...options }, files }
  mkdirSync(`${folder}/${name}`, { recursive: true })
  writeFileSync(`${folder}/${name}/tsconfig.json`, JSON.stringify(config))
}

function program(name: string, text: string): void {
  project(name, ['main.ts'])
  writeFileSync(`${folder}/${name}/main.ts`, text)
}

/** As a user imports them, from declarations and not from sources, whose own checking would be counted too. */
const imports = `
import { BasicBolt, basicBolt, type BasicCollector, type Spout, type SpoutCollector } from '../lib/topology/component.js'
import { TopologyBuilder } from '../lib/topology/builder.js'
import { stream, t } from '../lib/topology/stream.js'
import type { Tuple } from '../lib/topology/tuple.js'
`

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  const sources = ['builder', 'component', 'stream', 'tuple'].map((file) => `${root}/src/topology/${file}.ts`)
  project('sources', sources, { noEmit: false, emitDeclarationOnly: true, rootDir: `${root}/src`, outDir: '../lib' })
  const said = compile('sources')
  if (said !== '') throw new Error(said)
})

/** A chain of so many components of two streams each, in turn a class and a value. */
function chain(length: number): string {
  const lines = [imports]
  for (let i = 0; i < length; i++) {
    lines.push(`const First${i} = stream({ a${i}: t.string, n: t.number })`)
    lines.push(`const Second${i} = stream({ b${i}: t.string, k: t.bigint })`)
  }
  lines.push(`
class Source implements Spout {
  readonly outputs = { default: First0, side: Second0 }
  nextTuple(out: SpoutCollector<Source['outputs'], number>) {
    out.emit({ a0: 'x', n: 1 }, 1)
    out.emitTo('side', { b0: 'x', k: 1n })
  }
}
export const builder = new TopologyBuilder('chain')
const handle0 = builder.setSpout('c0', () => new Source())`)
  for (let i = 1; i < length; i++) {
    const before = i - 1
    const outputs = `{ default: First${i}, side: Second${i} }`
    const emits = `out.emit({ a${i}: values.a${before}, n: values.n }); out.emitTo('side', { b${i}: 'x', k: 1n })`
    const input = `{ a${before}: string; n: number }`
    lines.push(
      i % 2 === 0
        ? `const make${i} = basicBolt({ input: First${before}, outputs: ${outputs}, execute({ values }, out) { ${emits} } })`
        : `class Bolt${i} extends BasicBolt<${input}> {
  override readonly outputs = ${outputs}
  override execute({ values }: Tuple<${input}>, out: BasicCollector<Bolt${i}['outputs']>) { ${emits} }
}
const make${i} = () => new Bolt${i}()`,
      `export const handle${i} = builder.setBolt('c${i}', make${i}, 2).fieldsGrouping(handle${before}, ['a${before}'])`,
    )
  }
  return lines.join('\n')
}

function instantiations(components: number): number {
  program('chain', chain(components))
  const said = compile('chain', '--extendedDiagnostics')
  expect(said).not.toContain('error')
  return Number(/^Instantiations:\s+(\d+)$/m.exec(said)?.[1])
}

describe('compiler', () => {
  test('cost: 50 components of two streams stay under 25,000 instantiations', () => {
    const count = instantiations(50)
    console.log(`types: ${count} instantiations for 50 components`)
    expect(count).toBeGreaterThan(1000)
    expect(count).toBeLessThan(25_000)
  })

  test('cost: grows with the number of components and no faster', () => {
    const [some, twice, fourTimes] = [25, 50, 100].map(instantiations) as [number, number, number]
    expect((fourTimes - twice) / (twice - some)).toBeLessThan(2.2)
  })

  test('messages: a field, a stream and a payload are named', () => {
    program(
      'wrong',
      `${imports}
const Line = stream({ line: t.string })
const Word = stream({ word: t.string })
class Source implements Spout {
  readonly outputs = { default: Line, odd: Word }
  nextTuple(out: SpoutCollector<Source['outputs']>) {
    out.emit({ lin: 'x' })
    out.emitTo('odds', { word: 'x' })
  }
}
const builder = new TopologyBuilder()
const source = builder.setSpout('source', () => new Source())
const count = basicBolt({ input: Word, execute() {} })
builder.setBolt('a', count).fieldsGrouping(source, ['wrod'], 'odd')
builder.setBolt('b', count).shuffleGrouping(source, 'odds')
builder.setBolt('c', count).shuffleGrouping(source)
export class Other extends BasicBolt { execute(_: Tuple, out: BasicCollector<{ default: typeof Word }>) { out.emit({ word: 1 }) } }
`,
    )
    const said = compile('wrong')
    for (const words of [
      `'lin' does not exist in type '{ line: string; }'. Did you mean to write 'line'?`,
      `Argument of type '"odds"' is not assignable to parameter of type '"default" | "odd"'`,
      `Type '"wrod"' is not assignable to type '"word"'`,
      `Argument of type '"odds"' is not assignable to parameter of type '"default" | "odd" | undefined'`,
      `'the stream does not fit this bolt, which reads', 'but the stream carries'`,
      `Type 'number' is not assignable to type 'string'`,
    ]) {
      expect(said).toContain(words)
    }
  })
})
