import { Command, Option } from 'commander';

import { packageVersion, readConfig, type Role, unknownVariables } from './config/index.js';
import type { AgentOptions } from './agent.command.js';
import type { CreateOptions } from './keys.command.js';

const HELP = `
Without a command it serves, role all.
Settings are environment variables, CYBERUN_…: docs/configuration.md lists them.`;

// Each command loads what it needs and no more.
const keysCommand = () => import('./keys.command.js');

/** The command line of the package, as `cyberun-mcp --help` shows it. */
export function commandLine(): Command {
  const program = new Command('cyberun-mcp')
    .description('MCP endpoint for workflows, tasks, agents and container services.')
    .version(packageVersion)
    .addHelpText('after', HELP)
    .hook('preAction', checkSurroundings);
  program
    .command('serve', { isDefault: true })
    .description('serve the MCP endpoint, the runtime, or both')
    .addOption(new Option('--role <role>', 'what to serve').choices(['all', 'mcp', 'runtime']).default('all'))
    // A word that is no command arrives here, as an argument of the default one.
    .allowExcessArguments()
    .action(async ({ role }: { role: Role }, { args: [unknown] }: Command) => {
      if (unknown !== undefined) program.error(`error: unknown command '${unknown}'; see cyberun-mcp --help`);
      await (await import('./serve.js')).serve(readConfig(role));
    });
  program
    .command('agent')
    .description('run tasks and services for a runtime; the ak- key is read from CYBERUN_AGENT_KEY')
    .option('--gateway <url>', 'address of the runtime, for example https://runtime.example.com')
    .option('--id <id>', 'what it is called; a second agent on one machine needs one. Default: the host name')
    .option(
      '--work-dir <folder>',
      'where it keeps runs and the data of services. Default: cyberun/agent-ID in the state directory of the user',
    )
    .addOption(new Option('--local', 'started by the server itself').hideHelp())
    .action(async (options: AgentOptions) => (await import('./agent.command.js')).agent(options));
  addKeys(program.command('keys').description('manage the keys of the embedded runtime'));
  return program;
}

function addKeys(keys: Command): void {
  const kind = new Option('--kind <kind>', 'integration (sk-, for clients) or agent (ak-, for agents)')
    .choices(['integration', 'agent'])
    .default('integration');
  keys
    .command('create')
    .description('make a key and print it, once')
    .addOption(kind)
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
    .description('list the keys; secrets are not kept')
    .action(async () => (await keysCommand()).listKeys());
  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action(async (id: string) => (await keysCommand()).revokeKey(id));
}

function checkSurroundings(): void {
  for (const name of unknownVariables()) {
    process.stderr.write(`cyberun-mcp: ${name} is not a setting and is ignored; see docs/configuration.md\n`);
  }
}
