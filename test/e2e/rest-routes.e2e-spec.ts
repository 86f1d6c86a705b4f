import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { trials } from '../faults/fuzz/seed.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from './runtime-support/runtime-fixture.js';
import { pathOf, type Route, routesOf } from './runtime-support/routes.js';

/** Routes that answer without a key: probes, the page of the console, signing in, and uploads and files, whose links are signed. */
const KEYLESS = [
  'GET /health/live',
  'GET /health/ready',
  'POST /api/v1/uploads/:token',
  'GET /api/v1/uploads/:token/parts',
  'POST /api/v1/uploads/:token/complete',
  'DELETE /api/v1/uploads/:token',
  'HEAD /api/v1/links/:token',
  'GET /api/v1/links/:token',
  'PUT /api/v1/files/*path',
  'HEAD /api/v1/files/*path',
  'GET /api/v1/files/*path',
  'GET /console',
  'POST /api/v1/session',
  'DELETE /api/v1/session',
  'HEAD /health/live',
  'HEAD /health/ready',
  'HEAD /console',
];
const TASK = '01a203c5-33ab-7000-bc61-2d0781f6a0ce';
const VALUES = { id: TASK, slug: 'echo', path: 'cyberun/inputs/a/b/c/d' };
/** A proxy has routes for all that Node knows; these stand for them. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

let server: RuntimeServer;
let routes: readonly Route[];

beforeAll(async () => {
  server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
  routes = routesOf(server.app).filter(({ method }) => METHODS.has(method));
});
afterAll(() => server[Symbol.asyncDispose]());

const send = (method: string, path: string, { key = BOOTSTRAP_KEY, body, headers = {} }: Sending = {}) =>
  fetch(server.origin + path, {
    method,
    redirect: 'manual',
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body }),
  });
interface Sending {
  readonly key?: string | null;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

const named = ({ method, path }: Route): string => `${method} ${path}`;
const ofTheApi = (): Route[] =>
  routes.filter((route) => route.path.startsWith('/api/v1/r') && !route.path.endsWith('{*path}'));

it('every route needs a key, except for a few', async () => {
  expect(routes.length).toBeGreaterThan(15);
  const open: string[] = [];
  for (const route of routes) {
    const { status } = await send(route.method, pathOf(route, VALUES), { key: null });
    if (![401, 404, 405].includes(status)) open.push(named(route));
  }
  expect([...new Set(open)]).toEqual(KEYLESS);
});

it('every route rejects unknown fields of query and body by name', async () => {
  const api = ofTheApi();
  expect(api.length).toBeGreaterThan(10);
  for (const route of api) {
    const path = pathOf(route, VALUES);
    const asked = await send(route.method, `${path}?of_tomorrow=1`);
    expect([named(route), asked.status, await asked.text()]).toEqual([
      named(route),
      400,
      expect.stringContaining('\\"of_tomorrow\\" is not a field of the query'),
    ]);
    if (route.method !== 'POST') continue;
    const sent = await send('POST', path, { body: '{"of_tomorrow":1}' });
    expect([named(route), sent.status, await sent.text()]).toEqual([
      named(route),
      400,
      expect.stringContaining('\\"of_tomorrow\\" is not a field of the body'),
    ]);
  }
});

it('every route is case-sensitive and has one spelling', async () => {
  for (const route of routes) {
    const path = pathOf(route, VALUES);
    for (const other of [path.replace('/r/', '/R/'), path.replace('/api/', '/API/'), path.toUpperCase()]) {
      if (other === path || route.path.startsWith('/health')) continue;
      expect([other, (await send(route.method, other)).status]).toEqual([other, 404]);
    }
  }
});

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\u0000',
    '%00',
    '%',
    '../..',
    '__proto__',
    'constructor',
    'NaN',
    '1e999',
    '9'.repeat(30),
  ),
  fc.constantFrom(TASK, 'echo', 'echo@1', 'echo@999999999', 'completed', '\ud800', '\u00e9'.repeat(64)),
);
const segment = text.map((value) => encodeURIComponent(value.toWellFormed()) || '%20');
const FIELDS =
  'parameters text times file_name file_size content_type method path headers body_base64 tool_type toString __proto__';
const field = fc.constantFrom(...FIELDS.split(' '));
const query = fc.dictionary(
  fc.oneof(fc.constantFrom('per_page', 'current_page', 'status', 'X-Amz-Signature', 'X-Amz-Date'), text),
  text,
  { maxKeys: 4 },
);
const body = fc.oneof(
  fc
    .dictionary(field, fc.oneof(text, fc.jsonValue({ maxDepth: 3 })), { maxKeys: 5 })
    .map((value) => JSON.stringify(value)),
  fc
    .record({ parameters: fc.record({ text: fc.jsonValue({ maxDepth: 4 }), times: fc.jsonValue() }) })
    .map((value) => JSON.stringify(value)),
  fc.json(),
  text,
);
const headers = fc.dictionary(
  fc.constantFrom('content-type', 'last-event-id', 'range', 'content-encoding', 'if-none-match'),
  fc.oneof(
    fc.string({ maxLength: 20 }).map((value) => value.replaceAll(/[^ -~]/g, '?')),
    fc.constantFrom('bytes=0-', 'bytes=-0', 'identity', 'gzip', '0', '99999999999'),
  ),
  { maxKeys: 3 },
);

it('no request causes a status 500 on any route, and every rejection says why', async () => {
  const request = fc.record({
    route: fc.constantFrom(...routes),
    values: fc.record({
      id: fc.oneof(segment, fc.constant(TASK)),
      slug: fc.oneof(segment, fc.constant('echo')),
      path: segment,
    }),
    query,
    body,
    headers,
  });
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ route, values, query: asked, body: sent, headers: more }) => {
      const asks = new URLSearchParams(asked);
      const path = pathOf(route, values) + (asks.size > 0 ? `?${asks}` : '');
      const answer = await send(route.method, path, { body: sent, headers: more });
      const said = await answer.text();
      seen.add(answer.status);
      expect(answer.status).toBeLessThan(500);
      if (answer.status < 400 || route.method === 'HEAD') return;
      if (route.path.startsWith('/api/v1/files'))
        expect(said).toMatch(/<Message>.+<\/Message>|error_message/);
      else {
        expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
        expect(JSON.parse(said)).toEqual({ error_message: expect.stringMatching(/\w/) });
      }
    }),
    trials(600),
  );
  expect([...seen]).toEqual(expect.arrayContaining([200, 400, 403, 404]));
});
