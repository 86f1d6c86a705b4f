import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { keysOf, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';

/** A service that shows what reaches it, and misbehaves on request. */
const probe = `
import { createServer } from 'node:http';
let cut = 0;
let whole = 0;
createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname === '/health') return response.end('ok');
  if (pathname === '/whole-count') return response.end(String(whole));
  if (pathname === '/cut-count') return response.end(String(cut));
  response.on('close', () => { if (!response.writableFinished) cut++; });
  if (pathname === '/die') process.exit(5);
  if (pathname === '/never') return;
  if (pathname === '/late') {
    const end = () => response.end('all');
    return setTimeout(() => { response.write('half'); setTimeout(end, 1800); }, 1800);
  }
  if (pathname === '/break') { response.write('half'); return setTimeout(() => response.destroy(), 20); }
  if (pathname === '/teapot') return response.writeHead(418, { 'x-tea': 'green' }).end('short and stout');
  if (pathname === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\\n\\n');
    request.resume();
    return;
  }
  if (pathname === '/upload') return request.resume().on('end', () => { whole++; response.end(); });
  if (pathname === '/echo') {
    response.setHeader('content-type', request.headers['content-type'] ?? 'none');
    return request.pipe(response);
  }
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  response.setHeader('content-type', 'application/json');
  response.setHeader('connection', 'x-hop');
  if (request.method === 'HEAD') response.setHeader('content-length', '7');
  response.setHeader('x-hop', '1');
  response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, greeting: process.env.GREETING }));
}).listen(process.env.PORT, '127.0.0.1');
`;

const definition = (slug: string, greeting: string, more = ''): string => `
slug: ${slug}
display_name: Probe ${slug}
command: [node, probe.mjs]
port: 8080
env_config: [{ env_name: GREETING, env_value: ${greeting} }]
usage_prompt: Ask it anything.
openapi_url: /openapi.json
${more}`;

let server: RuntimeServer;
let agent: TestAgent;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'probe.mjs'), probe);
  await writeFile(join(folder, 'probe.yaml'), definition('probe', 'hello'));
  await writeFile(join(folder, 'gpu.yaml'), definition('gpu-only', 'x', 'required_labels: [gpu]'));
  await writeFile(join(folder, 'broken.yaml'), 'slug: broken\ncommand: node\n');
  server = await RuntimeServer.start(
    {},
    { env: { CYBERUN_SERVICES_DIR: folder, CYBERUN_RUNTIME_TIMEOUT_MS: '5000' } },
  );
  agent = await TestAgent.start(server);
  await running('probe');
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const status = async (slug: string): Promise<string | undefined> =>
  (await server.get(`/r/containers/${slug}`)).body.service_status;
const running = (slug: string): Promise<void> => until(async () => (await status(slug)) === 'running');

const invoke = (path: string, more: object = {}, slug = 'probe') =>
  server.call('POST', `/r/invoke/${slug}`, { method: 'GET', path, ...more });
type Sent = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; duplex?: 'half' };
const proxied = (path: string, init: Sent = {}): Promise<Response> =>
  fetch(`${server.origin}/api/v1/r/containers/probe${path}`, {
    ...init,
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, ...init.headers },
  });
const decoded = (body: { body_base64: string }): string => Buffer.from(body.body_base64, 'base64').toString();

it('the list of services shows every field of a service, page by page', async () => {
  const { body } = await server.get('/r/containers?per_page=1&current_page=2');
  expect(body.page_meta).toEqual({ current_page: 2, per_page: 1, total_count: 2 });
  expect(body.service_list).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      service_slug: 'probe',
      display_name: 'Probe probe',
      service_type: 'deployed',
      service_status: 'running',
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      exposed_port: 8080,
      health_path: '/health',
      env_config: [{ env_name: 'GREETING', env_value: 'hello' }],
      volume_config: [],
      required_labels: [],
      gpu_count: 0,
      replica_count: 1,
      running_replicas: 1,
      usage_prompt: 'Ask it anything.',
      openapi_url: '/openapi.json',
      url: `${server.origin}/api/v1/r/containers/probe`,
    },
  ]);
});

it('the list of services has no broken or unknown one, and shows one without a matching agent as created', async () => {
  expect((await server.get('/r/containers/broken')).status).toBe(404);
  expect(await server.get('/r/containers/nothing')).toMatchObject({
    status: 404,
    body: { error_message: 'resource not found' },
  });
  expect(await status('gpu-only')).toBe('created');
  expect((await server.get('/r/containers/gpu-only')).body.status_reason).toMatch(
    /^no connected agent has the labels .*; it starts when one connects$/,
  );
  expect((await server.get('/r/containers', null)).status).toBe(401);
});

it('invoke relays method, path, query, headers and a binary body', async () => {
  const bytes = Buffer.from([0, 255, 128, 10, 13]);
  const { status, body } = await invoke('/echo?x=1', {
    method: 'POST',
    body_base64: bytes.toString('base64'),
    headers: { 'Content-Type': 'application/x-thing' },
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({ status_code: 200, headers: { 'content-type': 'application/x-thing' } });
  expect(Buffer.from(body.body_base64, 'base64')).toEqual(bytes);
});

it('invoke withholds credentials and hop-by-hop headers, and returns an error status as data', async () => {
  const { body } = await invoke('/anything?a=b%20c', {
    method: 'DELETE',
    headers: {
      Authorization: 'Bearer sk-secret',
      Cookie: 'a=b',
      Host: 'evil.example',
      Connection: 'x-mine',
      'X-Mine': '1',
      'Content-Length': '999',
      'Transfer-Encoding': 'chunked',
      'X-Kept': 'yes',
    },
  });
  const seen = JSON.parse(decoded(body));
  expect(seen).toMatchObject({ method: 'DELETE', url: '/anything?a=b%20c', greeting: 'hello' });
  expect(Object.keys(seen.headers).sort()).toEqual(['connection', 'host', 'x-kept']);
  expect(seen.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(Object.keys(body.headers)).not.toContain('x-hop');
  expect((await invoke('/teapot')).body).toMatchObject({ status_code: 418, headers: { 'x-tea': 'green' } });
  expect((await invoke('/anything', { method: 'HEAD' })).body).toMatchObject({
    status_code: 200,
    body_base64: '',
  });
});

it.each([
  ['a host', { path: '//evil.example/' }, 'path'],
  ['an absolute URL', { path: 'http://evil.example/' }, 'path'],
  ['another method', { method: 'TRACE' }, 'method'],
  ['a body that is no base64', { method: 'POST', body_base64: 'not base64!' }, 'body_base64'],
  ['a header of two lines', { headers: { 'X-A': 'a\r\nb' } }, 'headers'],
  ['a header with a blank', { headers: { 'X A': 'a' } }, 'headers'],
  ['a header that is a list', { headers: { 'X-A': ['a'] } }, 'headers'],
])('invoke refuses %s with 400 and names the field', async (_what, more, field) => {
  const { status, body } = await invoke('/', more);
  expect([status, body.error_message]).toEqual([400, expect.stringContaining(field)]);
});

it('invoke answers 404, 409, 403 and 401 with a sentence', async () => {
  expect((await invoke('/', {}, 'nothing')).status).toBe(404);
  expect(await invoke('/', {}, 'gpu-only')).toMatchObject({
    status: 409,
    body: {
      error_message: expect.stringMatching(
        /^Service ".*" takes no calls now, since it is created: no connected agent has the labels /,
      ),
    },
  });
  const { raw_key } = await keysOf(server).create({
    kind: 'integration',
    display_name: 'no invoke',
    permissions: ['run'],
  });
  const refused = await server.call('POST', '/r/invoke/probe', { method: 'GET', path: '/' }, raw_key);
  expect(refused).toMatchObject({
    status: 403,
    body: { error_message: expect.stringContaining('invoke') },
  });
  expect((await server.call('POST', '/r/invoke/probe', { method: 'GET', path: '/' }, null)).status).toBe(401);
});

// Together, because three of them wait for the whole limit.
it.concurrent.each([
  ['is truncated', '/break', 502, 'was truncated'],
  ['never begins', '/never', 504, 'did not begin to answer within'],
  ['never ends', '/events', 504, 'within 3 s'],
  ['takes less than the limit to begin, and again to end,', '/late', 504, 'within 3 s'],
])('invoke returns an error when the answer %s', async (_what, path, status, sentence) => {
  const answer = await invoke(path);
  delete answer.body.body_base64;
  expect(answer).toMatchObject({ status, body: { error_message: expect.stringContaining(sentence) } });
});

it('the proxy of a service relays requests and answers as they are, the root included', async () => {
  const answer = await proxied('/a/b%2Fc/../d?q=1&q=2', { headers: { cookie: 'a=b', 'x-kept': 'yes' } });
  const seen = (await answer.json()) as { url: string; headers: Record<string, string> };
  expect(seen.url).toMatch(/^\/a\/(b%2Fc\/\.\.\/)?d\?q=1&q=2$/);
  expect(seen.headers['x-kept']).toBe('yes');
  expect(Object.keys(seen.headers)).not.toContain('authorization');
  expect(Object.keys(seen.headers)).not.toContain('cookie');
  expect(answer.headers.has('x-hop')).toBe(false);
  expect(((await (await proxied('/')).json()) as { url: string }).url).toBe('/');
  expect((await proxied('/teapot', { method: 'PUT', body: 'x' })).status).toBe(418);
  expect((await proxied('/anything', { method: 'HEAD' })).headers.has('content-length')).toBe(true);
});

it('the proxy of a service relays 20 MB in both directions unchanged', async () => {
  const bytes = Buffer.alloc(20 * 1024 * 1024, 'proxy');
  const answer = await proxied('/echo', { method: 'POST', body: bytes });
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
});

it('the proxy of a service passes on a body of unknown length, also with a method that seldom has one', async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from('in '));
      controller.enqueue(Buffer.from('pieces'));
      controller.close();
    },
  });
  const answer = await proxied('/echo', { method: 'DELETE', body, duplex: 'half' });
  expect(await answer.text()).toBe('in pieces');
});

it('the proxy of a service streams, and ends the call at the service when the caller disconnects', async () => {
  const before = Number(await (await proxied('/cut-count')).text());
  const call = request(`${server.origin}/api/v1/r/containers/probe/events`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
  }).end();
  const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream];
  expect(String((await once(answer, 'data'))[0])).toBe('data: 1\n\n');
  call.destroy();
  await until(async () => Number(await (await proxied('/cut-count')).text()) === before + 1);
});

it('the proxy of a service never makes an incomplete body look complete', async () => {
  const before = Number(await (await proxied('/cut-count')).text());
  const call = request(`${server.origin}/api/v1/r/containers/probe/upload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
  });
  call.on('error', () => undefined);
  call.write('half of it');
  await until(async () => (await proxied('/teapot')).status === 418);
  call.destroy();
  await until(async () => Number(await (await proxied('/cut-count')).text()) === before + 1);
  expect(await (await proxied('/whole-count')).text()).toBe('0');
});

it('the proxy of a service cuts the connection when the service does', async () => {
  const answer = await proxied('/break');
  await expect(answer.text()).rejects.toThrow(/terminated/);
});

it('the proxy of a service refuses a body that is announced too large, before reading it', async () => {
  const call = request(`${server.origin}/api/v1/r/containers/probe/echo`, {
    method: 'POST',
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, 'content-length': String(11 * 1024 ** 3) },
  });
  call.on('error', () => undefined);
  call.flushHeaders();
  const [answer] = await once(call, 'response');
  expect(answer.statusCode).toBe(413);
  expect(await text(answer)).toContain('at most');
  call.destroy();
});

it('the proxy of a service answers 404 and 401', async () => {
  const elsewhere = await server.get('/r/containers/nothing/x');
  expect(elsewhere).toMatchObject({ status: 404, body: { error_message: 'resource not found' } });
  expect((await server.get('/r/containers/probe/x', null)).status).toBe(401);
});

it('a service restarts when its process dies', async () => {
  const dying = await invoke('/die');
  expect(dying).toMatchObject({
    status: 502,
    body: { error_message: expect.stringContaining('may have taken effect') },
  });
  await until(async () => (await status('probe')) !== 'running');
  await running('probe');
  expect((await invoke('/teapot')).body.status_code).toBe(418);
});

it('a service restarts when its definition changes, and ends when its file is removed', async () => {
  const file = join(folder, 'changing.yaml');
  await writeFile(file, definition('changing', 'before'));
  await until(async () => (await server.get('/r/containers/changing')).status === 200);
  await running('changing');
  await writeFile(file, definition('changing', 'after'));
  await until(async () => {
    const { body } = await invoke('/anything', {}, 'changing');
    return body.status_code === 200 && JSON.parse(decoded(body)).greeting === 'after';
  });
  await rm(file);
  await until(async () => (await server.get('/r/containers/changing')).status === 404);
  expect((await invoke('/anything', {}, 'changing')).status).toBe(404);
});

it('a service moves to another agent when the first is lost', async () => {
  await agent.stop();
  await until(async () => (await status('probe')) === 'stopped');
  expect((await invoke('/')).status).toBe(409);
  agent = await TestAgent.start(server, { agentId: 'second' });
  await running('probe');
  expect((await invoke('/teapot')).body.status_code).toBe(418);
});
