import { CommanderError } from 'commander'
import { StormError } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.js'
import { printable } from './printable.js'
import { RemoteError } from './remote-error.js'
import type { Terminal } from './terminal.js'

/** Tells on standard error why a verb did not do what it was asked, and returns the exit code for it. */
export function refuse(error: unknown, { err }: Terminal): ExitCode {
  const { text, code, exitCode } = refusalOf(error)
  err.write(`${err.colors.red('storm-ts:')} ${printable(text, 'lines')}${code === undefined ? '' : ` (${code})`}\n`)
  return exitCode
}

export interface Refusal {
  readonly text: string
  readonly code?: string
  readonly exitCode: ExitCode
}

/** What an error comes to: words, code, exit code. */
export function refusalOf(error: unknown): Refusal {
  // Not by its class, whose module brings much along.
  if (error instanceof StormError && 'exitCode' in error)
    return { text: error.message, code: error.code, exitCode: error.exitCode as ExitCode }
  if (error instanceof StormError) return { text: error.message, code: error.code, exitCode: exitCodeOf(error.code) }
  if (error instanceof RemoteError)
    return { text: error.message, code: error.code, exitCode: exitCodeOf(error.code, error.status) }
  if (error instanceof CommanderError) return { ...usageOf(error), exitCode: exitCodes.usage }
  const { message, stack } = describeError(error)
  // The system's own words: a full disk, a folder that may not be written.
  if (error instanceof Error && 'syscall' in error) return { text: message, exitCode: exitCodes.failed }
  return { text: `this is a bug of storm-ts, please report it: ${stack ?? message}`, exitCode: exitCodes.bug }
}

/** What commander found wrong, in our words' form: `unknown command 'jra'. Did you mean 'jar'? (UNKNOWN_COMMAND)`. */
function usageOf({ code, message }: CommanderError): Pick<Refusal, 'text' | 'code'> {
  const [what = '', hint] = message.replace(/^error: /, '').split('\n')
  const near = /^\(Did you mean (?:one of )?(.*)\?\)$/.exec(hint ?? '')?.[1]
  const text = `${what.replace(/\.$/, '')}.${near === undefined ? '' : ` Did you mean '${near.split(', ').join("' or '")}'?`}`
  if (code === 'commander.unknownCommand') return { text, code: 'UNKNOWN_COMMAND' }
  if (code === 'commander.unknownOption') return { text, code: 'UNKNOWN_OPTION' }
  return { text, code: 'BAD_USAGE' }
}
