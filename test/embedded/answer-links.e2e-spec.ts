import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { ObjectStore, StoredFiles } from '../../src/runtime/files/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { BOOTSTRAP_KEY } from '../e2e/runtime-support/runtime-fixture.js';
import { ServiceServer } from '../e2e/service-support/service-fixture.js';
import { CLIENTS, type StoryClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';

/**
 * Answers with so many rows, of the type that is asked for, in a content coding. `/endless` never ends after so many, and
 * `/ended` says how many of those connections have ended.
 */
const ROWS = `const http = require("node:http");
  const zlib = require("node:zlib");
  const encoders = { gzip: zlib.gzipSync, br: zlib.brotliCompressSync, zstd: zlib.zstdCompressSync, compress: String };
  let ended = 0;
  http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    if (pathname === "/health") return response.end("ok");
    if (pathname === "/ended") return response.end(String(ended));
    response.setHeader("content-type", request.headers.accept);
    if (searchParams.has("name")) response.setHeader("content-disposition", "attachment; " + searchParams.get("name"));
    const rows = "row,1 of many rows\\n".repeat(Number(searchParams.get("n")));
    const coding = searchParams.get("coding");
    if (coding) response.setHeader("content-encoding", coding);
    if (pathname === "/broken") return response.end(rows);
    if (coding) return response.end(encoders[coding](rows));
    if (pathname !== "/endless") return response.end(rows);
    response.once("close", () => { ended += 1; });
    response.write(rows);
  }).listen(process.env.PORT, "127.0.0.1")`;
const row = 'row,1 of many rows\n';
/** For answers; one of the service `odd` has 30 MiB. */
const ROOM = 40 * 1024 * 1024;

let services: ServiceServer;
let application: McpApplication;
beforeAll(async () => {
  const definition = `slug: rows\ncommand: [node, -e, ${JSON.stringify(ROWS)}]\n`;
  services = await ServiceServer.start(
    { 'rows.yaml': definition },
    // The limit of a call is longer than that of this test: what ends before does so for another reason.
    {
      CYBERUN_TEAM_FILES_BYTES: '100000',
      CYBERUN_TEAM_ANSWERS_BYTES: String(ROOM),
      CYBERUN_RUNTIME_TIMEOUT_MS: '600000',
    },
  );
  await services.running('rows');
  application = await startMcp(`${services.server.origin}/api/v1`);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
});

const db = () => services.server.app.get(Database, { strict: false }).db;
const CSV = { headers: { accept: 'text/csv' }, link_above: 100 };
const keys = async (): Promise<string[]> =>
  (await db().selectFrom('stored_file').select('file_key').execute()).map(({ file_key }) => file_key);

describe('the body of an answer', () => {
  it('a body above link_above is stored and linked, with its type and a name, and comes in base64, too', async () => {
    const asked = CSV;
    const { body } = await services.invoke('rows', '/report?n=10', asked);
    expect(body).toMatchObject({
      status_code: 200,
      body_base64: Buffer.from(row.repeat(10)).toString('base64'),
      body_link: { file_name: 'report.csv', content_type: 'text/csv', size: 10 * row.length },
    });
    const file = await fetch(body.body_link.url as string);
    expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="report\.csv"/);
    expect(file.headers.get('content-type')).toBe('text/csv');
    expect(await file.text()).toBe(row.repeat(10));
    const odd = await services.invoke('rows', '/report?n=10&name=filename="../../.ssh/authorized_keys"', {
      headers: { accept: 'not a type' },
      link_above: 100,
    });
    expect(odd.body.body_link).toMatchObject({
      file_name: '.._.._.ssh_authorized_keys',
      content_type: 'application/octet-stream',
    });
    const small = await services.invoke('rows', '/report?n=1', asked);
    expect(Object.keys(small.body as object)).toEqual(['status_code', 'headers', 'body_base64']);
    expect((await services.invoke('rows', '/report?n=10', { link_above: -1 })).status).toBe(400);
  });

  it('a body that is too large for JSON comes as a link only, and is refused where none is asked for', async () => {
    const refused = await services.invoke('odd', '/huge');
    expect([refused.status, refused.body.error_message]).toEqual([
      502,
      expect.stringContaining('Call its url directly'),
    ]);
    const { body } = await services.invoke('odd', '/huge', { link_above: 1000 });
    expect(body).toMatchObject({ status_code: 200, body_link: { size: 30 * 1024 * 1024 } });
    expect(body).not.toHaveProperty('body_base64');
    const bytes = await (await fetch(body.body_link.url as string)).bytes();
    expect(bytes).toHaveLength(30 * 1024 * 1024);
  });

  it('the oldest answers make room for new ones, and uploads and runs keep their own', async () => {
    const first = await services.invoke('odd', '/huge', { link_above: 1000 });
    const small = await services.invoke('rows', '/x?n=10', CSV);
    const second = await services.invoke('odd', '/huge', { link_above: 1000 });
    const [gone, kept, newest] = await Promise.all(
      [first, small, second].map(({ body }) => fetch(body.body_link.url as string, { method: 'HEAD' })),
    );
    expect([gone?.status, kept?.status, newest?.status]).toEqual([404, 200, 200]);
    const refusal = (await (await fetch(first.body.body_link.url as string)).json()) as object;
    expect(refusal).toEqual({
      error_message: expect.stringContaining('for the answer of a service, call the service again'),
    });
    const store = services.server.app.get(ObjectStore, { strict: false });
    const team = services.server.app.get<string>(TEAM_ID, { strict: false });
    const answers = join(services.server.folder, 'data', 'files', 'answers', team);
    // A folder for each answer, which goes with it.
    await expect.poll(async () => (await readdir(answers)).length).toBe((await keys()).length);
    for (const key of await keys()) expect(await store.has(key)).toBe(true);

    const wanted = { file_name: 'a.bin', file_size: 100_000, content_type: 'application/zip' };
    expect((await services.server.call('POST', '/r/files/presign', wanted)).status).toBe(200);
    const full = await services.server.call('POST', '/r/files/presign', { ...wanted, file_size: 1 });
    expect([full.status, full.body.error_message]).toEqual([
      429,
      expect.stringContaining('uploads 100000, outputs of runs 0; answers of services are not counted'),
    ]);
  });

  it('an answer that is larger than all may be comes without a link, removes no other, and says why', async () => {
    const before = await keys();
    const rows = Math.ceil(ROOM / row.length) + 1;
    const refused = await services.invoke('rows', `/x?n=${rows}`, CSV);
    expect([refused.status, refused.body.error_message]).toEqual([
      502,
      expect.stringMatching(
        /more than 20971520 bytes\. The body could not be stored for a link: it has \d+ bytes or more, .* 41943040 together \(CYBERUN_TEAM_ANSWERS_BYTES\)\.$/,
      ),
    ]);
    expect(await keys()).toEqual(before);
  });

  it('answers that arrive at the same time are not removed to make room for one another', async () => {
    await db().updateTable('stored_file').set({ is_confirmed: false }).execute();
    const { body } = await services.invoke(
      'rows',
      `/x?n=${Math.floor((11 * 1024 * 1024) / row.length)}`,
      CSV,
    );
    expect(body).toMatchObject({
      status_code: 200,
      body_base64: expect.any(String),
      link_fault: expect.stringMatching(/no room for \d+ bytes, since other answers are being stored now/),
    });
    await db().updateTable('stored_file').set({ is_confirmed: true }).execute();
  });

  it.each(['gzip', 'br', 'zstd'])('an answer in %s opens as what its name and type say', async (coding) => {
    // As it comes, it is smaller than what is linked.
    const asked = { headers: { accept: 'text/csv' }, link_above: 5000 };
    const { body } = await services.invoke('rows', `/report?n=1000&coding=${coding}`, asked);
    expect(Buffer.from(body.body_base64 as string, 'base64').length).toBeLessThan(5000);
    expect(body.body_link).toMatchObject({
      file_name: 'report.csv',
      content_type: 'text/csv',
      size: 1000 * row.length,
    });
    const file = await fetch(body.body_link.url as string);
    expect(file.headers.get('content-encoding')).toBeNull();
    expect(await file.text()).toBe(row.repeat(1000));
  });

  it('an answer that is not what its Content-Encoding says comes as it is, and says why it has no link', async () => {
    const { body } = await services.invoke('rows', '/broken?n=10&coding=gzip', CSV);
    expect(body).toMatchObject({
      status_code: 200,
      body_base64: Buffer.from(row.repeat(10)).toString('base64'),
      link_fault:
        'The body could not be stored for a link: its bytes are not gzip, as its Content-Encoding says.',
    });
    const unknown = await services.invoke('rows', '/x?n=10&coding=compress', CSV);
    expect(unknown.body.body_link).toMatchObject({
      file_name: 'x.csv.encoded',
      content_type: 'application/octet-stream',
    });
  });

  it('a link has the name of filename*, without what a name must not have', async () => {
    const name = encodeURIComponent(`filename="x"; filename*=UTF-8''Bericht%20%E2%82%AC%E2%80%AE%2F1.csv`);
    const { body } = await services.invoke('rows', `/x?n=10&name=${name}`, CSV);
    expect(body.body_link.file_name).toBe('Bericht €__1.csv');
  });

  it('a service whose answer is not stored is let go at once, although it has not ended its answer', async () => {
    const rows = Math.ceil(ROOM / row.length) + 1;
    const asked = { headers: { accept: 'text/csv' }, link_above: 100 };
    const refused = await services.invoke('rows', `/endless?n=${rows}`, asked);
    expect(refused.status).toBe(502);
    await until(async () => {
      const { body } = await services.invoke('rows', '/ended', asked);
      return Buffer.from(String(body.body_base64), 'base64').toString() === '1';
    }, 10_000);
  });

  it('the sweep removes bodies after an hour, and their links end', async () => {
    const { body } = await services.invoke('rows', '/x?n=10', {
      headers: { accept: 'text/csv' },
      link_above: 1,
    });
    const link = body.body_link.url as string;
    const sweep = services.server.app.get(Retention, { strict: false });
    await sweep.sweep();
    expect((await fetch(link)).status).toBe(200);
    const hourAgo = new Date(Date.now() - 3_700_000);
    await db().updateTable('stored_file').set({ created_at: hourAgo }).execute();
    await services.server.app.get(StoredFiles, { strict: false }).sweep(new AbortController().signal);
    const store = services.server.app.get(ObjectStore, { strict: false });
    await store.removeOlder('answers', new Date(Date.now() + 1000), new AbortController().signal);
    expect((await fetch(link)).status).toBe(404);
    expect((await keys()).filter((key) => key.startsWith('answers/'))).toEqual([]);
  });
});

describe.each(CLIENTS)('call_container_service with $name', ({ connect }) => {
  let client: StoryClient;
  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: BOOTSTRAP_KEY });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  const call = (n: number, accept: string, method = 'GET') =>
    client.call('call_container_service', {
      service_slug: 'rows',
      method,
      path: `/report?n=${n}`,
      headers: { accept },
    });

  it('a client gets the beginning of a large text, and a link to all of it that opens without its key', async () => {
    const { structuredContent, content } = await call(5000, 'text/csv', 'POST');
    expect(structuredContent?.['body_text']).toMatch(/^row,1 of many rows\n/);
    expect(structuredContent?.['note']).toMatch(
      /first [\d,]+ of 95,000 characters.*The whole body is at body_link\.url/,
    );
    const link = content.find(({ type }) => type === 'resource_link');
    expect(link).toMatchObject({ name: 'report.csv', mimeType: 'text/csv', size: 5000 * row.length });
    expect(await (await fetch(String(link?.['uri']))).text()).toBe(row.repeat(5000));
  });

  it('a client gets a large file as a link, and a small text without one', async () => {
    const { structuredContent, content } = await call(2000, 'application/zip');
    expect(structuredContent).not.toHaveProperty('body_base64');
    expect(structuredContent?.['note']).toContain('body_base64 is left out');
    expect(content.map(({ type }) => type)).toEqual(['text', 'resource_link']);
    const small = await call(10, 'text/csv');
    expect(small.content.map(({ type }) => type)).toEqual(['text']);
  });

  it('a client gets an image as an image without a link, and compressed answers as what they are', async () => {
    // Nothing looks into the bytes of an image.
    for (const coding of ['gzip', '']) {
      const { content, structuredContent } = await client.call('call_container_service', {
        service_slug: 'rows',
        method: 'GET',
        path: `/picture?n=2000&coding=${coding}`,
        headers: { accept: 'image/png' },
      });
      const data = Buffer.from(row.repeat(2000)).toString('base64');
      expect(content.slice(1)).toEqual([{ type: 'image', data, mimeType: 'image/png' }]);
      expect(structuredContent).not.toHaveProperty('body_link');
    }
    const text = await client.call('call_container_service', {
      service_slug: 'rows',
      method: 'GET',
      path: '/report?n=3&coding=br',
      headers: { accept: 'text/csv' },
    });
    expect(text.structuredContent).toMatchObject({ body_text: row.repeat(3) });
  });
});
