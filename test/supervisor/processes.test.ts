// Guards: with real processes, a worker outlives its supervisor and is found again, and no stranger is ever signalled.
import { spawn } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { markOf } from '../../src/supervisor/process-table.js'
import { isAlive, readJson, scratch, startSupervisor, until } from './real.js'

describe('processes', () => {
  const slotOf = (folder: string, port: number) => join(folder, 'supervisor', 'slots', String(port))

  test('processes: a worker: starts in a clean environment, and is back after a kill', async () => {
    process.env['STORM_TS_PROBE'] = 'secret'
    process.env['NODE_OPTIONS'] = '--no-warnings'
    onTestFinished(() => {
      delete process.env['STORM_TS_PROBE']
      delete process.env['NODE_OPTIONS']
    })
    const folder = scratch()
    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port)
    await until('it runs', () => nimbus.isWorker('running'))
    const first = nimbus.worker
    expect(first).toMatchObject({ port, topology: 'words-1-1', since: 1, incarnation: 1, restarts: 0 })
    const { env, execArgv } = readJson(join(slotOf(folder, port), 'data', 'environment.json'))
    expect(JSON.stringify(env)).not.toContain('secret')
    expect(env).not.toHaveProperty('NODE_OPTIONS')
    expect(execArgv).toEqual(['--max-old-space-size=64', '--min-semi-space-size=16', '--enable-source-maps'])

    process.kill(first?.pid as number, 'SIGKILL')
    await until('it runs again', () => nimbus.isWorker('running', 1))
    expect(nimbus.worker).toMatchObject({ incarnation: 2, restarts: 1 })
    expect(nimbus.worker?.pid).not.toBe(first?.pid)
    expect(nimbus.worker?.rssBytes).toBeGreaterThan(2 ** 20)
    expect(statSync(join(slotOf(folder, port), 'launch.json')).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'supervisor')).mode & 0o777).toBe(0o700)

    nimbus.wishNothing()
    await until('it has ended', () => nimbus.worker === undefined)
    expect(statSync(slotOf(folder, port)).isDirectory()).toBe(true)
    expect(() => statSync(join(slotOf(folder, port), 'launch.json'))).toThrow('ENOENT')
  })

  test('processes: the supervisor ends: its worker goes on, is adopted, and its end is seen', async () => {
    const folder = scratch()
    const before = await startSupervisor(folder)
    before.nimbus.wish(before.supervisor.id, before.port)
    await until('it runs', () => before.nimbus.isWorker('running'))
    const pid = before.nimbus.worker?.pid as number
    await before.supervisor.close()
    expect(isAlive(pid)).toBe(true)

    const { supervisor, nimbus, port } = await startSupervisor(folder)
    expect([supervisor.id, port]).toEqual([before.supervisor.id, before.port])
    nimbus.wish(supervisor.id, port)
    await until('it is adopted', () => nimbus.isWorker('running'))
    expect(nimbus.worker).toMatchObject({ pid, incarnation: 1, restarts: 0 })
    expect(nimbus.heard[0]).toMatchObject({ kind: 'hello', incarnation: 2, running: [{ pid }] })
    process.kill(pid, 'SIGKILL')
    await until('another runs', () => nimbus.isWorker('running', 1))
    expect(nimbus.worker).toMatchObject({ incarnation: 2 })
  })

  test('processes: the supervisor ends: who is not wanted when it is back ends', async () => {
    const folder = scratch()
    const before = await startSupervisor(folder)
    before.nimbus.wish(before.supervisor.id, before.port)
    await until('it runs', () => before.nimbus.isWorker('running'))
    const pid = before.nimbus.worker?.pid as number
    await before.supervisor.close()
    await startSupervisor(folder)
    await until('it has ended', () => !isAlive(pid))
  })

  test('processes: the supervisor ends: before it wrote down whom it started, who is found all the same', async () => {
    const folder = scratch()
    const before = await startSupervisor(folder)
    before.nimbus.wish(before.supervisor.id, before.port)
    await until('it runs', () => before.nimbus.isWorker('running'))
    const pid = before.nimbus.worker?.pid as number
    await before.supervisor.close()
    const path = join(slotOf(folder, before.port), 'slot.json')
    const { mark: _, ...record } = readJson(path)
    writeFileSync(path, JSON.stringify(record))

    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port)
    await until('it is adopted', () => nimbus.isWorker('running'))
    expect(nimbus.worker?.pid).toBe(pid)
  })

  test('processes: a pid that is somebody else by now: is neither adopted nor signalled', async () => {
    const folder = scratch()
    const before = await startSupervisor(folder)
    before.nimbus.wish(before.supervisor.id, before.port)
    await until('it runs', () => before.nimbus.isWorker('running'))
    await before.supervisor.close({ workers: 'stop' })
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    onTestFinished(() => void stranger.kill('SIGKILL'))
    const mark = { pid: stranger.pid as number, startTime: 'another' }
    const record = { incarnation: 4, topology: 'words-1-1', since: 1, mark }
    writeFileSync(join(slotOf(folder, before.port), 'slot.json'), JSON.stringify(record))

    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port)
    await until('another runs', () => nimbus.isWorker('running'))
    expect(nimbus.worker).toMatchObject({ incarnation: 5 })
    expect(nimbus.worker?.pid).not.toBe(mark.pid)
    nimbus.wishNothing()
    await until('it has ended', () => nimbus.worker === undefined)
    expect(markOf(mark.pid)).toBeDefined()
  })

  test('processes: one that does not end: is killed, with what it has started', async () => {
    const folder = scratch()
    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port, 'leave a child')
    await until('it runs', () => nimbus.isWorker('running'))
    const child = Number(readFileSync(join(slotOf(folder, port), 'data', 'child'), 'utf8'))
    expect(isAlive(child)).toBe(true)
    process.kill(nimbus.worker?.pid as number, 'SIGKILL')
    await until('the child has ended', () => !isAlive(child))
    await until('another runs', () => nimbus.isWorker('running', 1))
  })

  const ends: [string, string, object][] = [
    ['it throws', 'throw', { code: 'WORKER_EXITED', reason: 'it exited with 1: Error: this one does not start' }],
    [
      'it says why',
      'say why',
      { code: 'PORT_IN_USE', reason: expect.stringMatching(/^Port \d+ is taken\.$/) as string },
    ],
    [
      'its heap is full',
      'fill the heap',
      { code: 'OOM', reason: expect.stringContaining('its heap was full') as string },
    ],
  ]
  test.each(ends)('processes: an end is explained: %s', async (_, does, told) => {
    const folder = scratch()
    const { nimbus, port, supervisor } = await startSupervisor(folder)
    nimbus.wish(supervisor.id, port, does)
    await until('it has failed', () => nimbus.worker?.reason !== undefined)
    expect(nimbus.worker).toMatchObject(told)
    // Whoever follows the log of the worker sees it, too.
    nimbus.tell({ kind: 'readLog', request: 1, topology: 'words-1-1', port, from: 0, maxBytes: 100_000 })
    const chunk = nimbus.heard.at(-1)
    const text = chunk?.kind === 'logChunk' ? new TextDecoder().decode(chunk.bytes) : ''
    expect(text.split('\n').filter((line) => line.includes('has failed:')).length).toBeGreaterThan(0)
  })
})
