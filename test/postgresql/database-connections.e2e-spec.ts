import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { DatabaseServer } from '../../src/runtime/database/database-server.js';
import { openCommandDatabase } from '../../src/runtime/database/index.js';
import { CONNECTION_LIMITS } from '../../src/runtime/database/server-connections.js';
import { DatabaseProxy } from '../support/database-proxy.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';

const nothing = { notified: () => undefined, missed: () => undefined };

let postgresql: PostgresqlServer;
beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
});
afterAll(() => postgresql[Symbol.asyncDispose]());

/** A connection of the test itself. */
async function observer(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url, application_name: 'observer' });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

const connectionsOf = async (client: Client): Promise<string[]> => {
  const { rows } = await client.query<{ query: string }>(
    `select query from pg_stat_activity where datname = current_database() and application_name = 'cyberun-mcp'`,
  );
  return rows.map(({ query }) => query);
};

it('the start stops with a sentence that names a version of PostgreSQL that is too old', async () => {
  const as14 = (answer: string): string => answer.replace(/1[5-9]00\d\d/, '140011');
  await using proxy = await DatabaseProxy.start(await postgresql.newDatabase(), as14);
  await expect(openCommandDatabase({ dataDir: 'none', databaseUrl: proxy.url })).rejects.toThrow(
    'CYBERUN_DATABASE_URL leads to PostgreSQL 14; version 15 or newer is needed. Upgrade it, or name another server.',
  );
});

it('a query that takes too long fails, and the next query does not wait for it', async () => {
  const limits = { ...CONNECTION_LIMITS, query: 300 };
  const database = await DatabaseServer.open(await postgresql.newDatabase(), undefined, limits);
  try {
    const slow = sql`select pg_sleep(600)`;
    await expect(slow.execute(database.db)).rejects.toThrow('cannot be reached');
    await expect(database.db.transaction().execute((tx) => slow.execute(tx))).rejects.toThrow(
      'cannot be reached',
    );
    const { rows } = await sql`select 1 as one`.execute(database.db);
    expect(rows).toEqual([{ one: 1 }]);
  } finally {
    await database.close();
  }
});

it('a start waits for the migrations of another node longer than a query may take', async () => {
  const url = await postgresql.newDatabase();
  await (await DatabaseServer.open(url)).close();
  await using other = await observer(url);
  await using holder = await observer(url);
  await holder.query('begin');
  await holder.query('lock table kysely_migration');
  const limits = { ...CONNECTION_LIMITS, query: 400 };
  const opening = DatabaseServer.open(url, undefined, limits);
  await until(async () => (await connectionsOf(other)).some((query) => query.includes('kysely_migration')));
  await holder.query('select pg_sleep(0.5)');
  await holder.query('commit');
  await expect((await opening).close()).resolves.toBeUndefined();
});

it('a database that stops answering does not keep a process from ending', async () => {
  await using proxy = await DatabaseProxy.start(await postgresql.newDatabase());
  const limits = { ...CONNECTION_LIMITS, close: 200 };
  const database = await DatabaseServer.open(proxy.url, undefined, limits);
  await database.listen('news', nothing);
  proxy.fallSilent();
  const failures = Promise.allSettled([
    sql`select 1`.execute(database.db),
    database.exclusively('work', () => Promise.resolve()),
  ]);
  await database.close();
  expect((await failures).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('no connection is left when the database is closed while the one for notifications is made', async () => {
  const url = await postgresql.newDatabase();
  await using other = await observer(url);
  const database = await DatabaseServer.open(url);
  const listening = database.listen('news', nothing).catch(() => 'closed');
  await database.close();
  expect(await listening).toBe('closed');
  await until(async () => (await connectionsOf(other)).length === 0);
});

it('a statement that comes again is prepared once for a connection, unless a column that is added would break it', async () => {
  const server = await DatabaseServer.open(await postgresql.newDatabase());
  const numbers = [1, 2, 3];
  const prepared = await server.db.connection().execute(async (db) => {
    await sql`create table counted (number integer)`.execute(db);
    await sql`insert into counted values (1), (2), (3)`.execute(db);
    const read = async (): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (const number of numbers) {
        const one = await sql`select number from counted where number = ${number}`.execute(db);
        const every = await sql`select "counted".* from counted where number = ${number}`.execute(db);
        found.push(...one.rows, ...every.rows);
      }
      return found;
    };
    expect(await read()).toEqual(numbers.flatMap((number) => [{ number }, { number }]));
    await sql`alter table counted add column text text`.execute(db);
    expect(await read()).toEqual(numbers.flatMap((number) => [{ number }, { number, text: null }]));
    const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(
      db,
    );
    return rows.map(({ statement }) => statement).filter((statement) => statement.includes('counted'));
  });
  await server.close();
  expect(prepared).toEqual(['select number from counted where number = $1']);
});
