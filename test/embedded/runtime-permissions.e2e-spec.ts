import { afterAll, beforeAll, expect, it } from 'vitest';

import { CONFIG, type Config } from '../../src/config/index.js';
import { uuidV7 } from '../../src/runtime/database/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
});
afterAll(() => server[Symbol.asyncDispose]());

async function keyWith(permissions: string[]): Promise<string> {
  await using keys = await openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));
  return (await keys.create({ kind: 'integration', display_name: 'a key', permissions })).raw_key;
}

/** Every route of the Runtime API as Express has it, `METHOD path`. */
function routes(): string[] {
  const { stack } = (
    server.app.getHttpAdapter().getInstance() as unknown as { router: { stack: readonly Layer[] } }
  ).router;
  const found = stack.flatMap(({ route }) =>
    route?.path.startsWith('/api/v1/r/')
      ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path.slice(7)}`)
      : [],
  );
  // An @All route is one of each method there is.
  return [...new Set(found)].filter((route) => /^(GET|POST|PUT|PATCH|DELETE) /.test(route)).toSorted();
}

const example = (path: string): string =>
  path.replace(':id', uuidV7()).replace(':slug', 'echo').replace('{*path}', 'x');

it('a key without permissions may read, and every other route names the permission it needs', async () => {
  const key = await keyWith([]);
  const needs: Record<string, string | undefined> = {};
  for (const route of routes()) {
    const [method = '', path = ''] = route.split(' ');
    const { status, body } = await server.call(method, example(path), method === 'GET' ? undefined : {}, key);
    if (status === 403) needs[route] = /permission "(\w+)"/.exec(String(body.error_message))?.[1];
    else expect([route, method]).toEqual([route, 'GET']);
  }
  expect(needs).toEqual({
    'DELETE /r/containers/:slug/{*path}': 'invoke',
    'GET /r/containers/:slug/{*path}': 'invoke',
    'PATCH /r/containers/:slug/{*path}': 'invoke',
    'POST /r/containers/:slug/{*path}': 'invoke',
    'PUT /r/containers/:slug/{*path}': 'invoke',
    'POST /r/files': 'run',
    'POST /r/files/presign': 'run',
    'POST /r/invoke/:slug': 'invoke',
    'POST /r/tasks/:id/cancel': 'run',
    'POST /r/workflows/:id/run': 'run',
    'POST /r/workflows/slug/:slug/run': 'run',
  });
});

it('a key sees its own permissions, none or those for services', async () => {
  const told = async (permissions: string[]) =>
    (await server.get('/r/tasks', await keyWith(permissions))).headers.get('cyberun-permissions');
  expect([await told([]), await told(['invoke', 'invoke'])]).toEqual(['', 'invoke']);
});
