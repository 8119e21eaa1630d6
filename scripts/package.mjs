import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandFailed, root, run, tool } from './run.mjs'

const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/**
 * Builds from nothing and packs. Returns the tarball's path.
 *
 * @returns {Promise<string>}
 */
export async function pack() {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  rmSync(join(root, 'build/src.tsbuildinfo'), { force: true })
  await run('npm', ['run', '--silent', 'build'])
  const folder = join(root, 'build/package')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const said = await run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder])
  /** @type {[{ filename: string, files: { path: string }[] }]} */
  const [{ filename, files }] = JSON.parse(said)
  const strangers = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path))
  if (strangers.length > 0)
    throw new CommandFailed(`the tarball holds what it should not: ${strangers.join(', ')}`, said)
  return join(folder, filename)
}

/**
 * Asks publint and attw whether the tarball's exports and types are as every resolver expects them.
 *
 * @param {string} tarball
 */
export async function lintPackage(tarball) {
  await run(tool('publint'), ['run', tarball, '--strict'])
  await run(tool('attw'), [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-color'])
}

/**
 * Installs the tarball into an empty project, as a user would, and compiles the program of `test/pack/consumer` there.
 * Returns the folder; the program is `main.js` in it, and `topology.ts` is for a cluster.
 *
 * @param {string} tarball
 * @returns {Promise<string>}
 */
export async function installPackage(tarball) {
  const folder = mkdtempSync(join(tmpdir(), 'storm-ts-consumer-'))
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  await run('npm', ['install', ...quiet, tarball, `typescript@${devDependencies.typescript}`], { cwd: folder })
  for (const name of ['main.ts', 'topology.ts', 'tsconfig.json'])
    cpSync(join(root, 'test/pack/consumer', name), join(folder, name))
  await run(tool('tsc', folder), ['-p', '.'], { cwd: folder })
  return folder
}

/**
 * Runs the compiled program on one Node, and holds what it prints against what it must; has the package required, too.
 *
 * @param {string} folder
 * @param {string} node
 */
export async function runConsumer(folder, node) {
  const expected = readFileSync(join(root, 'test/pack/consumer/expected.txt'), 'utf8')
  const said = await run(node, ['main.js'], { cwd: folder, limitMs: 60_000 })
  if (said !== expected)
    throw new CommandFailed(
      `${node} main.js: printed something else than expected`,
      `expected:\n${expected}\nprinted:\n${said}`,
    )
  const required = `const { LocalCluster } = require('storm-ts'); new LocalCluster()`
  await run(node, ['--input-type=commonjs', '--eval', required], { cwd: folder, limitMs: 60_000 })
}
