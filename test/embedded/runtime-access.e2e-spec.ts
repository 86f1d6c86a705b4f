import { request } from 'node:http';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Addresses, CONFIG, type Config } from '../../src/config/index.js';
import { CredentialsStore } from '../../src/runtime/credentials/index.js';
import { Database, TEAM_ID, uuidV7 } from '../../src/runtime/database/index.js';
import { FilesService, ObjectStore } from '../../src/runtime/files/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import {
  BOOTSTRAP_KEY,
  echoWorkflow,
  PretendAgent,
  RuntimeServer,
} from '../e2e/runtime-support/runtime-fixture.js';

let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  server = await RuntimeServer.start(
    {
      'echo.yaml': echoWorkflow('echo'),
      'upper.yaml': echoWorkflow('upper', {
        properties: '        input: { type: string, format: file, contentMediaType: text/plain }',
      }),
    },
    { env: { CYBERUN_FILES_MAX_BYTES: '1000000' } },
  );
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
});
afterAll(() => server[Symbol.asyncDispose]());

const config = (): Config => server.app.get<Config>(CONFIG, { strict: false });
const database = (): Database => server.app.get(Database, { strict: false });

it.each([
  ['missing', null, 'Bearer'],
  ['unknown', 'sk-unknown-0123456789abc', 'Bearer error="invalid_token"'],
  ['of the wrong family', 'dk-whatever', 'Bearer error="invalid_token"'],
])('a key that is %s gets 401 and a challenge', async (_what, key, challenge) => {
  const { status, headers, body } = await server.get('/r/workflows', key);
  expect(status).toBe(401);
  expect(headers.get('www-authenticate')).toBe(challenge);
  expect(body.error_message).toContain('integration key');
});

it('a key gets the list of its permissions', async () => {
  const { status, headers } = await server.get('/r/workflows?per_page=1');
  expect(status).toBe(200);
  expect(headers.get('cyberun-permissions')).toBe('run, invoke');
});

it('the API rejects an agent key', async () => {
  await using keys = await openKeyAdministration(config());
  const { raw_key } = await keys.create({ kind: 'agent', display_name: 'an agent' });
  expect(raw_key).toMatch(/^ak-/);
  expect((await server.get('/r/tasks', raw_key)).status).toBe(401);
});

it('a key without "run" may read, and gets a sentence when it runs a workflow', async () => {
  await using keys = await openKeyAdministration(config());
  const { raw_key } = await keys.create({
    kind: 'integration',
    display_name: 'reader',
    permissions: ['invoke'],
  });
  expect((await server.get('/r/tasks', raw_key)).status).toBe(200);
  const refused = await server.call(
    'POST',
    '/r/workflows/slug/echo/run',
    { parameters: { text: 'x' } },
    raw_key,
  );
  expect(refused).toMatchObject({ status: 403, body: { error_message: expect.stringContaining('"run"') } });
  expect(refused.headers.get('cyberun-permissions')).toBe('invoke');
});

it('the socket of a running server creates and revokes keys, which stop working at once', async () => {
  const socket = await stat(join(config().dataDir, 'admin.sock'));
  expect(socket.mode & 0o777).toBe(0o600);
  await using keys = await openKeyAdministration(config());
  const made = await keys.create({ kind: 'integration', display_name: 'short-lived', expires_in_days: 1 });
  expect((await server.get('/r/tasks', made.raw_key)).status).toBe(200);

  const listed = (await keys.list()).find(({ id }) => id === made.id);
  expect(listed).toMatchObject({
    display_name: 'short-lived',
    key_status: 'active',
    key_prefix: made.raw_key.slice(0, 12),
  });
  expect(JSON.stringify(await keys.list())).not.toContain(made.raw_key);

  expect(await keys.revoke(made.id)).toBe(true);
  expect((await server.get('/r/tasks', made.raw_key)).status).toBe(401);
  expect(await keys.revoke(uuidV7())).toBe(false);
  await expect(keys.create({ kind: 'integration', display_name: '' })).rejects.toThrow('1 to 100 characters');
});

it('a key stops working when it expires', async () => {
  const store = new CredentialsStore(database().db, agent.teamId);
  const { id, raw_key } = await store.create({
    kind: 'integration',
    display_name: 'old',
    expires_in_days: 1,
  });
  await database()
    .db.updateTable('credential')
    .set({ expires_at: new Date(Date.now() - 1000) })
    .where('id', '=', id)
    .execute();
  expect((await server.get('/r/tasks', raw_key)).status).toBe(401);
});

it('another team can neither read nor change anything of this team', async () => {
  const { db } = database();
  const teamId = uuidV7();
  await db.insertInto('team').values({ id: teamId, team_slug: 'others' }).execute();
  const { raw_key } = await new CredentialsStore(db, teamId).create({
    kind: 'integration',
    display_name: 'other',
  });
  const taskId = await server.submit('echo');
  const { body: echo } = await server.get('/r/workflows/slug/echo');

  expect((await server.get('/r/workflows', raw_key)).body).toMatchObject({
    workflow_list: [],
    page_meta: { total_count: 0 },
  });
  expect((await server.get('/r/tasks', raw_key)).body).toMatchObject({
    task_list: [],
    page_meta: { total_count: 0 },
  });
  const paths = [
    `/r/workflows/${echo.id}`,
    '/r/workflows/slug/echo',
    '/r/workflows/slug/echo@1',
    `/r/tasks/${taskId}`,
    `/r/tasks/${taskId}/result`,
    `/r/tasks/${taskId}/events`,
  ];
  for (const path of paths) expect((await server.get(path, raw_key)).status, path).toBe(404);
  for (const path of [
    `/r/workflows/${echo.id}/run`,
    '/r/workflows/slug/echo/run',
    `/r/tasks/${taskId}/cancel`,
  ]) {
    expect((await server.call('POST', path, {}, raw_key)).status, path).toBe(404);
  }
  expect(await new PretendAgent(server, teamId).claim(10)).toEqual([]);
  expect((await new CredentialsStore(db, teamId).list()).map(({ display_name }) => display_name)).toEqual([
    'other',
  ]);
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

const presign = async (content: string, name = 'in put (1).txt') => {
  const { status, body } = await server.call('POST', '/r/files/presign', {
    file_name: name,
    file_size: Buffer.byteLength(content),
    content_type: 'text/plain',
  });
  expect(status).toBe(200);
  return body as { file_key: string; upload_url: string; upload_headers: Record<string, string> };
};

const put = (url: string, headers: Record<string, string>, content: string, host?: string) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = request(
      url,
      { method: 'PUT', headers: { ...headers, ...(host === undefined ? {} : { Host: host }) } },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(content);
  });

it('an upload succeeds once, exactly as signed, with any Host', async () => {
  const { file_key, upload_url, upload_headers } = await presign('hello');
  expect(file_key).toMatch(new RegExp(`^inputs/${agent.teamId}/`));
  expect(upload_headers).toEqual({ 'Content-Length': '5', 'If-None-Match': '*' });

  expect((await put(upload_url, { 'Content-Length': '5' }, 'hello')).status).toBe(403);
  expect((await put(upload_url, { 'Content-Length': '4', 'If-None-Match': '*' }, 'hell')).status).toBe(403);
  const tampered = upload_url.replace('input', 'other');
  expect(await put(tampered, upload_headers, 'hello')).toMatchObject({
    status: 403,
    text: expect.stringContaining('<Code>SignatureDoesNotMatch</Code>'),
  });
  expect((await put(upload_url, upload_headers, 'hello', 'behind.a.proxy')).status).toBe(200);
  expect(await put(upload_url, upload_headers, 'hello')).toMatchObject({
    status: 412,
    text: expect.stringContaining('<Code>PreconditionFailed</Code>'),
  });
});

it('an upload above the limit is refused before it begins', async () => {
  const refused = await server.call('POST', '/r/files/presign', {
    file_name: 'x',
    file_size: 1_000_001,
    content_type: 'text/plain',
  });
  expect(refused).toMatchObject({
    status: 413,
    body: { error_message: expect.stringContaining('1000000') },
  });
});

it.each([
  [{ file_size: 1, content_type: 'a/b' }, 'file_name'],
  [{ file_name: 'x', file_size: 'big', content_type: 'a/b' }, 'file_size'],
  [{ file_name: 'x', file_size: -1, content_type: 'a/b' }, 'file_size'],
  [{ file_name: 'x', file_size: 1 }, 'content_type'],
  ['{"file_name":', 'not valid JSON'],
  [[1], 'must be a JSON object'],
])('the request %j for an upload is refused with the name of the field', async (body, named) => {
  const { status, body: answer } = await server.call('POST', '/r/files/presign', body);
  expect(status).toBe(400);
  expect(answer.error_message).toContain(named);
});

it('only an uploaded file may be a file parameter of a run', async () => {
  const { file_key, upload_url, upload_headers } = await presign('some text', '../../../evil.txt');
  const run = (input: unknown) =>
    server.call('POST', '/r/workflows/slug/upper/run', { parameters: { text: 'x', input } });
  expect((await run(file_key)).body.error_message).toContain(
    '"input" must be the file_key of a finished upload (tool presign_file_upload, or POST /r/files/presign)',
  );
  await put(upload_url, upload_headers, 'some text');
  expect((await run(file_key)).status).toBe(202);
  for (const bad of ['nothing', '../secrets', 'inputs/../../x', `inputs/${uuidV7()}/a/b/c`, 7]) {
    expect(await run(bad), String(bad)).toMatchObject({
      status: 400,
      body: { error_message: expect.stringContaining('"input"') },
    });
  }
  const claimed = await agent.take();
  expect(claimed.fileParameters).toEqual([{ parameter: 'input', fileKey: file_key }]);
  const files = server.app.get(FilesService, { strict: false });
  const { url, fileName } = await files.inputLink(agent.teamId, file_key, 'loopback');
  expect(fileName).not.toContain('/');
  expect(url.startsWith(server.app.get(Addresses).loopback)).toBe(true);
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toBe('text/plain');
  expect(await response.text()).toBe('some text');
  await server.runs.failed(claimed, 'seen enough');
});

it('clients download an output by a short link, as a whole, in part and by HEAD, and only with its token', async () => {
  const taskId = await server.submit('echo');
  const run = await agent.take();
  const files = server.app.get(FilesService, { strict: false });
  const file = { name: 'pîcture.svg', size: 10, content_type: 'image/svg+xml' };
  const { fileKey, url, headers } = await files.outputUpload(run, file, 'loopback');
  expect((await put(url, headers, '0123456789')).status).toBe(200);
  await server.runs.completed(run, { files: 1 }, [{ file, fileKey }]);

  const { body: result } = await server.get(`/r/tasks/${taskId}/result`);
  expect(Object.keys(result.download_urls)).toEqual(['pîcture.svg']);
  expect(result.download_url).toBe(result.download_urls['pîcture.svg']);
  expect(result.file_keys).toEqual({ 'pîcture.svg': `outputs/${taskId}/pîcture.svg` });
  expect(Date.parse(result.expires_at) - Date.now()).toBeGreaterThan(3_500_000);

  const link = result.download_url as string;
  const whole = await fetch(link);
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    'content-type': 'image/svg+xml',
    'content-disposition': `attachment; filename="p_cture.svg"; filename*=UTF-8''p%C3%AEcture.svg`,
    'content-security-policy': expect.stringContaining('sandbox'),
    'cache-control': 'private, no-store',
  });
  expect(await whole.text()).toBe('0123456789');
  const part = await fetch(link, { headers: { range: 'bytes=2-4' } });
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
    206,
    'bytes 2-4/10',
    '234',
  ]);
  const outside = await fetch(link, { headers: { range: 'bytes=10-' } });
  expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  const head = await fetch(link, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
  expect((await fetch(link.slice(0, -1))).status).toBe(403);
  expect((await fetch(link, { method: 'DELETE' })).status).toBe(404);
});

it('an output is still downloaded by a long link that an earlier version gave', async () => {
  const store = server.app.get(ObjectStore, { strict: false });
  const { db } = server.app.get(Database, { strict: false });
  const { file_key } = await db.selectFrom('task_file').select('file_key').limit(1).executeTakeFirstOrThrow();
  const url = await store.download(file_key, 'public');
  expect(await (await fetch(url)).text()).toBe('0123456789');
  const outside = await fetch(url, { headers: { range: 'bytes=10-' } });
  expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(403);
  expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403);
});

it('the configured key is the first one and is not shown', () => {
  expect(BOOTSTRAP_KEY).toBe(config().bootstrapKey);
});
