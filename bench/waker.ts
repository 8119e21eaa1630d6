import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { LatencyUs } from './pace.js'

/** Sleeps for a millisecond, again and again, and prints how late it woke each time, in µs. A program of its own. */
const program = `
const cell = new Int32Array(new SharedArrayBuffer(4))
const late = []
const endMs = performance.now() + 1000 * Number(process.argv[1])
for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
  Atomics.wait(cell, 0, 0, 1)
  late.push(Math.max(1, Math.round((performance.now() - startMs - 1) * 1000)))
}
late.sort((a, b) => a - b)
const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))]
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), p999: at(0.999), max: late.at(-1) }))
`

/**
 * How late a process wakes, while others do what they do, that does nothing else: what the machine adds to any latency.
 * Undefined where it could not tell.
 */
export async function startWaker(seconds: number): Promise<LatencyUs | undefined> {
  const child = spawn(process.execPath, ['-e', program, String(seconds)], { stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  await once(child, 'close')
  return out.startsWith('{') ? (JSON.parse(out) as LatencyUs) : undefined
}
