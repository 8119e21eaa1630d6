// A worker as its supervisor sees it: one argument, the path of its launch file; heartbeats in the file beside that.
// What it shall do otherwise stands in the options of its topology.
import { openSync, readFileSync, writeSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

const launchPath = process.argv[2] ?? ''
const launch = JSON.parse(readFileSync(launchPath, 'utf8'))
const { does } = launch.topology.options
writeFileSync(
  join(launch.dataDir, 'environment.json'),
  JSON.stringify({ env: process.env, execArgv: process.execArgv }),
)

if (does === 'throw') throw new Error('this one does not start')
if (does === 'fill the heap') {
  const kept = []
  for (;;) kept.push(new Array(100_000).fill(String(kept.length)))
}
if (does === 'leave a child') {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  writeFileSync(join(launch.dataDir, 'child'), String(child.pid))
}
process.on('SIGTERM', () => {
  if (does !== 'disobey') process.exit(0)
})

const file = openSync(join(dirname(launchPath), 'heartbeat'), 'r+')
let beat = 0
const tell = (more = {}) => {
  const told = { incarnation: launch.incarnation, beat: ++beat, isReady: true, ...more }
  writeSync(file, JSON.stringify(told).padEnd(2_048), 0)
}
tell()
if (does === 'say why') {
  tell({ error: { code: 'PORT_IN_USE', message: `Port ${launch.slot.port} is taken.` } })
  process.exit(70)
}
setInterval(tell, 50)
