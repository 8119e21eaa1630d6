import { StormError } from '../errors.js'
import type { LogChunk, ReadLog } from '../cluster/messages.js'
import type { Clock } from '../stdx/clock.js'

/** Questions that may wait for their answer. */
const waitingMax = 200
const answerMs = 10_000

interface Waiting {
  readonly link: number
  readonly answer: (chunk: LogChunk) => void
  readonly fail: (error: Error) => void
  readonly cancel: () => void
}

/** Asks supervisors for bytes of logs over their links, and hands the answers to whoever asked. */
export class LogBroker {
  readonly #clock: Clock
  readonly #send: (link: number, message: ReadLog) => void
  readonly #waiting = new Map<number, Waiting>()
  #requests = 0

  constructor(clock: Clock, send: (link: number, message: ReadLog) => void) {
    this.#clock = clock
    this.#send = send
  }

  /** Rejects with BUSY, and with UNREACHABLE when the supervisor does not answer or goes away. */
  read(link: number, what: Omit<ReadLog, 'kind' | 'request'>): Promise<LogChunk> {
    if (this.#waiting.size >= waitingMax)
      return Promise.reject(new StormError('BUSY', 'So many logs are being read that no more can be for a moment.'))
    const request = ++this.#requests
    return new Promise((answer, reject) => {
      const fail = (error: Error) => {
        this.#waiting.delete(request)
        reject(error)
      }
      const cancel = this.#clock.after(answerMs, () =>
        fail(new StormError('UNREACHABLE', `The supervisor did not answer within ${answerMs / 1_000} s.`)),
      )
      this.#waiting.set(request, { link, answer, fail, cancel })
      this.#send(link, { kind: 'readLog', request, ...what })
    })
  }

  /** An answer that nobody waits for any more, or that comes from somebody else, is dropped. */
  take(link: number, chunk: LogChunk): void {
    const waiting = this.#waiting.get(chunk.request)
    if (waiting?.link !== link) return
    this.#waiting.delete(chunk.request)
    waiting.cancel()
    waiting.answer(chunk)
  }

  closed(link: number): void {
    for (const { link: other, cancel, fail } of this.#waiting.values()) {
      if (other !== link) continue
      cancel()
      fail(new StormError('UNREACHABLE', 'The connection of the supervisor is gone.'))
    }
  }
}
