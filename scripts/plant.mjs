import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleSim } from './bundle-sim.mjs'
import { root } from './run.mjs'

/** Where the bugs lie that are planted to see whether they are found, each a patch of one line. */
const patches = join(root, 'test', 'sim', 'planted')

/** Names of all of them. */
export const planted = readdirSync(patches)
  .filter((name) => name.endsWith('.patch'))
  .map((name) => name.slice(0, -'.patch'.length))
  .sort()

/**
 * Plants a bug in a copy of the production code and bundles the simulator over it.
 *
 * @param {string} name
 * @returns {Promise<{ program: string, remove: () => void }>}
 */
export async function plant(name) {
  const tree = mkdtempSync(join(tmpdir(), 'storm-ts-planted-'))
  const remove = () => rmSync(tree, { recursive: true, force: true })
  try {
    for (const folder of ['src', join('test', 'sim')])
      cpSync(join(root, folder), join(tree, folder), { recursive: true })
    // Outside of every repository, so that the paths of the patch are those of the copy.
    execFileSync('git', ['apply', join(patches, `${name}.patch`)], {
      cwd: tree,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
    })
    return { program: await bundleSim(tree, join(root, 'node_modules')), remove }
  } catch (error) {
    remove()
    throw error
  }
}
