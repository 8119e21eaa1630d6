import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidTopologyError, StormError, type Problem } from '../errors.js'
import { describeError, describeValue } from '../stdx/describe-error.js'
import { listed } from '../stdx/listed.js'
import { specOf, type Topology } from '../topology/topology.js'
import { engineFolder, engineVersion } from './engine.js'
import { checkEngine, readManifest } from './manifest.js'

export interface LoadRequest {
  /** The artefact's file. */
  readonly path: string
  /** What its bytes must hash to; undefined: whatever they are. */
  readonly sha256?: string
  /** For the module's default export, if that is a function. */
  readonly args: readonly string[]
  /** Where `deploy` was typed: the process goes there, so that relative paths mean the same as there. */
  readonly cwd: string
  /** A folder of this process' own, which is made if it is not there: the code is put into it. */
  readonly folder: string
  /** How long the module and its function may take; 30 s. */
  readonly limitMs?: number
}

const limitMsDefault = 30_000

/**
 * The topology of an artefact, with its code loaded into this process. Whatever that code imports as `storm-ts` is the
 * copy of the package that this module belongs to, and its stack traces name the lines of the source.
 *
 * Throws ARTEFACT_MISMATCH, NOT_AN_ARTEFACT, ENGINE_MISMATCH; NO_EXPORT and NOT_A_TOPOLOGY; InvalidTopologyError as
 * `createTopology` does; TOPOLOGY_FAILED for anything else that the code throws, TOPOLOGY_EXITED when it ends the process,
 * TOPOLOGY_TIMEOUT when it does not come to an end. What never returns can only be ended from outside: see `extractGraph`.
 */
export async function loadTopology(request: LoadRequest): Promise<Topology> {
  const module = await placeModule(request)
  enterFolder(request.cwd)
  process.setSourceMapsEnabled(true)
  return duringLoad(request.limitMs ?? limitMsDefault, async () => {
    const exported = await userCode('The module of the topology', () => import(module) as Promise<object>)
    const topology = await topologyIn(exported, request.args)
    specOf(topology)
    return topology
  })
}

/**
 * Copies the artefact into the folder, checked, and puts the engine beside it under the name by which the code imports it.
 * A link and not a hook into Node's loader: it works alike in every version of Node, and anybody can look at it.
 * Returns the URL of the module.
 */
async function placeModule({ path, sha256, folder }: LoadRequest): Promise<string> {
  const bytes = await readFile(path)
  if (sha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new StormError('ARTEFACT_MISMATCH', `The artefact ${path} is not what it should be: its hash is another one.`)
  const manifest = readManifest(bytes.subarray(0, 4_096).toString('utf8'))
  if (manifest === undefined)
    throw new StormError('NOT_AN_ARTEFACT', `${path} is no artefact: it does not begin with a manifest of storm-ts.`)
  checkEngine(manifest, engineVersion())
  const modules = join(folder, 'node_modules')
  const link = join(modules, 'storm-ts')
  await mkdir(modules, { recursive: true })
  // Made aside and moved into place, as another process may be loading from here.
  const aside = `${link}.${process.pid}`
  await rm(aside, { force: true })
  await symlink(engineFolder, aside, 'junction')
  await rename(aside, link).catch(async () => {
    await rm(link, { recursive: true, force: true })
    await rename(aside, link)
  })
  const file = join(folder, 'topology.mjs')
  await writeFile(`${file}.${process.pid}`, bytes)
  await rename(`${file}.${process.pid}`, file)
  return pathToFileURL(file).href
}

/** Goes to the folder, or, on a machine that has no such folder, lets paths at least be told as if it had. */
function enterFolder(folder: string): void {
  try {
    process.chdir(folder)
  } catch {
    process.cwd = () => folder
  }
}

/** The topology that a module exports, or makes of the arguments. */
async function topologyIn(module: object, args: readonly string[]): Promise<Topology> {
  const exported = defaultOf(module)
  if (exported === undefined) {
    const others = Object.keys(module).filter((name) => name !== 'default')
    throw new StormError(
      'NO_EXPORT',
      `The module has no default export${others.length === 0 ? '' : `, but ${listed(others)}`}; write 'export default' before the topology, or before a function of the arguments that returns it.`,
    )
  }
  if (typeof exported !== 'function') return exported as Topology
  return userCode('The function that the module exports', () => (exported as (args: string[]) => Topology)([...args]))
}

/** Also of a CommonJS module that was compiled from another kind, where it is one level deeper. */
function defaultOf(module: object): unknown {
  const { default: exported } = module as { default?: unknown }
  if (typeof exported !== 'object' || exported === null || !('__esModule' in exported)) return exported
  return (exported as { default?: unknown }).default
}

async function userCode<T>(what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof StormError) throw error
    // Thrown by another copy of the package.
    const problems = problemsOf(error)
    if (problems !== undefined) throw new InvalidTopologyError(problems)
    const { message, stack } = describeError(error)
    const told = stack === undefined ? message : withoutOurs(stack)
    throw new StormError('TOPOLOGY_FAILED', `${what} threw ${told}`, { cause: error })
  }
}

/** Without the frames of whoever called the user's code. */
function withoutOurs(stack: string): string {
  const lines = stack.split('\n')
  const ours = pathToFileURL(engineFolder).href
  const first = lines.findIndex((line) => line.trimStart().startsWith('at ') && line.includes(ours))
  return (first < 0 ? lines : lines.slice(0, first)).join('\n')
}

function problemsOf(error: unknown): readonly Problem[] | undefined {
  const { code, problems } = (error ?? {}) as { code?: unknown; problems?: unknown }
  return code === 'INVALID_TOPOLOGY' && Array.isArray(problems) ? (problems as Problem[]) : undefined
}

/** Runs the loading with a limit of time, and with `process.exit` told apart from success. */
async function duringLoad<T>(limitMs: number, load: () => Promise<T>): Promise<T> {
  const exit = process.exit
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(
          new StormError(
            'TOPOLOGY_TIMEOUT',
            `The topology is not there after ${limitMs / 1_000} s: what does it await?`,
          ),
        )
      }, limitMs)
      process.exit = (code) => {
        const error = new StormError(
          'TOPOLOGY_EXITED',
          `The topology called process.exit(${code === undefined ? '' : describeValue(code)}) while it was loaded.`,
        )
        reject(error)
        throw error
      }
      load().then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    process.exit = exit
  }
}
