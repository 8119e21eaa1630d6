import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Report } from './report.js'
import { runSeed, type RunResult } from './run.js'
import { settledByTicks } from './ticks.js'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    processes: { type: 'string', default: String(availableParallelism()) },
    // One seed in so many is run a second time, to see whether it is the same again.
    twice: { type: 'string', default: '20' },
    // Ends with the first seed that fails.
    first: { type: 'boolean', default: false },
  },
})

const run = (seed: number, print?: (line: string) => void) =>
  runSeed(seed, { settled: settledByTicks(), ...(print === undefined ? {} : { print }) })

async function one(seed: number): Promise<void> {
  const result = await run(seed, flags.trace ? (line) => console.log(line) : undefined)
  console.log(JSON.stringify(result, null, 1))
  if (result.failure === undefined) return
  console.log(`seed ${seed} fails: ${result.failure}`)
  process.exitCode = 1
}

/** A process of several: is given seeds, one after another, and answers with what came of them. */
function serve(): void {
  process.on('message', (seed: number) => {
    void (async () => {
      const result = await run(seed)
      const isTwice = seed % Number(flags.twice) === 0
      const again = isTwice ? await run(seed) : result
      const failure =
        result.failure ??
        (again.hash === result.hash ? undefined : `the second time its hash is ${again.hash}, not ${result.hash}`)
      process.send?.({ ...result, failure } satisfies RunResult)
    })()
  })
  // What nobody waits for is a bug in what is tested, or in the rig.
  process.on('unhandledRejection', (error) => {
    throw error
  })
}

async function many(from: number, count: number): Promise<void> {
  const report = new Report(count)
  let next = from
  const give = (child: ChildProcess): boolean => {
    if (next >= from + count || (flags.first && report.failed.length > 0)) return false
    child.send(next++)
    return true
  }
  const children = Array.from({ length: Math.min(count, Number(flags.processes)) }, () =>
    fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
      env: { ...process.env, SIMULATION: 'serve' },
      execArgv: ['--enable-source-maps'],
    }),
  )
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.on('message', (result: RunResult) => {
            report.add(result)
            if (!give(child)) child.disconnect()
          })
          child.on('exit', (code) =>
            code === 0 ? resolve() : reject(new Error(`a process of the simulator exited with ${code}`)),
          )
          give(child)
        }),
    ),
  )
  for (const line of report.summary()) console.log(line)
  if (!report.isGood) process.exitCode = 1
}

if (process.env['SIMULATION'] === 'serve') serve()
else if (flags.seed !== undefined) await one(Number(flags.seed))
else await many(Number(flags.from), Number(flags.seeds))
