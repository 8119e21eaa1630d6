import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A small disk of its own at a folder, which can be filled up. */
export class SmallDisk {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Undefined where it cannot be mounted: that takes root, on Linux. */
  static mount(folder: string, megabytes: number): SmallDisk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
    mkdirSync(folder, { recursive: true })
    const options = `size=${megabytes}m,mode=700`
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder])
    return status === 0 ? new SmallDisk(folder) : undefined
  }

  /** To the last byte. */
  fill(): void {
    spawnSync('dd', ['if=/dev/zero', `of=${join(this.#folder, 'filler')}`, 'bs=4k'])
  }

  clear(): void {
    rmSync(join(this.#folder, 'filler'), { force: true })
  }

  unmount(): void {
    // Whoever still has a file of it open does not keep it there.
    spawnSync('umount', ['--lazy', this.#folder])
  }
}
