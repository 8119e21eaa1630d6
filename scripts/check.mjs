#!/usr/bin/env node
// All that CI runs, in CI's order, a line a step:
//
//   node scripts/check.mjs [--keep-going] [--slow] [--verbose] [--counts FILE]
//
// Stops at the first step that fails and shows what it said. --keep-going runs the rest all the same, --slow adds the
// suites that take minutes, --verbose shows what every step says, --counts leaves `N passed, N failed` in a file: the
// tests one by one, every other step as one.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { bringNode, canBring, lines } from './nodes.mjs'
import { runCluster } from './package-cluster.mjs'
import { installPackage, lintPackage, pack, runConsumer } from './package.mjs'
import { CommandFailed, TestsFailed, endAll, root, run, tool } from './run.mjs'

const { values: flags } = parseArgs({
  options: {
    'keep-going': { type: 'boolean', default: false },
    slow: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    counts: { type: 'string' },
  },
})

/** @typedef {import('./run.mjs').Counts} Counts */

/** @type {Counts} */
const total = { passed: 0, failed: 0 }
/** What a later step needs of an earlier one. @type {{ tarball?: string, consumer?: string }} */
const made = {}

/** @type {[name: string, what: () => Promise<Counts | string | void>][]} */
const steps = [
  ['format', () => script('format:check')],
  ['lint', () => script('lint')],
  ['types', () => script('types')],
  ['tidy', () => command(tool('vitest'), ['run', 'test/tidy.test.ts'])],
  ['dead code', () => script('knip')],
  ['tests', () => tests('test', 900_000)],
  ['benchmark', () => script('bench:smoke')],
  ['process tests', () => tests('test:process', 1_200_000)],
  ['pack', async () => void (made.tarball = await pack())],
  ['package shape', () => lintPackage(needed(made.tarball, 'tarball'))],
  ['install', async () => void (made.consumer = await installPackage(needed(made.tarball, 'tarball')))],
  ['npx', () => runCluster(needed(made.consumer, 'installed package'))],
  [`node ${process.versions.node}`, () => runConsumer(needed(made.consumer, 'installed package'), process.execPath)],
  .../** @type {(keyof typeof lines)[]} */ (/** @type {unknown} */ (Object.keys(lines))).map(
    /** @returns {[string, () => Promise<string | void>]} */
    (line) => [`node ${line}`, () => onNode(line)],
  ),
]
if (flags.slow) {
  steps.push(['cluster tests', () => tests('test:cluster', 1_200_000)])
  // Of the slow suites all but that of memory, which writes gigabytes; with it they are `npm run test:slow`.
  steps.push(['slow tests', () => tests('test:long', 1_800_000)])
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    endAll()
    total.failed++
    leave()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
}

const from = performance.now()
for (const [name, what] of steps) {
  if (!(await step(name, what)) && !flags['keep-going']) break
}
if (made.consumer !== undefined) rmSync(made.consumer, { recursive: true, force: true })
leave()
console.log(`${total.failed === 0 ? 'all is well' : 'something failed'}, after ${seconds(from)}`)
process.exitCode = total.failed === 0 ? 0 : 1

/**
 * Runs a step, prints its line, counts it.
 *
 * @param {string} name
 * @param {() => Promise<Counts | string | void>} what resolves to counts of its own, or to a remark for the line
 */
async function step(name, what) {
  const started = performance.now()
  if (flags.verbose) console.log(`\n== ${name}`)
  try {
    const result = await what()
    const counts = typeof result === 'object' ? result : { passed: 1, failed: 0 }
    total.passed += counts.passed
    total.failed += counts.failed
    const remark = typeof result === 'object' ? `${counts.passed} passed` : (result ?? 'ok')
    console.log(`${name.padEnd(16)} ${seconds(started).padStart(8)}  ${remark}`)
    return true
  } catch (error) {
    const counts = error instanceof TestsFailed ? error.counts : { passed: 0, failed: 1 }
    total.passed += counts.passed
    total.failed += counts.failed
    if (error instanceof CommandFailed && !flags.verbose) process.stdout.write(`${error.output.trimEnd()}\n`)
    console.log(
      `${name.padEnd(16)} ${seconds(started).padStart(8)}  FAILED: ${error instanceof Error ? error.message : String(error)}`,
    )
    return false
  }
}

/**
 * Runs a script of vitest and counts its tests. A suite that does not even load counts as one failure.
 *
 * @param {string} name
 * @param {number} limitMs
 * @returns {Promise<Counts>}
 */
async function tests(name, limitMs) {
  const file = join(root, 'build', `${name.replace(':', '-')}-results.json`)
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  /** @type {CommandFailed | undefined} */
  let failure
  const options = { env: { TEST_RESULTS: file }, limitMs, echo: flags.verbose }
  // The README's own command, to the letter.
  await run('npm', name === 'test' ? ['test'] : ['run', name], options).catch((error) => (failure = error))
  const counts = countsIn(file)
  if (!failure && counts.failed === 0) return counts
  const message = failure?.message ?? 'vitest reports failures'
  throw new TestsFailed(message, failure?.output ?? '', { ...counts, failed: Math.max(1, counts.failed) })
}

/**
 * @param {string} file
 * @returns {Counts}
 */
function countsIn(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    /** @type {{ status: string, assertionResults: unknown[] }[]} */
    const suites = report.testResults
    const unloaded = suites.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    )
    return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded.length }
  } catch {
    return { passed: 0, failed: 0 } // it ended before it could write: the command's own failure counts
  }
}

/** @param {keyof typeof lines} line */
async function onNode(line) {
  if (!canBring)
    return `not run: Node ${line} is brought for linux-x64 only, and this is ${process.platform}-${process.arch}`
  const node = await bringNode(line)
  await runConsumer(needed(made.consumer, 'installed package'), node)
  return `${lines[line]}, ${await runCluster(needed(made.consumer, 'installed package'), node)}`
}

/** @param {string} name */
async function script(name) {
  await command('npm', ['run', '--silent', name])
}

/**
 * @param {string} program
 * @param {string[]} args
 */
async function command(program, args) {
  await run(program, args, { echo: flags.verbose })
}

/**
 * @param {string | undefined} thing
 * @param {string} name
 */
function needed(thing, name) {
  if (thing === undefined) throw new Error(`there is no ${name}: an earlier step failed`)
  return thing
}

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function leave() {
  if (flags.counts !== undefined) writeFileSync(flags.counts, `${total.passed} passed, ${total.failed} failed\n`)
}
