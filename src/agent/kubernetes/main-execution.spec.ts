import { text } from 'node:stream/consumers';

import { expect, it } from 'vitest';

import type { ContainerStep } from '../runs/executor.js';
import { MainExecution } from './main-execution.js';

const step: ContainerStep = {
  kind: 'container',
  name: 'train',
  container: { image: 'trainer:1', pull_policy: 'ifNotPresent', volumes: [], resources: {} },
  arguments: [],
  environment: {},
};

it('what is told of a container is the output and the end of a program', async () => {
  const main = new MainExecution();
  const { streams, exited } = await main.start(step);
  const outputs = streams.map((stream) => text(stream));
  await main.tell({ type: 'output', text: 'epoch 1\n', time: '1' });
  await main.tell({ type: 'output', text: 'epoch 2\n', time: '2' });
  await main.tell({ type: 'ended', exit_code: 3 });
  await main.tell({ type: 'output', text: 'late\n', time: '3' });
  expect(await exited).toEqual({ exitCode: 3, reason: undefined });
  expect(await Promise.all(outputs)).toEqual(['epoch 1\nepoch 2\n']);
});

it('output waits while it is not read', async () => {
  const main = new MainExecution();
  let isTaken = false;
  const telling = main
    .tell({ type: 'output', text: 'x'.repeat(1024 * 1024), time: '1' })
    .then(() => (isTaken = true));
  await new Promise((resolve) => void setImmediate(resolve));
  expect(isTaken).toBe(false);
  const reading = text(main.streams[0] ?? process.stdin);
  await telling;
  await main.end();
  expect((await reading).length).toBe(1024 * 1024);
});

it('an execution that is ended has ended once', async () => {
  const main = new MainExecution();
  await main.end();
  await main.tell({ type: 'ended', exit_code: 0 });
  expect(await main.exited).toEqual({ exitCode: undefined, reason: 'its agent' });
});

it('a container that could not start fails its step with the reason', async () => {
  const main = new MainExecution();
  const { exited } = await main.start(step);
  await main.tell({ type: 'unstartable', reason: 'exec: "train": executable file not found in $PATH' });
  await expect(exited).rejects.toThrow(
    'Step train cannot start: exec: "train": executable file not found in $PATH.',
  );
});
