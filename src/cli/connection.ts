import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { engineVersion } from '../artefact/engine.js'
import type { Config } from '../cluster/config.js'
import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import { NimbusClient } from './client.js'
import { findConfig, type FoundConfig } from './config-file.js'
import { readPrivateFile } from './private-file.js'
import type { Terminal } from './terminal.js'

/** As the options of a verb say; see `withConnection` in program.ts. */
export interface ConnectionOptions {
  readonly nimbus?: string
  readonly tokenFile?: string
  readonly dataDir?: string
  readonly tlsCa?: string
  /** The configuration file. */
  readonly config?: string
}

/** Where nimbus is for this command line, who asks, and why it is thought so. */
export interface Connection {
  readonly url: string
  /** What told the URL, for people. */
  readonly urlFrom: string
  readonly tokenFile: string
  /** Undefined: the file is not there. */
  readonly token: string | undefined
  readonly ca: string | undefined
  readonly config: Config
  readonly configFile: string | undefined
}

/** Files in the data folder of a nimbus. */
const addressName = 'address'
const tokenName = 'token'

export async function connect(terminal: Terminal, options: ConnectionOptions): Promise<NimbusClient> {
  return new NimbusClient({ ...(await findConnection(terminal, options)), version: engineVersion() })
}

/**
 * The URL: of `--nimbus`, of STORM_TS_NIMBUS, of the configuration file, of the nimbus whose data folder is here, or the
 * default. The token: of the file that is named, or of that data folder. Throws INVALID_SETTING, INSECURE_FILE.
 */
export async function findConnection(terminal: Terminal, options: ConnectionOptions): Promise<Connection> {
  const { nimbus, tokenFile, dataDir, tlsCa } = options
  const found = await findConfig(terminal, { nimbus, tokenFile, dataDir, tlsCa }, options.config)
  const { config } = found
  const folder = resolve(terminal.cwd, config.dataDir)
  const path = config.tokenFile === undefined ? join(folder, tokenName) : resolve(terminal.cwd, config.tokenFile)
  const token = await readPrivateFile(path)
  if (token === undefined && config.tokenFile !== undefined)
    throw new StormError('INVALID_SETTING', `The token file ${quoted(path)} is not there.`)
  return {
    ...(await findUrl(terminal, nimbus, found, folder)),
    tokenFile: path,
    token,
    ca: config.tlsCa === undefined ? undefined : await readCa(resolve(terminal.cwd, config.tlsCa)),
    config,
    configFile: found.file,
  }
}

async function findUrl(
  { env }: Terminal,
  option: string | undefined,
  { config, file, text }: FoundConfig,
  folder: string,
): Promise<Pick<Connection, 'url' | 'urlFrom'>> {
  const url = config.nimbus
  if (option !== undefined) return { url, urlFrom: 'the option --nimbus' }
  if (env['STORM_TS_NIMBUS'] !== undefined) return { url, urlFrom: 'the variable STORM_TS_NIMBUS' }
  if (text !== undefined && parseDocument(text).has('nimbus')) return { url, urlFrom: `the file ${file}` }
  const path = join(folder, addressName)
  // It is not there when no nimbus runs on it.
  const address = await readFile(path, 'utf8').catch(() => undefined)
  if (address !== undefined && /^https?:\/\/\S+\s*$/.test(address)) return { url: address.trim(), urlFrom: path }
  return { url, urlFrom: 'the default' }
}

async function readCa(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    const { message } = error as Error
    throw new StormError('INVALID_SETTING', `The certificates ${quoted(path)} cannot be read: ${message}.`)
  })
}
