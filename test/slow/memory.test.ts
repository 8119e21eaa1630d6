// Guards: "memory is bounded": 2 GB in under 300 MB, with lines of any length up to 64 MiB.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ended, Program, summaryOf, type Ended } from '../wordcount/program.js'
import { Scratch, writeText, type TextShape } from './texts.js'

const scratch = new Scratch()
const program = new Program()
beforeAll(() => program.build())
afterAll(() => {
  scratch.remove()
  program.remove()
})

const twoGigabytes = 2 ** 31 + 10e6
const plain = { seed: 5, bytes: twoGigabytes, wordLength: 20, lineBytes: 100, blockBytes: 60e6 }

/** Runs it and looks at the largest memory that it ever had, as the kernel knows it. */
async function measured(path: string): Promise<Ended & { readonly peakMb: number }> {
  const child = program.start([path, '--top', '1'])
  child.stdin.end()
  let peakMb = 0
  const timer = setInterval(() => {
    const status = `/proc/${child.pid}/status`
    const kib = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1] : undefined
    if (kib !== undefined) peakMb = (Number(kib) * 1024) / 1e6
  }, 50)
  const end = await ended(child)
  clearInterval(timer)
  return { ...end, peakMb }
}

describe.skipIf(process.platform !== 'linux')('memory', () => {
  // A block holds one line and, less than 1 MB of it, the beginning of the next.
  const giant = { ...plain, lineBytes: 65.5e6, blockBytes: 65.6e6 }
  const shapes: [name: string, shape: TextShape, limitMb: number][] = [
    ['2 GB: lines of 100 bytes', plain, 300],
    ['2 GB: lines of almost 64 MiB', { ...giant, isAscii: true }, 300],
    // Some letter is beyond Latin-1, and V8 then takes two bytes for each: 128 MiB a line, beside the 64 that were read.
    ['a quarter of a GB: such lines with an emoji', { ...giant, bytes: 260e6 }, 330],
  ]

  test.each(shapes)('memory: %s', async (name, shape, limitMb) => {
    const path = scratch.path('text')
    writeText(path, shape)
    const from = performance.now()
    const { code, stderr, peakMb } = await measured(path)
    const seconds = (performance.now() - from) / 1_000
    console.log(`${name}: ${peakMb.toFixed(0)} MB, ${(statSync(path).size / 1e6 / seconds).toFixed(1)} MB/s`)
    expect({ code, failed: summaryOf(stderr).failed }).toEqual({ code: 0, failed: 0 })
    expect(peakMb).toBeGreaterThan(30)
    expect(peakMb).toBeLessThan(limitMb)
  })

  test('memory: a line longer than 64 MiB is refused by file and line', async () => {
    const path = scratch.path('too long')
    writeText(path, { ...plain, bytes: 70e6, lineBytes: 68e6, blockBytes: 70e6 })
    const { code, stderr } = await measured(path)
    expect(code).toBe(1)
    expect(stderr).toContain(
      `wordcount: Line 1 of '${path}' is longer than 67108864 bytes, the most that a line may have.\n`,
    )
  })
})
