import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openKeyAdministration, openNewKeyAdministration } from '../../src/runtime/index.js';
import { openDatabase } from '../../src/runtime/database/index.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';

let postgresql: PostgresqlServer;
let folder: string;

beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-start-'));
});
afterAll(async () => {
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('a database that cannot be used stops the start with a sentence', () => {
  const refusal = (databaseUrl: string): Promise<string> =>
    openDatabase({ dataDir: join(folder, 'data'), databaseUrl }).then(
      () => 'started',
      (error: Error) => error.message,
    );

  it('the start stops with a sentence that names a database that does not exist', async () => {
    const url = new URL(postgresql.urlOf('missing'));
    url.password = 'a-secret';
    expect(await refusal(url.href)).toBe(
      `CYBERUN_DATABASE_URL leads to 127.0.0.1:${url.port}/missing, but there is no such database. Check the server, the user and the database. Example: postgresql://cyberun:secret@postgres.example.com:5432/cyberun`,
    );
  });

  it('the start stops with a sentence that names an address where no server listens', async () => {
    const message = await refusal('postgresql://postgres:a-secret@127.0.0.1:9/runtime');
    expect(message).toMatch(
      /^CYBERUN_DATABASE_URL leads to 127\.0\.0\.1:9\/runtime, but nothing listens there\./,
    );
    expect(message).not.toContain('a-secret');
  });

  it('the start stops with a sentence that names a host that does not exist', async () => {
    expect(await refusal('postgresql://postgres@no-such-host.invalid/runtime')).toContain(
      'leads to no-such-host.invalid:5432/runtime, but there is no such host.',
    );
  });
});

it('four nodes that start at once on an empty database agree on their key and their workflows', async () => {
  const env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  const nodes = await Promise.all(
    [1, 2, 3, 4].map(() => RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') }, { env })),
  );
  try {
    const seen = await Promise.all(nodes.map((node) => node.get('/r/workflows')));
    const ids = seen.map(({ status, body }) => [
      status,
      body.workflow_list[0].id,
      body.workflow_list[0].version,
    ]);
    expect(new Set(ids.map(String)).size).toBe(1);
    expect(ids[0]?.slice(0, 1)).toEqual([200]);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

it('of two nodes one at a time does exclusive work, and the other skips it', async () => {
  const databaseUrl = await postgresql.newDatabase();
  const [one, other] = await Promise.all(
    ['one', 'other'].map((name) => openDatabase({ dataDir: join(folder, name), databaseUrl })),
  );
  const release = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  const work = one?.tryExclusively('work', () => {
    begun.resolve();
    return release.promise;
  });
  await begun.promise;
  expect(await other?.tryExclusively('work', async () => 'done twice')).toBeUndefined();
  expect(await other?.tryExclusively('other work', async () => 'done')).toBe('done');
  release.resolve('done');
  expect(await work).toBe('done');
  expect(await other?.tryExclusively('work', async () => 'done later')).toBe('done later');
  await Promise.all([one?.close(), other?.close()]);
});

it('the keys command manages keys in the database, beside a server and without one', async () => {
  const databaseUrl = await postgresql.newDatabase();
  const settings = { dataDir: join(folder, 'none'), databaseUrl };
  let key: string;
  {
    await using keys = await openNewKeyAdministration(settings);
    key = (await keys.create({ kind: 'integration', display_name: 'made before' })).raw_key;
  }
  await using server = await RuntimeServer.start({}, { env: { CYBERUN_DATABASE_URL: databaseUrl } });
  expect((await server.get('/r/workflows', key)).status).toBe(200);
  await using keys = await openKeyAdministration(settings);
  const made = (await keys.list()).find(({ display_name }) => display_name === 'made before');
  expect(await keys.revoke(made?.id ?? '')).toBe(true);
  expect((await server.get('/r/workflows', key)).status).toBe(401);
});
