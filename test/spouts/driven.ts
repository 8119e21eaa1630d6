import type { Spout, SpoutCollector, TopologyContext } from '../../src/topology/component.js'
import type { Files } from '../../src/spouts/files.js'
import { nodeFiles } from '../../src/spouts/node-files.js'
import { StormError } from '../../src/errors.js'
import type { Streams } from '../../src/topology/stream.js'

export interface Emission<V> {
  readonly values: V
  readonly id: number
}

/** A spout task moved by hand: what it emits is kept, and nothing is decided before the test does it. */
export class Driven<V extends object> {
  readonly emitted: Emission<V>[] = []
  exhausted = 0
  /** Calls of `nextTuple` that answered with a promise. */
  promises = 0
  readonly out: SpoutCollector<Streams, number>
  readonly #spout: Spout<Streams, number>

  constructor(create: () => unknown, { taskIndex = 0, taskCount = 1 } = {}) {
    this.#spout = create() as Spout<Streams, number>
    this.out = {
      emit: (values: V, id?: number) => {
        this.emitted.push({ values, id: id as number })
        return [1]
      },
      emitTo: () => [],
      emitDirect: () => undefined,
      exhausted: () => {
        this.exhausted++
      },
      pending: 0,
    }
    void this.#spout.open?.({ component: 'lines', taskIndex, taskCount } as TopologyContext, this.out)
  }

  get last(): Emission<V> | undefined {
    return this.emitted.at(-1)
  }

  next(): void | Promise<void> {
    const result = this.#spout.nextTuple(this.out)
    if (result !== undefined) this.promises++
    return result
  }

  ack(id: number): void {
    this.#spout.ack?.(id)
  }

  fail(id: number): void {
    this.#spout.fail?.(id, 'bolt failed')
  }

  deactivate(): void {
    this.#spout.deactivate?.()
  }

  async close(): Promise<void> {
    await this.#spout.close?.()
  }

  /** Calls `nextTuple` until the spout says that it is exhausted, acking all that it emits. Returns what it emitted. */
  async drain(): Promise<Emission<V>[]> {
    const from = this.emitted.length
    const { exhausted } = this
    let acked = from
    while (this.exhausted === exhausted) {
      await this.next()
      for (; acked < this.emitted.length; acked++) this.ack(this.emitted[acked]?.id as number)
    }
    return this.emitted.slice(from)
  }
}

/** Files by path, each given in the chunks that it is made of. The chunk before the last is wiped, as a reader's may be. */
export function filesOf(
  chunksByPath: Readonly<Record<string, readonly Uint8Array[]>>,
): Files & { openCount: number; reads: number } {
  const files = {
    openCount: 0,
    reads: 0,
    open(path: string) {
      const chunks = chunksByPath[path]
      if (chunks === undefined) {
        return Promise.reject(new StormError('FILE_NOT_FOUND', `The file '${path}' is not there.`))
      }
      files.openCount++
      const given: Uint8Array[] = []
      let isOpen = true
      return Promise.resolve({
        read() {
          files.reads++
          given.at(-2)?.fill(0x21)
          const chunk = chunks[given.length]
          if (chunk === undefined) return Promise.resolve(undefined)
          const copy = Buffer.from(chunk)
          given.push(copy)
          return Promise.resolve(copy)
        },
        close() {
          if (isOpen) files.openCount--
          isOpen = false
          return Promise.resolve()
        },
      })
    },
    text: nodeFiles.text.bind(nodeFiles),
  }
  return files
}

/** `bytes` in pieces of at most `size`. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}
