import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EmbeddedDatabase } from '../../src/runtime/database/embedded-database.js';
import { LimitedServer, SOON } from '../support/limited-server.js';
import { initialiseDatabase } from '../support/initialised-database.js';

const KEY = 'sk-bootstrap-key-of-the-tests';
const FLAGS = ['--max-old-space-size=256', '--max-semi-space-size=16'];
const TASKS = 100;
const OUTPUT_BYTES = 3_800_000;

let server: LimitedServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-answers-'));
  const dataDir = join(folder, 'data');
  initialiseDatabase(dataDir);
  await fill(dataDir);
  const environment = { CYBERUN_DATA_DIR: dataDir, CYBERUN_BOOTSTRAP_KEY: KEY };
  server = await LimitedServer.start('runtime', {}, environment, FLAGS);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Tasks as if they had run, each with a large output. */
async function fill(dataDir: string): Promise<void> {
  const database = await EmbeddedDatabase.open(dataDir);
  const { db } = database;
  await sql`insert into team (id, team_slug) values (gen_random_uuid(), 'default') on conflict do nothing`.execute(
    db,
  );
  await sql`insert into workflow (id, team_id, workflow_slug, workflow_status, source_file, version)
    select gen_random_uuid(), id, 'large', 'disabled', 'large.yaml', 1 from team`.execute(db);
  await sql`insert into workflow_version (workflow_id, team_id, version, content_hash, definition)
    select id, team_id, 1, 'x', '{}'::json from workflow`.execute(db);
  await sql`insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status, parameters,
      submission, max_retries, task_output, completed_at)
    select gen_random_uuid(), team_id, id, 1, '{}', 'completed', '{}', '{}', 0,
      to_json(repeat('x', ${OUTPUT_BYTES}::integer)), now()
    from workflow, generate_series(1, ${TASKS}::integer)`.execute(db);
  await database.close();
}

const api = (): string => server.process.api;
const get = (path: string): Promise<Response> =>
  fetch(api() + path, { headers: { authorization: `Bearer ${KEY}` } });

describe('large answers of a runtime', () => {
  it('a runtime with a small heap lists a hundred tasks of large outputs, many times at once', async () => {
    const lists = await Promise.all(Array.from({ length: 10 }, () => get('/r/tasks?per_page=100')));
    for (const list of lists) {
      const text = await list.text();
      expect(JSON.parse(text)).toMatchObject({ page_meta: { total_count: TASKS } });
      expect(text.length).toBeLessThan(100_000);
    }
  });

  it('a runtime with a small heap returns every one of many large results requested at once', async () => {
    const { task_list } = (await (await get('/r/tasks?per_page=40')).json()) as {
      task_list: { id: string }[];
    };
    const sizes = await Promise.all(
      task_list.map(async ({ id }) => {
        const result = (await (await get(`/r/tasks/${id}/result`)).json()) as { task_output: string };
        return result.task_output.length;
      }),
    );
    expect(sizes).toEqual(Array.from({ length: 40 }, () => OUTPUT_BYTES));
  });

  it.each([
    ['without a key', '', /^HTTP\/1\.1 401 /],
    ['on a path there is not', '/of/tomorrow', /^HTTP\/1\.1 404 /],
  ])('a runtime holds nothing of 64 unfinished bodies %s', async (_what, path, status) => {
    const before = await server.held();
    const { hostname, port } = new URL(api());
    const head = `POST /api/v1/r${path || '/files/presign'} HTTP/1.1\r\nHost: x\r\nContent-Length: 15728640\r\n\r\n`;
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => {
        const { promise, resolve } = Promise.withResolvers<string>();
        const socket = connect(Number(port), hostname);
        socket.on('error', () => resolve('lost'));
        socket.once('data', (data: Buffer) => resolve(data.toString()));
        socket.write(head);
        socket.write(Buffer.alloc(8 * 1024 * 1024, '['));
        return promise.finally(() => socket.destroy());
      }),
    );
    for (const answer of answers) expect(answer).toMatch(status);
    await expect.poll(async () => (await server.held()) - before, SOON).toBeLessThan(100);
  });

  it('a runtime decompresses no body', async () => {
    const bomb = gzipSync(Buffer.alloc(8_000_000, '['));
    const send = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${api()}/r/files/presign`, {
        method: 'POST',
        body: bomb,
        headers: { 'content-encoding': 'gzip', ...headers },
      });
    expect((await send({})).status).toBe(401);
    expect((await send({ authorization: `Bearer ${KEY}` })).status).toBe(415);
  });
});
