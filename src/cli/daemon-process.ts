import { fork, type ChildProcess } from 'node:child_process'
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StormError } from '../errors.js'
import type { End, Ready } from './parent-process.js'

export interface DaemonStart {
  /** `nimbus` or `supervisor`, with its options. */
  readonly args: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  /** Where what it says goes. */
  readonly logPath: string
  /** Each line of what it says. */
  readonly onLine: (line: string) => void
}

/** A daemon that ended before it was ready: with its exit code, which tells why as well as any. */
class DaemonFailed extends StormError {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super('DAEMON_FAILED', message)
    this.exitCode = exitCode
  }
}

const logBytesMax = 16 * 2 ** 20

/**
 * A daemon as a child process of this one. A shell. It is in a group of its own, so that Ctrl-C comes to us alone and we
 * end it in order; it ends by itself, with its workers, when we are gone.
 */
export class DaemonProcess {
  /** Where it listens, or nothing in particular; rejects if it ends before it is ready. */
  readonly ready: Promise<string>
  /** How it ended, in words. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  #exitCode = 1
  #lastLines: string[] = []

  constructor({ args, env, logPath, onLine }: DaemonStart) {
    mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 })
    rotate(logPath)
    const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
    const child = fork(fileURLToPath(new URL('main.js', import.meta.url)), [...args], {
      env: { ...env },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    // A full disk: the daemon is told by its own store.
    log.on('error', () => undefined)
    let rest = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log.write(text)
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(0, 64 * 1_024)
      this.#lastLines = [...this.#lastLines, ...lines].slice(-20)
      for (const line of lines) onLine(line)
    })
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, signal) => {
        log.end()
        this.#exitCode = code ?? 1
        resolve(signal ?? `exit code ${code}`)
      })
    })
    this.ready = new Promise((resolve, reject) => {
      child.once('message', (message: Ready) => resolve(message.url))
      void this.ended.then((how) => {
        const said = this.#lastLines.join('\n')
        const message = `'storm-ts ${args[0]}' ended (${how}) before it was ready${said === '' ? '.' : `:\n${said}`}`
        reject(new DaemonFailed(message, this.#exitCode))
      })
    })
    // Whoever waits for it hears of it; if nobody does, `ended` tells.
    this.ready.catch(() => undefined)
  }

  /** Asks it to end, workers included, and does not ask any more after `limitMs`. */
  async end(limitMs: number): Promise<void> {
    if (this.#child.connected) this.#child.send({ kind: 'end' } satisfies End, () => undefined)
    const timer = setTimeout(() => this.kill(), limitMs)
    await this.ended
    clearTimeout(timer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

function rotate(path: string): void {
  try {
    if (statSync(path).size > logBytesMax) renameSync(path, `${path}.1`)
  } catch {
    // It is not there yet.
  }
}
