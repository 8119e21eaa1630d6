import { UsageError } from './options.js'
import type { Output } from './output.js'
import { single } from './single.js'

/** The whole command. Returns the exit code: 0, 1 for a run that fails its check, 2 for wrong usage. */
export async function bench(args: readonly string[], output: Output): Promise<number> {
  try {
    return await single(args, output)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    output.note(`bench: ${error.message}`)
    return 2
  }
}
