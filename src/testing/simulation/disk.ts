import type { Rng } from '../../stdx/rng.js'

interface File {
  /** What is on the disk for certain; undefined: no such file. */
  synced: string | undefined
  current: string | undefined
}

/**
 * The disk of a machine. It outlives every process; what was not synced may be lost when the machine loses its power, a
 * removal as well as a write. Files are whole texts: a write of one is there or not.
 */
export class SimulatedDisk {
  readonly #files = new Map<string, File>()

  read(path: string): string | undefined {
    return this.#files.get(path)?.current
  }

  /** `isSynced`: it is on the disk when this returns. */
  write(path: string, text: string, { isSynced }: { readonly isSynced: boolean }): void {
    const synced = isSynced ? text : this.#files.get(path)?.synced
    this.#files.set(path, { synced, current: text })
  }

  remove(path: string): void {
    const file = this.#files.get(path)
    if (file !== undefined) file.current = undefined
  }

  /** Of each file, either what was written last or what was synced last is there afterwards. */
  losePower(rng: Rng): number {
    let lost = 0
    for (const file of this.#files.values()) {
      if (file.current === file.synced) continue
      if (rng.below(2) === 0) {
        lost++
        file.current = file.synced
      } else file.synced = file.current
    }
    return lost
  }
}
