#!/usr/bin/env node

/** The command line's own process: what was typed comes in, the exit code goes out. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`storm-ts: Node 20.19 or newer is needed, and this is ${process.versions.node}.\n`)
  process.exit(78)
}
const { tuneV8 } = await import('../stdx/tune-v8.js')
// For `storm-ts local`.
tuneV8()
const { nodeTerminal } = await import('./node-terminal.js')
const { run } = await import('./program.js')
const exitCode = await run(process.argv.slice(2), nodeTerminal())
// What was written is in queues yet; and user code may have left something open that would keep the process.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
