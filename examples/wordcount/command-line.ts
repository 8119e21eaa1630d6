import { Command, CommanderError, InvalidArgumentError } from 'commander'

export interface WordCountOptions {
  readonly paths: readonly string[]
  /** Only so many words, the most frequent ones; all if undefined. */
  readonly top: number | undefined
  readonly json: boolean
}

/**
 * What was typed, or the exit code if there is nothing more to do: 0 after `--help`, 2 after a mistake. Both have been
 * told then, help on standard output, a mistake in one sentence on standard error.
 */
export function readCommandLine(args: readonly string[]): WordCountOptions | number {
  const command = new Command('wordcount')
    .description('Counts the words of texts with a topology: the lines are split, the words counted.')
    .usage("[options] FILE…   ('-' is standard input)")
    .argument('[FILE...]')
    .helpOption('-h, --help', 'shows this')
    .option('--top <n>', 'only the n most frequent words', wholeNumber)
    .option('--json', 'an object a line, {"word":…,"count":…}, instead of word, tab and count', false)
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(`wordcount: ${inOneLine(message)}\n`) })
  if (args.length === 0) {
    command.outputHelp({ error: true })
    return 2
  }
  try {
    command.parse(args, { from: 'user' })
    if (command.args.length === 0) command.error("name at least one file, or '-' for standard input")
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
  const { top, json } = command.opts<{ top?: number; json: boolean }>()
  return { paths: command.args, top, json }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('A whole number from 1 is expected.')
  }
  return value
}

function inOneLine(message: string): string {
  return message
    .trim()
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
}
