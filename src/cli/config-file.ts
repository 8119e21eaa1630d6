import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { readConfig, type Config } from '../cluster/config.js'
import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import type { Terminal } from './terminal.js'

/** A configuration, and what of it was told rather than assumed. */
export interface FoundConfig {
  readonly config: Config
  /** The file that was read, if there is one. */
  readonly file: string | undefined
  readonly text: string | undefined
}

const names = ['storm-ts.yaml', 'storm-ts.yml', 'storm-ts.json']

/**
 * The configuration that holds here: `flags`, over the environment, over one file. That is the file of `--config`, or of
 * STORM_TS_CONFIG, or `storm-ts.yaml` (`.yml`, `.json`) in the folder, or in `~/.config/storm-ts/`. Folders above are not
 * looked through: a file in one of them may be somebody else's.
 *
 * Throws INVALID_SETTING; also for a file that was named and cannot be read.
 */
export async function findConfig(
  { env, cwd }: Pick<Terminal, 'env' | 'cwd'>,
  flags: { readonly [setting: string]: unknown },
  named: string | undefined,
): Promise<FoundConfig> {
  const file = await findFile(cwd, named ?? env['STORM_TS_CONFIG'], env)
  return { config: readConfig({ file, env, flags }), file: file?.name, text: file?.text }
}

async function findFile(cwd: string, named: string | undefined, env: Terminal['env']) {
  if (named !== undefined && named !== '') {
    const text = await readFile(resolve(cwd, named), 'utf8').catch((error: unknown) => {
      const { message } = error as Error
      throw new StormError('INVALID_SETTING', `The configuration file ${quoted(named)} cannot be read: ${message}.`)
    })
    return { name: named, text }
  }
  const home = env['XDG_CONFIG_HOME'] || join(homedir(), '.config')
  const places = [...names.map((name) => join(cwd, name)), ...names.map((name) => join(home, 'storm-ts', name))]
  for (const name of places) {
    const text = await readFile(name, 'utf8').catch((error: unknown) => {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw new StormError('INVALID_SETTING', `The configuration file ${quoted(name)} cannot be read: ${message}.`)
    })
    if (text !== undefined) return { name, text }
  }
  return undefined
}
