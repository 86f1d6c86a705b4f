import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { CONFIG, type Config } from '../../src/config/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { temporaryFolder } from '../support/command-line.js';
import { until } from '../support/processes.js';
import { pathOf, type Route, routesOf } from '../e2e/runtime-support/routes.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const TASK = '01a203c5-33ab-7000-bc61-2d0781f6a0ce';
const VALUES = { id: TASK, slug: 'echo', path: 'cyberun/inputs/a/b/c/d', token: 'a-secret-token' };
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

const resources = new AsyncDisposableStack();
let path: string;
let server: RuntimeServer;
let routes: readonly Route[];

beforeAll(async () => {
  const folder = resources.use(await temporaryFolder());
  path = join(folder.path, 'audit.jsonl');
  const env = { CYBERUN_AUDIT_LOG: path };
  server = resources.use(await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') }, { env }));
  routes = routesOf(server.app).filter(
    (route) => METHODS.has(route.method) && route.path.startsWith('/api/v1/'),
  );
});
afterAll(() => resources.disposeAsync());

type Line = Readonly<Record<string, unknown>>;
const linesWith = (field: string, value: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line[field] === value);
const linesOf = (requestId: string): Line[] => linesWith('request_id', requestId);

let sent = 0;

/** Sends a request, and one that is audited after it; returns the lines of the first. */
async function auditOf(
  method: string,
  target: string,
  { key = BOOTSTRAP_KEY, body }: { readonly key?: string | null; readonly body?: string } = {},
): Promise<{ readonly status: number; readonly lines: Line[] }> {
  const send = async (id: string, [verb, place]: [string, string], given: RequestInit): Promise<number> => {
    const authorization = key === null ? {} : { authorization: `Bearer ${key}` };
    const headers = { ...authorization, 'content-type': 'application/json', 'x-request-id': id };
    const response = await fetch(server.origin + place, { ...given, method: verb, headers });
    await response.text();
    return response.status;
  };
  const id = `audit-${(sent += 1)}`;
  const status = await send(id, [method, target], body === undefined ? {} : { body });
  const last = `${id}-last`;
  await send(last, ['POST', `/api/v1/r/tasks/${TASK}/cancel`], { body: '{}' });
  await until(async () => linesOf(last).length > 0);
  return { status, lines: linesOf(id) };
}

const isWrite = ({ method, path: pattern }: Route): boolean =>
  method !== 'GET' || pattern.startsWith('/api/v1/r/containers/:slug/');

it('every write leaves one line with its route and ids, and nothing else of the request', async () => {
  const writes = routes.filter(isWrite);
  expect(writes.length).toBeGreaterThan(5);
  for (const route of writes) {
    const { status, lines } = await auditOf(route.method, pathOf(route, VALUES), {
      body: route.method === 'GET' ? undefined : '{"text":"a-secret-text"}',
    } as { body?: string });
    expect(lines, route.path).toHaveLength(1);
    const text = JSON.stringify(lines[0]);
    expect(lines[0], route.path).toMatchObject({ audit: 'rest_call', status });
    expect(String(lines[0]?.['route']).startsWith(`${route.method} `)).toBe(true);
    expect(text).not.toMatch(/a-secret|sk-/);
  }
});

it('a use of a key that is refused leaves one line, with every method', async () => {
  const unknown = `sk-${'u'.repeat(43)}`;
  for (const route of routes.filter(({ path: pattern }) => pattern.startsWith('/api/v1/r/'))) {
    const { status, lines } = await auditOf(route.method, pathOf(route, VALUES), { key: unknown });
    expect([route.path, status]).toEqual([route.path, 401]);
    expect(lines, route.path).toHaveLength(1);
    expect(lines[0]).toMatchObject({ outcome: 'refused', status: 401, reason: 'unknown' });
    expect(JSON.stringify(lines[0])).not.toContain(unknown);
  }
});

it('what only reads leaves no line', async () => {
  const { status, lines } = await auditOf('GET', '/api/v1/r/tasks');
  expect([status, lines]).toEqual([200, []]);
});

it('a run leaves who submitted it and the id of its task', async () => {
  const { lines } = await auditOf('POST', '/api/v1/r/workflows/slug/echo/run', {
    body: '{"parameters":{"text":"a-secret-text"}}',
  });
  expect(lines).toEqual([
    expect.objectContaining({
      audit: 'rest_call',
      outcome: 'ok',
      route: 'POST /api/v1/r/workflows/slug/:slug/run',
      status: 202,
      ids: { slug: 'echo', task_id: expect.stringMatching(/^[\da-f-]{36}$/) as string },
      credential_id: expect.any(String) as string,
      team_id: expect.any(String) as string,
      duration_ms: expect.any(Number) as number,
    }),
  ]);
  expect(JSON.stringify(lines)).not.toContain('a-secret');
});

it('a command that changes keys through the server leaves one line with the id of the key', async () => {
  await using keys = await openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));
  const { id, raw_key } = await keys.create({ kind: 'integration', display_name: 'audited' });
  await keys.list();
  await keys.revoke(id);
  // With a database server, commands work on that.
  const isThroughServer = process.env['TEST_DATABASE'] !== 'postgresql';
  const lines = [
    { route: 'POST /keys', outcome: 'ok', status: 201, ids: { id } },
    { route: 'DELETE /keys/:id', outcome: 'ok', status: 200, ids: { id } },
  ];
  const expected = isThroughServer ? lines.map((line) => expect.objectContaining(line) as Line) : [];
  await until(async () => linesWith('audit', 'admin_call').length >= expected.length);
  expect(linesWith('audit', 'admin_call')).toEqual(expected);
  expect(readFileSync(path, 'utf8')).not.toContain(raw_key);
});
