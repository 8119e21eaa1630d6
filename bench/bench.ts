import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { canaryMs } from './canary.js'
import { readOptions, UsageError, type Plan } from './options.js'
import { topSelfTimes, type Profile } from './profile.js'
import { jsonLine, perSec, profileTable, table } from './report.js'
import { run } from './run.js'

/** Where lines go: results to `out`, everything else to `note`. */
export interface Output {
  out(line: string): void
  note(line: string): void
}

/** The whole command. Returns the exit code: 0, 1 for a run that fails its check, 2 for wrong usage. */
export async function bench(args: readonly string[], output: Output): Promise<number> {
  let plan: Plan | { readonly help: string }
  try {
    plan = readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    output.note(`bench: ${error.message}`)
    return 2
  }
  if ('help' in plan) {
    output.out(plan.help.trimEnd())
    return 0
  }
  return plan.json ? printLines(plan, output) : printTable(plan, output)
}

async function printLines(plan: Plan, output: Output): Promise<number> {
  const outcome = await run(plan, noteWindow(plan, output))
  for (const window of outcome.windows) output.out(jsonLine(plan, version(), outcome, window))
  printProfile(plan, outcome.profile, (line) => output.note(line))
  return exitCode(outcome.check, output)
}

async function printTable(plan: Plan, output: Output): Promise<number> {
  const before = canaryMs()
  const outcome = await run(plan, noteWindow(plan, output))
  const after = canaryMs()
  output.out(table(plan, version(), outcome))
  output.out(`canary ${before.toFixed(0)} ms CPU before, ${after.toFixed(0)} ms after`)
  printProfile(plan, outcome.profile, (line) => output.out(line))
  return exitCode(outcome.check, output)
}

function noteWindow(plan: Plan, output: Output): Parameters<typeof run>[1] {
  return (window, number) => {
    const rate = Math.round(perSec(window)).toLocaleString('en')
    output.note(`${plan.topology} acks ${plan.acks} window ${number} of ${plan.windows}: ${rate} a second`)
  }
}

function printProfile(plan: Plan, profile: Profile | undefined, print: (line: string) => void): void {
  if (plan.profile === undefined || profile === undefined) return
  writeFileSync(plan.profile, JSON.stringify(profile))
  print(`profile written to ${plan.profile}`)
  print(profileTable(topSelfTimes(profile, 15)))
}

function exitCode(check: string, output: Output): number {
  if (check === 'ok') return 0
  output.note(`bench: the work of this run is wrong, it has no figure: ${check}`)
  return 1
}

function version(): string {
  const manifest = createRequire(import.meta.url).resolve('storm-ts/package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
