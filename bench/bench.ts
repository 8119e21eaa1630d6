import { all } from './all.js'
import { WrongRun } from './children.js'
import { compare } from './compare.js'
import { idle } from './idle.js'
import { load } from './load.js'
import { UsageError } from './options.js'
import type { Output } from './output.js'
import { writePage } from './page.js'
import { single } from './single.js'
import { smoke } from './smoke.js'
import { sweep } from './sweep.js'

/** Everything that is not a single run. */
const commands: Readonly<Record<string, (args: readonly string[], output: Output) => Promise<number>>> = {
  all,
  sweep,
  load,
  idle,
  compare,
  smoke,
  report: writePage,
}

/** The whole command. Returns the exit code: 0, 1 for a run that fails its check, 2 for wrong usage. */
export async function bench(args: readonly string[], output: Output): Promise<number> {
  const [first = '', ...rest] = args
  try {
    const command = commands[first]
    if (command !== undefined) return await command(rest, output)
    if (first !== '' && !first.startsWith('-')) {
      throw new UsageError(`there is no command '${first}'; there are ${Object.keys(commands).join(', ')}`)
    }
    return await single(args, output)
  } catch (error) {
    if (error instanceof UsageError) {
      output.note(`bench: ${error.message}`)
      return 2
    }
    if (error instanceof WrongRun) {
      output.note(`bench: ${error.message}`)
      return 1
    }
    throw error
  }
}
