import { builtinModules } from 'node:module'
import type { Tree } from './tree.js'

/** What each room of src may import; itself is understood. Order is from the bottom up. */
const layers: Readonly<Record<string, readonly string[]>> = {
  stdx: [],
  errors: [],
  topology: ['stdx', 'errors'],
  grouping: ['topology', 'stdx', 'errors'],
  acker: ['topology', 'stdx', 'errors'],
  cluster: ['topology', 'stdx', 'errors'],
  wire: ['acker', 'cluster', 'topology', 'stdx', 'errors'],
  nimbus: ['artefact', 'wire', 'cluster', 'topology', 'stdx', 'errors'],
  supervisor: ['wire', 'cluster', 'stdx', 'errors'],
  artefact: ['cluster', 'topology', 'stdx', 'errors'],
  spouts: ['topology', 'stdx', 'errors'],
  executor: ['grouping', 'acker', 'topology', 'stdx', 'errors'],
  worker: ['executor', 'artefact', 'wire', 'cluster', 'grouping', 'acker', 'topology', 'stdx', 'errors'],
  local: ['nimbus', 'worker', 'executor', 'grouping', 'acker', 'topology', 'stdx', 'errors'],
  index: ['local', 'spouts', 'executor', 'topology', 'stdx', 'errors'],
  cli: ['artefact', 'supervisor', 'local', 'nimbus', 'executor', 'cluster', 'topology', 'stdx', 'errors'],
  testing: [
    'index',
    'local',
    'nimbus',
    'supervisor',
    'worker',
    'executor',
    'grouping',
    'artefact',
    'wire',
    'cluster',
    'topology',
    'stdx',
    'errors',
  ],
}

/** The room of a file: its folder under src, or its own name when it stands in src itself. */
export function roomOf(path: string): string {
  const [, first = '', second] = path.split('/')
  return second === undefined ? first.replace(/\.ts$/, '') : first
}

/** Imports that go against the layers. `import type` counts: a type that points upwards ties the rooms all the same. */
export function checkLayers(tree: Tree): string[] {
  const findings: string[] = []
  for (const file of tree.sources('src/')) {
    const room = roomOf(file.path)
    const allowed = layers[room]
    if (!allowed) {
      findings.push(
        `${file.path}: the room '${room}' has no line in the layers. Add one to test/tidy/imports.ts and to ARCHITECTURE.md.`,
      )
      continue
    }
    for (const { target, specifier, line } of file.imports) {
      if (target === undefined) continue
      const where = `${file.path}:${line}`
      if (!target.startsWith('src/')) {
        findings.push(`${where}: imports '${specifier}' from outside of src. Move what it needs into src.`)
      } else if (!tree.has(target)) {
        findings.push(
          `${where}: imports '${specifier}', and there is no such file. Write the file's own name, with .js.`,
        )
      } else if (roomOf(target) !== room && !allowed.includes(roomOf(target))) {
        const may = allowed.length > 0 ? `only ${allowed.join(', ')}` : 'no other room'
        findings.push(
          `${where}: ${room} imports ${target}, but may import ${may}. Move the thing down, or hand it in from above.`,
        )
      }
    }
  }
  return findings
}

/** Circles of imports between files of src, each told once, from its first file by name. */
export function checkCircles(tree: Tree): string[] {
  const findings: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const circle = trail.slice(start)
      findings.push(
        `${circle.join(' → ')} → ${path}: these import each other in a circle. Put what two of them share into a file of its own.`,
      )
      return
    }
    if (done.has(path)) return
    for (const target of targetsOf(tree, path)) visit(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of tree.sources('src/')) visit(path, [])
  return findings
}

/** Node's own modules anywhere in src but in the files listed. */
export function checkNodeImports(tree: Tree, shells: readonly string[]): string[] {
  return tree
    .sources('src/')
    .flatMap((file) =>
      file.imports
        .filter(({ specifier }) => isBuiltin(specifier) && !shells.includes(file.path))
        .map(
          ({ specifier, line }) =>
            `${file.path}:${line}: imports '${specifier}'. Take it as an argument, or make a shell and list it in test/tidy.test.ts.`,
        ),
    )
}

/** Node's own modules in whatever a file imports, directly or not: told with the way that leads there. */
export function checkClosure(tree: Tree, entry: string): string[] {
  const findings: string[] = []
  const seen = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    if (seen.has(path)) return
    seen.add(path)
    const way = [...trail, path]
    for (const { specifier, line } of tree.source(path).imports.filter((found) => isBuiltin(found.specifier))) {
      findings.push(
        `${path}:${line}: ${entry} reaches '${specifier}' by ${way.join(' → ')}. It must load in a browser: cut that way.`,
      )
    }
    for (const target of targetsOf(tree, path)) visit(target, way)
  }
  visit(entry, [])
  return findings
}

/** Packages that src imports and package.json does not list among its dependencies. */
export function checkPackages(tree: Tree): string[] {
  const manifest = JSON.parse(tree.text('package.json') ?? '{}') as { dependencies?: Record<string, string> }
  return tree.sources('src/').flatMap((file) =>
    file.imports
      .filter(({ specifier, target }) => target === undefined && !isBuiltin(specifier))
      .filter(({ specifier }) => !(packageOf(specifier) in (manifest.dependencies ?? {})))
      .map(
        ({ specifier, line }) =>
          `${file.path}:${line}: imports '${specifier}', which is no dependency. Add it to package.json or do without.`,
      ),
  )
}

/** Files of src that nobody imports and that are no door. */
export function checkOrphans(tree: Tree, entries: readonly string[]): string[] {
  const imported = new Set(tree.sources('src/').flatMap((file) => targetsOf(tree, file.path)))
  return tree
    .sources('src/')
    .filter(({ path }) => !imported.has(path) && !entries.includes(path))
    .map(({ path }) => `${path}: nobody in src imports it. Delete it, or list it as an entry in test/tidy.test.ts.`)
}

function targetsOf(tree: Tree, path: string): string[] {
  return tree
    .source(path)
    .imports.flatMap(({ target }) => (target !== undefined && tree.text(target) !== undefined ? [target] : []))
}

const isBuiltin = (specifier: string) => specifier.startsWith('node:') || builtinModules.includes(packageOf(specifier))

const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
