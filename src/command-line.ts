import { Argument, Command, Option } from 'commander';

import {
  addAdministrationCommands,
  addClientCommands,
  completionScript,
  listenFailure,
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

/** For doctor they are a finding. */
function warnOfUnknownVariables(_program: Command, running: Command): void {
  if (running.name() === 'doctor') return;
  for (const name of unknownVariables()) {
    process.stderr.write(`cyberun-mcp: ${name} is not a setting and is ignored; see docs/configuration.md\n`);
  }
}

/** What is printed when the start fails: one sentence for what an operator can fix, the stack for a bug. */
export function startFailure(error: unknown): string {
  if (error instanceof StartError) return `cyberun-mcp: ${error.message}`;
  const failure = listenFailure(error);
  if (failure) return `cyberun-mcp: ${failure.join(' ')}`;
  return `cyberun-mcp failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
