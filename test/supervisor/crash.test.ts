// Guards: the death of a supervisor ends no worker, and nothing of it has to be tidied by hand.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isAlive, scratch, startSupervisor, until } from './real.js'

const entry = fileURLToPath(new URL('./alone.ts', import.meta.url))
const worker = fileURLToPath(new URL('./fake-worker.mjs', import.meta.url))

describe('crash', () => {
  test('crash: of a supervisor: its worker goes on, and the next one takes folder and worker over', async () => {
    const folder = scratch()
    const alone = join(folder, 'alone.mjs')
    const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
    await build({
      entryPoints: [entry],
      outfile: alone,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: banner },
      logLevel: 'error',
    })
    const first = spawn(process.execPath, [alone, folder, worker], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void first.kill('SIGKILL'))
    const [said] = (await once(first.stdout, 'data')) as [Buffer]
    const pid = Number.parseInt(said.toString(), 10)
    expect(isAlive(pid)).toBe(true)

    // Two on one folder are refused, by name, and the first is not disturbed.
    await expect(startSupervisor(folder)).rejects.toMatchObject({
      code: 'FOLDER_LOCKED',
      message: expect.stringContaining(`process ${first.pid} `) as string,
    })

    first.kill('SIGKILL')
    await once(first, 'exit')
    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port)
    await until('it is adopted', () => nimbus.isWorker('running'))
    expect(nimbus.worker).toMatchObject({ pid, incarnation: 1 })
  })
})
