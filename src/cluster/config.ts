import { isCollection, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { StormError } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import { duration, flag, httpUrl, listOf, path, size, text, wholeNumber, type SettingKind } from './settings.js'

/** Who reads a setting. One file may serve all of them: what is another's is checked and left. */
export type Daemon = 'nimbus' | 'supervisor' | 'client'

interface Setting<T> {
  readonly kind: SettingKind<T>
  /** Undefined: none. */
  readonly default: T | undefined
  readonly for: readonly Daemon[]
  /** What it does, in one sentence. */
  readonly sentence: string
  /** Told of a secret's file, never of a secret: those are in files only. */
  readonly env?: string
}

/** A setting that always has a value. */
function set<T>(kind: SettingKind<T>, byDefault: T, readers: readonly Daemon[], sentence: string) {
  return { kind, default: byDefault, for: readers, sentence } satisfies Setting<T>
}

/** A setting that may be absent. */
function optional<T>(kind: SettingKind<T>, readers: readonly Daemon[], sentence: string) {
  return { kind, default: undefined as T | undefined, for: readers, sentence } satisfies Setting<T>
}

const daemons: readonly Daemon[] = ['nimbus', 'supervisor']
const port = wholeNumber(0, 65_535, 'port')

/** Every setting of every daemon. In the environment `dataDir` is `STORM_TS_DATA_DIR`, as a flag `--data-dir`. */
export const settings = {
  nimbus: set(httpUrl, 'http://127.0.0.1:6627', ['supervisor', 'client'], 'Where nimbus is.'),
  dataDir: set(path, './.storm-ts', ['nimbus', 'supervisor', 'client'], 'The folder in which a daemon keeps its data.'),
  bind: set(text, '127.0.0.1', daemons, 'The address to listen at: of nimbus, and of the workers of a supervisor.'),
  port: set(port, 6_627, ['nimbus'], "The port of nimbus' API and links; 0 picks a free one."),
  allowedHosts: set(
    listOf(text, 100),
    [],
    ['nimbus'],
    'Host names under which nimbus may be asked, besides those of loopback and of `bind`.',
  ),
  tokensFile: optional(path, ['nimbus'], 'Tokens and their roles besides those that nimbus makes itself.'),
  openReads: set(
    flag,
    false,
    ['nimbus'],
    'Lets GETs on loopback pass without a token, for tools that cannot send one.',
  ),
  tlsCert: optional(path, daemons, 'The certificate (PEM) that the daemon shows.'),
  tlsKey: optional(path, daemons, 'The private key (PEM) of `tlsCert`.'),
  tlsCa: optional(path, ['supervisor', 'client'], 'Certificates (PEM) that the other side is checked against.'),
  allowPlaintext: set(flag, false, daemons, 'Lets a daemon listen beyond loopback without TLS.'),
  supervisorTimeoutMs: set(
    duration(1_000, 3_600_000),
    15_000,
    ['nimbus'],
    'How long a supervisor, or a worker, is not heard before nimbus takes it for dead.',
  ),
  workerStartMs: set(
    duration(1_000, 3_600_000),
    120_000,
    ['supervisor'],
    'How long a worker may take from its start to its first heartbeat.',
  ),
  workerTimeoutMs: set(
    duration(1_000, 3_600_000),
    10_000,
    ['supervisor'],
    'How long the loop of a worker may stand still before its supervisor ends it.',
  ),
  deployMs: set(duration(1_000, 3_600_000), 30_000, ['nimbus'], 'How long an artefact may take to tell its topology.'),
  artefactBytesMax: set(size(1_024, 2 ** 32), 64 * 2 ** 20, ['nimbus', 'supervisor'], 'The largest artefact.'),
  bodyBytesMax: set(size(1_024, 2 ** 30), 2 ** 20, ['nimbus'], 'The largest body of any other request.'),
  topologiesMax: set(wholeNumber(1, 100_000), 1_000, ['nimbus'], 'The most topologies at a time.'),
  supervisor: optional(text, ['supervisor'], "The supervisor's id; made once and kept in its folder unless told."),
  host: optional(text, ['supervisor'], 'Where others reach the workers; the address in `bind` unless told.'),
  slots: set(
    wholeNumber(1, 1_000),
    4,
    ['supervisor'],
    'How many slots, on ports picked once, where `ports` says nothing.',
  ),
  ports: optional(listOf(wholeNumber(1_024, 65_535, 'port'), 1_000), ['supervisor'], 'The ports of the slots.'),
  workerMemoryMb: set(wholeNumber(64, 1_048_576), 768, ['supervisor'], "The heap of a worker's process, in MiB."),
  secretFile: optional(
    path,
    ['supervisor'],
    "A copy of nimbus' `supervisor-token` file; looked for in the data folder unless told.",
  ),
  tokenFile: optional(path, ['client'], 'The file with the token to show; looked for in the data folder unless told.'),
  logLevel: set(oneOf(['debug', 'info', 'warn', 'error']), 'info', daemons, 'The least level that is logged.'),
} as const

type Values<S> = {
  readonly [K in keyof S]: S[K] extends { readonly default: infer T; readonly kind: SettingKind<infer U> }
    ? undefined extends T
      ? U | undefined
      : U
    : never
}

/** All settings with their values, whoever reads them. */
export type Config = Values<typeof settings>
export type SettingName = keyof Config

export interface ConfigSources {
  /** The text of the configuration file, YAML or JSON, with the name that it has in messages. */
  readonly file?: { readonly name: string; readonly text: string } | undefined
  /** Of which `STORM_TS_…` are read. */
  readonly env?: { readonly [name: string]: string | undefined } | undefined
  /** By the names of settings, as the command line gave them. */
  readonly flags?: { readonly [setting: string]: unknown } | undefined
}

/** Variables of ours that are no settings. */
const otherEnv = ['STORM_TS_CONFIG']
const fileBytesMax = 1_048_576

/**
 * The configuration of a daemon: flags win over the environment, that over the file, that over the defaults. Throws
 * INVALID_SETTING with all that is wrong, each with where it stands, what was got and what is expected; a misspelt name
 * with the nearest right one.
 */
export function readConfig(sources: ConfigSources): Config {
  const wrong: string[] = []
  const given = new Map<string, unknown>()
  for (const { name, value, where } of [
    ...fromFile(sources.file, wrong),
    ...fromEnv(sources.env, wrong),
    ...fromFlags(sources.flags),
  ]) {
    if (value === undefined || value === null) continue
    const setting = Object.hasOwn(settings, name) ? (settings[name as SettingName] as Setting<unknown>) : undefined
    if (setting === undefined) {
      wrong.push(`${where}: there is no setting ${quoted(name)}.${didYouMean(name, Object.keys(settings))}`)
      continue
    }
    const read = setting.kind.read(value)
    if (read === undefined)
      wrong.push(`${where}: '${name}' is ${describeValue(value)}; expected is ${setting.kind.expected}.`)
    else given.set(name, read)
  }
  if (wrong.length > 0) throw new StormError('INVALID_SETTING', wrong.join('\n'))
  const values = Object.entries(settings).map(([name, setting]) => [name, given.get(name) ?? setting.default])
  return Object.freeze(Object.fromEntries(values)) as Config
}

/** `dataDir` as a variable: `STORM_TS_DATA_DIR`. */
export function envName(setting: string): string {
  return `STORM_TS_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** `dataDir` as a flag: `--data-dir`. */
export function flagName(setting: string): string {
  return `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

interface Given {
  readonly name: string
  readonly value: unknown
  /** For messages: file and line, variable, flag. */
  readonly where: string
}

/**
 * JSON is YAML, so one parser reads both. Aliases are refused, as a few lines with them grow to gigabytes, and so are
 * keys that stand twice, where one would silently win.
 */
function fromFile(file: ConfigSources['file'], wrong: string[]): Given[] {
  if (file === undefined) return []
  if (file.text.length > fileBytesMax) {
    wrong.push(`${file.name}: is longer than ${fileBytesMax} characters, which no configuration is.`)
    return []
  }
  const lines = new LineCounter()
  const document = parseDocument(file.text, { lineCounter: lines, uniqueKeys: true, merge: false, prettyErrors: false })
  const lineAt = (offset: number | undefined) => `${file.name}:${lines.linePos(offset ?? 0).line}`
  for (const { message, pos } of document.errors) wrong.push(`${lineAt(pos[0])}: ${message.split('\n')[0]}`)
  visit(document, { Alias: (_, { range }) => void wrong.push(`${lineAt(range?.[0])}: an alias is not allowed here.`) })
  if (wrong.length > 0 || document.contents === null) return []
  if (!isMap(document.contents)) {
    wrong.push(`${file.name}:1: settings by name are expected, such as 'port: 6627'.`)
    return []
  }
  return document.contents.items.map(({ key, value }) => ({
    name: isScalar(key) ? String(key.value) : '',
    value: isScalar(value) ? value.value : isCollection(value) ? (value.toJS(document) as unknown) : undefined,
    where: lineAt(isScalar(key) ? key.range?.[0] : 0),
  }))
}

function fromEnv(env: ConfigSources['env'], wrong: string[]): Given[] {
  const nameByEnv = new Map(Object.keys(settings).map((name) => [envName(name), name]))
  return Object.entries(env ?? {}).flatMap(([variable, value]) => {
    if (!variable.startsWith('STORM_TS_') || value === undefined || otherEnv.includes(variable)) return []
    const name = nameByEnv.get(variable)
    if (name !== undefined) return [{ name, value, where: `the variable ${variable}` }]
    wrong.push(`the variable ${quoted(variable)} is no setting.${didYouMean(variable, nameByEnv.keys())}`)
    return []
  })
}

function fromFlags(flags: ConfigSources['flags']): Given[] {
  return Object.entries(flags ?? {}).map(([name, value]) => ({ name, value, where: `the option ${flagName(name)}` }))
}

function oneOf<const T extends string>(words: readonly T[]): SettingKind<T> {
  return {
    name: 'word',
    expected: `one of ${words.join(', ')}`,
    read: (value) => words.find((word) => word === value),
  }
}
