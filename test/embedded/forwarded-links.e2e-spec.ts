import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { validatingClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';

/** Where clients reach both roles; nothing answers there, as inside of a cluster. */
const PUBLIC = 'https://cyberun.invalid';
const FORWARDS = {
  CYBERUN_RUNTIME_FORWARD_LINKS: 'true',
  CYBERUN_HTTP_PUBLIC_URL: PUBLIC,
  CYBERUN_MCP_TOOLSETS: 'files',
  CYBERUN_MCP_ALLOWED_HOSTS: '127.0.0.1',
};

let server: RuntimeServer;
let agent: TestAgent;
let mcp: McpApplication;
let link: string;
let taskId: string;

/** The same target at an application in role mcp, as a proxy that leads everything there would send it. */
const at = (application: McpApplication, url: string): string => {
  const { pathname, search } = new URL(url);
  return new URL(application.endpoint).origin + pathname + search;
};

beforeAll(async () => {
  const files = { 'leave.yaml': shellWorkflow('leave', 'echo left > output/report.csv') };
  server = await RuntimeServer.start(files, { env: { CYBERUN_HTTP_PUBLIC_URL: PUBLIC } });
  agent = await TestAgent.start(server);
  mcp = await startMcp(`${server.origin}/api/v1`, FORWARDS);
  taskId = await server.submit('leave', {});
  await until(async () => (await server.get(`/r/tasks/${taskId}`)).body.task_status === 'completed');
  const { body } = await server.get(`/r/tasks/${taskId}/result`);
  link = (body.download_urls as Record<string, string>)['report.csv'] ?? '';
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it('role mcp opens a link to an output for clients, in whole, in part and by HEAD', async () => {
  expect(link.startsWith(`${PUBLIC}/api/v1/links/`)).toBe(true);
  const url = at(mcp, link);
  const whole = await fetch(url);
  expect([whole.status, await whole.text()]).toEqual([200, 'left\n']);
  expect(whole.headers.get('cache-control')).toContain('no-store');
  const part = await fetch(url, { headers: { range: 'bytes=1-2' } });
  expect([part.status, await part.text()]).toEqual([206, 'ef']);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
});

it('a link that the runtime refuses is refused by role mcp in the same words', async () => {
  const refused = await fetch(`${at(mcp, link)}x`);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toEqual({
    error_message: expect.stringMatching(/^This is no link of this runtime/),
  });
});

it('role mcp takes the upload of a file, and passes on a refusal before the body has arrived', async () => {
  const wanted = { file_name: 'a.bin', file_size: 3_000_000, content_type: 'application/octet-stream' };
  const { body } = await server.call('POST', '/r/files/presign', wanted);
  const { 'Content-Length': _length, ...headers } = body.upload_headers as Record<string, string>;
  const put = () =>
    fetch(at(mcp, body.upload_url as string), { method: 'PUT', headers, body: Buffer.alloc(3_000_000, 1) });
  expect((await put()).status).toBe(200);
  const again = await put();
  expect([again.status, await again.text()]).toEqual([412, expect.stringContaining('PreconditionFailed')]);
});

it('read_output opens a link of the public address at the runtime itself', async () => {
  await using client = await validatingClient({
    endpoint: `${mcp.endpoint}?toolsets=files`,
    key: BOOTSTRAP_KEY,
  });
  const { structuredContent } = await client.call('read_output', { task_id: taskId, name: 'report.csv' });
  expect(JSON.stringify(structuredContent)).toContain('left');
});

/** A server in place of the runtime, which tells what arrives. */
async function recordingRuntime(): Promise<{ server: Server; origin: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const recording = createServer((request, response) => {
    requests.push(request);
    response.writeHead(307, { Location: 'https://s3.example.com/a', 'X-Other': 'kept' }).end('follow');
  }).listen(0, '127.0.0.1');
  await once(recording, 'listening');
  return {
    server: recording,
    origin: `http://127.0.0.1:${(recording.address() as AddressInfo).port}`,
    requests,
  };
}

/** Sends a target as it is, which fetch would not. */
async function rawGet(origin: string, path: string): Promise<{ status: number | undefined; body: string }> {
  const { hostname, port } = new URL(origin);
  const request = httpRequest({ hostname, port, path, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

it('role mcp forwards the target as it is, a redirect as it is, and neither a key nor a cookie', async () => {
  const runtime = await recordingRuntime();
  await using application = await startMcp(`${runtime.origin}/prefix/api/v1`, FORWARDS);
  const target = '/api/v1/files/cyberun/a%20b.txt?X-Amz-Signature=a%2Fb';
  const answer = await fetch(at(application, PUBLIC + target), {
    redirect: 'manual',
    headers: {
      authorization: 'Bearer sk-secret',
      cookie: 'a=b',
      'cyberun-forwarded-origin': PUBLIC,
      'if-match': '"a"',
    },
  });
  expect([answer.status, answer.headers.get('location'), answer.headers.get('x-other')]).toEqual([
    307,
    'https://s3.example.com/a',
    'kept',
  ]);
  const [request] = runtime.requests;
  expect(request?.url).toBe(`/prefix${target}`);
  const headers = request?.headers ?? {};
  expect(headers['if-match']).toBe('"a"');
  for (const name of ['authorization', 'cookie', 'cyberun-forwarded-origin'])
    expect(headers, name).not.toHaveProperty(name);
  const { origin } = new URL(application.endpoint);
  const climbing = await rawGet(origin, '/api/v1/files/../r/tasks');
  expect(climbing).toEqual({ status: 404, body: expect.stringContaining('This is no link to a file.') });
  expect(runtime.requests).toHaveLength(1);
  runtime.server.closeAllConnections();
  runtime.server.close();
  await once(runtime.server, 'close');
  const away = await fetch(at(application, link));
  expect([away.status, await away.json()]).toEqual([
    502,
    { error_message: 'The runtime, which has the file, cannot be reached. Try again in a moment.' },
  ]);
});

it('role mcp forwards no links unless it is configured to, and never another path of the runtime', async () => {
  await using application = await startMcp(`${server.origin}/api/v1`);
  expect((await fetch(at(application, link))).status).toBe(404);
  expect((await fetch(at(mcp, `${PUBLIC}/api/v1/r/tasks`))).status).toBe(404);
});
