import { setFlagsFromString } from 'node:v8'
import { bench } from './bench.js'

// As `storm-ts local` and workers do (src/stdx/tune-v8.ts).
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
setFlagsFromString('--no-parallel-scavenge')
setFlagsFromString('--heap-growing-percent=60')

// A reader that has seen enough ends the run quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await bench(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  note: (line) => void process.stderr.write(`${line}\n`),
})
