import { Command, Option } from 'commander';

import {
  AGENT_OPTIONS,
  packageVersion,
  readConfig,
  type Role,
  StartError,
  unknownVariables,
} from './config/index.js';
import type { ApplyOptions } from './apply.command.js';
import type { CreateOptions } from './keys.command.js';
import type { TransferCommandOptions } from './transfer.command.js';

const HELP = `
Without a command it serves, role all.
Settings are environment variables, CYBERUN_…: docs/configuration.md lists them.`;

// Each command loads only what it needs.
const keysCommand = () => import('./keys.command.js');

/** The command line of the package, as `cyberun-mcp --help` shows it. */
export function commandLine(): Command {
  const program = new Command('cyberun-mcp')
    .description('MCP endpoint for workflows, tasks, agents and container services.')
    .version(packageVersion)
    .addHelpText('after', HELP)
    .hook('preAction', warnOfUnknownVariables);
  program
    .command('serve', { isDefault: true })
    .description('serve the MCP endpoint, the runtime, or both')
    .addOption(new Option('--role <role>', 'what to serve').choices(['all', 'mcp', 'runtime']).default('all'))
    // An unknown command arrives here, as an argument of the default one.
    .allowExcessArguments()
    .action(async ({ role }: { role: Role }, { args: [unknown] }: Command) => {
      if (unknown !== undefined) program.error(`error: unknown command '${unknown}'; see cyberun-mcp --help`);
      await (await import('./serve.js')).serve(readConfig(role));
    });
  addAgent(program.command('agent'));
  // The database creates files that all users can read, unless this mask prevents it.
  const restrictNewFiles = (): void => void process.umask(0o077);
  const keys = program.command('keys').description('manage the keys of the embedded runtime');
  addKeys(keys.hook('preAction', restrictNewFiles));
  const teams = program.command('teams').description('manage the teams of the embedded runtime');
  addTeams(teams.hook('preAction', restrictNewFiles));
  addApply(program.command('apply <folder...>').hook('preAction', restrictNewFiles));
  addTransfer(program, restrictNewFiles);
  program
    .command('migrate')
    .description('make the tables of the database, or bring them up to date, before a new version starts')
    .hook('preAction', restrictNewFiles)
    .action(async () => (await import('./migrate.command.js')).migrateCommand());
  return program;
}

function addAgent(agent: Command): void {
  agent
    .description('run tasks and services for a runtime; the ak- key is read from CYBERUN_AGENT_KEY')
    .option('--config <file>', 'YAML file of these options, as in slots: 4; flags and variables win over it')
    .addOption(new Option('--local', 'started by the server itself').hideHelp())
    .addOption(new Option('--once <run>', 'started in the pod of a run by its agent').hideHelp());
  for (const { flag, meaning, isList, isSwitch, defaultText } of AGENT_OPTIONS) {
    const value = isSwitch ? '[true|false]' : isList ? '<value...>' : '<value>';
    const fallback = defaultText === undefined ? '' : ` Default: ${defaultText}.`;
    agent.option(`${flag} ${value}`, `${meaning}${fallback}`);
  }
  agent.action(async (given: Record<string, string | string[] | true | undefined>) => {
    const flags = AGENT_OPTIONS.map(({ key }) => [key, given[camelCase(key)]?.toString()] as const);
    await (
      await import('./agent.command.js')
    ).agentCommand({
      config: given['config']?.toString(),
      isLocal: given['local'] === true,
      once: given['once']?.toString(),
      flags: Object.fromEntries(flags),
    });
  });
}

/** As the parser of the command line calls an option. */
const camelCase = (key: string): string =>
  key.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

function addKeys(keys: Command): void {
  const kind = new Option('--kind <kind>', 'integration (sk-, for clients) or agent (ak-, for agents)')
    .choices(['integration', 'agent'])
    .default('integration');
  keys
    .command('create')
    .description('make a key and print it, once')
    .addOption(kind)
    .option('--team <team>', 'the team that it belongs to; the team default if left out')
    .option('--name <name>', 'what the key is for', 'unnamed')
    .option('--expires-in-days <days>', 'days until it expires, 1 to 365; never if left out')
    .option(
      '--permissions <list>',
      'what it may do, separated by commas: run (submit and cancel tasks, upload files), invoke (call services); both if left out',
    )
    .addOption(new Option('--read-only', 'it may look at everything and do nothing').conflicts('permissions'))
    .action(async (options: CreateOptions) => (await keysCommand()).createKey(options));
  keys
    .command('list')
    .description('list the keys of every team; secrets are not kept')
    .option('--team <team>', 'list the keys of this team')
    .action(async (options: { team?: string }) => (await keysCommand()).listKeys(options));
  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action(async (id: string) => (await keysCommand()).revokeKey(id));
}

function addTeams(teams: Command): void {
  teams
    .command('create <name>')
    .description('make a team, which sees only its own workflows, tasks, files and agents')
    .action(async (name: string) => (await keysCommand()).createTeam(name));
  teams
    .command('list')
    .description('list the teams')
    .action(async () => (await keysCommand()).listTeams());
}

function addApply(apply: Command): void {
  apply
    .description('put the workflows and services that the YAML files of folders define into the database')
    .option('--team <team>', 'the team that they belong to; the team default if left out')
    .option('--dry-run', 'change nothing, and tell what would change')
    .addOption(
      new Option(
        '--prune',
        'disable what was applied to the team before and is not in the folders',
      ).conflicts('partial'),
    )
    .option('--partial', 'apply the valid definitions although others are refused; exit code 2 then')
    .action(async (folders: string[], options: ApplyOptions) =>
      (await import('./apply.command.js')).applyCommand(folders, options),
    );
}

function addTransfer(program: Command, restrictNewFiles: () => void): void {
  program
    .command('export <file>')
    .description(
      'write a stopped runtime into a file, - for standard output: its whole database, and its files',
    )
    .option('--without-files', 'leave out the files of the data folder')
    .hook('preAction', restrictNewFiles)
    .action(async (file: string, options: TransferCommandOptions) =>
      (await import('./transfer.command.js')).exportCommand(file, options),
    );
  program
    .command('import <file>')
    .description(
      'put an export, - for standard input, into an empty database, for example to move to PostgreSQL',
    )
    .option('--without-files', 'leave out the files of the export')
    .hook('preAction', restrictNewFiles)
    .action(async (file: string, options: TransferCommandOptions) =>
      (await import('./transfer.command.js')).importCommand(file, options),
    );
}

function warnOfUnknownVariables(): void {
  for (const name of unknownVariables()) {
    process.stderr.write(`cyberun-mcp: ${name} is not a setting and is ignored; see docs/configuration.md\n`);
  }
}

/** What is printed when the start fails: one sentence for what an operator can fix, the stack for a bug. */
export function startFailure(error: unknown): string {
  if (error instanceof StartError) return `cyberun-mcp: ${error.message}`;
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `cyberun-mcp: Port ${port} on ${address} is taken. Stop what uses it, or choose another with CYBERUN_HTTP_PORT (0 picks a free one).`;
  }
  if (code === 'EACCES' && port !== undefined) {
    return `cyberun-mcp: This user may not listen on port ${port}. Choose one above 1023 with CYBERUN_HTTP_PORT.`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `cyberun-mcp: This machine has no address ${address ?? 'of that name'}. Set CYBERUN_HTTP_HOST to one it has, for example 127.0.0.1.`;
  }
  if (code === 'EAFNOSUPPORT') {
    return 'cyberun-mcp: This machine has no IPv6, which CYBERUN_HTTP_HOST asks for. Set it to 0.0.0.0 or 127.0.0.1.';
  }
  return `cyberun-mcp failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
