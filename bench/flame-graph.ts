import { sampleTimes, type Profile } from './profile.js'

/** A function, with what it called below it: time of its own and of all of them. */
interface Frame {
  readonly name: string
  us: number
  readonly callees: Map<string, Frame>
}

const width = 1_200
const rowHeight = 17
const titleHeight = 40
/** Of the picture's width; what is narrower cannot be seen. */
const shareMin = 0.0005
const fontWidth = 6.6

/** A CPU profile as a flame graph: width is time, a function stands on the one that called it. Hovering tells name and share. */
export function flameGraph(profile: Profile, title: string): string {
  const root = framesOf(profile)
  const rects: string[] = []
  const depth = draw(root, 0, 0, root.us, rects)
  const height = titleHeight + (depth + 1) * rowHeight + 8
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fffdf8"/>',
    `<text x="8" y="18" font-size="14">${escaped(title)}</text>`,
    `<text x="8" y="33" fill="#666">${(root.us / 1e6).toFixed(1)} s of samples; functions below called those above them</text>`,
    // The root stands at the bottom.
    `<g transform="translate(0 ${height - 8}) scale(1 1)">`,
    ...rects,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

function framesOf(profile: Profile): Frame {
  const { nodes } = profile
  const parentOf = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const nodeOf = new Map(nodes.map((node) => [node.id, node]))
  const usOf = new Map<number, number>()
  for (const { node, us } of sampleTimes(profile)) usOf.set(node, (usOf.get(node) ?? 0) + us)
  const root: Frame = { name: 'all', us: 0, callees: new Map() }
  for (const [id, us] of usOf) {
    const path: string[] = []
    for (let at: number | undefined = id; at !== undefined; at = parentOf.get(at)) {
      const frame = nodeOf.get(at)?.callFrame
      if (frame === undefined || frame.functionName === '(root)') continue
      const place = frame.url === '' ? '' : ` ${frame.url.split('/').slice(-2).join('/')}:${frame.lineNumber + 1}`
      path.unshift(`${frame.functionName || '(anonymous)'}${place}`)
    }
    // Waiting is no work.
    if (path.at(-1) === '(idle)') continue
    root.us += us
    let frame = root
    for (const name of path) {
      let callee = frame.callees.get(name)
      if (callee === undefined) frame.callees.set(name, (callee = { name, us: 0, callees: new Map() }))
      callee.us += us
      frame = callee
    }
  }
  return root
}

/** Returns how many rows stand above this one. */
function draw(frame: Frame, row: number, fromUs: number, totalUs: number, rects: string[]): number {
  const share = frame.us / totalUs
  if (!(share >= shareMin)) return row
  const x = (fromUs / totalUs) * width
  const w = share * width
  const y = -(row + 1) * rowHeight
  const letters = Math.floor((w - 6) / fontWidth)
  const label =
    letters < 3 ? '' : escaped(frame.name.length > letters ? `${frame.name.slice(0, letters - 1)}…` : frame.name)
  rects.push(
    `<g><title>${escaped(frame.name)}: ${(share * 100).toFixed(2)} %, ${(frame.us / 1e3).toFixed(0)} ms</title>` +
      `<rect x="${x.toFixed(2)}" y="${y}" width="${Math.max(0.2, w - 0.3).toFixed(2)}" height="${rowHeight - 1}" fill="${colourOf(frame.name)}" rx="1"/>` +
      (label === '' ? '' : `<text x="${(x + 3).toFixed(2)}" y="${y + 12}">${label}</text>`) +
      '</g>',
  )
  let at = fromUs
  let depth = row
  for (const callee of [...frame.callees.values()].toSorted((a, b) => b.us - a.us)) {
    depth = Math.max(depth, draw(callee, row + 1, at, totalUs, rects))
    at += callee.us
  }
  return depth
}

/** The same name has the same colour in every picture; the engine's rooms are warm, everything else is not. */
function colourOf(name: string): string {
  let hash = 0
  for (let i = 0; i < name.length; i += 1) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0
  const part = (Math.abs(hash) % 100) / 100
  if (name.includes('garbage')) return '#9fb7c9'
  if (/ (executor|acker|grouping|worker|wire|stdx|local|topology)\//.test(name))
    return `hsl(${20 + 30 * part} 90% ${62 + 12 * part}%)`
  return `hsl(${90 + 60 * part} 35% ${72 + 10 * part}%)`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
