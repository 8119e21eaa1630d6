import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import type { Plugin } from 'esbuild'

/** A package with compiled code in it, which a bundle of JavaScript cannot carry. */
export interface NativeModule {
  readonly name: string
  /** The file that imports it. */
  readonly importer: string
}

/**
 * A plugin that finds packages with compiled code. Those that their importer can do without (its optional dependencies)
 * are left out of the bundle, and their import throws there as if they were not installed; of the others `onFound` is
 * told.
 */
export function findNativeModules(onFound: (found: NativeModule) => void): Plugin {
  const manifests = new Map<string, PackageManifest | undefined>()
  const manifestIn = (folder: string) => {
    if (!manifests.has(folder)) manifests.set(folder, readManifest(folder))
    return manifests.get(folder)
  }
  return {
    name: 'native modules',
    setup(build) {
      build.onLoad({ filter: /\.node$/ }, ({ path }) => {
        onFound({ name: manifestIn(packageFolderOf(path) ?? '')?.name ?? path, importer: path })
        return { contents: '' }
      })
      build.onResolve({ filter: /^[^./]/ }, async ({ path, importer, resolveDir, kind, namespace, pluginData }) => {
        if (pluginData === asked || namespace !== 'file' || kind === 'entry-point') return undefined
        const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: asked })
        const folder = found.external ? undefined : packageFolderOf(found.path)
        if (folder === undefined || found.errors.length > 0) return undefined
        const manifest = manifestIn(folder)
        if (manifest === undefined || !isNative(manifest)) return undefined
        const importing = packageFolderOf(importer)
        if (importing !== undefined && canDoWithout(manifestIn(importing), manifest.name))
          return { path, external: true }
        onFound({ name: manifest.name, importer })
        return { path, external: true }
      })
    },
  }
}

/** Marks the plugin's own question, so that it is not asked again. */
const asked = Symbol('asked')

interface PackageManifest {
  readonly name: string
  readonly folder: string
  readonly gypfile: boolean
  readonly optionalDependencies: readonly string[]
  readonly optionalPeers: readonly string[]
}

function readManifest(folder: string): PackageManifest | undefined {
  try {
    const json = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name?: string
      gypfile?: boolean
      optionalDependencies?: Record<string, string>
      peerDependenciesMeta?: Record<string, { optional?: boolean }>
    }
    return {
      name: json.name ?? folder,
      folder,
      gypfile: json.gypfile === true,
      optionalDependencies: Object.keys(json.optionalDependencies ?? {}),
      optionalPeers: Object.entries(json.peerDependenciesMeta ?? {}).flatMap(([name, { optional }]) =>
        optional === true ? [name] : [],
      ),
    }
  } catch {
    // No package.json, or one that is none: then nothing is known of the package, and it is taken for JavaScript.
    return undefined
  }
}

const platform = /(?:^|[-/])(?:linux|darwin|win32)-(?:x64|arm64)/

function isNative({ folder, gypfile, optionalDependencies }: PackageManifest): boolean {
  return (
    gypfile ||
    existsSync(join(folder, 'binding.gyp')) ||
    existsSync(join(folder, 'prebuilds')) ||
    optionalDependencies.some((name) => platform.test(name))
  )
}

function canDoWithout(importer: PackageManifest | undefined, name: string): boolean {
  return importer !== undefined && [...importer.optionalDependencies, ...importer.optionalPeers].includes(name)
}

/** The folder of the package that a file is of; undefined for the user's own files. */
function packageFolderOf(path: string): string | undefined {
  const parts = dirname(path).split(sep)
  const at = parts.lastIndexOf('node_modules')
  if (at < 0) return undefined
  const isScoped = parts[at + 1]?.startsWith('@') === true
  return parts.slice(0, at + (isScoped ? 3 : 2)).join(sep)
}
