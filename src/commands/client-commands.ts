import { Argument, Command, Option } from 'commander';

import { MCP_CLIENTS } from '../clients/index.js';
import type { LogOptions } from './client/logs.command.js';
import type { LoginOptions } from './client/login.command.js';
import type { ListOptions } from './client/listing.js';
import type { PrintOptions } from './client/printing.js';
import type { RunOptions } from './client/run.command.js';
import type { ResultOptions } from './client/task-result.js';
import type { TaskListOptions } from './client/tasks.command.js';
import type { WorkflowListOptions } from './client/workflows.command.js';
import type { ConnectOptions } from './connect/connect.command.js';

// Each command loads only what it needs.
const tasksCommand = () => import('./client/tasks.command.js');
const workflowsCommand = () => import('./client/workflows.command.js');
const servicesCommand = () => import('./client/services.command.js');
const agentsCommand = () => import('./client/agents.command.js');

/** The first words of the commands that talk to a server. They need none of its code, which takes long to load. */
export const CLIENT_COMMANDS: readonly string[] = [
  'run',
  'tasks',
  'workflows',
  'services',
  'agents',
  'status',
  'login',
  'logout',
  'connect',
];

/** Of every command, except those that print something of their own. */
export const jsonOption = (): Option => new Option('--json', 'print JSON on standard output');
const limitOption = (): Option =>
  new Option('--limit <count>', 'how many are shown, 1 to 10000').default(undefined, '20');
const repeated = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The command line of {@link CLIENT_COMMANDS} alone. */
export function clientCommandLine(): Command {
  const program = new Command('cyberun-mcp');
  addClientCommands(program);
  return program;
}

/** The commands that are clients of a Runtime API. */
export function addClientCommands(program: Command): void {
  addRun(program.command('run <slug>'));
  addTasks(program.command('tasks').description('list, follow and cancel tasks, and fetch their results'));
  addWorkflows(program.command('workflows').description('list, describe and check workflows'));
  addServices(program.command('services').description('list and describe container services'));
  addAgents(program.command('agents').description('list and describe connected agents'));
  program
    .command('status')
    .description('show whether the server answers, what the key may do, and how much runs')
    .addOption(jsonOption())
    .action(async (options: PrintOptions) =>
      (await import('./client/status.command.js')).statusCommand(options),
    );
  addLogin(program);
  addConnect(program.command('connect'));
}

function addRun(run: Command): void {
  run
    .description('run a workflow (slug, slug@version or id), wait for the end, and print the result')
    .option(
      '--param <name=value>',
      'a parameter; its type is that of the workflow; may be repeated',
      repeated,
    )
    .option('--file <name=path>', 'a file that is uploaded for a parameter; may be repeated', repeated)
    .addOption(
      new Option(
        '--wait',
        'wait for the end, which is the default; Ctrl-C leaves the task running',
      ).conflicts('detach'),
    )
    .option('--detach', 'print the id of the task and do not wait')
    .option('--yes', 'confirm what the workflow asks before it runs');
  addOutputOptions(run);
  run.action(async (slug: string, options: RunOptions) =>
    (await import('./client/run.command.js')).runWorkflowCommand(slug, options),
  );
}

function addOutputOptions(command: Command): void {
  command
    .option('--output-dir <folder>', 'save the output files in this folder, and print their paths')
    .option('--force', 'replace files that exist there')
    .addOption(jsonOption());
}

function addTasks(tasks: Command): void {
  addList(tasks, 'list tasks, the newest first')
    .option('--status <states>', 'only tasks in this state, or in one of several separated by commas')
    .option('--workflow <slug>', 'only tasks of this workflow')
    .action(withoutArguments(async (options: TaskListOptions) => (await tasksCommand()).listTasks(options)));
  tasks
    .command('show <id>')
    .description('describe a task')
    .addOption(jsonOption())
    .action(async (id: string, options: PrintOptions) => (await tasksCommand()).showTask(id, options));
  const watch = tasks
    .command('watch <id>')
    .description('follow a task to its end, and print the result, as run does');
  addOutputOptions(watch);
  watch.action(async (id: string, options: ResultOptions) =>
    (await import('./client/watch.command.js')).watchCommand(id, options),
  );
  addLogs(tasks.command('logs <id>'));
  tasks
    .command('cancel <id>')
    .description('cancel a task; no error when it has ended')
    .addOption(jsonOption())
    .action(async (id: string, options: PrintOptions) => (await tasksCommand()).cancelTask(id, options));
  const result = tasks.command('result <id>').description('print the result of a task that has ended');
  addOutputOptions(result);
  result.action(async (id: string, options: ResultOptions) =>
    (await tasksCommand()).taskResultCommand(id, options),
  );
}

function addLogs(logs: Command): void {
  logs
    .description('print the log of a task')
    .option('-f, --follow', 'go on until the task has ended')
    .option('--tail <lines>', 'only so many lines from the end, 1 to 1000')
    .option('--attempt <number>', 'only what this run of the task wrote, from 1')
    .addOption(new Option('--stream <name>', 'only this stream').choices(['stdout', 'stderr', 'system']))
    .option('--contains <text>', 'only lines with this text')
    .addOption(new Option('--json', 'print each line as an object of JSON on a line'))
    .action(async (id: string, options: LogOptions) =>
      (await import('./client/logs.command.js')).logsCommand(id, options),
    );
}

function addWorkflows(workflows: Command): void {
  addList(workflows, 'list workflows')
    .option('--query <words>', 'only workflows with all these words')
    .action(
      withoutArguments(async (options: WorkflowListOptions) =>
        (await workflowsCommand()).listWorkflows(options),
      ),
    );
  workflows
    .command('check <path...>')
    .description('check definitions of workflows and services, files or folders of them, without a server')
    .addOption(jsonOption())
    .action(async (paths: string[], options: PrintOptions) =>
      (await import('./administration/check.command.js')).checkCommand(paths, options),
    );
  workflows
    .command('show <slug>')
    .description('describe a workflow and its parameters')
    .addOption(jsonOption())
    .action(async (slug: string, options: PrintOptions) =>
      (await workflowsCommand()).showWorkflow(slug, options),
    );
}

function addServices(services: Command): void {
  addList(services, 'list container services').action(
    withoutArguments(async (options: ListOptions) => (await servicesCommand()).listServices(options)),
  );
  services
    .command('show <slug>')
    .description('describe a service, and why it last failed')
    .addOption(jsonOption())
    .action(async (slug: string, options: PrintOptions) =>
      (await servicesCommand()).showService(slug, options),
    );
}

function addAgents(agents: Command): void {
  addList(agents, 'list connected agents').action(
    withoutArguments(async (options: ListOptions) => (await agentsCommand()).listAgents(options)),
  );
  agents
    .command('show <id>')
    .description('describe an agent, and what it runs')
    .addOption(jsonOption())
    .action(async (id: string, options: PrintOptions) => (await agentsCommand()).showAgent(id, options));
}

function addLogin(program: Command): void {
  program
    .command('login')
    .description('keep the address of a server and a key; the key is asked for, or read from standard input')
    .option('--url <url>', 'address of the server; CYBERUN_URL or http://127.0.0.1:8080 if left out')
    .addOption(jsonOption())
    .action(async (options: LoginOptions) =>
      (await import('./client/login.command.js')).loginCommand(options),
    );
  program
    .command('logout')
    .description('forget address and key')
    .addOption(jsonOption())
    .action(async (options: PrintOptions) =>
      (await import('./client/login.command.js')).logoutCommand(options),
    );
}

function addConnect(connect: Command): void {
  connect
    .description(
      'write the server into the configuration of an MCP client, or list the clients; shows the change and asks',
    )
    .addArgument(new Argument('[client]', 'the client').choices(MCP_CLIENTS.map(({ name }) => name)))
    .option('--url <url>', 'address of the server, or of its MCP endpoint with ?toolsets=')
    .addOption(
      new Option('--undo', 'take back what connect has changed, and nothing else').conflicts([
        'url',
        'writeKey',
      ]),
    )
    .option('--write-key', 'write the key itself where the client could read CYBERUN_API_KEY or ask for it')
    .option('--dry-run', 'show the change and do not make it')
    .option('-y, --yes', 'agree to the change; needed without a terminal')
    .addOption(jsonOption())
    .action(async (client: string | undefined, options: ConnectOptions) =>
      (await import('./connect/connect.command.js')).connectCommand(client, options),
    );
}

/** The subcommand that runs when none is named. */
function addList(parent: Command, description: string): Command {
  return parent
    .command('list', { isDefault: true })
    .description(description)
    .addOption(limitOption())
    .addOption(jsonOption())
    .allowExcessArguments();
}

/** An unknown subcommand arrives at the default one, as an argument. */
const withoutArguments =
  <Options>(action: (options: Options) => Promise<void>) =>
  async (options: Options, { args: [unknown], parent }: Command): Promise<void> => {
    if (unknown !== undefined)
      parent?.error(
        `error: unknown command '${parent.name()} ${unknown}'; see cyberun-mcp ${parent.name()} --help`,
      );
    await action(options);
  };
