#!/usr/bin/env node
// Simulated clusters, as many as wanted, each by its seed: `npm run sim -- --seed N | --seeds N [--from N]`. What it takes
// and prints stands in test/sim/main.ts, which is bundled first, since that takes a moment only.
import { spawn } from 'node:child_process'
import { bundleSim } from './bundle-sim.mjs'
import { root } from './run.mjs'

const program = await bundleSim(root)
const child = spawn(process.execPath, ['--enable-source-maps', program, ...process.argv.slice(2)], { stdio: 'inherit' })
child.on('exit', (code, signal) => (process.exitCode = code ?? (signal === null ? 0 : 1)))
