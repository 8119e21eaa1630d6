/** Points of one line, in order of x. `low` and `high`: between which the figure lay. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[]
}

export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  /** Else from 0 evenly. The x axis always grows by factors. */
  readonly isLogY?: boolean
}

const width = 640
const height = 320
const left = 70
const right = 20
const top = 40
const bottom = 50
const colours = ['#c2410c', '#1d4ed8', '#15803d', '#7e22ce', '#a16207']

/** A plot as SVG, readable on light and on dark. */
export function plotSvg({ title, x, y, series, isLogY = false }: Plot): string {
  const all = series.flatMap(({ points }) => points)
  const xs = all.map((point) => Math.log10(point.x))
  const highest = Math.max(...all.map((point) => point.high ?? point.y))
  const lowest = Math.min(...all.map((point) => point.low ?? point.y))
  const [fromX, toX] = [Math.min(...xs), Math.max(...xs)]
  const [fromY, toY] = isLogY ? [Math.log10(lowest) - 0.1, Math.log10(highest) + 0.1] : [0, highest * 1.1]
  const atX = (value: number) => left + ((Math.log10(value) - fromX) / (toX - fromX || 1)) * (width - left - right)
  const atY = (value: number) => {
    const share = ((isLogY ? Math.log10(value) : value) - fromY) / (toY - fromY || 1)
    return height - bottom - share * (height - top - bottom)
  }
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${left}" y="20" font-size="14">${escaped(title)}</text>`,
    `<text x="${(width + left) / 2}" y="${height - 10}" text-anchor="middle" fill="#555">${escaped(x)}</text>`,
    `<text transform="translate(16 ${(height - bottom + top) / 2}) rotate(-90)" text-anchor="middle" fill="#555">${escaped(y)}</text>`,
  ]
  for (const tick of ticks(fromY, toY, isLogY)) {
    const at = atY(tick).toFixed(1)
    parts.push(
      `<path d="M${left} ${at}H${width - right}" stroke="#ddd"/>`,
      `<text x="${left - 6}" y="${Number(at) + 4}" text-anchor="end" fill="#555">${shortened(tick)}</text>`,
    )
  }
  for (const value of [...new Set(all.map((point) => point.x))].toSorted((a, b) => a - b)) {
    const at = atX(value).toFixed(1)
    parts.push(
      `<text x="${at}" y="${height - bottom + 18}" text-anchor="middle" fill="#555">${shortened(value)}</text>`,
    )
  }
  series.forEach(({ name, points }, index) => {
    const colour = colours[index % colours.length] ?? '#000'
    const path = points.map((point, n) => `${n === 0 ? 'M' : 'L'}${atX(point.x).toFixed(1)} ${atY(point.y).toFixed(1)}`)
    parts.push(`<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const { x: px, y: py, low, high } of points) {
      const at = atX(px).toFixed(1)
      if (low !== undefined && high !== undefined)
        parts.push(`<path d="M${at} ${atY(low).toFixed(1)}V${atY(high).toFixed(1)}" stroke="${colour}"/>`)
      parts.push(`<circle cx="${at}" cy="${atY(py).toFixed(1)}" r="3" fill="${colour}"/>`)
    }
    if (series.length > 1)
      parts.push(
        `<text x="${width - right}" y="${top + 14 * index}" text-anchor="end" fill="${colour}">${escaped(name)}</text>`,
      )
  })
  return `${[...parts, '</svg>'].join('\n')}\n`
}

function ticks(from: number, to: number, isLog: boolean): number[] {
  if (isLog) {
    const first = Math.ceil(from)
    return Array.from({ length: Math.max(1, Math.floor(to) - first + 1) }, (_, n) => 10 ** (first + n))
  }
  const rough = to / 5
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((candidate) => candidate >= rough) ?? rough
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, n) => n * step)
}

function shortened(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
