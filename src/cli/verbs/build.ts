import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { bundleTopology, type Artefact } from '../../artefact/bundle.js'
import { extractGraph } from '../../artefact/extract.js'
import type { TopologyGraph } from '../../cluster/records.js'
import { graphText } from '../graph-text.js'
import { printable } from '../printable.js'
import { withScratch } from '../scratch.js'
import type { Terminal } from '../terminal.js'
import { topologyArgs } from '../topology-args.js'

/** `storm-ts jar build FILE --out OUT`: the artefact as a file. */
export async function build(terminal: Terminal, file: string, { out }: { readonly out: string }): Promise<number> {
  const artefact = await bundleTopology(resolve(terminal.cwd, file))
  tellWarnings(terminal, artefact)
  await writeFile(resolve(terminal.cwd, out), artefact.bytes)
  terminal.out.write(`${artefact.sha256}\n`)
  return 0
}

/** `storm-ts jar inspect FILE [args…]`: what is in it. */
export async function inspect(
  terminal: Terminal,
  file: string,
  args: readonly string[],
  { json = false }: { readonly json?: boolean },
): Promise<number> {
  const artefact = await bundleTopology(resolve(terminal.cwd, file))
  tellWarnings(terminal, artefact)
  const graph = await graphIn(terminal, artefact, args)
  const { sha256, manifest, bytes } = artefact
  terminal.out.write(
    json
      ? `${JSON.stringify({ artefact: sha256, size: bytes.length, manifest, graph })}\n`
      : `artefact ${sha256}, ${bytes.length} bytes, of ${printable(manifest.entry)}, with storm-ts ${printable(manifest.engine)}\n\n${graphText(graph)}`,
  )
  return 0
}

/** The graph of an artefact, told by a process of its own; what its code printed goes to standard error. */
export async function graphIn(terminal: Terminal, artefact: Artefact, args: readonly string[]): Promise<TopologyGraph> {
  const { graph, output } = await withScratch(artefact, (path) =>
    extractGraph({ path, sha256: artefact.sha256, args: topologyArgs(args), cwd: terminal.cwd }),
  )
  terminal.err.write(printable(output, 'lines'))
  for (const { message, code } of graph.warnings)
    terminal.err.write(`${terminal.err.colors.yellow(printable(message))} (${printable(code)})\n`)
  return graph
}

export function tellWarnings({ err }: Terminal, { warnings }: Artefact): void {
  for (const warning of warnings) err.write(`${err.colors.yellow(printable(warning))}\n`)
}
