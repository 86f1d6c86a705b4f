import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CredentialsService } from '../../src/runtime/credentials/index.js';
import { LocalAgent } from '../../src/runtime/index.js';
import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { inherited } from '../support/command-line.js';
import { processesOfTasks, until } from '../support/processes.js';
import { FLAGS } from '../support/setup.js';

let folder: string;
let server: RuntimeServer;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-agent-end-'));
  const command = `echo begun >> ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.1; done`;
  server = await RuntimeServer.start(
    { 'work.yaml': shellWorkflow('work', command) },
    { env: { CYBERUN_AGENT_DRAIN_SECONDS: '600' } },
  );
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(join(folder, 'go'), { force: true });
  await rm(join(folder, 'begun'), { force: true });
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const begun = async (): Promise<number> =>
  (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;
const agentStatus = async (): Promise<string | undefined> =>
  (await server.get('/r/agents')).body.agent_list[0]?.agent_status;

/** An agent as a service manager starts it, by a file of options. */
async function startAgent(): Promise<ChildProcess> {
  const file = join(folder, 'agent.yaml');
  const key = server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey();
  await writeFile(join(folder, 'agent.key'), `${key}\n`);
  await writeFile(
    file,
    `{ gateway: '${server.origin}', key_file: agent.key, id: a1, labels: [local], work_dir: work, cache_dir: cache, drain_seconds: 600 }`,
  );
  const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, 'agent', '--config', file], {
    env: { ...inherited(), CYBERUN_LOGGER_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.add(child);
  await until(async () => (await agentStatus()) === 'idle');
  return child;
}

it('an agent that gets SIGTERM finishes its run and exits, and ends at once at a second signal', async () => {
  const first = await startAgent();
  const finished = await server.submit('work', {});
  await until(async () => (await begun()) === 1);
  const firstExit = once(first, 'exit');
  first.kill('SIGTERM');
  await until(async () => (await agentStatus()) === 'draining');
  await writeFile(join(folder, 'go'), '');
  expect(await firstExit).toEqual([0, null]);
  expect(await task(finished)).toMatchObject({ task_status: 'completed', attempt_count: 1 });

  await rm(join(folder, 'go'));
  const second = await startAgent();
  const returned = await server.submit('work', {});
  await until(async () => (await begun()) === 2);
  const secondExit = once(second, 'exit');
  second.kill('SIGTERM');
  await until(async () => (await agentStatus()) === 'draining');
  second.kill('SIGINT');
  expect(await secondExit).toEqual([0, null]);
  await until(async () => (await task(returned)).task_status === 'waiting');
  expect(await processesOfTasks([returned])).toEqual([]);
  expect(await task(returned)).toMatchObject({ interrupted_count: 0, retry_count: 0 });
  await server.call('POST', `/r/tasks/${returned}/cancel`);
});

it('the local agent finishes its run before the server closes', async () => {
  const local = server.app.get(LocalAgent, { strict: false });
  await local.start(0o022);
  await until(async () => (await agentStatus()) === 'idle');
  const id = await server.submit('work', {});
  await until(async () => (await begun()) === 1);
  const drained = local.drain();
  await until(async () => (await agentStatus()) === 'draining');
  await writeFile(join(folder, 'go'), '');
  await drained;
  expect(await task(id)).toMatchObject({ task_status: 'completed', attempt_count: 1 });
});
