import { createServer } from 'node:net'
import { StormError } from '../errors.js'
import type { Rng } from '../stdx/rng.js'

/** Below those that systems give to outgoing connections, so that nothing of the kind takes a slot's port by chance. */
const first = 20_000
const last = 32_767
const triesMax = 1_000

/**
 * So many ports that nobody listens at now, besides those `taken`. A shell. By chance, so that two supervisors on one
 * machine, whose slots are all free yet, do not pick the same.
 */
export async function pickFreePorts(
  count: number,
  { taken, bind, rng }: { readonly taken: readonly number[]; readonly bind: string; readonly rng: Rng },
): Promise<number[]> {
  const picked: number[] = []
  for (let tries = 0; picked.length < count; tries++) {
    if (tries === triesMax) throw new StormError('FOLDER_UNUSABLE', `There are no ${count} free ports at ${bind}.`)
    const port = first + rng.below(last - first + 1)
    if (!taken.includes(port) && !picked.includes(port) && (await isFree(port, bind))) picked.push(port)
  }
  return picked.sort((a, b) => a - b)
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
