import { Command, CommanderError, Option } from 'commander'
import type * as ConfigModule from '../cluster/config.js'
import { refuse } from './refusal.js'
import type { Terminal } from './terminal.js'
import { engineVersion } from '../artefact/engine.js'

/** What `storm-ts` was asked for, by the words after it. Returns the exit code; everything has been told then. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0
  // Their options are the settings; the table of these is loaded only where it is needed.
  const needsSettings = ['nimbus', 'supervisor', 'help'].includes(args[0] ?? '')
  const config = needsSettings ? await import('../cluster/config.js') : undefined
  const program = makeProgram(terminal, config, (code) => {
    exitCode = code
  })
  try {
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync(verbBeforeOptions(program, args), { from: 'user' })
    return exitCode
  } catch (error) {
    // Help and version end this way, too.
    if (error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help'))
      return error.exitCode === 0 ? 0 : 2
    return refuse(error, terminal)
  }
}

/** `jar --config X deploy …` as `jar deploy --config X …`: commander takes the word for the file of the default verb. */
function verbBeforeOptions(program: Command, args: readonly string[]): string[] {
  const jar = program.commands.find((verb) => verb.name() === args[0] && verb.commands.length > 0)
  if (jar === undefined) return [...args]
  let at = 1
  for (let word = args[at]; word?.startsWith('-') === true && word !== '--'; word = args[at]) {
    // `--workers=2` and `-n2` bring their value along.
    const flag = word.startsWith('--') ? word.split('=', 1)[0] : word.slice(0, 2)
    const option = jar.commands
      .flatMap(({ options }) => options)
      .find(({ short, long }) => [short, long].includes(flag))
    if (option === undefined) break
    at += word !== flag || !(option.required || option.optional) ? 1 : 2
  }
  const verb = jar.commands.find((each) => each.name() === args[at])
  if (verb === undefined) return [...args]
  return [jar.name(), verb.name(), ...args.slice(1, at), ...args.slice(at + 1)]
}

/** Loaded when its verb is asked for. */
type Verb = (terminal: Terminal, ...typed: never[]) => Promise<number>

function makeProgram(
  terminal: Terminal,
  config: typeof ConfigModule | undefined,
  ended: (exitCode: number) => void,
): Command {
  const root = new Command('storm-ts')
    .description("Apache Storm's model for TypeScript: runs topologies here or on a cluster.")
    .usage('<verb> [options]')
    .version(engineVersion(), '--version', 'shows the version')
    .helpOption('-h, --help', 'shows this')
    .helpCommand('help [verb]', 'shows this, or how a verb is used')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      getOutHelpWidth: () => terminal.out.columns,
      getErrHelpWidth: () => terminal.err.columns,
      // `refuse` tells it.
      outputError: () => undefined,
    })
  const act =
    (load: () => Promise<Verb>) =>
    async (...typed: unknown[]) => {
      // Commander hands over the command itself last, after what was typed.
      const verb = await load()
      ended(await verb(terminal, ...(typed.slice(0, -1) as never[])))
    }

  root.commandsGroup('A topology here:')
  withTopologyOptions(withFile(root.command('local')))
    .description('runs a topology in this process until it is settled')
    .addOption(new Option('--timeout <duration>', 'how long Ctrl-C lets pending tuples come to their end'))
    .action(act(async () => (await import('./verbs/local.js')).local))

  root.commandsGroup('A topology on a cluster:')
  const jar = root
    .command('jar')
    .usage('[deploy|build|inspect] [options] <file> [args...]')
    .description('deploys a topology; also builds and inspects artefacts')
    .enablePositionalOptions()
  withDeployment(jar.command('deploy', { isDefault: true })).action(
    act(async () => (await import('./verbs/deploy.js')).deploy),
  )
  jar
    .command('build')
    .argument('<file>', 'the module that exports the topology: .ts or .js')
    .description('makes the artefact of a topology, which can be deployed later')
    .requiredOption('-o, --out <file>', 'where to write it')
    .action(act(async () => (await import('./verbs/build.js')).build))
  withFile(jar.command('inspect'))
    .description('shows what is in a topology or an artefact, without a cluster')
    .option('--json', asJson)
    .action(act(async () => (await import('./verbs/build.js')).inspect))
  withDeployment(root.command('deploy')).action(act(async () => (await import('./verbs/deploy.js')).deploy))
  withConnection(root.command('list'))
    .description('shows the topologies of the cluster')
    .action(act(async () => (await import('./verbs/list.js')).list))
  withTopology(root.command('describe'))
    .description('shows where a topology runs and what its components have done')
    .action(act(async () => (await import('./verbs/describe.js')).describe))
  withTopology(root.command('errors'))
    .description("shows what a topology's code threw or reported")
    .action(act(async () => (await import('./verbs/errors.js')).errors))
  withTopology(root.command('logs'))
    .description("shows the logs of a topology's workers as one")
    .option('-f, --follow', 'goes on with what is logged from now on')
    .option('-l, --lines <count>', 'how many of the last lines', '100')
    .option('-m, --component <id>', 'only what this component logs')
    .option('--worker <host:port>', 'only this worker')
    .action(act(async () => (await import('./verbs/logs.js')).logs))
  withTopology(root.command('monitor'))
    .description("shows a topology's throughput, again and again")
    .option('-i, --interval <duration>', 'how often', '4')
    .option('-m, --component <id>', 'only this component')
    .option('-s, --stream <id>', 'only this stream of it')
    .action(act(async () => (await import('./verbs/monitor.js')).monitor))
  withTopology(root.command('kill'))
    .description('stops the spouts of a topology, waits for what is pending, and removes it')
    .option('-w, --wait <duration>', "how long to wait; the topology's message timeout unless told")
    .action(act(async () => (await import('./verbs/life.js')).kill))
  withTopology(root.command('activate'))
    .description('lets the spouts of a topology emit')
    .action(act(async () => (await import('./verbs/life.js')).activate))
  withTopology(root.command('deactivate'))
    .description('stops the spouts of a topology')
    .action(act(async () => (await import('./verbs/life.js')).deactivate))
  withTopology(root.command('rebalance'))
    .description('spreads a topology anew over the cluster')
    .option('-w, --wait <duration>', 'how long to wait for what is pending; the message timeout unless told')
    .option('-n, --workers <count>', 'how many workers from now on')
    .option('-e, --executor <component=count>', 'how many executors from now on; may be repeated', repeated, [])
    .action(act(async () => (await import('./verbs/life.js')).rebalance))

  root.commandsGroup('The cluster:')
  root
    .command('dev')
    .description('runs a whole cluster on this machine until Ctrl-C')
    .option('--port <port>', "nimbus' port; 0 picks a free one", '6627')
    .option('--data <folder>', 'where the data is kept', './.storm-ts')
    .option('--supervisors <count>', 'how many supervisors', '2')
    .option('--slots <count>', 'how many slots each of them has', '2')
    .option('--json', asJson)
    .action(act(async () => (await import('./verbs/dev.js')).dev))
  withSettings(root.command('nimbus'), config)
    .description('runs the coordinator in the foreground')
    .action(act(async () => (await import('./verbs/daemons.js')).nimbus))
  withSettings(root.command('supervisor'), config)
    .description('starts and watches over workers on this machine, in the foreground')
    .action(act(async () => (await import('./verbs/daemons.js')).supervisor))
  withConnection(root.command('doctor'))
    .description('looks for what is wrong between here and a running topology')
    .action(act(async () => (await import('./verbs/doctor.js')).doctor))
  root
    .command('version')
    .description('shows the version')
    .action(() => terminal.out.write(`${engineVersion()}\n`))
  return root
}

const asJson = 'as JSON'

/** Everything after the file is the topology's. */
function withFile(command: Command): Command {
  return command
    .argument('<file>', 'the module that exports the topology: .ts or .js, or an artefact')
    .argument('[args...]', "the topology's own arguments")
    .passThroughOptions()
}

function withDeployment(command: Command): Command {
  return withConnection(withTopologyOptions(withFile(command)))
    .description('bundles a topology, submits it, and waits until every worker reports')
    .option('--inactive', 'submits it without starting its spouts')
    .option('--no-wait', 'does not wait for the workers')
    .option('--timeout <duration>', 'how long to wait for the workers', '60s')
    .option('--dry-run', 'only shows what would be submitted')
}

function withTopologyOptions(command: Command): Command {
  return command
    .option('--name <name>', "instead of the topology's own name")
    .option('-n, --workers <count>', 'how many workers')
    .option('-c <key=value>', "an option of the topology, by our name or Storm's; may be repeated", repeated, [])
}

const repeated = (value: string, before: readonly string[]) => [...before, value]

function withTopology(command: Command): Command {
  return withConnection(command).argument('<topology>', 'its name or id')
}

/** Where nimbus is, and who asks; and how it is told. */
function withConnection(command: Command): Command {
  return command
    .option('--nimbus <url>', 'where nimbus is')
    .option('--token-file <file>', 'the file with the token to show')
    .option('--data-dir <folder>', "the data folder of a 'dev' or nimbus on this machine")
    .option('--tls-ca <file>', 'certificates (PEM) that nimbus is checked against')
    .option('--config <file>', 'the configuration file')
    .option('--json', asJson)
}

/** Each setting that the daemon reads, by the name of the command. */
function withSettings(command: Command, config: typeof ConfigModule | undefined): Command {
  command.option('--config <file>', 'the configuration file')
  if (config === undefined) return command
  for (const [name, { kind, default: usual, sentence, for: readers }] of Object.entries(config.settings)) {
    if (!(readers as readonly string[]).includes(command.name())) continue
    const flag = config.flagName(name)
    const told = usual === undefined || usual === false || usual === '' ? '' : ` (${String(usual)})`
    command.option(kind.name === 'flag' ? flag : `${flag} <${kind.name}>`, `${sentence}${told}`)
  }
  return command
}
