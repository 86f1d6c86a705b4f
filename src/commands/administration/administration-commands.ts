import { type Command, Option } from 'commander';

import { jsonOption } from '../client-commands.js';
import type { PrintOptions } from '../client/printing.js';
import type { DoctorOptions } from '../doctor/doctor.command.js';
import type { ApplyOptions } from './apply.command.js';
import type { CreateOptions, ListKeysOptions } from './keys.command.js';
import type { TransferCommandOptions } from './transfer.command.js';

// Each command loads only what it needs.
const keysCommand = () => import('./keys.command.js');

/** The commands that work on the data of the embedded runtime itself, beside a server or without one. */
export function addAdministrationCommands(program: Command): void {
  // The database creates files that all users can read, unless this mask prevents it.
  const restrictNewFiles = (): void => void process.umask(0o077);
  addDoctor(program.command('doctor'));
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
    .addOption(jsonOption())
    .action(async (options: PrintOptions) => (await import('./migrate.command.js')).migrateCommand(options));
}

function addDoctor(doctor: Command): void {
  doctor
    .description(
      'look whether serve can start with these settings, or runs well: ports, folder, database, addresses, clock and more; nothing is changed, and exit code 1 says that a check has failed',
    )
    .addOption(
      new Option('--role <role>', 'what serve is started with')
        .choices(['all', 'mcp', 'runtime'])
        .default('all'),
    )
    .addOption(jsonOption())
    .action(async (options: DoctorOptions) =>
      (await import('../doctor/doctor.command.js')).doctorCommand(options),
    );
}

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
      'what it may do, separated by commas: run (submit and cancel tasks, upload files), invoke (call services), admin (make, list and revoke keys); run,invoke if left out',
    )
    .addOption(new Option('--read-only', 'it may look at everything and do nothing').conflicts('permissions'))
    .addOption(jsonOption())
    .action(async (options: CreateOptions) => (await keysCommand()).createKey(options));
  keys
    .command('list')
    .description('list the keys of every team; secrets are not kept')
    .option('--team <team>', 'list the keys of this team')
    .addOption(jsonOption())
    .action(async (options: ListKeysOptions) => (await keysCommand()).listKeys(options));
  keys
    .command('revoke <id>')
    .description('end a key at once')
    .addOption(jsonOption())
    .action(async (id: string, options: PrintOptions) => (await keysCommand()).revokeKey(id, options));
}

function addTeams(teams: Command): void {
  teams
    .command('create <name>')
    .description('make a team, which sees only its own workflows, tasks, files and agents')
    .addOption(jsonOption())
    .action(async (name: string, options: PrintOptions) => (await keysCommand()).createTeam(name, options));
  teams
    .command('list')
    .description('list the teams')
    .addOption(jsonOption())
    .action(async (options: PrintOptions) => (await keysCommand()).listTeams(options));
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
    .addOption(jsonOption())
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
    .addOption(jsonOption())
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
    .addOption(jsonOption())
    .hook('preAction', restrictNewFiles)
    .action(async (file: string, options: TransferCommandOptions) =>
      (await import('./transfer.command.js')).importCommand(file, options),
    );
}
