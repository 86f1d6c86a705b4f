import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const PROGRAM = join(import.meta.dirname, '../e2e/service-support/replica-service.mjs');

let folder: string;
let server: RuntimeServer;
let agents: TestAgent[];

interface ReplicaView {
  readonly replica: number;
  readonly replica_status: string;
  readonly agent_id: string;
  readonly last_exit?: object;
  readonly log_lines?: string[];
}
interface ServiceView {
  readonly service_status: string;
  readonly running_replicas: number;
  readonly replicas: ReplicaView[];
}

const define = (greeting: string): Promise<void> =>
  writeFile(
    join(folder, 'copies.yaml'),
    `slug: copies
command: [node, '${PROGRAM}']
replica_count: 2
env_config: [{ env_name: GREETING, env_value: ${greeting} }, { env_name: SECRET, env_value: s3cr3t-word }]
`,
  );
const view = async (): Promise<ServiceView> => (await server.get('/r/containers/copies')).body as ServiceView;
const agentsOf = async (): Promise<string[]> =>
  (await view()).replicas
    .filter(({ replica_status }) => replica_status === 'running')
    .map(({ agent_id }) => agent_id)
    .sort();
const bothRun = (): Promise<void> => until(async () => (await agentsOf()).length === 2);

const relayed = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.origin}/api/v1/r/containers/copies${path}`, {
    ...init,
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
  });
/** The replica that answers, and the status. */
const call = async (): Promise<{ status: number; replica: string; greeting: string; folder: string }> => {
  const answer = await relayed('/');
  return {
    status: answer.status,
    ...((await answer.json()) as { replica: string; greeting: string; folder: string }),
  };
};
const calls = async (count: number): Promise<string[]> => {
  const replicas: string[] = [];
  for (let made = 0; made < count; made += 1) replicas.push((await call()).replica);
  return replicas;
};

/** Makes calls until the condition holds; every status that they got. */
async function statusesUntil(condition: () => Promise<boolean>): Promise<Set<number>> {
  const statuses = new Set<number>();
  const over = new AbortController();
  const calling = (async () => {
    while (!over.signal.aborted) statuses.add((await relayed('/')).status);
  })();
  await until(condition).finally(() => over.abort());
  await calling;
  return statuses;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  await define('one');
  server = await RuntimeServer.start({}, { env: { CYBERUN_SERVICES_DIR: folder } });
  agents = [
    await TestAgent.start(server, { agentId: 'first' }),
    await TestAgent.start(server, { agentId: 'second' }),
  ];
  await until(async () => (await agentsOf()).join() === 'first,second');
});
afterAll(async () => {
  for (const agent of agents) await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('the replicas of a service run on different agents and take calls in turn', async () => {
  expect(await view()).toMatchObject({ service_status: 'running', running_replicas: 2 });
  const replicas = await calls(6);
  expect([replicas.slice(0, 2).sort(), replicas.slice(2, 4), replicas.slice(4)]).toEqual([
    ['1', '2'],
    replicas.slice(0, 2),
    replicas.slice(0, 2),
  ]);
});

it('a replica that is busy with a long call gets no new calls while another one is free', async () => {
  const gone = new AbortController();
  const held = await relayed('/hold', { signal: gone.signal });
  expect(held.status).toBe(200);
  const meanwhile = new Set(await calls(4));
  expect(meanwhile.size).toBe(1);
  gone.abort();
  await until(async () => new Set(await calls(4)).size === 2);
});

it('calls go to the other replica while one is restarted, also those with a body', async () => {
  const first = await relayed('/die', { method: 'POST' });
  expect([first.status, ((await first.json()) as { error_message: string }).error_message]).toEqual([
    502,
    expect.stringContaining('may have taken effect'),
  ]);
  const statuses = await statusesUntil(async () => (await agentsOf()).length === 1);
  for (let made = 0; made < 4; made += 1)
    statuses.add((await relayed('/count', { method: 'POST', body: 'x'.repeat(100_000) })).status);
  for (const status of await statusesUntil(async () => (await agentsOf()).length === 2)) statuses.add(status);
  expect([...statuses]).toEqual([200]);
});

it('a safe call that breaks at one replica is made at the other one', async () => {
  const before = await view();
  // It ends each replica that gets it: the second one, too.
  const answer = await relayed('/die');
  expect(answer.status).toBe(502);
  await until(async () => {
    const { replicas } = await view();
    const exits = replicas.map(({ last_exit }) => JSON.stringify(last_exit));
    return exits.every((exit, index) => exit !== JSON.stringify(before.replicas[index]?.last_exit));
  });
  await bothRun();
});

it('a replica that was restarted shows how it ended and what it wrote before and after, without secrets', async () => {
  const { replicas } = await view();
  for (const { last_exit, log_lines, replica } of replicas) {
    expect(last_exit).toEqual({
      reason: 'ended by SIGKILL',
      signal: 'SIGKILL',
      exited_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(log_lines?.slice(-4)).toEqual([
      `replica ${replica} begins with [hidden]`,
      'about to end',
      '[ended: ended by SIGKILL]',
      `replica ${replica} begins with [hidden]`,
    ]);
  }
  const [listed] = (await server.get('/r/containers')).body.service_list;
  expect(listed.replicas).toBeUndefined();
});

it('the replica of an agent that is lost moves to another agent, and back to spread when it returns', async () => {
  await agents[1]?.stop();
  await until(async () => (await agentsOf()).join() === 'first,first');
  const folders = new Set([(await call()).folder, (await call()).folder]);
  expect(folders.size).toBe(2);
  agents.push(await TestAgent.start(server, { agentId: 'second' }));
  const statuses = await statusesUntil(async () => (await agentsOf()).join() === 'first,second');
  expect([...statuses]).toEqual([200]);
});

it('a changed service is restarted replica by replica, so that no call fails', async () => {
  await define('two');
  const statuses = await statusesUntil(async () => {
    await bothRun();
    return (await Promise.all([call(), call(), call(), call()])).every(({ greeting }) => greeting === 'two');
  });
  expect([...statuses]).toEqual([200]);
});

it('a service with fewer replicas than before keeps the first ones', async () => {
  await writeFile(join(folder, 'copies.yaml'), `slug: copies\ncommand: [node, '${PROGRAM}']\n`);
  await until(async () => {
    const { replicas } = await view();
    return replicas.length === 1 && replicas[0]?.replica_status === 'running';
  });
  expect(new Set(await calls(3))).toEqual(new Set(['1']));
});
