import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { TEAM_ID } from '../../src/runtime/database/index.js';
import { processesOfTasks, until } from '../support/processes.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

let folder: string;
let server: RuntimeServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-drain-'));
  // Ends once the test has made a file, so that no test depends on time.
  const command = `echo begun >> ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.1; done`;
  server = await RuntimeServer.start({
    'work.yaml': shellWorkflow('work', command),
    'other.yaml': shellWorkflow('other', 'true', { labels: 'other' }),
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(join(folder, 'go'), { force: true });
  await rm(join(folder, 'begun'), { force: true });
});

const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const agents = async () => (await server.get('/r/agents')).body.agent_list as Record<string, unknown>[];
const begun = async (): Promise<number> =>
  (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;
const isDraining = async (): Promise<boolean> =>
  (await agents()).some(({ agent_status }) => agent_status === 'draining');

it('a draining agent takes no further runs, finishes those it has, and leaves', async () => {
  await using agent = await TestAgent.start(server, { drainSeconds: 600 });
  const running = await server.submit('work', {});
  await until(async () => (await begun()) === 1);
  agent.drain();
  await until(isDraining);
  const next = await server.submit('work', {});
  await until(async () => (await task(next)).task_status === 'waiting');
  await writeFile(join(folder, 'go'), '');
  await agent.ended;
  expect(await task(running)).toMatchObject({ task_status: 'completed', attempt_count: 1 });
  await until(async () => (await agents()).length === 0);
  expect(await task(next)).toMatchObject({ task_status: 'waiting', attempt_count: 0 });
  await using _other = await TestAgent.start(server, { agentId: 'agent-2' });
  await until(async () => (await task(next)).task_status === 'completed');
});

it.each([
  ['at the end of its grace', { drainSeconds: 1 }, () => undefined],
  ['at a second signal', { drainSeconds: 600 }, (agent: TestAgent) => void agent.stop()],
])(
  'an agent gives back %s what it has not finished, and another one repeats it at once',
  async (_when, wanted, hurry) => {
    await using agent = await TestAgent.start(server, wanted);
    const id = await server.submit('work', {});
    await until(async () => (await begun()) === 1);
    agent.drain();
    await until(isDraining);
    hurry(agent);
    await agent.ended;
    expect(await processesOfTasks([id])).toEqual([]);
    await until(async () => (await task(id)).task_status === 'waiting');
    await using _other = await TestAgent.start(server, { agentId: 'agent-2' });
    await writeFile(join(folder, 'go'), '');
    await until(async () => (await task(id)).task_status === 'completed');
    expect(await task(id)).toMatchObject({
      agent_id: 'agent-2',
      attempt_count: 2,
      interrupted_count: 0,
      retry_count: 0,
    });
    const messages = (await server.events(id)).map(({ data }) => data['message']);
    expect(messages).toContain('its agent ended and gave the run back; it starts again');
    expect(await begun()).toBe(2);
  },
);

it('an agent that has nothing to do leaves as soon as it is drained', async () => {
  await using agent = await TestAgent.start(server, { drainSeconds: 600 });
  agent.drain();
  await expect(agent.ended).resolves.toBeUndefined();
  await until(async () => (await agents()).length === 0);
});

it('a task may be given back any number of times, and its interruptions are still counted', async () => {
  const agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }), ['other']);
  await agent.connect();
  const id = await server.submit('other', {});
  for (let time = 0; time < 11; time += 1) await server.runs.returned(await agent.take());
  await server.runs.interrupted(await agent.take());
  await server.runs.failed(await agent.take(), 'exit code 1');
  expect(await task(id)).toMatchObject({
    task_status: 'failed',
    attempt_count: 13,
    interrupted_count: 1,
    retry_count: 0,
  });
});
