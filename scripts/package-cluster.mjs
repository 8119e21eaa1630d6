import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandFailed, run } from './run.mjs'

/** What Ctrl-C ends with; npx hands the signal on and then ends by it itself, which a shell shows as the same 130. */
const interrupted = [130, 'SIGINT']
const counted = ['be 2', 'not 1', 'or 1', 'to 2']

/**
 * Brings up a cluster from the installed package, as a user would, runs the topology of `test/pack/consumer` on it, and
 * ends it: what is counted has to be right, and no process left. Returns how long it took, for the step's line.
 *
 * @param {string} folder where it is installed
 * @param {string} [node] the Node to run it on; else that of `npx`
 * @returns {Promise<string>}
 */
export async function runCluster(folder, node) {
  const command = node ?? 'npx'
  const words =
    node === undefined ? ['--no-install', 'storm-ts'] : [join(folder, 'node_modules/storm-ts/dist/cli/main.js')]
  const options = { cwd: folder, limitMs: 60_000 }
  const storm = (/** @type {string[]} */ ...args) => run(command, [...words, ...args], options)
  rmSync(join(folder, 'counts.txt'), { force: true })
  const from = performance.now()
  const dev = startDev(command, [...words, 'dev', '--port', '0', '--json'], folder)
  try {
    await until('storm-ts dev is up', dev, () => dev.said.out.includes('\n'))
    /** @type {{ url: string }} */
    const { url } = JSON.parse(dev.said.out)
    const upMs = performance.now() - from
    await storm('jar', 'deploy', 'topology.ts', join(folder, 'counts.txt'))
    const deployedMs = performance.now() - from - upMs
    await until(`${counted.join(', ')} are counted`, dev, () => counts(folder) === counted.join())
    const list = await storm('list', '--nimbus', url)
    if (!/^first +ACTIVE +/m.test(list)) throw new CommandFailed('storm-ts list does not show the topology', list)
    await storm('kill', 'first', '-w', '0')
    dev.signal('SIGINT')
    const code = await dev.ended()
    if (!interrupted.includes(code)) throw new CommandFailed(`storm-ts dev ended with ${code}, not 130`, dev.said.err)
    await until('no process is left', dev, () => left(folder).length === 0)
    return `up in ${seconds(upMs)}, deployed in ${seconds(deployedMs)}`
  } finally {
    dev.signal('SIGKILL')
  }
}

/** @typedef {ReturnType<typeof startDev>} Dev */

/**
 * `storm-ts dev` as a process group of its own, which is what a terminal sends Ctrl-C to. Its daemons end by themselves
 * when it is gone.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function startDev(command, args, cwd) {
  const child = spawn(command, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  /** @type {Promise<number | string>} */
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code ?? String(signal)))
  })
  const signal = (/** @type {NodeJS.Signals} */ name) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    try {
      process.kill(-child.pid, name)
    } catch {
      // It has ended.
    }
  }
  process.once('exit', () => signal('SIGKILL'))
  return {
    said,
    signal,
    /** How it ended, by its code or its signal; or that it did not within 30 s. */
    ended: () => Promise.race([ended, delay(30_000, 'nothing within 30 s', { ref: false })]),
  }
}

/**
 * @param {string} what
 * @param {Dev} dev
 * @param {() => boolean} isTrue
 */
async function until(what, dev, isTrue) {
  for (const end = performance.now() + 60_000; !isTrue(); await delay(50)) {
    if (performance.now() > end) throw new CommandFailed(`not within a minute: ${what}`, dev.said.out + dev.said.err)
  }
}

/**
 * The last count of each word.
 *
 * @param {string} folder
 */
function counts(folder) {
  try {
    const lines = readFileSync(join(folder, 'counts.txt'), 'utf8').trimEnd().split('\n')
    const last = new Map(lines.map((line) => /** @type {[string, string]} */ (line.split(' '))))
    return [...last]
      .map((entry) => entry.join(' '))
      .sort()
      .join()
  } catch {
    return '' // no task has counted yet
  }
}

/**
 * Processes that run something of that folder; none can be seen where there is no /proc.
 *
 * @param {string} folder
 */
function left(folder) {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${folder}/`)
    } catch {
      return false // it has ended meanwhile
    }
  })
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}
