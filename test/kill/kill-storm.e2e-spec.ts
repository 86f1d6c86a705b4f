import { setTimeout as delay } from 'node:timers/promises';

import { Client } from 'pg';
import { expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { KEY, Storm } from './storm.js';

const TASKS = Number(process.env['KILL_TASKS'] ?? 200);
const KILLS = Number(process.env['KILL_COUNT'] ?? 6);
const RESTARTS = 2;

/** Submits until it is accepted; the same intent makes one task, however often it is repeated. */
async function submit(storm: Storm, number: number): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const origin = storm.origins[(number + tries) % storm.origins.length] ?? '';
    const response = await fetch(`${origin}/api/v1/r/workflows/slug/trace/run`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        'idempotency-key': `storm-${number}`,
      },
      body: JSON.stringify({ parameters: { number } }),
    }).catch(() => undefined);
    const body = (await response?.json().catch(() => undefined)) as { task_id?: string } | undefined;
    if (response?.status === 202 && body?.task_id !== undefined) return body.task_id;
    await delay(200);
  }
}

/** Rows of a query, with a connection of its own; the database may be away. */
async function rowsOf<Row extends object>(storm: Storm, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: storm.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

const heldBy = (storm: Storm, agentId: string): Promise<{ id: string }[]> =>
  rowsOf(storm, `select id from task where agent_id = '${agentId}' and task_status in ('queued', 'running')`);

it(`${TASKS} accepted tasks all end once while every process is killed in turn and the database restarts`, async () => {
  await using storm = await Storm.start();
  const began = Date.now();
  let next = 0;
  const accepted: string[] = [];
  const submitting = Promise.all(
    Array.from({ length: 16 }, async () => {
      while (next < TASKS) {
        next += 1;
        accepted.push(await submit(storm, next));
      }
    }),
  );
  /** Tasks that an agent had when it was killed: they may run again. */
  const cut = new Set<string>();
  let agentKills = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await delay(1500);
    const victim = storm.victims[kill % storm.victims.length];
    if (victim?.kind === 'agent') {
      agentKills += 1;
      // Before and after: what it takes in between is cut, too.
      for (const { id } of await heldBy(storm, victim.name)) cut.add(id);
      const killed = victim.kill();
      for (const { id } of await heldBy(storm, victim.name)) cut.add(id);
      await killed;
    } else await victim?.kill();
    if ((kill + 1) % Math.ceil(KILLS / RESTARTS) === 0) {
      await storm.postgresql.stop();
      await delay(1000);
      await storm.postgresql.start();
    }
  }
  await submitting;
  const open = `select id from task where task_status not in ('completed', 'failed', 'cancelled')`;
  await until(async () => (await rowsOf(storm, open)).length === 0, 300_000);
  const ended = await rowsOf<{ id: string; task_status: string }>(storm, 'select id, task_status from task');
  const runs = await storm.runs();
  const repeated = accepted.filter((id) => (runs.get(id) ?? 0) > 1);
  const unexplained = repeated.filter((id) => !cut.has(id));
  const duplicates = ended.length - new Set(accepted).size;
  const lost = accepted.filter(
    (id) => !ended.some((task) => task.id === id && task.task_status === 'completed'),
  );
  console.log(
    [
      `${TASKS} tasks, ${KILLS} kills (${agentKills} of agents), ${RESTARTS} restarts of the database, ${((Date.now() - began) / 1000).toFixed(0)} s:`,
      `accepted ${accepted.length}, completed ${ended.filter(({ task_status }) => task_status === 'completed').length}, lost ${lost.length},`,
      `duplicates ${duplicates}, repeated ${repeated.length} (after agent kills ${repeated.length - unexplained.length}, else ${unexplained.length})`,
    ].join(' '),
  );
  expect(new Set(accepted).size).toBe(TASKS);
  expect(lost).toEqual([]);
  expect(duplicates).toBe(0);
  expect(unexplained).toEqual([]);
});
