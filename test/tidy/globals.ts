import { walk, type AstNode, type SourceFile, type Tree } from './tree.js'

const clock = 'Take a Clock (src/stdx/clock.ts) instead'
const chance = 'Take an Rng (src/stdx/rng.ts) instead'
const host = 'It is there in one kind of machine only: take what it gives as an argument'

/** Names that a core must not touch, each with what to do instead. A local thing of such a name is better called otherwise. */
const banned: ReadonlyMap<string, string> = new Map([
  ['Date', clock],
  ['performance', clock],
  ['setTimeout', clock],
  ['setInterval', clock],
  ['setImmediate', clock],
  ['clearTimeout', clock],
  ['clearInterval', clock],
  ['clearImmediate', clock],
  ['MessageChannel', clock],
  ['Math.random', chance],
  ['crypto', chance],
  ['process', host],
  ['globalThis', host],
  ['global', host],
  ['navigator', host],
  ['require', host],
  ['Buffer', host],
  ['fetch', host],
  ['WebSocket', host],
  ['console', 'Take a log (TopologyContext.log, or a sink handed in) instead'],
])

/**
 * Uses of clock, timers, chance and the host in src, but for the shells: there, the names listed and no other.
 * A type (`Date`, `typeof process`) is not a use. A shell that no longer uses what it was let is told, too.
 */
export function checkGlobals(tree: Tree, shells: Readonly<Record<string, readonly string[]>>): string[] {
  const findings: string[] = []
  for (const file of tree.sources('src/')) {
    const allowed = shells[file.path] ?? []
    const uses = usesIn(file)
    for (const { name, line } of uses) {
      if (!allowed.includes(name)) findings.push(`${file.path}:${line}: uses ${name}. ${banned.get(name)}.`)
    }
    for (const name of allowed.filter((known) => !uses.some((use) => use.name === known))) {
      findings.push(`${file.path}: is let use ${name} and does not. Take it off the list in test/tidy.test.ts.`)
    }
  }
  for (const path of Object.keys(shells).filter((known) => tree.text(known) === undefined)) {
    findings.push(`${path}: is listed as a shell and is not there. Take it off the list in test/tidy.test.ts.`)
  }
  return findings
}

function usesIn(file: SourceFile): { name: string; line: number }[] {
  const uses: { name: string; line: number }[] = []
  walk(file.program, (node, parent, key) => {
    if (isTypeOnly(node)) return false
    if (node.type !== 'Identifier' || isMereName(parent, key)) return true
    const name = nameOfUse(node, parent, key)
    if (name !== undefined && banned.has(name)) uses.push({ name, line: file.lineOf(node.start) })
    return true
  })
  return uses
}

/** Nodes of types hold no code, but for those that wrap an expression. */
function isTypeOnly(node: AstNode): boolean {
  return node.type.startsWith('TS') && !wrappers.has(node.type)
}

const wrappers = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
  'TSParameterProperty',
  'TSEnumDeclaration',
  'TSEnumBody',
  'TSEnumMember',
  'TSModuleDeclaration',
  'TSModuleBlock',
  'TSExportAssignment',
])

/** `x.process`, `{ process: … }`, a method `process()`: a name of a member, not the global. */
function isMereName(parent: AstNode | undefined, key: string): boolean {
  if (!parent || parent['computed'] === true) return false
  if (key === 'property') return parent.type === 'MemberExpression'
  return ['key', 'imported', 'exported', 'label'].includes(key)
}

/**
 * What a use of this name amounts to. Arithmetic of `Math` is no chance; making a date from a number and asking
 * whether something is one (`new Date(0)`, `instanceof Date`) read no clock.
 */
function nameOfUse(node: AstNode, parent: AstNode | undefined, key: string): string | undefined {
  const name = String(node['name'])
  if (name === 'Math') {
    const property =
      parent?.type === 'MemberExpression' && key === 'object' && parent['computed'] !== true
        ? parent['property']
        : undefined
    const member = property as { name?: string } | undefined
    return member === undefined || member.name === 'random' ? 'Math.random' : undefined
  }
  if (name === 'Date') {
    const asked = parent?.type === 'BinaryExpression' && parent['operator'] === 'instanceof' && key === 'right'
    const made = parent?.type === 'NewExpression' && key === 'callee' && (parent['arguments'] as unknown[]).length > 0
    return asked || made ? undefined : 'Date'
  }
  return name
}
