import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Builds the package for tests that run it as processes, into a folder of their own, since test files run side by side.
 * Returns the folder: `dist/` and `package.json` are in it, as in an installed package.
 */
export async function builtPackage(name: string): Promise<string> {
  const folder = join(root, 'build/tested', name)
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'))
  // Types are checked by others.
  const off = ['--noCheck', '--declaration', 'false', '--composite', 'false', '--incremental', 'false']
  const options = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist'), ...off]
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), [...options, '--tsBuildInfoFile', 'null'])
  return folder
}
