import { parseArgs } from 'node:util'
import { runSeed, type RunResult } from './run.js'

/**
 * Runs worlds: `--seed N` one, with what happened in it (`--trace`: all of it); `--seeds N [--from N]` so many, from that
 * seed on, in as many processes as there are processors.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})

/** Calls back when all promises were followed: what a tick that a promise asks for waits for. */
function settled(): (callback: () => void) => void {
  let waiting: (() => void) | undefined
  const resolved = Promise.resolve()
  const call = () => waiting?.()
  const tick = () => process.nextTick(call)
  return (callback) => {
    waiting = callback
    void resolved.then(tick)
  }
}

const started = performance.now()
const results: RunResult[] = []
const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.from) + i)
    : [Number(values.seed)]
for (const seed of seeds) {
  const from = performance.now()
  const result = await runSeed(seed, {
    settled: settled(),
    ...(values.trace ? { print: (line: string) => console.log(line) } : {}),
  })
  results.push(result)
  const ms = Math.round(performance.now() - from)
  console.log(JSON.stringify({ ...result, ms }))
  if (result.failure !== undefined) console.log(`SEED ${seed} FAILS: ${result.failure}`)
}
console.log(
  `${results.length} seeds, ${new Set(results.map(({ hash }) => hash)).size} hashes, ${Math.round(performance.now() - started)} ms`,
)
