import { posix } from 'node:path'
import { roomOf } from './imports.js'
import { walk, type Tree } from './tree.js'

/** Rooms of src (and of bench and examples) without a page that says what they are for, or with an empty one. */
export function checkRooms(tree: Tree): string[] {
  const folders = new Set(
    tree.sources('src/').flatMap(({ path }) => (path.split('/').length > 2 ? [`src/${roomOf(path)}`] : [])),
  )
  for (const folder of tree.paths.map((path) => posix.dirname(path))) {
    if (/^src\/[^/]+$/.test(folder)) folders.add(folder)
  }
  return [...folders].sort().flatMap((folder) => {
    const lines = (tree.text(`${folder}/README.md`) ?? '').split('\n').filter((line) => line.trim() !== '')
    if (lines.length >= 4) return []
    return [
      `${folder}/README.md: is missing or says too little. Write what the room is for, what it promises, what must not move in.`,
    ]
  })
}

/** Rooms of src that the map does not show. */
export function checkMap(tree: Tree): string[] {
  const rooms = new Set(tree.sources('src/').flatMap(({ path }) => (path.split('/').length > 2 ? [roomOf(path)] : [])))
  const map = tree.text('ARCHITECTURE.md') ?? ''
  return [...rooms]
    .sort()
    .filter((room) => !map.includes(`| \`${room}/\` |`))
    .map(
      (room) => `ARCHITECTURE.md: its table has no row for ${room}/. Say what the room is for and what it may import.`,
    )
}

/** Paths told in backticks by a page about the tree that lead nowhere. They start at the root or in src. */
export function checkNamedPaths(tree: Tree, page: string): string[] {
  return linesOf(tree, page).flatMap(({ text, line }) =>
    [...text.matchAll(/`([\w.@-]+(?:\/[\w.@-]+)*\/?)`/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => name.includes('/') || /^[\w-]+\.(ts|mjs|md|json)$/.test(name))
      .filter((name) => !name.startsWith('storm-ts/') && !name.startsWith('@'))
      .filter((name) => !tree.has(name) && !tree.has(`src/${name}`))
      .map((name) => `${page}:${line}: names ${name}, and there is no such file. Say where it went, or take it out.`),
  )
}

/** Links of all pages that lead to no file. */
export function checkLinks(tree: Tree): string[] {
  const pages = tree.paths.filter((path) => path.endsWith('.md'))
  return pages.flatMap((page) =>
    linesOf(tree, page).flatMap(({ text, line }) =>
      [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !tree.has(posix.join(posix.dirname(page), target)))
        .map((target) => `${page}:${line}: links to ${target}, and there is no such file. Mend the link.`),
    ),
  )
}

/** Codes of src/errors.ts that nobody raises or that docs/errors.md does not explain, and explanations of no code. */
export function checkErrorCodes(tree: Tree): string[] {
  const codes = errorCodesOf(tree)
  const raised = new Set<string>()
  for (const file of tree.sources('src/')) {
    walk(file.program, (node, _, key) => {
      if (node.type === 'Literal' && key !== 'key' && typeof node['value'] === 'string') raised.add(node['value'])
    })
  }
  const explained = new Set(
    [...(tree.text('docs/errors.md') ?? '').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1] ?? ''),
  )
  return [
    ...codes
      .filter((code) => !raised.has(code))
      .map((code) => `src/errors.ts: nothing raises ${code}. Take the code out.`),
    ...codes
      .filter((code) => !explained.has(code))
      .map((code) => `docs/errors.md: has no row for ${code}. Say what it means and what to do.`),
    ...[...explained]
      .filter((code) => !codes.includes(code))
      .map((code) => `docs/errors.md: explains ${code}, which src/errors.ts does not know. Take the row out.`),
  ]
}

function errorCodesOf(tree: Tree): string[] {
  const codes: string[] = []
  walk(tree.source('src/errors.ts').program, (node, _, key) => {
    if (node.type !== 'VariableDeclarator' || (node['id'] as { name?: string }).name !== 'errorCodes') return true
    walk(node, (inner, parent, innerKey) => {
      if (innerKey !== 'key' || parent?.type !== 'Property') return
      codes.push(String(inner['name'] ?? inner['value']))
    })
    return key === ''
  })
  return codes
}

/** Decision notes that are not numbered in a row, or whose index does not name them. */
export function checkDecisions(tree: Tree): string[] {
  const notes = tree.paths.filter((path) => /^docs\/decisions\/[^/]+\.md$/.test(path) && !path.endsWith('README.md'))
  const index = tree.text('docs/decisions/README.md') ?? ''
  return notes.flatMap((path) => {
    const name = posix.basename(path)
    const findings: string[] = []
    if (!/^\d{4}-[a-z0-9-]+\.md$/.test(name))
      findings.push(`${path}: is not named like 0001-what-was-decided.md. Rename it.`)
    if (notes.some((other) => other < path && posix.basename(other).slice(0, 4) === name.slice(0, 4))) {
      findings.push(`${path}: its number is taken. Give it the next free one.`)
    }
    if (!index.includes(`(${name})`)) findings.push(`docs/decisions/README.md: does not link to ${name}. Add its line.`)
    return findings
  })
}

/** Dependencies without a reason on docs/dependencies.md, and reasons for what is no dependency. */
export function checkDependencies(tree: Tree): string[] {
  const manifest = JSON.parse(tree.text('package.json') ?? '{}') as Record<string, Record<string, string> | undefined>
  const used = { ...manifest['dependencies'], ...manifest['devDependencies'] }
  const page = tree.text('docs/dependencies.md') ?? ''
  const explained = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '')
  return [
    ...Object.keys(used)
      .filter((name) => !explained.includes(name))
      .map((name) => `docs/dependencies.md: has no row for ${name}. Say why it is needed.`),
    ...explained
      .filter((name) => !(name in used))
      .map((name) => `docs/dependencies.md: explains ${name}, which package.json does not list. Take the row out.`),
    ...Object.entries(used)
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `package.json: ${name} is asked for as '${version}'. Write one exact version.`),
  ]
}

function linesOf(tree: Tree, page: string): { text: string; line: number }[] {
  let fenced = false
  return (tree.text(page) ?? '').split('\n').flatMap((text, index) => {
    if (text.trimStart().startsWith('```')) fenced = !fenced
    return fenced ? [] : [{ text, line: index + 1 }]
  })
}
