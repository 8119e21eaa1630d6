import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Artefact } from '../artefact/bundle.js'

/** Lets something be done with an artefact as a file, in a folder of its own that is gone afterwards. */
export async function withScratch<T>(
  { bytes }: Artefact,
  use: (file: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'storm-ts-'))
  try {
    const file = join(folder, 'artefact')
    await writeFile(file, bytes)
    return await use(file, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
