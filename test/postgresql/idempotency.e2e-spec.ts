import { afterAll, beforeAll, expect, it } from 'vitest';

import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { databaseSettings } from '../support/shared-postgresql.js';

let nodes: RuntimeServer[];

beforeAll(async () => {
  const env = await databaseSettings('two nodes that share idempotency keys');
  const files = { 'echo.yaml': echoWorkflow('echo') };
  nodes = [await RuntimeServer.start(files, { env }), await RuntimeServer.start(files, { env })];
});
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
});

/** Sends a run to one of the nodes, and returns the status with the id of the task. */
async function run(at: number, key: string, text = 'hi'): Promise<readonly [number, string | undefined]> {
  const node = nodes[at % nodes.length] ?? expect.fail('no node');
  const response = await fetch(`${node.origin}/api/v1/r/workflows/slug/echo/run`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${BOOTSTRAP_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({ parameters: { text } }),
  });
  const { task_id } = (await response.json()) as { task_id?: string };
  return [response.status, task_id];
}
async function count(): Promise<number> {
  return (await nodes[0]?.get('/r/tasks'))?.body.page_meta.total_count as number;
}

it('fifty requests at once with one key at two nodes make one task', async () => {
  const before = await count();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => run(at, 'fifty at two nodes')));
  expect(new Set(answers.map(([status]) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(([, taskId]) => taskId)).size).toBe(1);
  expect(await count()).toBe(before + 1);
});

it('forty requests at once with one key and four inputs at two nodes make one task, and 30 get 409', async () => {
  const before = await count();
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) => run(at, 'four inputs', `input ${Math.floor(at / 2) % 4}`)),
  );
  expect(answers.filter(([status]) => status === 202)).toHaveLength(10);
  expect(answers.filter(([status]) => status === 409)).toHaveLength(30);
  expect(await count()).toBe(before + 1);
});

it('a hundred keys, each sent to both nodes at once, make a hundred tasks', async () => {
  const before = await count();
  const keys = Array.from({ length: 100 }, (_, at) => `intent ${at}`);
  const pairs = await Promise.all(keys.map((key) => Promise.all([run(0, key), run(1, key)])));
  for (const [here, there] of pairs) expect(there).toEqual(here);
  expect(await count()).toBe(before + 100);
});
