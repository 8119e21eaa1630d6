import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { canaryMs } from './canary.js'
import { flameGraph } from './flame-graph.js'
import { readOptions, type Plan } from './options.js'
import type { OnWindow, Outcome } from './outcome.js'
import type { Output } from './output.js'
import { topSelfTimes } from './profile.js'
import { lineOf, perSec, profileTable, table } from './report.js'
import { run } from './run.js'

/** One run, as the options say. Returns the exit code: 0, or 1 for a run that fails its check. Throws UsageError. */
export async function single(args: readonly string[], output: Output): Promise<number> {
  const plan = readOptions(args)
  if ('help' in plan) {
    output.out(plan.help.trimEnd())
    return 0
  }
  return plan.json ? printLines(plan, output) : printTable(plan, output)
}

async function printLines(plan: Plan, output: Output): Promise<number> {
  const outcome = await run(plan, noteWindow(plan, output))
  for (const window of outcome.windows) output.out(JSON.stringify(lineOf(plan, version(), outcome, window)))
  printProfiles(plan, outcome.profiles, (line) => output.note(line))
  return exitCode(outcome.check, output)
}

async function printTable(plan: Plan, output: Output): Promise<number> {
  const before = canaryMs()
  const outcome = await run(plan, noteWindow(plan, output))
  const after = canaryMs()
  output.out(table(plan, version(), outcome))
  output.out(`canary ${before.toFixed(0)} ms CPU before, ${after.toFixed(0)} ms after`)
  printProfiles(plan, outcome.profiles, (line) => output.out(line))
  return exitCode(outcome.check, output)
}

function noteWindow(plan: Plan, output: Output): OnWindow {
  return (window, number) => {
    const rate = Math.round(perSec(window)).toLocaleString('en')
    output.note(`${plan.topology} acks ${plan.acks} window ${number} of ${plan.windows}: ${rate} a second`)
  }
}

function printProfiles(plan: Plan, profiles: Outcome['profiles'], print: (line: string) => void): void {
  if (plan.profile === undefined) return
  const all = Object.entries(profiles)
  for (const [name, profile] of all) {
    const part = all.length === 1 ? '' : `-${name.replaceAll(' ', '-')}`
    const file = plan.profile.replace(/(\.cpuprofile)?$/, `${part}.cpuprofile`)
    const picture = file.replace(/\.cpuprofile$/, '.svg')
    writeFileSync(file, JSON.stringify(profile))
    writeFileSync(picture, flameGraph(profile, `${plan.topology}, acks ${plan.acks}, ${name}`))
    print(`${name}: profile in ${file}, flame graph in ${picture}`)
    print(profileTable(topSelfTimes(profile, 25)))
  }
}

function exitCode(check: string, output: Output): number {
  if (check === 'ok') return 0
  output.note(`bench: the work of this run is wrong, it has no figure: ${check}`)
  return 1
}

/** Of the package that is measured. */
function version(): string {
  const manifest = createRequire(import.meta.url).resolve('storm-ts/package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
