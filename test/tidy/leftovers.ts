import { walk, type AstNode, type SourceFile, type Tree } from './tree.js'

const folders = ['src/', 'test/', 'examples/', 'bench/', 'scripts/']

/** What was meant for an hour and stayed: a stop in the debugger, a test that runs alone or never, a thing left to do. */
export function checkLeftovers(tree: Tree): string[] {
  return folders.flatMap((folder) => tree.sources(folder)).flatMap((file) => [...leftoversOf(file)])
}

function* leftoversOf(file: SourceFile): Generator<string> {
  for (const { value, line } of file.comments) {
    const word = /\b(TODO|FIXME|XXX|HACK)\b/.exec(value)?.[1]
    if (word !== undefined)
      yield `${file.path}:${line}: a comment says ${word}. Do it, or file it and say here why it is as it is.`
    if (/@ts-(ignore|nocheck)/.test(value))
      yield `${file.path}:${line}: silences the compiler. Use @ts-expect-error with a reason, in tests only.`
  }
  const found: string[] = []
  walk(file.program, (node) => {
    const where = `${file.path}:${file.lineOf(node.start)}`
    if (node.type === 'DebuggerStatement') found.push(`${where}: stops in the debugger. Take it out.`)
    const marker = node.type === 'CallExpression' ? markerOf(node) : undefined
    if (marker === 'only') found.push(`${where}: runs this test only. Take '.only' out.`)
    if (marker === 'skip' || marker === 'todo') {
      found.push(`${where}: this test never runs. Mend it or delete it; 'skipIf' may tell a condition.`)
    }
  })
  yield* found
}

/** The `only` of `test.only(…)` or of `describe.each(…).only(…)`, when it is one of the test words that carries it. */
function markerOf(call: AstNode): string | undefined {
  const callee = call['callee'] as AstNode
  if (callee.type !== 'MemberExpression' || callee['computed'] === true) return undefined
  return rootName(callee['object'] as AstNode) !== undefined
    ? String((callee['property'] as { name?: string }).name)
    : undefined
}

/** `test`, `it` or `describe` at the root of `test`, `test.each`, `test.skipIf(x)` …; otherwise nothing. */
function rootName(node: AstNode): string | undefined {
  if (node.type === 'Identifier') return ['test', 'it', 'describe'].find((name) => name === node['name'])
  if (node.type === 'MemberExpression') return rootName(node['object'] as AstNode)
  if (node.type === 'CallExpression') return rootName(node['callee'] as AstNode)
  if (node.type === 'TaggedTemplateExpression') return rootName(node['tag'] as AstNode)
  return undefined
}

/**
 * Names of tests. Read with the names of the groups around it, a test is called `area: property: case`, so that one
 * line of a report says what is broken; and no two tests of a file have one name. Names that are computed are not judged.
 */
export function checkTestNames(tree: Tree): string[] {
  return tree
    .sources('test/')
    .filter(({ path }) => path.endsWith('.test.ts'))
    .flatMap((file) => {
      const tests = testsOf(file)
      if (tests.length === 0) return [`${file.path}: holds no test. Delete it, or name it without '.test'.`]
      const seen = new Set<string>()
      return tests.flatMap(({ name, line }) => {
        if (name === undefined) return []
        const where = `${file.path}:${line}`
        if (!name.includes(': '))
          return [`${where}: '${name}' is no test name. Call it 'area: property' or 'area: property: case'.`]
        if (seen.has(name)) return [`${where}: a second test is called '${name}'. Say in its name what is different.`]
        seen.add(name)
        return []
      })
    })
}

function testsOf(file: SourceFile): { name: string | undefined; line: number }[] {
  const tests: { name: string | undefined; line: number }[] = []
  const visit = (node: AstNode, groups: readonly (string | undefined)[]) => {
    walk(node, (inner) => {
      const root = inner.type === 'CallExpression' && inner !== node ? rootName(inner['callee'] as AstNode) : undefined
      if (root === undefined || (inner['arguments'] as unknown[]).length < 2) return true
      const names = [...groups, titleOf(inner)]
      if (root === 'describe') visit(inner, names)
      else
        tests.push({ name: names.includes(undefined) ? undefined : names.join(': '), line: file.lineOf(inner.start) })
      return false
    })
  }
  visit(file.program, [])
  return tests
}

function titleOf(call: AstNode): string | undefined {
  const [title] = call['arguments'] as AstNode[]
  return title?.type === 'Literal' && typeof title['value'] === 'string' ? title['value'] : undefined
}
