import { expect, it } from 'vitest';

import { fitsSecret, mainProgramOf } from './main-program.js';

const from = (key: string) => ({ secretKeyRef: { name: 'cy-1-1', key } });

it('a command is run by the shell of the image, with its arguments as $1 and so on', () => {
  const program = mainProgramOf(
    { command: 'echo "$1" $(date) $$', words: ['one', '$(HOME)'], environment: { MODE: 'fast' } },
    'cy-1-1',
  );
  expect(program).toEqual({
    command: [
      '/bin/sh',
      '-e',
      '-c',
      '$(CYBERUN_STEP_COMMAND)',
      'sh',
      '$(CYBERUN_STEP_ARGUMENT_1)',
      '$(CYBERUN_STEP_ARGUMENT_2)',
    ],
    env: [
      { name: 'MODE', valueFrom: from('main-1') },
      { name: 'CYBERUN_STEP_COMMAND', valueFrom: from('main-2') },
      { name: 'CYBERUN_STEP_ARGUMENT_1', valueFrom: from('main-3') },
      { name: 'CYBERUN_STEP_ARGUMENT_2', valueFrom: from('main-4') },
    ],
    secret: { 'main-1': 'fast', 'main-2': 'echo "$1" $(date) $$', 'main-3': 'one', 'main-4': '$(HOME)' },
  });
});

it('without a command the program of the image runs, with the arguments of the step or its own', () => {
  expect(mainProgramOf({ words: ['--epochs', '3'], environment: {} }, 'cy-1-1')).toMatchObject({
    args: ['$(CYBERUN_STEP_ARGUMENT_1)', '$(CYBERUN_STEP_ARGUMENT_2)'],
    secret: { 'main-1': '--epochs', 'main-2': '3' },
  });
  expect(mainProgramOf({ words: [], environment: {} }, 'cy-1-1')).toEqual({ env: [], secret: {} });
});

it('nothing of a step is in what users who read pods can see', () => {
  const { secret: _secret, ...visible } = mainProgramOf(
    { command: 'the command', words: ['the word'], environment: { KEY: 'the secret' } },
    'cy-1-1',
  );
  expect(JSON.stringify(visible)).not.toContain('the ');
});

it('a variable of a step replaces neither its command nor its arguments', () => {
  const environment = { CYBERUN_STEP_COMMAND: 'other', CYBERUN_STEP_ARGUMENT_1: 'other' };
  const { env, secret } = mainProgramOf({ command: 'echo "$1"', words: ['one'], environment }, 'cy-1-1');
  expect(env.map(({ name }) => name)).toEqual(['CYBERUN_STEP_COMMAND', 'CYBERUN_STEP_ARGUMENT_1']);
  expect(Object.values(secret)).toEqual(['echo "$1"', 'one']);
});

it('whether the values of a step fit into a Secret is known, by their bytes', () => {
  const ofSize = (characters: number) =>
    mainProgramOf({ words: ['ä'.repeat(characters)], environment: {} }, 'cy-1-1');
  expect(fitsSecret(ofSize(480 * 1024))).toBe(true);
  expect(fitsSecret(ofSize(480 * 1024 + 1))).toBe(false);
});
