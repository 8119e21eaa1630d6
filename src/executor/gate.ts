import type { Source } from './step.js'

/** Holds the tasks that feed a queue while it is full. */
export class Gate {
  isFull = false
  readonly #sources: Source[] = []

  /** Has this task held whenever the queue is full. */
  hold(source: Source): void {
    this.#sources.push(source)
    if (this.isFull) source.blockedBy++
  }

  close(): void {
    if (this.isFull) return
    this.isFull = true
    for (const source of this.#sources) source.blockedBy++
  }

  open(): void {
    if (!this.isFull) return
    this.isFull = false
    for (const source of this.#sources) if (--source.blockedBy === 0) source.unblocked()
  }
}
