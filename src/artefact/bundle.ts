import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { BuildOptions, Message } from 'esbuild'
import { StormError } from '../errors.js'
import { listed } from '../stdx/listed.js'
import { engineVersion } from './engine.js'
import { checkEntryFile } from './entry-file.js'
import { manifestLine, readManifest, type Manifest } from './manifest.js'
import { findNativeModules, type NativeModule } from './native-modules.js'

/** A topology's code as one file. */
export interface Artefact {
  readonly bytes: Uint8Array
  /** Of the bytes, in hexadecimal digits: what the artefact is stored and fetched by. */
  readonly sha256: string
  readonly manifest: Manifest
  /** What the bundler remarked. */
  readonly warnings: readonly string[]
}

export interface BundleOptions {
  /** Lets stack traces name the files where they are on this machine. The bytes depend on the folder then. */
  readonly isLocal?: boolean
}

/** The oldest Node that we run on. */
const nodeMajor = 20

/**
 * Makes an artefact out of a module, TypeScript or JavaScript, with all that it imports but `storm-ts`. One that is an
 * artefact already is taken as it is. The same source gives the same bytes on every machine.
 *
 * Throws FILE_NOT_FOUND, NOT_A_REGULAR_FILE, PERMISSION and NOT_A_MODULE for the file, BUNDLE_FAILED and NATIVE_MODULE for
 * what is in it.
 */
export async function bundleTopology(file: string, options: BundleOptions = {}): Promise<Artefact> {
  await checkEntryFile(file)
  const bytes = await readFile(file)
  const manifest = readManifest(bytes.subarray(0, 4_096).toString('utf8'))
  return manifest === undefined ? bundle(resolve(file), options) : artefactOf(bytes, manifest, [])
}

async function bundle(file: string, { isLocal = false }: BundleOptions): Promise<Artefact> {
  const manifest: Manifest = { format: 1, entry: basename(file), engine: engineVersion(), node: nodeMajor }
  const native: NativeModule[] = []
  // It brings a process of its own, which most verbs do not need.
  const { build, stop } = await import('esbuild')
  bundling++
  try {
    const { outputFiles, warnings } = await build({
      ...settingsFor(file, manifest),
      ...(isLocal ? { sourceRoot: join(dirname(file), '/') } : {}),
      plugins: [
        {
          name: 'the engine',
          setup: ({ onResolve }) => onResolve({ filter: /^storm-ts(\/|$)/ }, ({ path }) => ({ path, external: true })),
        },
        findNativeModules((found) => native.push(found)),
      ],
      write: false,
    })
    refuseNative(native)
    return artefactOf(outputFiles[0]?.contents ?? new Uint8Array(), manifest, warnings.map(told))
  } catch (error) {
    if (!isBuildFailure(error)) throw error
    refuseNative(native)
    throw new StormError(
      'BUNDLE_FAILED',
      `'${manifest.entry}' cannot be bundled:${error.errors.map((message) => `\n  ${told(message)}`).join('')}`,
    )
  } finally {
    // Another bundling would never come to its end.
    if (--bundling === 0) await stop()
  }
}

/** Under way now. */
let bundling = 0

/**
 * Names are kept as nothing is shortened, so `keepNames` is not needed, which costs a call for each function that is made,
 * also those made for every tuple. CommonJS modules within find the names that they expect: `require` in the banner,
 * which the bundler keeps free, and two names of files.
 */
function settingsFor(file: string, manifest: Manifest): BuildOptions & { readonly write?: false } {
  return {
    entryPoints: [file],
    absWorkingDir: dirname(file),
    outfile: resolve(dirname(file), 'topology.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: `node${nodeMajor}`,
    charset: 'utf8',
    sourcemap: 'inline',
    sourcesContent: true,
    legalComments: 'eof',
    loader: { '.wasm': 'binary', '.txt': 'text' },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    banner: {
      js: `${manifestLine(manifest)}\nimport { createRequire as __stormTsRequire } from 'node:module'; const require = __stormTsRequire(import.meta.url);`,
    },
    logLevel: 'silent',
  }
}

function refuseNative(native: readonly NativeModule[]): void {
  const [first] = native
  if (first === undefined) return
  const names = [...new Set(native.map(({ name }) => name))]
  throw new StormError(
    'NATIVE_MODULE',
    `${listed(names)} ${names.length === 1 ? 'has' : 'have'} compiled code, which an artefact cannot carry, as it is one file of JavaScript (imported by ${first.importer}). Use a package without, or reach it over the network.`,
  )
}

function artefactOf(bytes: Uint8Array, manifest: Manifest, warnings: readonly string[]): Artefact {
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), manifest, warnings }
}

/** `topology.ts:3:14: Could not resolve "zod"`. */
function told({ text, location }: Message): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`
}

function isBuildFailure(error: unknown): error is { readonly errors: readonly Message[] } {
  return error instanceof Error && Array.isArray((error as { errors?: unknown }).errors)
}
