import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KEY, McpApp, MOUNT } from '../support/mcp-app.js';
import { rpc } from '../support/mcp-http.js';

const PATH = '/api/v1/mcp';
const LIMIT = 2048;
const PING = rpc('ping');

let app: McpApp;

beforeAll(async () => {
  app = await McpApp.start({
    environment: {
      CYBERUN_MCP_BODY_LIMIT_BYTES: String(LIMIT),
      CYBERUN_HTTP_PUBLIC_URL: 'https://mcp.example.com',
    },
  });
});

afterAll(() => app[Symbol.asyncDispose]());

const agent = () => request(app.app.getHttpServer());
const post = () =>
  agent()
    .post(PATH)
    .set('Authorization', `Bearer ${KEY}`)
    .set('Accept', 'application/json, text/event-stream')
    .set('Content-Type', 'application/json');

/** The JSON-RPC body of a refusal. */
const refusal = (code: number, message: unknown) => ({ jsonrpc: '2.0', error: { code, message }, id: null });

const KEYS: [string, string | undefined, RegExp, RegExp][] = [
  ['no Authorization', undefined, /A key is needed.*sk-/, /^Bearer realm="cyberun"$/],
  ['a device key', 'Bearer dk-0123456789', /device key \(dk-\)/, /error="invalid_token"/],
  ['an agent key', 'Bearer ak-0123456789', /agent key \(ak-\)/, /error="invalid_token"/],
  ['some other token', 'Bearer eyJhbGciOi', /not an integration key \(sk-\)/, /error="invalid_token"/],
  ['a prefix and nothing else', 'Bearer sk-', /not an integration key/, /error="invalid_token"/],
  ['another scheme', 'Basic c2stYTpi', /not a bearer token/, /error="invalid_token"/],
  ['no scheme', 'sk-0123456789', /not a bearer token/, /error="invalid_token"/],
  ['two words', 'Bearer sk-012 34', /not a bearer token/, /error="invalid_token"/],
];

describe.each(['POST', 'GET', 'DELETE', 'PUT'] as const)('on %s', (method) => {
  it.each(KEYS)(
    'a request with %s is rejected with 401',
    async (_what, authorization, message, challenge) => {
      const asked = agent()[method.toLowerCase() as 'post'](PATH);
      if (authorization !== undefined) asked.set('Authorization', authorization);

      const response = await asked;

      expect(response.status).toBe(401);
      expect(response.headers['content-type']).toBe('application/json');
      expect(response.headers['www-authenticate']).toMatch(challenge);
      expect(response.body).toEqual(refusal(-32000, expect.stringMatching(message)));
    },
  );
});

it('the server answers a request without a key with 401 before it reads the body', async () => {
  const response = await agent().post(PATH).set('Content-Type', 'application/json').send('{"broken');
  expect(response.status).toBe(401);
});

it('the 401 does not repeat the key', async () => {
  const response = await agent().post(PATH).set('Authorization', 'Bearer dk-very-secret-0123456789');
  expect(response.text + String(response.headers['www-authenticate'])).not.toContain('very-secret');
});

it.each([
  ['a foreign Host', { Host: 'evil.example' }],
  ['an invalid Host', { Host: 'a b' }],
  ['a Host that only begins like an allowed one', { Host: 'localhost.evil.example' }],
  ['a foreign Origin', { Origin: 'https://evil.example' }],
  ['the Origin null', { Origin: 'null' }],
  ['an Origin that only looks local', { Origin: 'http://localhost.evil.example' }],
  ['an allowed host as Origin, with another scheme', { Origin: 'http://mcp.example.com' }],
])('a request with %s is rejected with 403', async (_what, headers) => {
  const response = await post().set(headers).send(PING);
  expect(response.status).toBe(403);
  expect(response.body).toEqual(refusal(-32000, expect.stringMatching(/^Invalid (Host|Origin)/)));
  expect(response.headers['access-control-allow-origin']).toBeUndefined();
});

it.each([
  [{ Host: 'localhost' }],
  [{ Host: '127.0.0.1:1234' }],
  [{ Host: '[::1]:80' }],
  [{ Host: 'mcp.example.com' }],
  [{ Host: 'MCP.EXAMPLE.COM:443' }],
  [{ Origin: 'http://localhost:5173' }],
  [{ Origin: 'https://127.0.0.1' }],
  [{ Origin: 'https://mcp.example.com' }],
])('a request with %j is accepted', async (headers) => {
  const response = await post().set(headers).send(PING);
  expect(response.status).toBe(400);
  expect(response.body).toEqual(refusal(-32000, 'Bad Request: Mcp-Session-Id header is required'));
});

it('the server answers a foreign Host with 403 even when the key is wrong', async () => {
  const response = await agent().post(PATH).set('Host', 'evil.example');
  expect(response.status).toBe(403);
});

it('a body is rejected with 413 when its announced size is above the limit', async () => {
  const response = await post().send(JSON.stringify({ ...PING, padding: 'x'.repeat(LIMIT) }));
  expect(response.status).toBe(413);
  expect(response.body).toEqual(refusal(-32000, expect.stringContaining(`${LIMIT} bytes`)));
});

it('a body is rejected with 413 when it grows above the limit without a Content-Length', async () => {
  const body = ReadableStream.from(['{"a":"', 'x'.repeat(LIMIT), '"}']).pipeThrough(new TextEncoderStream());
  const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' };
  const response = await fetch(app.url, { method: 'POST', headers, body, duplex: 'half' });
  expect(response.status).toBe(413);
  expect(await response.json()).toEqual(refusal(-32000, expect.any(String)));
});

it.each([
  ['is cut off', '{"jsonrpc":"2.0"'],
  ['is empty', ''],
  ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['ends within a character', Buffer.from([0x22, 0xc3])],
])('a body is rejected with 400 and -32700 when it %s', async (_what, body) => {
  const response = await fetch(app.url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${KEY}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body,
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual(refusal(-32700, 'Parse error: Invalid JSON'));
});

it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json-seq', 'nonsense'])(
  'a body is rejected with 415 when its type is %s',
  async (type) => {
    const response = await post().set('Content-Type', type).send('{}');
    expect(response.status).toBe(415);
    expect(response.body).toEqual(refusal(-32000, expect.stringContaining('application/json')));
  },
);

it('a body is rejected with 406 when Accept excludes a stream', async () => {
  const response = await post().set('Accept', 'application/json').send(PING);
  expect(response.status).toBe(406);
  expect(response.body).toEqual(refusal(-32000, expect.stringContaining('text/event-stream')));
});

it(`the ${MOUNT} answers the requests of this run`, async () => {
  const { headers } = await agent().post(PATH);
  expect('x-powered-by' in headers).toBe(MOUNT === 'controller');
});

it.each(['put', 'patch', 'head'] as const)('the method %s is not allowed', async (method) => {
  const response = await agent()[method](PATH).set('Authorization', `Bearer ${KEY}`);
  expect(response.status).toBe(405);
  expect(response.headers['allow']).toBe('GET, POST, DELETE');
  if (method !== 'head') expect(response.body).toEqual(refusal(-32000, 'Method not allowed.'));
});

it('GET requires an Accept header for a stream', async () => {
  const response = await agent().get(PATH).set('Authorization', `Bearer ${KEY}`).set('Accept', 'text/html');
  expect(response.status).toBe(406);
  expect(response.body).toEqual(refusal(-32000, expect.stringContaining('text/event-stream')));
});

it('paths beside the endpoint get 404', async () => {
  expect((await agent().post(`${PATH}/more`).set('Authorization', `Bearer ${KEY}`)).status).toBe(404);
});

const ORIGIN = 'http://localhost:5173';

it('a page of an allowed origin gets the allowed methods and headers by a preflight', async () => {
  const response = await agent()
    .options(PATH)
    .set('Origin', ORIGIN)
    .set('Access-Control-Request-Method', 'POST')
    .set('Access-Control-Request-Headers', 'authorization,mcp-protocol-version');
  expect(response.status).toBe(204);
  expect(response.headers).toMatchObject({
    'access-control-allow-origin': ORIGIN,
    'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
    'access-control-allow-headers': 'authorization,mcp-protocol-version',
    vary: 'Origin',
  });
});

it('a page of an allowed origin may read the session id and the challenge, also of errors', async () => {
  const response = await agent().post(PATH).set('Origin', ORIGIN);
  expect(response.status).toBe(401);
  expect(response.headers).toMatchObject({
    'access-control-allow-origin': ORIGIN,
    'access-control-expose-headers': 'Mcp-Session-Id, WWW-Authenticate, Retry-After, X-Request-Id',
  });
});

it('a preflight of a foreign origin gets no CORS headers', async () => {
  const response = await agent().options(PATH).set('Origin', 'https://evil.example');
  expect(response.status).toBe(403);
  expect(response.headers['access-control-allow-origin']).toBeUndefined();
});

it('a page that is allowed by Origin but not by CORS gets no CORS header', async () => {
  await using strict = await McpApp.start({
    environment: { CYBERUN_HTTP_CORS_ORIGINS: 'https://app.example.com' },
  });
  const response = await request(strict.app.getHttpServer()).options(PATH).set('Origin', ORIGIN);
  expect(response.status).toBe(204);
  expect(response.headers['access-control-allow-origin']).toBeUndefined();
});

it('a server with configured hosts and origins accepts only these', async () => {
  await using own = await McpApp.start({
    environment: {
      CYBERUN_MCP_ALLOWED_HOSTS: 'mcp.example.com,127.0.0.1',
      CYBERUN_MCP_ALLOWED_ORIGINS: 'https://app.example.com',
    },
  });
  const ask = (headers: Record<string, string>) =>
    request(own.app.getHttpServer())
      .post(PATH)
      .set(headers)
      .then(({ status }) => status);
  expect(await ask({ Host: 'mcp.example.com:8443' })).toBe(401);
  expect(await ask({ Host: 'localhost' })).toBe(403);
  expect(await ask({ Origin: 'https://app.example.com' })).toBe(401);
  expect(await ask({ Origin: 'http://localhost' })).toBe(403);
});
