import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { FileQuotas, StoredFiles } from '../../src/runtime/files/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { CONFIG, type Config } from '../../src/config/index.js';
import { shellWorkflow, TestAgent } from './agent-support/agent-fixture.js';
import { type Answer, RuntimeServer } from './runtime-support/runtime-fixture.js';

const LIMIT = 100_000;
let server: RuntimeServer;
beforeAll(async () => {
  const files = { 'leave.yaml': shellWorkflow('leave', 'head -c 60000 /dev/zero > output/a.bin') };
  server = await RuntimeServer.start(files, { env: { CYBERUN_TEAM_FILES_BYTES: String(LIMIT) } });
});
afterAll(() => server[Symbol.asyncDispose]());

const presign = (file_size: number, key?: string): Promise<Answer> =>
  server.call(
    'POST',
    '/r/files/presign',
    { file_name: 'a.bin', file_size, content_type: 'application/octet-stream' },
    key,
  );

const stored = (): StoredFiles => server.app.get(StoredFiles, { strict: false });
const db = () => server.app.get(Database, { strict: false }).db;
const agedBy = (hours: number) =>
  sql`update stored_file set created_at = now() - make_interval(hours => ${hours})`.execute(db());

/** Forgets every file, and the sums that are used for a moment. */
async function forget(): Promise<void> {
  await db().deleteFrom('stored_file').execute();
  Reflect.get(server.app.get(FileQuotas, { strict: false }), 'sums').clear();
}

it('an upload that no team may keep is refused with 403, and one that a team has no room for with 429', async () => {
  await forget();
  expect(await presign(LIMIT + 1)).toMatchObject({
    status: 403,
    body: { error_message: expect.stringMatching(/^100001 bytes .* 100000 \(CYBERUN_TEAM_FILES_BYTES\)/) },
  });
  expect((await presign(60_000)).status).toBe(200);
  const { status, headers, body } = await presign(50_000);
  expect({ status, body }).toEqual({
    status: 429,
    body: {
      error_message: expect.stringMatching(
        /^The files of this team have 60000 of the 100000 bytes .* uploads 60000, outputs of runs 0; answers of services are not counted\. .* no room for 50000 more\. .* wait until some have expired/,
      ),
    },
  });
  expect(headers.get('retry-after')).toBe('3600');
  expect((await presign(40_000)).status).toBe(200);
});

it('the files of one team leave those of another their room', async () => {
  await forget();
  await presign(LIMIT);
  await using keys = await openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));
  await keys.createTeam('painters');
  const { raw_key } = await keys.create({ kind: 'integration', display_name: 'p', team: 'painters' });
  expect((await presign(1)).status).toBe(429);
  expect((await presign(LIMIT, raw_key)).status).toBe(200);
});

it('an upload that never arrived, and files that have expired, make room again', async () => {
  await forget();
  const { body } = await presign(60_000);
  const { upload_url, upload_headers } = body as { upload_url: string; upload_headers: object };
  const { 'Content-Length': _length, ...headers } = upload_headers as Record<string, string>;
  await fetch(upload_url, { method: 'PUT', headers, body: Buffer.alloc(60_000) });
  await presign(40_000);
  const sweep = () => stored().sweep(new AbortController().signal);
  const left = async (): Promise<number[]> =>
    (await db().selectFrom('stored_file').select('file_size').execute()).map(({ file_size }) => file_size);
  await agedBy(1);
  await sweep();
  expect(await left()).toHaveLength(2);
  await agedBy(3);
  await sweep();
  expect(await left()).toEqual([60_000]);
  await agedBy(25);
  await sweep();
  expect(await left()).toEqual([]);
});

it('outputs that are announced again, at another node, are counted once', async () => {
  await forget();
  const team = server.app.get<string>(TEAM_ID, { strict: false });
  const files = [{ key: 'outputs/a', size: 60_000 }];
  await stored().announce(team, files);
  await stored().announce(team, files);
  expect((await presign(40_000)).status).toBe(200);
});

it('a run that leaves more files than its team has room for fails with the reason', async () => {
  await forget();
  await presign(50_000);
  await using _agent = await TestAgent.start(server);
  const id = await server.submit('leave', {});
  await server.events(id);
  expect((await server.get(`/r/tasks/${id}`)).body).toMatchObject({
    task_status: 'failed',
    task_error: expect.stringMatching(/^The files of this team have 50000 .* no room for 60000 more/),
  });
});
