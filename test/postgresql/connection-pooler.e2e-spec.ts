import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openCommandDatabase } from '../../src/runtime/database/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { Pgbouncer } from '../support/pgbouncer.js';
import { PostgresqlServer } from '../support/postgresql-server.js';

let postgresql: PostgresqlServer;
beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
});
afterAll(() => postgresql[Symbol.asyncDispose]());

it('behind a pooler in transaction mode the start stops with a sentence that says what to do, and makes no table', async () => {
  const url = await postgresql.newDatabase();
  await using pooler = await Pgbouncer.start(url, 'transaction');
  const { host, pathname } = new URL(pooler.url);
  await expect(openCommandDatabase({ dataDir: 'none', databaseUrl: pooler.url })).rejects.toThrow(
    `CYBERUN_DATABASE_URL leads to ${host}${pathname}, but notifications of PostgreSQL (LISTEN) do not arrive from there. A connection pooler that shares sessions, such as pgbouncer with pool_mode = transaction, loses them, and locks too. Name the PostgreSQL server itself, or a pooler with pool_mode = session.`,
  );
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(`select from pg_tables where schemaname in ('public', 'pgboss')`);
  await client.end();
  expect(rows).toEqual([]);
});

it('behind a pooler in session mode two nodes notify one another, and a lock ends with its holder', async () => {
  await using pooler = await Pgbouncer.start(await postgresql.newDatabase(), 'session');
  const env = { CYBERUN_DATABASE_URL: pooler.url };
  const files = { 'leave.yaml': shellWorkflow('leave', 'echo left > output/a.txt') };
  await using one = await RuntimeServer.start(files, { env });
  await using other = await RuntimeServer.start(files, { env });
  await using _agent = await TestAgent.start(other);
  const events = await one.events(await one.submit('leave', {}));
  expect(events.at(-1)?.data['status']).toBe('completed');
  const command = () => openCommandDatabase({ dataDir: 'none', databaseUrl: pooler.url });
  const [first, second] = [await command(), await command()];
  const atOnce = (): Promise<string | undefined> => second.tryExclusively('work', async () => 'twice');
  expect(await first.tryExclusively('work', async () => (await atOnce()) ?? 'refused')).toBe('refused');
  expect(await second.tryExclusively('work', async () => 'later')).toBe('later');
  await Promise.all([first.close(), second.close()]);
});
