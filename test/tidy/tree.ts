import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** A node of the syntax tree, as far as the rules need to know it. */
export interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export interface Import {
  readonly specifier: string
  /** Path of the file meant, when it is one of ours. */
  readonly target: string | undefined
  readonly line: number
}

/** One file of code, parsed: comments and strings are told from code, so that no rule trips over a word. */
export interface SourceFile {
  readonly path: string
  readonly program: AstNode
  readonly comments: readonly { readonly value: string; readonly line: number }[]
  /** Everything it imports, exports from, or names in a type by `import('…')`. */
  readonly imports: readonly Import[]
  lineOf(offset: number): number
}

/** The files of the project as texts by path. Rules read this and nothing else, so that a test can hand them a small one. */
export class Tree {
  readonly #texts: ReadonlyMap<string, string>
  readonly #parsed = new Map<string, SourceFile>()

  constructor(texts: ReadonlyMap<string, string> | Record<string, string>) {
    this.#texts = texts instanceof Map ? texts : new Map(Object.entries(texts))
  }

  get paths(): readonly string[] {
    return [...this.#texts.keys()].sort()
  }

  text(path: string): string | undefined {
    return this.#texts.get(path)
  }

  /** Whether it is a file, or a folder that holds one. */
  has(path: string): boolean {
    const folder = path.endsWith('/') ? path : `${path}/`
    return this.#texts.has(path) || this.paths.some((known) => known.startsWith(folder))
  }

  source(path: string): SourceFile {
    const known = this.#parsed.get(path)
    if (known) return known
    const parsed = parse(path, this.#texts.get(path) ?? '', this.#texts)
    this.#parsed.set(path, parsed)
    return parsed
  }

  /** Files of code under a folder. */
  sources(folder: string): readonly SourceFile[] {
    return this.paths
      .filter((path) => path.startsWith(folder) && /\.(ts|mjs)$/.test(path))
      .map((path) => this.source(path))
  }
}

const skipped = new Set(['node_modules', 'dist', 'build', '.git', '.storm-ts'])

/** Reads the project's tree from disk, once. */
export function readTree(root: string): Tree {
  const texts = new Map<string, string>()
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name)
      if (entry.isDirectory() && !skipped.has(entry.name)) visit(path)
      if (entry.isFile())
        texts.set(path, isText(entry.name, join(root, path)) ? readFileSync(join(root, path), 'utf8') : '')
    }
  }
  visit('')
  return new Tree(texts)
}

const isText = (name: string, path: string) => /\.(ts|mjs|json|md)$/.test(name) && statSync(path).size < 2_000_000

/** Calls `visit` for every node, parents before children; a `false` from it leaves the children out. */
export function walk(
  node: AstNode,
  visit: (node: AstNode, parent: AstNode | undefined, key: string) => boolean | void,
  parent?: AstNode,
  key = '',
): void {
  if (visit(node, parent, key) === false) return
  for (const [name, value] of Object.entries(node)) {
    if (name === 'parent') continue
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(child)) walk(child, visit, node, name)
    }
  }
}

function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function parse(path: string, text: string, texts: ReadonlyMap<string, string>): SourceFile {
  const result = parseSync(path, text)
  if (result.errors.length > 0) throw new Error(`${path} cannot be parsed: ${result.errors[0]?.message}`)
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length
  const program = result.program as unknown as AstNode
  const imports: Import[] = []
  walk(program, (node) => {
    const source = node['source']
    if (isNode(source) && typeof source['value'] === 'string') {
      const specifier = source['value']
      imports.push({ specifier, target: resolve(path, specifier, texts), line: lineOf(source.start) })
    }
  })
  const comments = result.comments.map((comment) => ({ value: comment.value, line: lineOf(comment.start) }))
  return { path, program, comments, imports, lineOf }
}

const doors: Record<string, string> = { 'storm-ts': 'src/index.ts', 'storm-ts/testing': 'src/testing/index.ts' }

function resolve(from: string, specifier: string, texts: ReadonlyMap<string, string>): string | undefined {
  if (!specifier.startsWith('.')) return doors[specifier]
  const path = posix.join(posix.dirname(from), specifier)
  return (
    [path, path.replace(/\.js$/, '.ts'), path.replace(/\.mjs$/, '.mts')].find((candidate) => texts.has(candidate)) ??
    path
  )
}
