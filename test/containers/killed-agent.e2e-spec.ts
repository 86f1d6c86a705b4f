import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CredentialsService } from '../../src/runtime/credentials/index.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';
import { IMAGE, PodmanService } from './podman-service.js';

const SLEEP = `document: { dsl: '1.0.0', namespace: tests, name: sleep, version: '1.0.0' }
do: [{ work: { run: { container: { image: '${IMAGE}', command: sleep 1000 } } } }]
`;
const SERVICE = `slug: sleeper\ndocker_image: ${IMAGE}\ncommand: [sleep, '1000']\n`;

it('an agent that was killed leaves its containers to its successor, which removes them', async () => {
  const [workDir = '', folder = ''] = ['agent', 'services'].map((name) =>
    mkdtempSync(join(tmpdir(), `cyberun-killed-${name}-`)),
  );
  onTestFinished(() => [workDir, folder].forEach((path) => rmSync(path, { recursive: true, force: true })));
  writeFileSync(join(folder, 'sleeper.yaml'), SERVICE);
  await using podman = await PodmanService.start();
  await using server = await RuntimeServer.start(
    { 'sleep.yaml': SLEEP },
    { env: { CYBERUN_SERVICES_DIR: folder } },
  );
  const start = (): ChildProcess => {
    const options = { id: 'killed', 'work-dir': workDir, 'drain-seconds': '0' };
    const flags = Object.entries({
      ...options,
      gateway: server.origin,
      'container-socket': podman.options.socket,
    });
    const args = flags.flatMap(([flag, value]) => [`--${flag}`, value]);
    const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], CYBERUN_AGENT_KEY: key };
    const child = spawn(process.execPath, [packagePaths.entry, 'agent', ...args], { env, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  const runningIds = (): string[] => podman.containers('status=running');

  const first = start();
  const task = await server.submit('sleep', {});
  await until(async () => runningIds().length === 2);
  const left = runningIds();
  await end(first, 'SIGKILL');
  expect(runningIds()).toEqual(left);

  const successor = start();
  await until(async () => !podman.containers().some((id) => left.includes(id)) && runningIds().length === 2);
  const again = await server.get(`/r/tasks/${task}`);
  expect(again.body.task_status).toBe('running');

  await end(successor, 'SIGTERM');
  expect(podman.containers()).toEqual([]);
});
