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
