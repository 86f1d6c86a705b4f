import type { Command } from 'commander';
import { expect, it } from 'vitest';

import { commandLine } from '../../src/command-line.js';
import { CLIENT_COMMANDS, clientCommandLine } from '../../src/commands/index.js';
import { commandLinePage } from './command-line-page.js';

it('docs/command-line.md is up to date', async () => {
  await expect(commandLinePage(commandLine())).toMatchFileSnapshot('../../docs/command-line.md');
});

it('the commands that load nothing of a server are those of the client', () => {
  expect(clientCommandLine().commands.map((each) => each.name())).toEqual([...CLIENT_COMMANDS]);
});

/** Commands without `--json`, and why. */
const WITHOUT_JSON: Readonly<Record<string, string>> = {
  serve: 'runs until it is ended; CYBERUN_LOGGER_FORMAT=json makes all that it prints JSON',
  agent: 'runs until it is ended, and prints its log alone',
  completion: 'prints a script for a shell',
};

const commandsOf = (command: Command, path: readonly string[] = []): [string, Command][] =>
  command.commands.length === 0
    ? [[path.join(' '), command]]
    : command.commands.flatMap((each) => commandsOf(each, [...path, each.name()]));

it('every command takes --json, unless it has a reason not to', () => {
  const without = commandsOf(commandLine())
    .filter(([, { options }]) => !options.some(({ long }) => long === '--json'))
    .map(([name]) => name);
  expect(without).toEqual(Object.keys(WITHOUT_JSON));
});
