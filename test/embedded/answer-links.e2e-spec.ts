import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Database } from '../../src/runtime/database/index.js';
import { ObjectStore, StoredFiles } from '../../src/runtime/files/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { BOOTSTRAP_KEY } from '../e2e/runtime-support/runtime-fixture.js';
import { ServiceServer } from '../e2e/service-support/service-fixture.js';
import { CLIENTS, type StoryClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';

/**
 * Answers with so many rows, of the type that is asked for. `/endless` never ends after so many, and `/ended` says how many
 * of those connections have ended.
 */
const ROWS = `const http = require("node:http");
  let ended = 0;
  http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    if (pathname === "/health") return response.end("ok");
    if (pathname === "/ended") return response.end(String(ended));
    response.setHeader("content-type", request.headers.accept);
    if (searchParams.has("name")) response.setHeader("content-disposition", "attachment; filename=" + searchParams.get("name"));
    const rows = "row,1 of many rows\\n".repeat(Number(searchParams.get("n")));
    if (pathname !== "/endless") return response.end(rows);
    response.once("close", () => { ended += 1; });
    response.write(rows);
  }).listen(process.env.PORT, "127.0.0.1")`;
const row = 'row,1 of many rows\n';

let services: ServiceServer;
let application: McpApplication;
beforeAll(async () => {
  const definition = `slug: rows\ncommand: [node, -e, ${JSON.stringify(ROWS)}]\n`;
  services = await ServiceServer.start(
    { 'rows.yaml': definition },
    // The limit of a call is longer than that of this test: what ends before does so for another reason.
    { CYBERUN_TEAM_FILES_BYTES: String(40 * 1024 * 1024), CYBERUN_RUNTIME_TIMEOUT_MS: '600000' },
  );
  await services.running('rows');
  application = await startMcp(`${services.server.origin}/api/v1`);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
});

const db = () => services.server.app.get(Database, { strict: false }).db;
const keys = async (): Promise<string[]> =>
  (await db().selectFrom('stored_file').select('file_key').execute()).map(({ file_key }) => file_key);

describe('the body of an answer', () => {
  it('a body above link_above is stored and linked, with its type and a name, and comes in base64, too', async () => {
    const asked = { headers: { accept: 'text/csv' }, link_above: 100 };
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
    const odd = await services.invoke('rows', '/report?n=10&name="../../.ssh/authorized_keys"', {
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

  it('an answer comes without a link where its team has no room, and says why', async () => {
    // The 30 MiB of before leave no room for as many again.
    const refused = await services.invoke('odd', '/huge', { link_above: 1000 });
    expect([refused.status, refused.body.error_message]).toEqual([
      502,
      expect.stringMatching(/more than 20971520 bytes\. The body could not be stored.*no room/),
    ]);
    const before = await keys();
    const asked = { headers: { accept: 'text/csv' }, link_above: 100 };
    const { body } = await services.invoke(
      'rows',
      `/x?n=${Math.floor((11 * 1024 * 1024) / row.length)}`,
      asked,
    );
    expect(body).toMatchObject({ status_code: 200, link_fault: expect.stringContaining('no room') });
    expect(body.body_base64).toEqual(expect.any(String));
    expect(await keys()).toEqual(before);
  });

  it('a service whose answer is not stored is let go at once, although it has not ended its answer', async () => {
    const rows = Math.ceil((21 * 1024 * 1024) / row.length);
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
});
