import type { Clock } from '../stdx/clock.js'
import type { BlobStore } from './state-store.js'

/** How long an artefact that nobody needs is kept: it may be about to be submitted again. */
const keptMs = 300_000

export interface ArtefactsParts {
  readonly blobs: BlobStore
  readonly clock: Clock
  /** Whether a topology has it, or is about to. */
  readonly isNeeded: (artefact: string) => boolean
  readonly warn: (message: string) => void
}

/** Removes artefacts that nobody has needed for a while. */
export class Artefacts {
  readonly #parts: ArtefactsParts
  readonly #timers = new Map<string, () => void>()

  constructor(parts: ArtefactsParts) {
    this.#parts = parts
  }

  /** What an earlier process left. */
  async begin(): Promise<void> {
    for (const { hash } of await this.#parts.blobs.list()) this.touched(hash)
  }

  /** It was uploaded, or its last topology is gone: from now on it has so long. */
  touched(artefact: string): void {
    this.#timers.get(artefact)?.()
    const cancel = this.#parts.clock.after(keptMs, () => {
      this.#timers.delete(artefact)
      if (this.#parts.isNeeded(artefact)) return
      this.#parts.blobs.delete(artefact).catch((error: unknown) => {
        this.#parts.warn(`The artefact ${artefact} could not be removed: ${String(error)}`)
      })
    })
    this.#timers.set(artefact, cancel)
  }

  close(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }
}
