#!/usr/bin/env node
// Simulated clusters, each by its seed:
//
//   npm run sim -- --seed N [--trace]          one, and all that happened in it
//   npm run sim -- --seeds N [--from N]        so many, in as many processes as there are processors
//   npm run sim -- --planted [--seeds N]       with each of the planted bugs: whether it is found
//
// The simulator is test/sim/main.ts, bundled first, which takes a moment only.
import { spawnSync } from 'node:child_process'
import { bundleSim } from './bundle-sim.mjs'
import { plant, planted } from './plant.mjs'
import { root } from './run.mjs'

const args = process.argv.slice(2)
process.exitCode = args.includes('--planted')
  ? await runPlanted(args.filter((arg) => arg !== '--planted'))
  : await runSound(args)

/** @param {string[]} args */
async function runSound(args) {
  return simulate(await bundleSim(root), args, 'inherit').status
}

/**
 * With each planted bug, up to the first seed that finds it.
 *
 * @param {string[]} args
 */
async function runPlanted(args) {
  let missed = 0
  for (const name of planted) {
    const { program, remove } = await plant(name)
    const { stdout } = simulate(program, [...(args.length > 0 ? args : ['--seeds', '300']), '--first'], 'pipe')
    const found = /^seed \d+ fails: .*$/m.exec(stdout)?.[0]
    if (found === undefined) missed++
    console.log(`${name}: ${found ?? 'not found'}`)
    remove()
  }
  return missed === 0 ? 0 : 1
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {'inherit' | 'pipe'} output
 */
function simulate(program, args, output) {
  const { status, stdout } = spawnSync(process.execPath, ['--enable-source-maps', program, ...args], {
    stdio: ['ignore', output, 'inherit'],
    maxBuffer: 2 ** 28,
  })
  return { status: status ?? 1, stdout: String(stdout) }
}
