import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Path of a tool of the project, or of another folder that has it installed.
 *
 * @param {string} name
 * @param {string} [folder]
 */
export function tool(name, folder = root) {
  return join(folder, 'node_modules/.bin', name)
}

/** A command that ended badly, with all it had said. */
export class CommandFailed extends Error {
  /**
   * @param {string} message
   * @param {string} output
   */
  constructor(message, output) {
    super(message)
    this.output = output
  }
}

/** @typedef {{ passed: number, failed: number }} Counts */

/** A run of tests that ended badly, with how many did. */
export class TestsFailed extends CommandFailed {
  /**
   * @param {string} message
   * @param {string} output
   * @param {Counts} counts
   */
  constructor(message, output, counts) {
    super(message, output)
    this.counts = counts
  }
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

/**
 * Runs a command to its end and returns what it printed, both streams in order of arrival. Throws CommandFailed when it
 * ends with another code than 0 or takes longer than it may; its children end with it.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, limitMs?: number, echo?: boolean }} [options] `echo`: show the
 *   output while it comes
 * @returns {Promise<string>}
 */
export function run(command, args, { cwd = root, env = {}, limitMs = 600_000, echo = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
        if (echo) process.stdout.write(text)
      })
    }
    let late = false
    const timer = setTimeout(() => {
      late = true
      end(child)
    }, limitMs)
    const words = [command, ...args].join(' ')
    child.on('error', (error) => {
      clearTimeout(timer)
      running.delete(child)
      reject(new CommandFailed(`${words}: ${error.message}`, output))
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      if (code === 0) resolve(output)
      else if (late) reject(new CommandFailed(`${words}: took longer than ${limitMs / 1000} s`, output))
      else reject(new CommandFailed(`${words}: ended with ${code ?? signal}`, output))
    })
  })
}

/** Ends every command that is still running. */
export function endAll() {
  for (const child of running) end(child)
}

/** @param {import('node:child_process').ChildProcess} child */
function end(child) {
  if (child.pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL') // the group is gone already
  }
}
