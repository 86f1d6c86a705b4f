import { Argument, Command, Option } from 'commander';

import {
  addAdministrationCommands,
  addClientCommands,
  completionScript,
  type Shell,
  SHELLS,
} from './commands/index.js';
import {
  AGENT_OPTIONS,
  packageVersion,
  readConfig,
  type Role,
  StartError,
  unknownVariables,
} from './config/index.js';

const HELP = `
Without a command it serves, role all.
Settings are environment variables, CYBERUN_…: docs/configuration.md lists them.`;

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
  addClientCommands(program.commandsGroup('Commands for the user of a server:'));
  addAdministrationCommands(program.commandsGroup('Commands for its administrator, on its machine:'));
  program
    .commandsGroup('Other commands:')
    .command('completion')
    .description('print a script that completes the commands in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(completionScript(program, shell)));
  return program;
}

function addAgent(agent: Command): void {
  agent
    .description('run tasks and services for a runtime; the ak- key is read from CYBERUN_AGENT_KEY')
    .option('--config <file>', 'YAML file of these options, as in slots: 4; flags and variables win over it')
    .addOption(new Option('--local', 'started by the server itself').hideHelp())
    .addOption(new Option('--once <run>', 'started in the pod of a run by its agent').hideHelp())
    .addOption(new Option('--part <part>', 'what an agent started with --once does of its run').hideHelp())
    .addOption(new Option('--shared-dir <folder>', 'shared by the agents of a run').hideHelp());
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
      part: given['part']?.toString(),
      sharedDir: given['sharedDir']?.toString(),
      flags: Object.fromEntries(flags),
    });
  });
}

/** As the parser of the command line calls an option. */
const camelCase = (key: string): string =>
  key.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

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
