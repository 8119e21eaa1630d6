// Guards "a worker's output takes no more room than it may, when its supervisor is dead, too".
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { builtPackage } from '../built.js'
import { until } from '../cluster/until.js'

const floods = {
  'lines, between which its loop turns': `setInterval(() => { for (let i = 0; i < 64; i++) process.stdout.write(line) }, 1)`,
  'a loop that stands still and writes': `for (;;) writeSync(1, line)`,
}

test.each(Object.entries(floods))('watchdog: output without end and without a supervisor: %s', async (_, flood) => {
  const built = await builtPackage('watchdog')
  const path = join(tmpdir(), `storm-ts-watchdog-${process.pid}`)
  const script = `${path}.mjs`
  const watchdog = pathToFileURL(join(built, 'dist/worker/watchdog.js')).href
  writeFileSync(
    script,
    `import { writeSync } from 'node:fs'\nimport { startWatchdog } from '${watchdog}'\nstartWatchdog({})\nconst line = 'x'.repeat(2 ** 16) + '\\n'\n${flood}\n`,
  )
  const output = openSync(path, 'a')
  const child = spawn(process.execPath, [script], { stdio: ['ignore', output, output] })
  closeSync(output)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    for (const left of [path, script]) rmSync(left)
  })
  // How far it grows between two looks depends on the machine; that it shrinks again and again does not.
  let shrunk = 0
  let before = 0
  const words = new Uint8Array(2 ** 17)
  await until('it was emptied twice, and says so', 60_000, () => {
    const { size } = statSync(path)
    if (size < before) shrunk++
    before = size
    const file = openSync(path, 'r')
    const count = readSync(file, words, 0, words.length, 0)
    closeSync(file)
    return shrunk >= 2 && /OUTPUT_DROPPED: \d+ MiB/.test(new TextDecoder().decode(words.subarray(0, count)))
  })
  expect(child.exitCode).toBeNull()
})
