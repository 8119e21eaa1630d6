import Table from 'cli-table3'
import { printable } from './printable.js'

const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
const noRows = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid']
const chars = Object.fromEntries([...[...none, ...noRows].map((name) => [name, '']), ['middle', '  ']])

/** A table without lines, its columns aligned, also where letters are two columns wide. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({
    chars,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) =>
      rows.every((row) => /^[\d.,%–-]*$/.test(row[column] ?? '')) ? 'right' : 'left',
    ),
  })
  for (const row of [head, ...rows]) made.push(row.map((cell) => printable(cell)))
  return `${made.toString().replace(/ +$/gm, '')}\n`
}
