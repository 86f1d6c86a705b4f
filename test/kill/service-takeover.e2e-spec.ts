import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { KEY, Storm } from './storm.js';

const REPLICAS = 2;

/** A service that writes the id of each process to a file. */
const program = (trace: string): string => `
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
appendFileSync('${trace}', process.pid + '\\n');
createServer((request, response) => response.end(String(process.pid))).listen(process.env.PORT, '127.0.0.1');
`;
const DEFINITION = `slug: pids
command: [node, pids.mjs]
replica_count: ${REPLICAS}
required_labels: [storm]
`;

/** A service with calls that never end: one streams, one gives no answer. It says how many are open. */
const HOLDING = `
import { createServer } from 'node:http';
let open = 0;
createServer(({ url }, response) => {
  if (url === '/open') return response.end(JSON.stringify({ open, pid: process.pid }));
  open += 1;
  response.once('close', () => (open -= 1));
  if (url === '/stream') response.write('begun');
  else if (url !== '/silent') response.end();
}).listen(process.env.PORT, '127.0.0.1');
`;
const HOLDING_DEFINITION = `slug: holding
command: [node, holding.mjs]
health_path: /open
required_labels: [storm]
`;

let traces: string;
let trace: string;
let storm: Storm;

beforeAll(async () => {
  traces = await mkdtemp(join(tmpdir(), 'cyberun-pids-'));
  trace = join(traces, 'pids.txt');
  storm = await Storm.start({
    'pids.yaml': DEFINITION,
    'pids.mjs': program(trace),
    'holding.yaml': HOLDING_DEFINITION,
    'holding.mjs': HOLDING,
  });
});
afterAll(async () => {
  await storm[Symbol.asyncDispose]();
  await rm(traces, { recursive: true, force: true });
});

const at = (origin: string, path: string, slug = 'pids'): Promise<Response> =>
  fetch(`${origin}/api/v1/r/containers/${slug}${path}`, { headers: { authorization: `Bearer ${KEY}` } });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('services of a node that is killed go on at the other one, and never run more often than wanted', async () => {
  const instances = async (): Promise<number[]> =>
    (await readFile(trace, 'utf8').catch(() => '')).trim().split('\n').map(Number).filter(isAlive);
  let most = 0;
  /** Every node shows both replicas as running, and a call at each of them succeeds. */
  const serve = async (): Promise<boolean> => {
    most = Math.max(most, (await instances()).length);
    for (const origin of storm.origins) {
      const { running_replicas } = (await (await at(origin, '')).json()) as { running_replicas: number };
      if (running_replicas !== REPLICAS) return false;
      if ((await at(origin, '/')).status !== 200) return false;
    }
    return true;
  };
  await until(serve);
  const before = new Set(await instances());
  for (const node of storm.victims.filter(({ kind }) => kind === 'node')) {
    await node.kill();
    await until(async () => (await serve()) && (await instances()).length === REPLICAS);
  }
  const pids = new Set<string>();
  for (let calls = 0; calls < 2 * REPLICAS; calls += 1)
    pids.add(await (await at(storm.origins[calls % 2] ?? '', '/')).text());
  expect(new Set([...pids].map(Number))).toEqual(new Set(await instances()));
  expect((await instances()).some((pid) => !before.has(pid))).toBe(true);
  expect(most).toBeLessThanOrEqual(REPLICAS);
});

/** The index of the node that has the agent of the service. */
async function holder(): Promise<number> {
  const client = new Client({ connectionString: storm.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ url: string }>(
    `select url from service_replica join runtime_node on id = node_id where service_slug = 'holding'`,
  );
  await client.end();
  const portOf = (url = ''): string => new URL(url).port;
  return storm.origins.findIndex((origin) => portOf(origin) === portOf(rows[0]?.url));
}

/** Sockets of the process that started another one: those of an agent, by the process of its service. */
async function socketsOfParent(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  const folder = `/proc/${parent}/fd`;
  const targets = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith('socket:')).length;
}

/** Two calls that go on, made at one node: one has begun to answer, one has not. */
async function calls(origin: string) {
  const streaming = await at(origin, '/stream', 'holding');
  const silent = at(origin, '/silent', 'holding');
  const streamed = streaming.text();
  // Looked at below.
  for (const each of [silent, streamed]) each.catch(() => undefined);
  return { status: streaming.status, silent, streamed };
}

it('a forwarded call ends at its client, at the service and in the agent when either of its nodes is killed', async () => {
  const seenAt = async (node: number): Promise<{ open: number; pid: number }> =>
    (await (await at(storm.origins[node] ?? '', '/open', 'holding')).json()) as never;
  const isServed = async (node: number, wanted: number): Promise<boolean> =>
    (await seenAt(node)).open === wanted;
  await until(async () => (await isServed(0, 0)) && (await isServed(1, 0)));
  const nodes = storm.victims.filter(({ kind }) => kind === 'node');
  const back = await holder();
  const front = 1 - back;
  const { pid } = await seenAt(front);
  const before = await socketsOfParent(pid);
  expect(before).toBeGreaterThan(0);

  // The node that took the calls: agent and service are not touched, and let go of the calls.
  const first = await calls(storm.origins[front] ?? '');
  expect(first.status).toBe(200);
  await until(() => isServed(back, 2));
  await nodes[front]?.kill();
  await expect(first.silent).rejects.toThrow('fetch failed');
  await expect(first.streamed).rejects.toThrow('terminated');
  await until(() => isServed(back, 0));
  expect(await seenAt(back)).toEqual({ open: 0, pid });
  await until(async () => (await socketsOfParent(pid)) === before);

  // The node that has the agent: the other one says what happened, and the service starts again.
  await until(() => isServed(front, 0));
  expect(await holder()).toBe(back);
  const second = await calls(storm.origins[front] ?? '');
  expect(second.status).toBe(200);
  await until(() => isServed(front, 2));
  const killed = nodes[back]?.kill();
  const answer = await second.silent;
  expect([answer.status, await answer.json()]).toEqual([
    502,
    {
      error_message:
        'The connection to service "holding" failed before it answered. The call may have taken effect. If the service has ended, its last_failure says why.',
    },
  ]);
  await expect(second.streamed).rejects.toThrow('terminated');
  await killed;
  await until(async () => (await isServed(front, 0)) && (await isServed(back, 0)));
  expect((await seenAt(front)).pid).not.toBe(pid);
  await until(() => Promise.resolve(!isAlive(pid)));
});
