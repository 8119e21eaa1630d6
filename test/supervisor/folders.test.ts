// Guards: what a supervisor keeps survives it, one process has the folder, and a log is what its name says and no other file.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { beatBytes, encodeBeat, parseBeat } from '../../src/cluster/beat.js'
import type { ReadLog } from '../../src/cluster/messages.js'
import { seededRng } from '../../src/stdx/rng.js'
import { RotatingFile } from '../../src/stdx/rotating-file.js'
import { DataFolder } from '../../src/supervisor/data-folder.js'
import { lockFolder } from '../../src/supervisor/folder-lock.js'
import { pickFreePorts } from '../../src/supervisor/free-ports.js'
import { LogFiles } from '../../src/supervisor/log-files.js'
import { runSupervisor } from '../../src/supervisor/main.js'
import { markOf } from '../../src/supervisor/process-table.js'
import { endOfOutput, openOutput, rotateOutput } from '../../src/supervisor/worker-output.js'
import { configOf, scratch, startSupervisor, until } from './real.js'

describe('folder lock', () => {
  const now = () => Date.now()
  const holder = (more: object) => JSON.stringify({ ...markOf(process.pid), host: hostname(), ...more })

  test('folder lock: a second holder is refused by name, until the first is done', () => {
    const path = join(scratch(), 'lock')
    const lock = lockFolder(path, now)
    expect(lock.refresh()).toBe(true)
    expect(() => lockFolder(path, now)).toThrow(`process ${process.pid} on ${hostname()} holds ${path}`)
    lock.release()
    lockFolder(path, now).release()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  const stale: [string, string][] = [
    ['of a process that has ended', holder({ pid: spawnSync(process.execPath, ['-e', '']).pid })],
    ['of a pid that is somebody else by now', holder({ startTime: 'another' })],
    ['of nobody', ''],
    ['of nonsense', '{"pid":"x"}'],
  ]
  test.each(stale)('folder lock: one that is stale is taken over: %s', (_, text) => {
    const path = join(scratch(), 'lock')
    writeFileSync(path, text)
    const lock = lockFolder(path, now)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid })
    lock.release()
  })

  test('folder lock: of another machine, it counts while it is fresh', () => {
    const path = join(scratch(), 'lock')
    writeFileSync(path, holder({ host: 'elsewhere' }))
    expect(() => lockFolder(path, now)).toThrow('on elsewhere holds')
    utimesSync(path, 1, 1)
    lockFolder(path, now).release()
  })

  test('folder lock: one that was taken away is noticed', () => {
    const path = join(scratch(), 'lock')
    const lock = lockFolder(path, now)
    writeFileSync(path, holder({ pid: 1 }))
    expect(lock.refresh()).toBe(false)
    lock.release()
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 1 })
  })
})

describe('data folder', () => {
  test('data folder: id and ports: are chosen once, starts are counted', async () => {
    const folder = scratch()
    const first = await startSupervisor(folder, { slots: 3 })
    await first.supervisor.close()
    expect(new Set(first.supervisor.ports).size).toBe(3)
    const second = await startSupervisor(folder, { slots: 2 })
    await second.supervisor.close()
    expect(second.supervisor.id).toBe(first.supervisor.id)
    expect(second.supervisor.ports).toEqual(first.supervisor.ports.slice(0, 2))
    const third = await startSupervisor(folder, { ports: [6_700, 6_701] })
    await third.supervisor.close()
    expect(third.supervisor.ports).toEqual([6_700, 6_701])
    const record = JSON.parse(readFileSync(join(folder, 'supervisor', 'supervisor.json'), 'utf8')) as unknown
    expect(record).toEqual({ id: first.supervisor.id, incarnation: 3, ports: [6_700, 6_701] })
    expect(readdirSync(join(folder, 'supervisor')).sort()).toEqual(['artefacts', 'logs', 'slots', 'supervisor.json'])
  })

  test("data folder: ports picked by chance that are another supervisor's: it takes others, and keeps them", async () => {
    const folder = scratch()
    const { supervisor, nimbus, log } = await startSupervisor(folder, { slots: 2 }, 1)
    const picked = supervisor.ports
    await until('it is welcome', () => nimbus.heard.length >= 2)
    const [first, second] = nimbus.heard
    expect(first).toMatchObject({ kind: 'hello', slots: picked, incarnation: 1 })
    expect(second).toMatchObject({ kind: 'hello', slots: supervisor.ports, incarnation: 2 })
    expect(supervisor.ports).toHaveLength(2)
    expect(supervisor.ports).not.toEqual(picked)
    expect(log.join()).toContain(`other ports now: ${supervisor.ports.join(', ')}`)
    await supervisor.close()
    const record = JSON.parse(readFileSync(join(folder, 'supervisor', 'supervisor.json'), 'utf8')) as unknown
    expect(record).toEqual({ id: supervisor.id, incarnation: 2, ports: supervisor.ports })
  })

  test("data folder: ports that were given stay, though they are another supervisor's", async () => {
    const { supervisor, nimbus } = await startSupervisor(scratch(), { ports: [6_700] }, 1)
    await until('it is welcome', () => nimbus.heard.length >= 2)
    expect(nimbus.heard[1]).toMatchObject({ kind: 'hello', slots: [6_700], incarnation: 1 })
    await supervisor.close()
  })

  test('data folder: another id than its own is refused, and so are ports that stand twice', async () => {
    const folder = scratch()
    const { supervisor } = await startSupervisor(folder, { supervisor: 'one' })
    expect(supervisor.id).toBe('one')
    await supervisor.close()
    await expect(startSupervisor(folder, { supervisor: 'two' })).rejects.toMatchObject({ code: 'INVALID_SETTING' })
    await expect(startSupervisor(folder, { ports: [6_700, 6_700] })).rejects.toMatchObject({ code: 'INVALID_SETTING' })
    // Whoever was refused has left the lock.
    await (await startSupervisor(folder)).supervisor.close()
  })

  test('data folder: a file that is damaged is named, and nothing begins anew', async () => {
    const folder = scratch()
    const { supervisor } = await startSupervisor(folder)
    await supervisor.close()
    const path = join(folder, 'supervisor', 'supervisor.json')
    writeFileSync(path, '{"id":')
    await expect(startSupervisor(folder)).rejects.toMatchObject({
      code: 'FOLDER_UNUSABLE',
      message: expect.stringContaining(path) as string,
    })
    expect(readFileSync(path, 'utf8')).toBe('{"id":')
  })

  const options = { log: () => {}, version: '0.1.0', dial: () => ({ send: () => {}, close: () => {} }) }
  test('data folder: the token of nimbus: is needed, and for nobody else to read', async () => {
    const folder = scratch()
    await expect(runSupervisor(configOf(folder), options)).rejects.toMatchObject({ code: 'INVALID_SETTING' })
    writeFileSync(join(folder, 'supervisor-token'), 'sesame\n', { mode: 0o644 })
    await expect(runSupervisor(configOf(folder), options)).rejects.toThrow('chmod 600')
    chmodSync(join(folder, 'supervisor-token'), 0o600)
    await (await runSupervisor(configOf(folder), options)).close()
  })

  test('data folder: the number of a start is kept before there is a process', () => {
    const folder = new DataFolder(join(scratch(), 'supervisor'))
    const launch = {
      topology: { id: 'words-1-1' },
      assignment: { topology: 'words-1-1', generation: 1, workers: [] },
      slot: { supervisor: 's', port: 6_700 },
      since: 1,
      incarnation: 7,
    } as never
    const { launchPath, dataDir } = folder.begin(launch)
    writeFileSync(join(dataDir, 'of the topology'), '')
    expect(folder.traces([6_700, 6_701])).toMatchObject([
      { port: 6_700, incarnation: 7, launch: { since: 1, dataDir }, worker: undefined },
      { port: 6_701, incarnation: 0, launch: undefined, worker: undefined },
    ])
    expect(statSync(launchPath).mode & 0o777).toBe(0o600)
    expect(folder.beat(6_700)).toBeUndefined()
    writeFileSync(join(launchPath, '..', 'heartbeat'), encodeBeat({ incarnation: 7, beat: 1, isReady: true }))
    expect(folder.beat(6_700)).toEqual({ incarnation: 7, beat: 1, isReady: true })
    // The same topology finds its folder as it left it, another one finds it empty.
    folder.begin(launch)
    expect(folder.beat(6_700)).toBeUndefined()
    expect(readdirSync(dataDir)).toEqual(['of the topology'])
    folder.begin({ ...(launch as object), topology: { id: 'other-2-1' } } as never)
    expect(readdirSync(dataDir)).toEqual([])
    folder.clear(6_700)
    expect(folder.traces([])).toMatchObject([{ port: 6_700, incarnation: 7, launch: undefined }])
  })

  test('data folder: free ports: are free, and none is taken twice', async () => {
    const server = createServer()
    onTestFinished(() => void server.close())
    const rng = { uint32: () => 0, below: () => 5 + (rng.calls++ >> 1), calls: 0 }
    await new Promise<void>((resolve) => server.listen(20_005, '127.0.0.1', resolve))
    expect(await pickFreePorts(2, { taken: [20_006], bind: '127.0.0.1', rng })).toEqual([20_007, 20_008])
    expect((await pickFreePorts(50, { taken: [], bind: '127.0.0.1', rng: seededRng(3) })).length).toBe(50)
  })
})

describe('log files', () => {
  const ask = (more: Partial<ReadLog> = {}): ReadLog => {
    return { kind: 'readLog', request: 1, topology: 'words-1-1', port: 6_700, from: 0, maxBytes: 100, ...more }
  }
  const textOf = (logs: LogFiles, request: ReadLog) => {
    const { bytes, from, size, error } = logs.read(request)
    return { text: new TextDecoder().decode(bytes), from, size, ...(error && { code: error.code }) }
  }

  test('log files: a chunk: from the beginning, the middle, the end, and beyond', () => {
    const logs = new LogFiles(scratch(), () => 0)
    writeFileSync(join(logs.folderOf('words-1-1', 6_700), 'worker.log'), '0123456789')
    const size = 10
    expect(textOf(logs, ask())).toEqual({ text: '0123456789', from: 0, size })
    expect(textOf(logs, ask({ from: 4, maxBytes: 3 }))).toEqual({ text: '456', from: 4, size })
    expect(textOf(logs, ask({ from: -3 }))).toEqual({ text: '789', from: 7, size })
    expect(textOf(logs, ask({ from: -30 }))).toEqual({ text: '0123456789', from: 0, size })
    expect(textOf(logs, ask({ from: 10 }))).toEqual({ text: '', from: 10, size })
    expect(textOf(logs, ask({ from: 99 }))).toEqual({ text: '', from: 10, size })
  })

  test('log files: only the regular file of that topology and slot is read', () => {
    const folder = scratch()
    const logs = new LogFiles(join(folder, 'logs'), () => 0)
    writeFileSync(join(folder, 'secret'), 'secret')
    symlinkSync(join(folder, 'secret'), join(logs.folderOf('a-1-1', 6_700), 'worker.log'))
    spawnSync('sh', ['-c', 'mkfifo "$0"', join(logs.folderOf('b-1-1', 6_700), 'worker.log')])
    mkdirSync(join(logs.folderOf('c-1-1', 6_700), 'worker.log'))
    for (const topology of ['a-1-1', 'b-1-1', 'c-1-1']) {
      expect(textOf(logs, ask({ topology }))).toMatchObject({ text: '', code: 'READ_FAILED' })
    }
    for (const topology of ['none-1-1', '../../secret', '..', '.', '/etc/passwd', 'a\0b', '\u202e']) {
      expect(textOf(logs, ask({ topology }))).toMatchObject({ text: '', code: 'NOT_FOUND' })
    }
    expect(readdirSync(folder).sort()).toEqual(['logs', 'secret'])
  })

  test('log files: names: two topologies never share a folder, whatever their names', () => {
    const logs = new LogFiles(scratch(), () => 0)
    const names = [
      'wörter-1-1',
      'wärter-1-1',
      'w_rter-1-1',
      '語'.repeat(128) + '-1-1',
      'a b-1-1',
      'a_b-1-1',
      '..',
      '__',
    ]
    const folders = names.map((name) => logs.folderOf(name, 6_700))
    expect(new Set(folders).size).toBe(names.length)
  })

  test('log files: notes of the supervisor stand in the log of the worker, as JSON', () => {
    const logs = new LogFiles(scratch(), () => 1_234)
    logs.note({ topology: 'words-1-1', port: 6_700, level: 'warn', text: 'it has failed:\n"x"' })
    const line = { level: 40, time: 1_234, name: 'supervisor', topology: 'words-1-1', port: 6_700 }
    const { text } = textOf(logs, ask({ maxBytes: 1_000 }))
    expect(text.split('\n').length).toBe(2)
    expect(JSON.parse(text)).toEqual({ ...line, msg: 'it has failed:\n"x"' })
  })

  test('log files: of topologies that are gone, the newest fifty are kept', () => {
    const folder = scratch()
    const logs = new LogFiles(folder, () => 0)
    for (let index = 0; index < 60; index++) {
      logs.folderOf(`t-${index}-1`, 6_700)
      utimesSync(join(folder, `t-${index}-1`), index + 1, index + 1)
    }
    logs.keep(['t-0-1'])
    const wanted = ['t-0-1', ...Array.from({ length: 50 }, (_, index) => `t-${index + 10}-1`)]
    expect(readdirSync(folder).sort()).toEqual(wanted.sort())
  })

  test('log files: the output of a process: is emptied when it is long, and its end is known', () => {
    const path = join(scratch(), 'worker.out')
    writeFileSync(path, 'of an earlier one\n')
    const { from } = openOutput(path)
    expect(endOfOutput(path, from)).toBe('')
    writeFileSync(path, 'of this one\n', { flag: 'a' })
    expect(endOfOutput(path, from)).toBe('of this one\n')
    truncateSync(path, 17 * 2 ** 20)
    rotateOutput(path)
    expect(statSync(path).size).toBe(0)
    expect(statSync(`${path}.1`).size).toBe(17 * 2 ** 20)
    writeFileSync(path, 'and on', { flag: 'a' })
    expect(endOfOutput(path, from)).toBe('and on')
  })
})

describe('rotating file', () => {
  const bytesMax = 100

  test('rotating file: never longer than it may be, and the newest lines are there', () => {
    const path = join(scratch(), 'log')
    const file = new RotatingFile(path, { bytesMax, asideMax: 2 })
    const line = (number: number) => `line ${String(number).padStart(4, '0')}\n`
    for (let number = 0; number < 100; number++) file.write(line(number))
    file.close()
    const read = (name: string) => readFileSync(name, 'utf8')
    expect(readdirSync(join(path, '..')).sort()).toEqual(['log', 'log.1', 'log.2'])
    expect(read(`${path}.2`) + read(`${path}.1`) + read(path)).toBe(
      Array.from({ length: 30 }, (_, index) => line(index + 70)).join(''),
    )
  })

  test('rotating file: goes on where it was, and with what is longer than a file', () => {
    const path = join(mkdtempSync(join(scratch(), 'x')), 'log')
    writeFileSync(path, 'x'.repeat(95))
    const file = new RotatingFile(path, { bytesMax, asideMax: 1 })
    file.write('y'.repeat(300))
    file.write('z')
    file.close()
    expect([statSync(path).size, statSync(`${path}.1`).size]).toEqual([1, 300])
  })

  test('rotating file: two who write do not put aside the same file twice', () => {
    const path = join(scratch(), 'log')
    const [one, two] = [1, 2].map(() => new RotatingFile(path, { bytesMax, asideMax: 3 }))
    one?.write('1'.repeat(60))
    two?.write('2'.repeat(30))
    one?.write('3'.repeat(50))
    two?.write('4'.repeat(80))
    one?.close()
    two?.close()
    expect(readFileSync(`${path}.2`, 'utf8')).toBe(`${'1'.repeat(60)}${'2'.repeat(30)}`)
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('3'.repeat(50))
    expect(readFileSync(path, 'utf8')).toBe('4'.repeat(80))
  })
})

describe('beat', () => {
  test('beat: a heartbeat: always as long, and read as it was written', () => {
    const beats = [
      { incarnation: 1, beat: 2, isReady: false },
      { incarnation: 1, beat: 2, isReady: true, rssBytes: 2 ** 40 },
      { incarnation: 1, beat: 2, isReady: true, error: { code: 'X', message: '語\u2028"\\'.repeat(64) } },
    ]
    for (const beat of beats) {
      expect(new TextEncoder().encode(encodeBeat(beat)).length).toBe(beatBytes)
      expect(parseBeat(encodeBeat(beat))).toEqual(beat)
    }
    const long = encodeBeat({
      incarnation: 1,
      beat: 1,
      isReady: true,
      error: { code: 'X', message: '語'.repeat(9_999) },
    })
    expect(long.length).toBe(beatBytes)
    expect(parseBeat(long)?.error?.message).toBe('語'.repeat(256))
  })

  test('beat: what is none, or half of one, is none', () => {
    for (const text of ['', ' '.repeat(beatBytes), 'null', '{}', '{"incarnation":1,"beat":', '{"incarnation":-1}']) {
      expect(parseBeat(text)).toBeUndefined()
    }
  })
})
