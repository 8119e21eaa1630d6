import { createHash } from 'node:crypto'
import type { SlotsMessage, SupervisorMessage } from '../../src/cluster/messages.js'
import type { RunningWorker } from '../../src/cluster/records.js'
import type { DialNimbus, NimbusLinkEvents } from '../../src/supervisor/nimbus-link.js'

/** The one artefact that there is. */
export const bundle = new TextEncoder().encode('export default 1\n')
export const hash = createHash('sha256').update(bundle).digest('hex')

export function fetchBundle(): Promise<AsyncIterable<Uint8Array>> {
  return Promise.resolve(chunksOf(bundle))
}

export async function* chunksOf(bytes: Uint8Array, size = 10): AsyncIterable<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) {
    yield await Promise.resolve(bytes.subarray(from, from + size))
  }
}

/** Nimbus, as far as one supervisor sees it. */
export class Nimbus {
  readonly heard: SupervisorMessage[] = []
  /** So many that say hello are told that their ports are another's. */
  refusals = 0
  #events: NimbusLinkEvents | undefined
  #wishes: SlotsMessage['wishes'] = []
  #version = 0

  readonly dial: DialNimbus = (events) => {
    setImmediate(() => {
      this.#events = events
      events.opened()
    })
    return {
      send: (message) => {
        this.heard.push(message)
        if (message.kind !== 'hello') return
        if (this.refusals > 0) {
          this.refusals--
          events.received({ kind: 'refused', code: 'PORT_IN_USE', message: "So has supervisor 'other'." })
          return
        }
        this.#version = 0
        events.received({ kind: 'welcome', protocol: 1, version: '0.1.0', fence: 1 })
        this.#tell()
      },
      close: () => {},
    }
  }

  /** One worker of topology `name` in `port`; what it does stands in fake-worker.mjs. */
  wish(supervisor: string, port: number, does = 'work', since = 1, name = 'words-1-1'): void {
    const topology = { id: name, number: 1, name, artefact: hash, args: [], cwd: '/', options: { does } }
    const slot = { supervisor, port }
    this.#wishes = [
      {
        topology: { ...topology, ackers: 1, tasks: { a: 1 }, executors: { a: 1 } },
        assignment: {
          topology: name,
          generation: since,
          workers: [{ slot, host: '127.0.0.1', executors: [[1, 1]], since }],
        },
        isActive: true,
        linkKey: 'bGluaw==',
        controlKeys: [{ port, key: 'a2V5' }],
      },
    ]
    this.#tell()
  }

  wishNothing(): void {
    this.#wishes = []
    this.#tell()
  }

  tell(message: unknown): void {
    this.#events?.received(message)
  }

  /** The last that it heard of the worker, if there is one. */
  get worker(): RunningWorker | undefined {
    return this.heard.flatMap((message) => ('running' in message ? [message.running] : [])).at(-1)?.[0]
  }

  isWorker(state: RunningWorker['state'], restarts = 0): boolean {
    return this.worker?.state === state && this.worker.restarts >= restarts
  }

  #tell(): void {
    this.#events?.received({ kind: 'slots', fence: 1, version: ++this.#version, wishes: this.#wishes })
  }
}
