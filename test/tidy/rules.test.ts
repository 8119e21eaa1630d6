// Guards the guard: each rule of tidy finds the one thing planted in a small tree, and nothing in the tree without it.
import { describe, expect, test } from 'vitest'
import {
  checkDecisions,
  checkDependencies,
  checkErrorCodes,
  checkLinks,
  checkMap,
  checkNamedPaths,
  checkRooms,
} from './documents.js'
import { checkGlobals } from './globals.js'
import { checkCircles, checkClosure, checkLayers, checkNodeImports, checkOrphans, checkPackages } from './imports.js'
import { checkLeftovers, checkTestNames } from './leftovers.js'
import { Tree } from './tree.js'

type Rule = (tree: Tree) => string[]
type Texts = Record<string, string>

/** A rule, a tree that it passes, and what is changed in it with the words that it must say then. */
interface Case {
  readonly rule: Rule
  readonly good: Texts
  readonly planted: Record<string, readonly [change: Texts, says: string]>
}

const globals: Rule = (tree) => checkGlobals(tree, { 'src/stdx/shell.ts': ['performance'] })
const shell = { 'src/stdx/shell.ts': 'export const now = () => performance.now()' }

const cases: Record<string, Case> = {
  layers: {
    rule: checkLayers,
    good: {
      'src/stdx/ring.ts': 'export const a = 1',
      'src/acker/ledger.ts': `import { a } from '../stdx/ring.js'; import { b } from './ids.js'; export { a, b }`,
      'src/acker/ids.ts': `export const b = 'not an import from "../local/x.js"' // import '../local/x.js'`,
    },
    planted: {
      'a room above': [
        { 'src/stdx/ring.ts': `import { b } from '../acker/ids.js'; export const a = b` },
        'stdx imports src/acker/ids.ts',
      ],
      'a type of a room above': [
        { 'src/stdx/ring.ts': `import type { B } from '../acker/ids.js'; export type A = B` },
        'stdx imports src/acker',
      ],
      'a type by its path': [
        { 'src/stdx/ring.ts': `export type A = import('../acker/ids.js').B` },
        'stdx imports src/acker/ids.ts',
      ],
      'a re-export': [{ 'src/stdx/ring.ts': `export * from '../acker/ids.js'` }, 'stdx imports src/acker/ids.ts'],
      'a sibling': [
        { 'src/acker/ids.ts': `import '../grouping/all.js'`, 'src/grouping/all.ts': '' },
        'acker imports src/grouping/all.ts',
      ],
      'a file that is not there': [{ 'src/acker/ids.ts': `import '../stdx/rings.js'` }, 'there is no such file'],
      'a file outside of src': [
        { 'src/acker/ids.ts': `import '../../test/x.js'`, 'test/x.ts': '' },
        'from outside of src',
      ],
      'the package by its own name': [
        { 'src/acker/ids.ts': `import 'storm-ts'`, 'src/index.ts': '' },
        'acker imports src/index.ts',
      ],
      'a room without a line': [{ 'src/utils/x.ts': '' }, "the room 'utils' has no line"],
    },
  },
  circles: {
    rule: checkCircles,
    good: {
      'src/stdx/a.ts': `import './b.js'; import './c.js'`,
      'src/stdx/b.ts': `import './c.js'`,
      'src/stdx/c.ts': '',
    },
    planted: {
      'of two': [{ 'src/stdx/c.ts': `import './b.js'` }, 'src/stdx/b.ts → src/stdx/c.ts → src/stdx/b.ts'],
      'of three, closed by a type': [
        { 'src/stdx/c.ts': `import type { A } from './a.js'` },
        'src/stdx/c.ts → src/stdx/a.ts',
      ],
      'of one': [{ 'src/stdx/c.ts': `import './c.js'` }, 'src/stdx/c.ts → src/stdx/c.ts'],
    },
  },
  'node imports': {
    rule: (tree) => checkNodeImports(tree, ['src/stdx/shell.ts']),
    good: { 'src/stdx/shell.ts': `import 'node:fs'`, 'src/stdx/a.ts': `export const a = 'node:fs'` },
    planted: {
      'with prefix': [{ 'src/stdx/a.ts': `import { readFileSync } from 'node:fs'` }, "imports 'node:fs'"],
      'without prefix': [{ 'src/stdx/a.ts': `import fs from 'fs/promises'` }, "imports 'fs/promises'"],
      'at run time': [{ 'src/stdx/a.ts': `export const a = () => import('node:fs')` }, "imports 'node:fs'"],
    },
  },
  closure: {
    rule: (tree) => checkClosure(tree, 'src/local/local-cluster.ts'),
    good: {
      'src/local/local-cluster.ts': `import '../stdx/a.js'`,
      'src/stdx/a.ts': '',
      'src/stdx/aside.ts': `import 'node:fs'`,
    },
    planted: {
      'two steps away': [
        { 'src/stdx/a.ts': `import './aside.js'` },
        'src/local/local-cluster.ts → src/stdx/a.ts → src/stdx/aside.ts',
      ],
    },
  },
  packages: {
    rule: checkPackages,
    good: {
      'package.json': '{ "dependencies": { "@scope/one": "1.0.0" }, "devDependencies": { "two": "1.0.0" } }',
      'src/stdx/a.ts': `import '@scope/one/deep.js'`,
    },
    planted: {
      'a tool': [{ 'src/stdx/a.ts': `import 'two'` }, "imports 'two', which is no dependency"],
      unlisted: [{ 'src/stdx/a.ts': `import '@scope/three'` }, "imports '@scope/three'"],
    },
  },
  orphans: {
    rule: (tree) => checkOrphans(tree, ['src/index.ts']),
    good: { 'src/index.ts': `export * from './stdx/a.js'`, 'src/stdx/a.ts': '' },
    planted: {
      'imported by a test only': [
        { 'src/stdx/b.ts': '', 'test/b.ts': `import '../src/stdx/b.js'` },
        'src/stdx/b.ts: nobody',
      ],
    },
  },
  globals: {
    rule: globals,
    good: {
      ...shell,
      'src/stdx/a.ts': `
        // Date.now() and setTimeout(…) in a comment, 'process' in a string
        interface Process { process(x: Date): typeof performance; setTimeout: number }
        class A { process(date: Date) { return date.process.console + 'Math.random()' } }
        export const a = (x: unknown) => (x instanceof Date ? x : new Date(0)), b = Math.floor(1.5), c = { process: 1 }
      `,
    },
    planted: {
      'the time': [{ 'src/stdx/a.ts': 'export const a = Date.now()' }, 'uses Date. Take a Clock'],
      'a new date': [{ 'src/stdx/a.ts': 'export const a = new Date()' }, 'uses Date'],
      'a date by another name': [{ 'src/stdx/a.ts': 'const D = Date; export const a = new D()' }, 'uses Date'],
      'the fine time': [{ 'src/stdx/a.ts': 'export const a = performance.now()' }, 'uses performance'],
      'a timer': [{ 'src/stdx/a.ts': 'setTimeout(() => {}, 1)' }, 'uses setTimeout'],
      'a timer declared anew': [
        { 'src/stdx/a.ts': 'declare function setImmediate(f: () => void): void; setImmediate(() => {})' },
        'uses setImmediate',
      ],
      chance: [{ 'src/stdx/a.ts': 'export const a = Math.random()' }, 'uses Math.random. Take an Rng'],
      'chance taken apart': [{ 'src/stdx/a.ts': 'const { random } = Math; random()' }, 'uses Math.random'],
      'chance in brackets': [{ 'src/stdx/a.ts': `Math['random']()` }, 'uses Math.random'],
      'the crypto source': [{ 'src/stdx/a.ts': 'crypto.randomUUID()' }, 'uses crypto'],
      'the process': [{ 'src/stdx/a.ts': 'export const a = { process }' }, 'uses process'],
      'the console': [{ 'src/stdx/a.ts': 'console.log(1)' }, 'uses console'],
      'all of them': [{ 'src/stdx/a.ts': `globalThis['Date'].now()` }, 'uses globalThis'],
      'behind a cast': [{ 'src/stdx/a.ts': '(process as unknown as number)' }, 'uses process'],
      'a shell that does more': [
        { 'src/stdx/shell.ts': 'performance.now(); console.log(1)' },
        'src/stdx/shell.ts:1: uses console',
      ],
      'a shell that does less': [{ 'src/stdx/shell.ts': '' }, 'is let use performance and does not'],
    },
  },
  rooms: {
    rule: checkRooms,
    good: { 'src/acker/a.ts': '', 'src/acker/README.md': '# acker\n\nOne.\n\nTwo.\n\nThree.\n', 'src/errors.ts': '' },
    planted: {
      'without a page': [{ 'src/grouping/a.ts': '' }, 'src/grouping/README.md: is missing'],
      'with an empty page': [
        { 'src/acker/README.md': '# acker\n\n' },
        'src/acker/README.md: is missing or says too little',
      ],
    },
  },
  map: {
    rule: checkMap,
    good: { 'src/acker/a.ts': '', 'src/errors.ts': '', 'ARCHITECTURE.md': '| `acker/` | is for this | that |' },
    planted: { 'a room without a row': [{ 'src/wire/a.ts': '' }, 'no row for wire/'] },
  },
  'named paths': {
    rule: (tree) => checkNamedPaths(tree, 'ARCHITECTURE.md'),
    good: {
      'src/acker/ledger.ts': '',
      'test/x.ts': '',
      'ARCHITECTURE.md':
        'In `acker/ledger.ts`, `src/acker/`, `test/`, not `node:fs`, `a.b`, `Tuple`, `storm-ts/testing`.\n```\n`gone/x.ts`\n```',
    },
    planted: {
      'a file that went': [
        { 'ARCHITECTURE.md': 'one\n`acker/ledgers.ts`' },
        'ARCHITECTURE.md:2: names acker/ledgers.ts',
      ],
      'a folder that went': [{ 'ARCHITECTURE.md': '`src/wire/`' }, 'names src/wire/'],
      'a file of the root that went': [{ 'ARCHITECTURE.md': '`package.json`' }, 'names package.json'],
    },
  },
  links: {
    rule: checkLinks,
    good: { 'README.md': '[a](docs/a.md#part) [b](https://example.org/x)', 'docs/a.md': '[up](../README.md)' },
    planted: { dead: [{ 'docs/a.md': '[b](README.md)' }, 'docs/a.md:1: links to README.md'] },
  },
  'error codes': {
    rule: checkErrorCodes,
    good: {
      'src/errors.ts': `export const errorCodes = { A_B: 'x', C: 'y' } as const`,
      'src/stdx/a.ts': `throw new StormError('A_B', 'C'); f({ code: 'C' })`,
      'docs/errors.md': '| `A_B` | x |\n| `C` | y |\n',
    },
    planted: {
      'raised by nobody': [{ 'src/stdx/a.ts': `f('A_B', { C: 1 })` }, 'nothing raises C'],
      'not explained': [{ 'docs/errors.md': '| `C` | y |\n' }, 'has no row for A_B'],
      'explained and gone': [{ 'docs/errors.md': '| `A_B` | x |\n| `C` | y |\n| `D` | z |\n' }, 'explains D'],
    },
  },
  decisions: {
    rule: checkDecisions,
    good: { 'docs/decisions/0001-one.md': '', 'docs/decisions/README.md': '[one](0001-one.md)' },
    planted: {
      unlisted: [{ 'docs/decisions/0002-two.md': '' }, 'does not link to 0002-two.md'],
      'a number twice': [
        { 'docs/decisions/0001-two.md': '', 'docs/decisions/README.md': '[one](0001-one.md) [two](0001-two.md)' },
        'docs/decisions/0001-two.md: its number is taken',
      ],
      misnamed: [
        { 'docs/decisions/two.md': '', 'docs/decisions/README.md': '[one](0001-one.md) [two](two.md)' },
        'is not named like',
      ],
    },
  },
  dependencies: {
    rule: checkDependencies,
    good: { 'package.json': '{ "dependencies": { "one": "1.0.0" } }', 'docs/dependencies.md': '| `one` | because |' },
    planted: {
      unexplained: [{ 'docs/dependencies.md': '' }, 'has no row for one'],
      gone: [{ 'package.json': '{}' }, 'explains one'],
      'a range': [{ 'package.json': '{ "dependencies": { "one": "^1.0.0" } }' }, "one is asked for as '^1.0.0'"],
    },
  },
  leftovers: {
    rule: checkLeftovers,
    good: {
      'src/stdx/a.ts': `export const only = 'TODO debugger' // all done`,
      'test/a.test.ts': `test.skipIf(x)('a: b', f); select.only(1); test.each([1])('c: d', f)`,
    },
    planted: {
      'something to do': [{ 'src/stdx/a.ts': '\n// TODO: later' }, 'src/stdx/a.ts:2: a comment says TODO'],
      'a silenced compiler': [{ 'src/stdx/a.ts': '// @ts-ignore\nx()' }, 'silences the compiler'],
      debugger: [{ 'bench/a.ts': 'debugger' }, 'stops in the debugger'],
      'one test alone': [{ 'test/a.test.ts': `test.only('a: b', f)` }, 'runs this test only'],
      'one group alone': [{ 'test/a.test.ts': `describe.each([1]).only('a: b', f)` }, 'runs this test only'],
      'a test that never runs': [{ 'test/a.test.ts': `it.skip('a: b', f)` }, 'this test never runs'],
    },
  },
  'test names': {
    rule: checkTestNames,
    good: {
      'test/a.test.ts': `describe('area', () => { test('one', f); test('two: x', f) }); test('area: three', f)
        for (const name of names) test(name, f)`,
    },
    planted: {
      'no area': [{ 'test/a.test.ts': `test('works', f)` }, "'works' is no test name"],
      'one name twice': [
        { 'test/a.test.ts': `test('a: b', f); describe('a', () => { it('b', f) })` },
        "a second test is called 'a: b'",
      ],
      'no test': [{ 'test/a.test.ts': 'export {}' }, 'holds no test'],
    },
  },
}

for (const [name, { rule, good, planted }] of Object.entries(cases)) {
  describe(`tidy: ${name}`, () => {
    test('nothing is wrong: nothing is found', () => {
      expect(rule(new Tree(good))).toEqual([])
    })
    for (const [what, [change, says]] of Object.entries(planted)) {
      test(`planted: ${what}`, () => {
        const findings = rule(new Tree({ ...good, ...change }))
        expect(findings.join('\n')).toContain(says)
        expect(new Set(findings).size).toBe(findings.length)
      })
    }
  })
}

test('tidy: shells: one that is listed and gone is told', () => {
  expect(globals(new Tree({}))).toEqual([
    'src/stdx/shell.ts: is listed as a shell and is not there. Take it off the list in test/tidy.test.ts.',
  ])
})
