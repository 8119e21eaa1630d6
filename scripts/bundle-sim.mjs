import { build } from 'esbuild'
import { join } from 'node:path'

/**
 * The simulator of a tree as one file.
 *
 * @param {string} tree the root of the project, or of a copy of its `src` and `test/sim`
 * @param {string} [modules] where packages are found, if not in the tree
 * @returns {Promise<string>} the path of the program
 */
export async function bundleSim(tree, modules = join(tree, 'node_modules')) {
  const outfile = join(tree, 'build', 'sim', 'main.mjs')
  await build({
    entryPoints: [join(tree, 'test', 'sim', 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
    nodePaths: [modules],
    alias: {
      'storm-ts/testing': join(tree, 'src', 'testing', 'index.ts'),
      'storm-ts': join(tree, 'src', 'index.ts'),
    },
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'\nconst require = makeRequire(import.meta.url)",
    },
  })
  return outfile
}
