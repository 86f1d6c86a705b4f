import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import type { PgBoss } from 'pg-boss';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { type Database, defaultTeamId, openDatabase, uuidV7 } from '../../src/runtime/database/index.js';
import { type Claim, Engine, queueName } from '../../src/runtime/engine/engine.js';
import { initialiseDatabase } from '../support/initialised-database.js';
import { databaseSettings } from '../support/shared-postgresql.js';

let folder: string;
let database: Database;
let engine: Engine;
let teamId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-database-'));
  const { CYBERUN_DATABASE_URL: databaseUrl } = await databaseSettings(folder);
  if (databaseUrl === undefined) initialiseDatabase(folder);
  database = await openDatabase({ dataDir: folder, databaseUrl });
  teamId = await defaultTeamId(database.db);
  engine = new Engine(database);
  await engine.start();
});
afterAll(async () => {
  await engine.stop();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const notify = (payload: string): Promise<unknown> =>
  sql`select pg_notify('test', ${payload})`.execute(database.db);

const slugs = async (): Promise<string[]> =>
  (await database.db.selectFrom('team').select('team_slug').execute()).map(({ team_slug }) => team_slug);

it('the database keeps transactions that run at the same time apart', async () => {
  const add = (team_slug: string, fails: boolean): Promise<void> =>
    database.db.transaction().execute(async (tx) => {
      await tx.insertInto('team').values({ id: uuidV7(), team_slug }).execute();
      await new Promise((resolve) => setImmediate(resolve));
      if (fails) throw new Error('no');
    });
  const work = Array.from({ length: 20 }, (_, index) => add(`team-${index}`, index % 2 === 0));
  const outside = database.db.selectFrom('team').selectAll().execute();
  await Promise.allSettled([...work, outside]);
  const kept = (await slugs()).filter((slug) => slug.startsWith('team-'));
  expect(kept).toHaveLength(10);
  expect(kept.every((slug) => Number(slug.slice(5)) % 2 === 1)).toBe(true);
});

const VALUES = sql<object>`select ${'a'}::text as text, ${7}::integer as number, ${null}::text as nothing, ${true}::boolean as yes,
  ${['x', 'y z', '"']}::text[] as list, ${'{"a": [1, null]}'}::json as object, ${'{"a": 1}'}::jsonb as binary,
  ${new Date(0)}::timestamptz as date, ${'00000000-0000-7000-8000-000000000001'}::uuid as id,
  ${Buffer.from([0, 1, 255])}::bytea as bytes, ${1.5}::float8 as float`;

it('a query returns the same values when it is repeated', async () => {
  const results = [];
  while (results.length < 4) results.push((await VALUES.execute(database.db)).rows);
  const [first] = results;
  expect(first).toMatchObject([
    { text: 'a', number: 7, nothing: null, yes: true, list: ['x', 'y z', '"'], object: { a: [1, null] } },
  ]);
  expect(first).toMatchObject([{ binary: { a: 1 }, date: new Date(0), float: 1.5 }]);
  for (const result of results) expect(result).toEqual(first);
});

it('an error of a repeated query fails only its transaction', async () => {
  const toNumber = (text: string) => sql<{ n: number }>`select ${text}::integer as n`;
  for (const text of ['1', '2', '3']) await toNumber(text).execute(database.db);
  const failing = database.db.transaction().execute(async (tx) => {
    await tx.insertInto('team').values({ id: uuidV7(), team_slug: 'never-there' }).execute();
    await toNumber('x').execute(tx);
  });
  await expect(failing).rejects.toThrow('invalid input syntax for type integer: "x"');
  await expect(toNumber('y').execute(database.db)).rejects.toThrow('"y"');
  expect((await toNumber('4').execute(database.db)).rows).toEqual([{ n: 4 }]);
  const slugs = await database.db.selectFrom('team').select('team_slug').execute();
  expect(slugs.map(({ team_slug }) => team_slug)).not.toContain('never-there');
});

it('a repeated query returns the columns that a table got in between', async () => {
  const { db } = database;
  await sql`create table changing (a integer)`.execute(db);
  await sql`insert into changing values (1)`.execute(db);
  const all = sql<object>`select * from changing`;
  for (let turn = 0; turn < 3; turn += 1) expect((await all.execute(db)).rows).toEqual([{ a: 1 }]);
  await sql`alter table changing add column b integer default 2`.execute(db);
  expect((await all.execute(db)).rows).toEqual([{ a: 1, b: 2 }]);
  await sql`drop table changing`.execute(db);
});

it('a repeated change counts the rows that it changed', async () => {
  const { db } = database;
  await sql`create table counted (a integer)`.execute(db);
  for (const rows of [1, 2, 3]) {
    const added = await sql`insert into counted select generate_series(1, ${rows}::integer)`.execute(db);
    expect(Number(added.numAffectedRows)).toBe(rows);
  }
  const removed = await sql`delete from counted where a = ${1}`.execute(db);
  expect(Number(removed.numAffectedRows)).toBe(3);
  expect(Number((await sql`delete from counted where a = ${2}`.execute(db)).numAffectedRows)).toBe(2);
  await sql`drop table counted`.execute(db);
});

it('the database notifies its listeners until they stop', async () => {
  const received: string[] = [];
  const stop = await database.listen('test', {
    notified: (payload) => received.push(payload),
    missed: () => undefined,
  });
  await notify('one');
  await vi.waitFor(() => expect(received).toEqual(['one']), { timeout: 60_000 });
  await stop();
  await notify('two');
  expect(received).toEqual(['one']);
});

const need = (...labels: string[]) => ({ teamId, labels });
const enqueue = async (rank: number, ...labels: string[]): Promise<string> => {
  const taskId = uuidV7();
  await engine.prepare(need(...labels));
  await database.db.transaction().execute((tx) => engine.enqueue(tx, taskId, need(...labels), rank));
  return taskId;
};
const claim = async (limit: number, ...labels: string[]): Promise<Claim[]> => {
  const { rows } = await engine.claiming(need(...labels), limit).execute(database.db);
  return rows
    .toSorted((one, other) => other.priority - one.priority)
    .map(({ id, attempt }) => ({ ...need(...labels), taskId: id, attempt }));
};

it('the queue forgets a job whose transaction failed', async () => {
  await engine.prepare(need('rolled-back'));
  const failing = database.db.transaction().execute(async (tx) => {
    await engine.enqueue(tx, uuidV7(), need('rolled-back'), 1);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await claim(5, 'rolled-back')).toEqual([]);
});

it('the queue gives a job to one claim, and again after "again", with the next attempt', async () => {
  const taskId = await enqueue(1, 'a', 'b');
  const [first] = await claim(5, 'b', 'a');
  expect(first).toMatchObject({ taskId, attempt: 1 });
  expect(await claim(5, 'a', 'b')).toEqual([]);
  if (!first) return;
  await database.db.transaction().execute((tx) => engine.settle(tx, first, 'again'));
  const [second] = await claim(5, 'a', 'b');
  expect(second).toMatchObject({ taskId, attempt: 2 });
  // Void by now: it must not end the second claim.
  await database.db.transaction().execute((tx) => engine.settle(tx, first, 'again'));
  expect(await claim(5, 'a', 'b')).toEqual([]);
  await database.db.transaction().execute((tx) => engine.cancel(tx, taskId, need('b', 'a')));
  expect(await claim(5, 'a', 'b')).toEqual([]);
});

it('a claim takes no more jobs than asked for, the lowest rank first, and one that runs again before all others', async () => {
  const [third, first, second] = [
    await enqueue(3, 'ranked'),
    await enqueue(1, 'ranked'),
    await enqueue(2, 'ranked'),
  ];
  const [again, next] = await claim(2, 'ranked');
  expect([again?.taskId, next?.taskId]).toEqual([first, second]);
  if (!again) return;
  await database.db.transaction().execute((tx) => engine.settle(tx, again, 'again'));
  expect((await claim(5, 'ranked')).map(({ taskId }) => taskId)).toEqual([first, third]);
  // Often enough for a plan that is kept.
  for (let rank = 1; rank <= 16; rank += 1) await enqueue(rank, 'many');
  for (let round = 1; round <= 8; round += 1) expect(await claim(2, 'many')).toHaveLength(2);
});

it('the queue names the queues that have a job to claim, and no others', async () => {
  await enqueue(1, 'claimable');
  await enqueue(1, 'claimed');
  const [claimed] = await claim(1, 'claimed');
  const later = await enqueue(1, 'later');
  const [waiting] = await claim(1, 'later');
  expect(waiting?.taskId).toBe(later);
  if (!claimed || !waiting) return;
  await database.db.transaction().execute((tx) => engine.settle(tx, waiting, 'again', 3600));
  const names = (await engine.claimable()).map(({ labels }) => labels.join());
  expect(names).toContain('claimable');
  expect(names).not.toContain('claimed');
  expect(names).not.toContain('later');
  await database.db.transaction().execute((tx) => engine.settle(tx, claimed, 'done'));
});

it('jobs that the queue enqueues, claims and ends have the same rows as those of pg-boss itself', async () => {
  const name = queueName(need('like'));
  await engine.prepare(need('like'));
  const boss = Reflect.get(engine, 'boss') as PgBoss;
  const theirs = uuidV7();
  const expectAlike = async (): Promise<void> => {
    const { rows } = await sql<{ row: object }>`select to_jsonb(job) - 'id' || jsonb_build_object(
        'created_on', true, 'start_after', true, 'keep_until', round(extract(epoch from keep_until - start_after) / 60),
        'started_on', started_on is null, 'heartbeat_on', heartbeat_on is null, 'completed_on', completed_on is null
      ) as row from pgboss.job where name = ${name}`.execute(database.db);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(rows[1]);
  };

  await boss.send(name, null, { id: theirs, priority: -7 });
  await enqueue(7, 'like');
  await expectAlike();
  const [job] = await boss.fetch(name, { includeMetadata: true });
  expect(job).toMatchObject({ id: theirs, retryCount: 0 });
  const [ours] = await claim(1, 'like');
  await expectAlike();
  if (!ours || !job) return;
  await boss.fail(name, job);
  await database.db.transaction().execute((tx) => engine.settle(tx, ours, 'again'));
  await boss.update(name, undefined, { id: theirs, priority: 0 });
  const [theirsAgain] = await boss.fetch(name, { includeMetadata: true });
  const [oursAgain] = await claim(1, 'like');
  expect([theirsAgain?.retryCount, oursAgain?.attempt]).toEqual([1, 2]);
  await expectAlike();
  if (!oursAgain || !theirsAgain) return;
  await boss.complete(name, theirsAgain);
  await database.db.transaction().execute((tx) => engine.settle(tx, oursAgain, 'done'));
  await expectAlike();
});

it('the queue drops the heartbeats that an earlier version gave to its jobs when it starts', async () => {
  await enqueue(1, 'old');
  await sql`update pgboss.queue set heartbeat_seconds = 60`.execute(database.db);
  const next = new Engine(database);
  await next.start();
  await next.stop();
  const left = sql`select 1 from pgboss.queue where heartbeat_seconds is not null`;
  expect((await left.execute(database.db)).rows).toEqual([]);
});
