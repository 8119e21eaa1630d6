import { hostAndPort } from '../../stdx/host-and-port.js'
import { connect, type ConnectionOptions } from '../connection.js'
import { printable } from '../printable.js'
import type { Terminal } from '../terminal.js'
import { topologyPath } from '../topology-view.js'

interface TopologyErrors {
  readonly errors: readonly {
    readonly component: string
    readonly task: number
    readonly message: string
    readonly stack?: string
    readonly code?: string
    readonly atMs: number
    readonly host?: string
    readonly port?: number
  }[]
}

/** `storm-ts errors TOPOLOGY`: what its code threw or reported, the newest last. */
export async function errors(
  terminal: Terminal,
  name: string,
  options: ConnectionOptions & { readonly json?: boolean },
): Promise<number> {
  const client = await connect(terminal, options)
  const found = await client.get<TopologyErrors>(topologyPath(name, 'errors'))
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(found)}\n`)
    return 0
  }
  const { bold, dim } = terminal.out.colors
  const inOrder = [...found.errors].sort((a, b) => a.atMs - b.atMs)
  for (const { component, task, message, stack, code, atMs, host, port } of inOrder) {
    const where = host === undefined || port === undefined ? '' : ` at ${hostAndPort(host, port)}`
    const head = `${dim(new Date(atMs).toISOString())} ${bold(printable(`${component}[${task}]`))}${printable(where)}`
    // A stack tells the message, too.
    const body = printable(stack ?? message, 'lines').replace(/^/gm, '  ')
    terminal.out.write(`${head}${code === undefined ? '' : ` (${printable(code)})`}\n${body}\n`)
  }
  if (inOrder.length === 0) terminal.err.write('There are no errors.\n')
  return 0
}
